"""The component in a page of another origin, in a real browser."""

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from app.edge.embed_page import embedding_policy, example_page
from app.settings import Settings
from tests.e2e.camera_people import CameraPeople
from tests.e2e.site import Site, in_a_browser, site, walk
from tests.node_peers import own_port

pytestmark = in_a_browser


def origin(held: socket.socket) -> str:
    return f"http://127.0.0.1:{held.getsockname()[1]}"


@contextmanager
def other_site(here: Site, held: socket.socket) -> Iterator[str]:
    """The example page at an origin of its own, the port that is held, under the policy that it needs."""
    page = example_page(here.url)
    policy = embedding_policy(page, here.url)

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/" else 404)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.send_header("content-security-policy", policy)
            self.end_headers()
            self.wfile.write(page.encode() if self.path == "/" else b"")

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(held.getsockname(), Pages, bind_and_activate=False)
    server.socket.close()
    server.socket = held
    server.server_activate()
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield origin(held)
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
async def embedded(
    settings: Settings, camera_people: CameraPeople, astronaut_path: Path
) -> AsyncIterator[tuple[Site, dict[str, Any]]]:
    """A server that lists one of two other sites, and what a scenario is told of them."""
    listed, unlisted = own_port(), own_port()
    async with site(settings, origins=(origin(listed),)) as here:
        with other_site(here, listed) as elsewhere, other_site(here, unlisted) as stranger:
            yield (
                here,
                {
                    "elsewhere": elsewhere,
                    "unlisted": stranger,
                    "person": str(camera_people.astronaut),
                    "photo": str(astronaut_path),
                },
            )


async def test_the_badge_is_earned_from_another_site(embedded: tuple[Site, dict[str, Any]]) -> None:
    """Who embeds the component would have a check that never passes."""
    here, told = embedded
    await walk(here, "embed:streams", **told)


async def test_facemesh_comes_over_to_another_site(embedded: tuple[Site, dict[str, Any]]) -> None:
    """In other people's pages every device would have to stream, as the files may not be read there."""
    here, told = embedded
    await walk(here, "embed:looksByItself", **told)


async def test_a_site_that_is_not_listed_gets_no_answer(embedded: tuple[Site, dict[str, Any]]) -> None:
    """Any page on the web could ask people for their face in our name; or a person would wait there for ever."""
    here, told = embedded
    await walk(here, "embed:unlisted", **told)

"""The web component's own bundle, and the example of a page that uses it."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
from starlette.applications import Starlette

from app.edge import embed_page
from app.edge.web import DIST
from app.settings import Settings
from app.wiring import Services
from tests.serving import Visitor

ENTRY = "/embed/bonafide-liveness.js"

pytestmark = pytest.mark.skipif(not (DIST / "embed").is_dir(), reason="the web client is not built (`make web`)")


async def test_any_site_may_load_the_component(visitor: Visitor) -> None:
    """A site that embeds it would get nothing, or last year's version for ever."""
    answer = await visitor.http.get(ENTRY, headers={"origin": "https://shop.example", "accept-encoding": "br"})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["content-encoding"] == "br"
    assert answer.headers["cache-control"] == "no-cache"
    again = await visitor.http.get(ENTRY, headers={"if-none-match": f"W/{answer.headers['etag']}"})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["access-control-allow-origin"] == "*"


async def test_what_it_loads_later_is_kept_for_good(visitor: Visitor) -> None:
    """Ten megabytes of FaceMesh would be fetched anew at each visit."""
    chunks = re.findall(r"import\([`\"']\./([\w-]+\.js)[`\"']\)", (await visitor.http.get(ENTRY)).text)
    assert any(name.startswith("face-mesh-") for name in chunks)
    for name in chunks:
        answer = await visitor.http.get(f"/embed/{name}", headers={"origin": "https://shop.example"})
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("name", ["none.js", "bonafide-liveness.js.br", "..%2findex.html", "../index.html", ""])
async def test_nothing_else_is_given_out(visitor: Visitor, name: str) -> None:
    """A name could lead to a file of the server."""
    assert (await visitor.http.get(f"/embed/{name}")).status_code == 404


async def test_the_entry_is_small(visitor: Visitor) -> None:
    """A site that embeds the component would be slow for everybody, also for those who never start a check."""
    answer = await visitor.http.get(ENTRY, headers={"accept-encoding": "br"})
    assert int(answer.headers["content-length"]) <= 25 * 1024


@pytest.fixture
async def example(services: Services, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    server = replace(settings, public_url="https://id.example/bonafide")
    app = Starlette(routes=embed_page.routes(replace(services, settings=server)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://id.example") as http:
        yield http


async def test_the_example_names_this_server_and_needs_no_loose_policy(example: httpx.AsyncClient) -> None:
    """Who copies the example would copy a hole, or an address that is not theirs."""
    answer = await example.get(embed_page.PATH)
    assert 'src="https://id.example/bonafide/embed/bonafide-liveness.js"' in answer.text
    assert "127.0.0.1" not in answer.text
    policy = answer.headers["content-security-policy"]
    assert "unsafe-inline" not in policy
    assert "'unsafe-eval'" not in policy
    assert "connect-src https://id.example/bonafide/ wss://id.example/bonafide/" in policy


async def test_production_has_no_example(services: Services, settings: Settings) -> None:
    """A page that asks for passwords would stand on every server, though only developers need it."""
    assert embed_page.routes(replace(services, settings=replace(settings, environment="production"))) == []

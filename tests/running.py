"""The shipped application on a real port, for tests that speak HTTP and WebSocket to it."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin, Subprotocol

from app.client.api import ApiClient, Challenge
from app.clock import Clock
from app.commands.serve import uvicorn_config
from app.ids import Ids
from app.main import create_app
from app.settings import Settings
from app.verification.inbox import HEADER
from app.wiring import Services, open_services
from tests.fakes import Mailbox

PASSWORD = "orbiter-discovery-1995"

# For checks that are answered in real time, while three programs at once want the cores of one: a failure is tried once
# more, as is usual for such tests, and told with its traceback even if the second try passes.
# `pytest -n 0 --fail-on-flaky` lets none pass.
in_real_time = pytest.mark.flaky(reruns=1)


@dataclass(frozen=True)
class RunningServer:
    """A server that answers on `http_url`."""

    services: Services
    http_url: str

    @property
    def stream_url(self) -> str:
        return self.http_url.replace("http", "ws", 1) + "/liveness/stream"

    async def graphs_given_back(self, *, but: int = 0) -> None:
        """Returns when at most so many streams hold a landmark graph: each is given back a little after its end."""
        async with asyncio.timeout(15):
            while self.services.graphs.leased > but:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def running(
    settings: Settings, *, clock: Clock | None = None, ids: Ids | None = None
) -> AsyncIterator[RunningServer]:
    """Serves until left, on a free port of the loopback, with the socket settings of `bonafide serve`."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    settings = replace(settings, public_url=url, allowed_origins=(url,))
    async with open_services(settings, clock=clock, ids=ids, mailer=Mailbox()) as services:
        server = uvicorn.Server(uvicorn_config(create_app(services), lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            yield RunningServer(services, url)
        finally:
            server.should_exit = True
            await serving
            listener.close()


@dataclass
class Person:
    """Somebody with an account, signed in."""

    api: ApiClient

    @property
    def access_token(self) -> str:
        assert self.api.access_token is not None
        return self.api.access_token

    async def challenge(self) -> Challenge:
        return await self.api.create_challenge()


@asynccontextmanager
async def person(server: RunningServer, handle: str, *, photo: Path | None = None) -> AsyncIterator[Person]:
    """A fresh account, with a profile photo where one is given."""
    async with ApiClient(server.http_url) as api:
        await api.sign_up(email=f"{handle}@example.org", password=PASSWORD, handle=handle, name=handle)
        if photo is not None:
            mime = "image/png" if photo.suffix == ".png" else "image/jpeg"
            await api.upload_avatar(photo.read_bytes(), mime=mime)
        yield Person(api)


class Wire:
    """A raw liveness socket: sends what a test wants, reads what the server says."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def start(self, challenge_token: str, access_token: str | None, **more: Any) -> None:
        fields = {"type": "start", "challengeToken": challenge_token, "accessToken": access_token}
        await self.say({**fields, **more})

    async def say(self, message: Any) -> None:
        await self.connection.send(message if isinstance(message, str) else json.dumps(message))

    async def frame(self, seq: int, jpeg: bytes, *, captured_ms: int | None = None) -> None:
        await self.connection.send(HEADER.pack(seq, captured_ms if captured_ms is not None else seq * 100) + jpeg)

    async def heard(self) -> dict[str, Any]:
        """The next message."""
        async with asyncio.timeout(30):
            message: dict[str, Any] = json.loads(await self.connection.recv())
        return message

    async def last_words(self) -> tuple[dict[str, Any], int | None]:
        """Reads to the end: the last message and the close code."""
        last: dict[str, Any] = {}
        try:
            while True:
                last = await self.heard()
        except ConnectionClosed:
            return last, self.connection.close_code


@asynccontextmanager
async def wire(
    server: RunningServer,
    *,
    origin: str | None = None,
    subprotocol: str | None = "bonafide.liveness.v1",
    cookies: str | None = None,
) -> AsyncIterator[Wire]:
    """An open socket that has said nothing yet."""
    async with connect(
        server.stream_url,
        subprotocols=[Subprotocol(subprotocol)] if subprotocol else None,
        origin=Origin(origin) if origin else None,
        additional_headers={"cookie": cookies} if cookies else None,
        compression=None,
        proxy=None,
    ) as connection:
        yield Wire(connection)

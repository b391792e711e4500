"""A receiver of events on a real port: checks signatures as Standard Webhooks says, with code of its own."""

import asyncio
import base64
import hashlib
import hmac
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


@dataclass
class Receiver:
    """Answers with `status`; keeps what carried a signature of `secret`."""

    url: str
    secret: bytes
    status: int = 204
    tries: int = 0
    taken: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    async def answer(self, request: Request) -> Response:
        self.tries += 1
        body = await request.body()
        headers = request.headers
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        mac = base64.b64encode(hmac.new(self.secret, signed, hashlib.sha256).digest()).decode()
        if f"v1,{mac}" not in headers["webhook-signature"].split():
            return Response(status_code=401)
        if self.status < 300:
            self.taken.append((headers["webhook-id"], await request.json()))
        return Response(status_code=self.status, headers={"location": f"{self.url}/elsewhere"})


@asynccontextmanager
async def receiving(secret: bytes) -> AsyncIterator[Receiver]:
    """Receives until left."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    receiver = Receiver(url=f"http://127.0.0.1:{listener.getsockname()[1]}", secret=secret)
    app = Starlette(routes=[Route("/{rest:path}", receiver.answer, methods=["GET", "POST"])])
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield receiver
    finally:
        server.should_exit = True
        await serving
        listener.close()

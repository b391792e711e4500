"""A liveness server reduced to its wire: it follows the contract to the letter and notes what a client does wrong."""

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol


@dataclass
class Seen:
    """What the server was sent."""

    start: dict[str, Any] = field(default_factory=dict)
    frames: list[tuple[int, int, bytes]] = field(default_factory=list)
    overdrawn: int = 0
    url_path: str = ""
    subprotocol: str | None = None


class Talk:
    """The server's end of one stream; `frame` counts credit, `feedback` gives it back."""

    def __init__(self, socket: ServerConnection, seen: Seen) -> None:
        self._socket = socket
        self._credit = 0
        self.seen = seen

    async def say(self, **message: Any) -> None:
        self._credit += message.get("credit", 0)
        await self._socket.send(json.dumps(message))

    async def text(self, raw: str) -> None:
        await self._socket.send(raw)

    async def ready(self, step: str = "LOOK_LEFT", **more: Any) -> None:
        fields = {"index": 0, "of": 3, "maxFrameBytes": 262144, "targetFps": 15, "credit": 2}
        await self.say(type="ready", step=step, **{**fields, **more})

    async def frame(self) -> tuple[int, int, bytes]:
        message = await self._socket.recv()
        assert isinstance(message, bytes), "after the start a client only sends binary frames"
        self.seen.overdrawn += self._credit <= 0
        self._credit -= 1
        seq, captured_ms = struct.unpack(">II", message[:8])
        self.seen.frames.append((seq, captured_ms, message[8:]))
        return self.seen.frames[-1]

    async def feedback(self, seq: int, *, credit: int = 1, hint: str = "OK") -> None:
        await self.say(type="feedback", seq=seq, hint=hint, progress=0.5, credit=credit)

    async def nothing_comes(self, seconds: float) -> bool:
        """Whether the client stays silent for so long."""
        try:
            async with asyncio.timeout(seconds):
                await self.frame()
        except TimeoutError:
            return True
        return False

    async def result(self, **fields: Any) -> None:
        await self.say(type="result", **{"success": True, "verifiedAt": "2026-11-20T12:00:00+00:00", **fields})
        await self._socket.close(1000)

    async def refuse(self, code: str, close_code: int, **more: Any) -> None:
        await self.say(type="error", code=code, **more)
        await self._socket.close(close_code, code)

    async def close(self, code: int, reason: str = "") -> None:
        await self._socket.close(code, reason)

    def cut(self) -> None:
        """Drops the connection without a word."""
        self._socket.transport.abort()


@asynccontextmanager
async def strict_server(script: Callable[[Talk], Awaitable[None]]) -> AsyncIterator[tuple[str, Seen]]:
    """Serves `script` on a port of its own; yields the stream's address and what was seen."""
    seen = Seen()

    async def handle(socket: ServerConnection) -> None:
        assert socket.request is not None
        seen.url_path, seen.subprotocol = socket.request.path, socket.subprotocol
        seen.start = json.loads(await socket.recv())
        await script(Talk(socket, seen))

    offered = [Subprotocol("bonafide.liveness.v1")]
    async with serve(handle, "127.0.0.1", 0, subprotocols=offered) as server:
        port = server.sockets[0].getsockname()[1]
        yield f"ws://127.0.0.1:{port}/liveness/stream", seen

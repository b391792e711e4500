"""The liveness stream from the client's side (contract, section 4): the newest frame is sent while credit lasts.

A device that is poor can be played: fewer frames, a delay with jitter before each frame is ready, frames lost.
There is no reconnecting: a challenge is spent by its first stream.
"""

import asyncio
import json
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
from websockets.typing import Origin, Subprotocol

from app.client.errors import CannotConnect, ClientError, ConnectionLost, Refused, SourceEnded, SourceError
from app.client.sources import Source
from liveness.steps import LivenessStep

SUBPROTOCOL = "bonafide.liveness.v1"
HEADER = struct.Struct(">II")  # sequence, capture time in ms since the stream began
CONNECT_WITHIN_S = 10.0
SILENCE_S = 30.0  # the server answers every judged frame and keeps its own time limits, which are shorter
AFTER_END_S = 5.0  # for the result of a clip that is over

Event = Mapping[str, Any]


async def stream_attempt(
    source: Source,
    *,
    url: str,
    challenge_token: str,
    access_token: str | None,
    fps: float = 10.0,
    delay_ms: float = 0.0,
    jitter_ms: float = 0.0,
    drop: float = 0.0,
    on_event: Callable[[Event], None] | None = None,
    mirrored: bool = False,
    origin: str | None = None,
    cookies: str | None = None,
    silence_s: float = SILENCE_S,
    seed: int = 0,
) -> dict[str, Any]:
    """Streams `source` to the server at `url` (ws:// or wss://, the whole path) and gives back the `result` message.

    `fps` is a ceiling, as is the server's targetFps. `delay_ms` plus up to `jitter_ms` pass before a captured frame can
    be sent, a share `drop` (0 to 1) of frames is lost; `seed` makes both repeatable. `mirrored` tells the server that
    the source's pictures are mirrored. `cookies` is the Cookie header, which says whose attempt it is where somebody
    signs in by face and there is no `access_token`. `on_event` sees every message of the server, the result among them.
    A server that says nothing for `silence_s` is given up.
    Raises CannotConnect, Refused, ConnectionLost, SourceEnded or another ClientError.
    """
    if not (fps > 0 and 0 <= drop < 1 and delay_ms >= 0 and jitter_ms >= 0):
        raise ValueError("fps is above 0, drop from 0 to below 1, delay_ms and jitter_ms not negative")
    start = {"type": "start", "challengeToken": challenge_token, "mirrored": mirrored}
    if access_token is not None:
        start["accessToken"] = access_token
    socket = await _connect(url, origin, cookies)
    try:
        device = _Device(source, fps=fps, delay_s=delay_ms / 1000, jitter_s=jitter_ms / 1000, drop=drop, seed=seed)
        return await _Conversation(socket, device, on_event=on_event, silence_s=silence_s).run(json.dumps(start))
    finally:
        with suppress(ConnectionClosed):
            await socket.close()


async def _connect(url: str, origin: str | None, cookies: str | None) -> ClientConnection:
    try:
        return await connect(
            url,
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            origin=Origin(origin) if origin is not None else None,
            additional_headers={"Cookie": cookies} if cookies is not None else None,
            open_timeout=CONNECT_WITHIN_S,
            compression=None,  # JPEGs do not shrink
            max_size=64 * 1024,
            proxy=None,
        )
    except InvalidURI as error:
        raise CannotConnect(f"{url} is not a ws:// or wss:// address") from error
    except InvalidHandshake as error:
        raise CannotConnect(f"{url} does not speak the liveness stream: {error}") from error
    except TimeoutError as error:
        raise CannotConnect(f"{url} did not answer within {CONNECT_WITHIN_S:.0f} s") from error
    except OSError as error:
        raise CannotConnect(f"nothing can be reached at {url}: {error.strerror or error}") from error


class _Device:
    """The camera and the uplink before the wire: captures on time and keeps the one newest frame that is ready."""

    def __init__(self, source: Source, *, fps: float, delay_s: float, jitter_s: float, drop: float, seed: int) -> None:
        self.source = source
        self.fps = fps
        self.max_bytes = 0
        self._delay_s, self._jitter_s, self._drop = delay_s, jitter_s, drop
        self._draw = np.random.default_rng(seed)
        self._ready_at = 0.0
        self._newest: tuple[int, bytes] | None = None
        self._changed = asyncio.Event()

    async def film(self) -> None:
        """Captures until the source ends, which raises SourceEnded."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        tick = 0
        while True:
            now = loop.time()
            t_ms = int((now - began) * 1000)
            jpeg = self.source.frame(t_ms)
            if jpeg is not None and self._draw.random() >= self._drop:
                if self.max_bytes and len(jpeg) > self.max_bytes:
                    raise SourceError(f"a frame of {len(jpeg)} bytes is over the server's limit of {self.max_bytes}")
                # Frames never overtake each other on the way.
                wait = self._delay_s + self._jitter_s * self._draw.random()
                self._ready_at = max(self._ready_at, now + wait)
                if self._ready_at <= now:
                    self._offer(t_ms, jpeg)
                else:
                    loop.call_at(self._ready_at, self._offer, t_ms, jpeg)
            # A camera that falls behind skips; it does not hurry after.
            tick = max(tick + 1, int((loop.time() - began) * self.fps) + 1)
            await asyncio.sleep(began + tick / self.fps - loop.time())

    async def newest(self) -> tuple[int, bytes]:
        """Waits for a frame that was not taken yet: its capture time in ms and the JPEG."""
        while self._newest is None:
            self._changed.clear()
            await self._changed.wait()
        frame, self._newest = self._newest, None
        return frame

    def _offer(self, t_ms: int, jpeg: bytes) -> None:
        self._newest = (t_ms, jpeg)
        self._changed.set()


class _Conversation:
    """One stream on an open connection."""

    def __init__(
        self,
        socket: ClientConnection,
        device: _Device,
        *,
        on_event: Callable[[Event], None] | None,
        silence_s: float,
    ) -> None:
        self._socket = socket
        self._device = device
        self._on_event = on_event
        self._credit = 0
        self._credited = asyncio.Event()
        self._silence_s = silence_s

    async def run(self, start: str) -> dict[str, Any]:
        """From the start message to the result."""
        if self._socket.subprotocol != SUBPROTOCOL:
            raise CannotConnect(f"the server does not speak {SUBPROTOCOL}")
        try:
            await self._socket.send(start)
            ready = await self._next()
            if ready["type"] == "result":  # refused before any frame: an expired challenge, no profile photo
                return dict(ready)
            if ready["type"] != "ready":
                raise ConnectionLost(f"the server began with {ready['type']!r} instead of 'ready'")
            self._begin(ready)
            return await self._exchange()
        except ConnectionClosed as error:
            raise _lost(error) from error

    def _begin(self, ready: Event) -> None:
        self._device.max_bytes = _whole(ready, "maxFrameBytes")
        target = ready.get("targetFps")
        if isinstance(target, int | float) and target > 0:
            self._device.fps = min(self._device.fps, float(target))
        self._earn(_whole(ready, "credit"))
        self._device.source.prompt(_step(ready.get("step")))

    async def _exchange(self) -> dict[str, Any]:
        hearing = asyncio.create_task(self._hear())
        filming = asyncio.create_task(self._device.film())
        sending = asyncio.create_task(self._send_frames())
        tasks: set[asyncio.Task[Any]] = {hearing, filming, sending}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if hearing.done():
                return hearing.result()
            for task in (filming, sending):
                if task.done() and not isinstance(task.exception(), SourceEnded | ConnectionClosed):
                    task.result()  # a source that cannot go on, or a fault of ours
            # The clip is over, or the wire is closed: what the server said last decides.
            async with asyncio.timeout(AFTER_END_S):
                return await hearing
        except TimeoutError as error:
            raise SourceEnded("the clip was over before the server had decided") from error
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _hear(self) -> dict[str, Any]:
        while True:
            message = await self._next()
            match message["type"]:
                case "feedback":
                    self._earn(_whole(message, "credit"))
                case "step":
                    # Credit is what the message says and nothing else: a step may come beside its frame's feedback.
                    self._earn(_whole(message, "credit") if "credit" in message else 0)
                    if message.get("next") is not None:
                        self._device.source.prompt(_step(message["next"]))
                case "comparing":
                    self._credit = 0  # judged: further frames are of no use
                case "result":
                    return dict(message)

    async def _send_frames(self) -> None:
        sequence = 0
        while True:
            while self._credit <= 0:
                self._credited.clear()
                await self._credited.wait()
            t_ms, jpeg = await self._device.newest()
            if self._credit <= 0:  # taken back while waiting
                continue
            self._credit -= 1
            await self._socket.send(HEADER.pack(sequence, t_ms) + jpeg)
            sequence += 1

    def _earn(self, credit: int) -> None:
        self._credit += credit
        self._credited.set()

    async def _next(self) -> dict[str, Any]:
        """The server's next message; raises Refused for an `error`."""
        try:
            async with asyncio.timeout(self._silence_s):
                text = await self._socket.recv()
        except TimeoutError as error:
            raise ConnectionLost(f"the server said nothing for {self._silence_s:g} s") from error
        try:
            message = json.loads(text)
        except ValueError as error:
            raise ConnectionLost("the server sent something that is not JSON") from error
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise ConnectionLost("the server sent a message without a type")
        if self._on_event is not None:
            self._on_event(message)
        if message["type"] == "error":
            raise await self._refusal(message)
        return message

    async def _refusal(self, message: Event) -> ClientError:
        """The error together with the close code that follows it."""
        close_code: int | None = None
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await self._socket.wait_closed()
                close_code = self._socket.close_code
        wait = message.get("retryAfterS")
        return Refused(
            str(message.get("code", "INTERNAL")),
            str(message.get("detail", "")),
            retry_after_s=float(wait) if isinstance(wait, int | float) else None,
            close_code=close_code,
        )


def _lost(error: ConnectionClosed) -> ClientError:
    close = error.rcvd
    if close is None:
        return ConnectionLost("the connection broke before a result; the challenge is spent")
    said = f" ({close.reason})" if close.reason else ""
    if 4400 <= close.code < 4600:
        return Refused(close.reason or f"CLOSED_{close.code}", close_code=close.code)
    return ConnectionLost(f"the server closed with {close.code}{said} before a result", close_code=close.code)


def _whole(message: Event, name: str) -> int:
    value = message.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ConnectionLost(f"the server's {message['type']!r} lacks a usable {name}")
    return value


def _step(value: object) -> LivenessStep:
    try:
        return LivenessStep(str(value))
    except ValueError:
        raise ConnectionLost(f"the server asked for {value!r}, which this client does not know") from None

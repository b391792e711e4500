"""WS /liveness/stream: the wire of the liveness stream (contract, section 4).

The socket decodes messages and sends answers; `app.verification.stream` judges. A stream is one challenge: the
first message opens it, one result or one error ends it.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from app.accounts.model import Origin, Viewer
from app.clock import rfc3339
from app.edge.cookies import DeviceCookie
from app.edge.requests import Caller
from app.errors import Code, Problem
from app.origins import allowed_origins
from app.rate_limits import Limit
from app.verification.inbox import INITIAL_CREDIT, FrameInbox
from app.verification.model import Outcome
from app.verification.stream import JudgedStream, StreamAnswer
from app.wiring import Services
from liveness.frames import MAX_FRAME_BYTES

log = logging.getLogger(__name__)

PATH = "/liveness/stream"
SUBPROTOCOL = "bonafide.liveness.v1"
OPEN_STREAM = Limit("ip.liveness_stream", amount=120, window_s=60, when_redis_is_away="deny")

START_WITHIN_S = 5.0
MAX_TEXT_CHARS = 8192
TARGET_FPS = 15
"""Enough for a blink (100 to 400 ms), and within what a weak phone and a slow uplink manage."""


def routes(services: Services) -> list[WebSocketRoute]:
    """The stream's route."""

    async def stream(socket: WebSocket) -> None:
        await _Conversation(services, socket).run()

    return [WebSocketRoute(PATH, stream)]


class _ClientLeft(Exception):
    """Raised when the socket is gone: nobody is there to be answered."""


class _Conversation:
    def __init__(self, services: Services, socket: WebSocket) -> None:
        self._services = services
        self._socket = socket
        self._clock = services.clock
        self._opened_s = services.clock.monotonic_s()

    async def run(self) -> None:
        """Holds the whole conversation; every end but a vanished client is told to the client first."""
        offered = self._socket.scope.get("subprotocols", [])
        # Refusing before acceptance would reach the client as a bare 403.
        await self._socket.accept(subprotocol=SUBPROTOCOL if SUBPROTOCOL in offered else None)
        try:
            try:
                await self._serve(spoken=SUBPROTOCOL in offered)
            except Problem as problem:
                await self._refuse(problem)
            except (_ClientLeft, WebSocketDisconnect):
                raise
            except Exception:
                log.exception("liveness stream failed")
                await self._refuse(Problem(Code.INTERNAL, "Something broke on our side."))
        except (_ClientLeft, WebSocketDisconnect):
            log.info("liveness client left")

    async def _serve(self, *, spoken: bool) -> None:
        caller = Caller.of(self._socket)
        if not spoken:
            raise Problem(Code.BAD_USER_INPUT, f"Offer the subprotocol {SUBPROTOCOL}.", field="subprotocol")
        # A native client sends no Origin; a browser cannot leave it out.
        if caller.origin is not None and caller.origin.lower() not in allowed_origins(self._services.settings):
            raise Problem(Code.FORBIDDEN, "This origin may not open a stream; see ALLOWED_ORIGINS.", field="Origin")
        cookie = DeviceCookie(secure=self._services.settings.secure_cookies)
        origin = Origin(ip=caller.ip, user_agent=caller.user_agent, device=cookie.read(caller.cookies))
        await self._services.limits.spend(OPEN_STREAM, origin.network)
        start = await self._start_message()
        viewer = await self._viewer(start["accessToken"], origin)
        aim = await self._services.purposes.of_token(start["challengeToken"], viewer, origin=origin)
        opened = await self._services.streams.open(aim, start["challengeToken"], mirrored=start["mirrored"])
        if isinstance(opened, Outcome):
            await self._result(opened)
            return
        with opened as stream:
            await self._judge(stream)

    async def _judge(self, stream: JudgedStream) -> None:
        await self._send(
            {
                "type": "ready",
                "step": stream.steps[0],
                "index": 0,
                "of": len(stream.steps),
                "maxFrameBytes": MAX_FRAME_BYTES,
                "targetFps": TARGET_FPS,
                "credit": INITIAL_CREDIT,
                "expiresAt": rfc3339(stream.expires_at),
            }
        )
        inbox = FrameInbox()
        judge = asyncio.create_task(stream.judge(inbox, self._elapsed_ms, self._answer))
        reader = asyncio.create_task(self._read_frames(inbox))
        unwanted = asyncio.create_task(stream.until_unwanted())
        tasks = (judge, reader, unwanted)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if not judge.done():
                for ended in (reader, unwanted):
                    if ended.done():
                        ended.result()  # raises: a reader ends only by a fault or a client that left
                raise Problem(Code.UNAUTHENTICATED, "The session has ended.", field="accessToken")
            await self._result(await judge)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read_frames(self, inbox: FrameInbox) -> None:
        while True:
            message = await self._receive()
            if (data := message.get("bytes")) is None:
                raise Problem(Code.BAD_USER_INPUT, "After the start only binary frames are expected.", field="type")
            inbox.offer(data, received_ms=self._elapsed_ms())

    async def _start_message(self) -> dict[str, Any]:
        try:
            async with asyncio.timeout(START_WITHIN_S):
                message = await self._receive()
        except TimeoutError:
            raise Problem(Code.TIMED_OUT, f"No start message came within {START_WITHIN_S:.0f} s.") from None
        if (text := message.get("text")) is None:
            raise Problem(Code.BAD_USER_INPUT, "Frames come after the start message.", field="type")
        return parse_start(text)

    async def _viewer(self, access_token: str | None, origin: Origin) -> Viewer | None:
        """Who is signed in; nobody, where a browser with an id of its own is about to sign in."""
        if access_token is not None:
            return await self._services.bearer_tokens.authenticate(access_token, origin=origin)
        if origin.device is None:
            raise Problem(
                Code.UNAUTHENTICATED,
                "The start message needs an accessToken; to sign in, the cookie that came with the challenge.",
                field="accessToken",
            )
        return None

    async def _answer(self, answer: StreamAnswer) -> None:
        await self._send(answer)

    async def _result(self, outcome: Outcome) -> None:
        at = outcome.verified_at
        result: StreamAnswer = {
            "type": "result",
            "success": outcome.success,
            "verifiedAt": rfc3339(at) if at else None,
            "error": outcome.error,
            "retryAfterS": outcome.retry_after_s,
        }
        if outcome.ticket is not None:
            result["ticket"] = outcome.ticket
        await self._send(result)
        await self._close(1000)

    async def _refuse(self, problem: Problem) -> None:
        answer: dict[str, Any] = {"type": "error", "code": problem.code, "detail": problem.detail}
        if problem.field is not None:
            answer["field"] = problem.field
        if problem.retry_after_s is not None:
            answer["retryAfterS"] = problem.retry_after_s
        await self._send(answer)
        await self._close(problem.meaning.close_code, problem.code)

    async def _receive(self) -> dict[str, Any]:
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise _ClientLeft
        return dict(message)

    async def _send(self, answer: StreamAnswer) -> None:
        # uvicorn takes the bytes without waiting for the client; credit bounds how many can pile up.
        try:
            await self._socket.send_text(json.dumps(answer))
        except (OSError, RuntimeError) as error:
            raise _ClientLeft from error  # RuntimeError: Starlette's word for a send after the peer closed

    async def _close(self, code: int, reason: str = "") -> None:
        if self._socket.application_state is WebSocketState.CONNECTED:
            try:
                await self._socket.close(code, reason)
            except (OSError, RuntimeError) as error:
                raise _ClientLeft from error

    def _elapsed_ms(self) -> float:
        return (self._clock.monotonic_s() - self._opened_s) * 1000


def parse_start(text: str) -> dict[str, Any]:
    """The start message's fields; raises Problem(BAD_USER_INPUT) naming the field at fault."""
    if len(text) > MAX_TEXT_CHARS:
        raise Problem(Code.PAYLOAD_TOO_LARGE, f"The start message has at most {MAX_TEXT_CHARS} characters.")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise Problem(Code.BAD_USER_INPUT, "The first message is a JSON object.")
    _demand(message, "type", lambda value: value == "start", "is 'start'")
    _demand(message, "challengeToken", lambda value: isinstance(value, str) and bool(value), "is a token")
    _demand(message, "accessToken", lambda value: value is None or isinstance(value, str), "is a token or absent")
    _demand(message, "mirrored", lambda value: value is None or isinstance(value, bool), "is true or false")
    return {
        "challengeToken": message["challengeToken"],
        "accessToken": message.get("accessToken"),
        "mirrored": bool(message.get("mirrored")),
    }


def _demand(message: dict[str, Any], name: str, holds: Callable[[Any], bool], rule: str) -> None:
    if not holds(message.get(name)):
        raise Problem(Code.BAD_USER_INPUT, f"{name} {rule}.", field=name)

"""Subscriptions: WS /graphql, subprotocol graphql-transport-ws (the protocol document of the graphql-ws library).

A socket authenticates once, in `connection_init` ({"accessToken": "…"} or {"authorization": "Bearer …"}), and ends with
its session. Only subscriptions are served: everything else has its limits, cookies and CSRF rules over HTTP.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from graphql import (
    ExecutionResult,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    get_operation_ast,
    subscribe,
)
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from app.accounts.model import Viewer
from app.edge.json_bodies import parsed
from app.errors import Code, Problem
from app.graphql.engine import GraphQLEngine
from app.graphql.errors import formatted
from app.graphql.handler import Parameters, parameters_of
from app.graphql.limits import Prepared
from app.origins import allowed_origins
from app.rate_limits import Limit

log = logging.getLogger(__name__)

SUBPROTOCOL = "graphql-transport-ws"
OPEN_SOCKET = Limit("ip.subscription_socket", amount=60, window_s=60, when_redis_is_away="deny")
INIT_WITHIN_S = 5.0
MAX_MESSAGE_CHARS = 16 * 1024
FAREWELL_S = 0.1
MAX_OPEN = 10
MAX_STARTED = 200
"""How many operations one socket may ever start: each costs a look at its document."""

# Close codes of the protocol; `_refuse` uses 4000 + the HTTP status for refusals that the protocol has no code for.
BAD_REQUEST, UNAUTHORIZED, FORBIDDEN = 4400, 4401, 4403
WRONG_SUBPROTOCOL, INIT_TIMEOUT, DUPLICATE_ID, TOO_MANY = 4406, 4408, 4409, 4429


class _Fault(Exception):
    """Raised to close the socket with this code and these words."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


class SubscriptionSocket:
    """The ASGI application behind WS /graphql."""

    def __init__(self, engine: GraphQLEngine) -> None:
        self._engine = engine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _Conversation(self._engine, WebSocket(scope, receive, send)).run()


class _Conversation:
    """One socket from its opening to its end."""

    def __init__(self, engine: GraphQLEngine, socket: WebSocket) -> None:
        self._engine = engine
        self._socket = socket
        self._visit = engine.visits.begin(socket)
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._started = 0

    async def run(self) -> None:
        """Holds the conversation; every end but a vanished client says why."""
        offered = self._socket.scope.get("subprotocols", [])
        # Refusing before acceptance would reach the client as a bare 403.
        await self._socket.accept(subprotocol=SUBPROTOCOL if SUBPROTOCOL in offered else None)
        try:
            if SUBPROTOCOL not in offered:
                raise _Fault(WRONG_SUBPROTOCOL, "Subprotocol not acceptable")
            await self._admit()
            viewer = await self._initialised()
            await self._serve(viewer)
        except _Fault as fault:
            await self._close(fault.code, str(fault))
        except Problem as problem:
            await self._close(problem.meaning.close_code, problem.reason or problem.code)
        except (WebSocketDisconnect, OSError):
            log.info("subscriber left")
        except Exception:
            log.exception("subscription socket failed")
            await self._close(Problem(Code.INTERNAL, "").meaning.close_code, Code.INTERNAL)

    async def _admit(self) -> None:
        origin, services = self._visit.caller.origin, self._engine.services
        # A native client sends no Origin; a browser cannot leave it out.
        if origin is not None and origin.lower() not in allowed_origins(services.settings):
            raise _Fault(FORBIDDEN, "Origin not allowed")
        await services.limits.spend(OPEN_SOCKET, self._visit.origin.network)

    async def _initialised(self) -> Viewer:
        """Who the socket belongs to; the acknowledgement is sent."""
        try:
            async with asyncio.timeout(INIT_WITHIN_S):
                message = await self._receive()
                while message["type"] in ("ping", "pong"):
                    if message["type"] == "ping":
                        await self._send({"type": "pong"})
                    message = await self._receive()
        except TimeoutError:
            raise _Fault(INIT_TIMEOUT, "Connection initialisation timeout") from None
        if message["type"] in ("subscribe", "complete"):
            raise _Fault(UNAUTHORIZED, "Unauthorized")
        if message["type"] != "connection_init":
            raise _unspecified()
        payload = message.get("payload") or {}
        token = _token(payload) if isinstance(payload, dict) else None
        if token is None:
            raise _Fault(FORBIDDEN, "connection_init needs an accessToken")
        self._visit = replace(self._visit, caller=replace(self._visit.caller, bearer=token))
        try:
            viewer = await self._visit.signed_in()
        except Problem as problem:
            if problem.code is not Code.UNAUTHENTICATED:
                raise
            raise _Fault(FORBIDDEN, problem.reason or problem.code) from problem
        await self._send({"type": "connection_ack"})
        return viewer

    async def _serve(self, viewer: Viewer) -> None:
        """Answers until the client leaves, breaks the protocol, or the session ends."""
        async with self._engine.services.session_watch.watching(viewer) as session:
            reading = asyncio.create_task(self._read())
            ended = asyncio.create_task(session.ended.wait())
            try:
                await asyncio.wait((reading, ended), return_when=asyncio.FIRST_COMPLETED)
                if reading.done():
                    reading.result()  # raises: reading ends only by a fault or a client that left
                if self._operations:  # sessionRevoked may be on its way
                    await asyncio.wait(self._operations.values(), timeout=FAREWELL_S)
                raise _Fault(UNAUTHORIZED, "SESSION_ENDED")
            finally:
                tasks = (reading, ended, *self._operations.values())
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self) -> None:
        while True:
            message = await self._receive()
            match message["type"]:
                case "ping":
                    await self._send({"type": "pong"})
                case "pong":
                    pass
                case "subscribe":
                    self._start(message)
                case "complete":
                    operation = self._operations.pop(str(message.get("id")), None)
                    if operation is not None:
                        operation.cancel()
                case "connection_init":
                    raise _Fault(TOO_MANY, "Too many initialisation requests")
                case _:
                    raise _unspecified()

    def _start(self, message: Mapping[str, Any]) -> None:
        identifier = message.get("id")
        if not isinstance(identifier, str) or not 0 < len(identifier) <= 64:
            raise _Fault(BAD_REQUEST, "subscribe needs an id of 1 to 64 characters")
        if identifier in self._operations:
            raise _Fault(DUPLICATE_ID, "Subscriber for this id already exists")
        self._started += 1
        if len(self._operations) >= MAX_OPEN or self._started > MAX_STARTED:
            raise _Fault(TOO_MANY, "Too many subscriptions on one socket")
        try:
            parameters = parameters_of(message.get("payload"))
        except Problem as problem:
            raise _Fault(BAD_REQUEST, problem.detail) from problem
        self._operations[identifier] = asyncio.create_task(self._operate(identifier, parameters))

    async def _operate(self, identifier: str, parameters: Parameters) -> None:
        """Sends what one subscription yields, until it is over; one that breaks says so and leaves the others alone."""
        prepared = self._engine.documents.prepare(parameters.query)
        try:
            source = await self._source(prepared, parameters)
            if isinstance(source, ExecutionResult):
                errors = [self._entry(error, prepared.document) for error in source.errors or ()]
                await self._send({"id": identifier, "type": "error", "payload": errors})
                return
            async for result in source:
                payload: dict[str, Any] = {"data": result.data}
                if result.errors:
                    payload["errors"] = [self._entry(error, prepared.document) for error in result.errors]
                await self._send({"id": identifier, "type": "next", "payload": payload})
            await self._send({"id": identifier, "type": "complete"})
        except Exception as error:
            entry = self._entry(GraphQLError(str(error), original_error=error), prepared.document)
            with suppress(OSError, RuntimeError):  # the socket may be what broke
                await self._send({"id": identifier, "type": "error", "payload": [entry]})
        finally:
            # A completed operation ends a little later than its id is free again.
            if self._operations.get(identifier) is asyncio.current_task():
                del self._operations[identifier]

    async def _source(
        self, prepared: Prepared, parameters: Parameters
    ) -> AsyncIterator[ExecutionResult] | ExecutionResult:
        """Where the results of a subscription come from, or why there are none."""
        if prepared.document is None or prepared.errors:
            return ExecutionResult(None, list(prepared.errors))
        operation = get_operation_ast(prepared.document, parameters.operation_name)
        if not isinstance(operation, OperationDefinitionNode):
            return _refusal("operationName must name one operation of the document.")
        if operation.operation is not OperationType.SUBSCRIPTION:
            return _refusal("Only subscriptions are served here; send this over HTTP.")
        subscribed = subscribe(
            self._engine.schema,
            prepared.document,
            context_value=self._visit,
            variable_values=parameters.variables,
            operation_name=parameters.operation_name,
        )
        return await subscribed if isinstance(subscribed, Awaitable) else subscribed

    def _entry(self, error: GraphQLError, document: Any) -> dict[str, Any]:
        return formatted(error, request_id=self._visit.caller.request_id, document=document)

    async def _receive(self) -> dict[str, Any]:
        received = await self._socket.receive()
        if received["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(received.get("code", 1006))
        text = received.get("text")
        if text is None:
            raise _Fault(BAD_REQUEST, "Messages are text")
        if len(text) > MAX_MESSAGE_CHARS:
            raise _Fault(BAD_REQUEST, f"A message has at most {MAX_MESSAGE_CHARS} characters")
        try:
            message = parsed(text, "The message")
        except Problem as problem:
            raise _Fault(BAD_REQUEST, problem.detail) from problem
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise _Fault(BAD_REQUEST, "A message is a JSON object with a type")
        return message

    async def _send(self, message: Mapping[str, Any]) -> None:
        await self._socket.send_text(json.dumps(message, ensure_ascii=False, separators=(",", ":")))

    async def _close(self, code: int, reason: str) -> None:
        if self._socket.application_state is WebSocketState.CONNECTED:
            with suppress(OSError, RuntimeError):  # RuntimeError: Starlette's word for a peer that has closed
                await self._socket.close(code, reason[:120])


def _unspecified() -> _Fault:
    return _Fault(BAD_REQUEST, "A message has a type of the protocol")


def _token(payload: Mapping[str, Any]) -> str | None:
    """The access token, in either of the forms that clients of other servers are used to."""
    given = payload.get("accessToken")
    if isinstance(given, str) and given:
        return given
    header = payload.get("authorization", payload.get("Authorization"))
    if isinstance(header, str) and header[:7].lower() == "bearer ":
        return header[7:].strip() or None
    return None


def _refusal(words: str) -> ExecutionResult:
    return ExecutionResult(None, [GraphQLError(words)])

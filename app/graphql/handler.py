"""GraphQL over HTTP: our own small handler, because the stock one executes cross-origin form posts.

Follows the GraphQL-over-HTTP draft as the `graphql-http` audit suite checks it. Only JSON bodies are read, so a
request with side effects can never be one that a browser sends across origins without asking first.
"""

import json
import time
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from inspect import isawaitable
from types import CoroutineType
from typing import Any, TypeGuard
from urllib.parse import parse_qsl

from graphql import (
    ExecutionResult,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    execute,
    get_operation_ast,
)
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.edge.json_bodies import JSON, check_body_type, parsed
from app.errors import Code, Problem
from app.graphql.context import Context
from app.graphql.engine import GraphQLEngine
from app.graphql.errors import formatted, problem_extensions
from app.graphql.limits import Prepared
from app.graphql.negotiation import GRAPHQL_RESPONSE, answer_type

_METHODS = "GET, POST"
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Parameters:
    """One GraphQL request as its parameters say."""

    query: str
    operation_name: str | None
    variables: dict[str, Any] | None


class GraphQLHandler:
    """The ASGI application behind /graphql; answers every request, whatever it holds."""

    def __init__(self, engine: GraphQLEngine) -> None:
        self._engine = engine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._respond(Request(scope, receive))
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        media_type = answer_type(request.headers.get("accept"))
        if media_type is None:
            refusal = Problem(Code.BAD_USER_INPUT, f"Answers come as {GRAPHQL_RESPONSE} or {JSON}.", field="Accept")
            return _refusal(refusal, JSON, status=406)
        try:
            parameters = await _read(request)
        except Problem as problem:
            return _refusal(problem, media_type)
        return await self._run(request, parameters, media_type)

    async def _run(self, request: Request, parameters: Parameters, media_type: str) -> Response:
        prepared = self._engine.documents.prepare(parameters.query)
        context = self._engine.visits.begin(request)
        try:
            result = await self._result(request.method, prepared, parameters, context)
        except Problem as problem:
            return _refusal(problem, media_type, allow="POST")
        errors = [
            formatted(error, request_id=context.caller.request_id, document=prepared.document)
            for error in result.errors or ()
        ]
        # Before execution began there is no data, not even null; the draft then wants 400, in JSON's older habit 200.
        began = result.data is not None or any(error.path for error in result.errors or ())
        answer = ({"data": result.data} if began else {}) | ({"errors": errors} if errors else {})
        response = _json(answer, 200 if began or media_type == JSON else 400, media_type)
        for cookie in context.set_cookies:
            response.headers.append("set-cookie", cookie)
        return response

    async def _result(
        self, method: str, prepared: Prepared, parameters: Parameters, context: Context
    ) -> ExecutionResult:
        """Executes; raises Problem(METHOD_NOT_ALLOWED) for anything but a query over GET."""
        if prepared.errors or prepared.document is None:
            return ExecutionResult(None, list(prepared.errors))
        operation = get_operation_ast(prepared.document, parameters.operation_name)
        if not isinstance(operation, OperationDefinitionNode):
            return ExecutionResult(None, [GraphQLError("operationName must name one operation of the document.")])
        if method == "GET" and operation.operation is not OperationType.QUERY:
            raise Problem(Code.METHOD_NOT_ALLOWED, "Send this with POST: only queries are answered over GET.")
        if operation.operation is OperationType.SUBSCRIPTION:
            return ExecutionResult(None, [GraphQLError("Subscriptions are served over WebSocket, on the same path.")])
        began_s = time.perf_counter()
        result = execute(
            self._engine.schema,
            prepared.document,
            context_value=context,
            variable_values=parameters.variables,
            operation_name=parameters.operation_name,
            max_coercion_errors=20,
            hide_suggestions=True,
            is_awaitable=_is_coroutine,
        )
        result = await result if isawaitable(result) else result
        context.services.metrics.operation_run(operation.operation.value, time.perf_counter() - began_s)
        return result


def _is_coroutine(value: Any) -> TypeGuard[Awaitable[Any]]:
    """All that our resolvers make one wait for; graphql-core's own test looks for five kinds more, at each field."""
    return isinstance(value, CoroutineType)


async def _read(request: Request) -> Parameters:
    if request.method == "GET":
        given = _from_query_string(request.url.query)
    elif request.method == "POST":
        check_body_type(request.headers)
        given = parsed(await request.body(), "The body")
    else:
        raise Problem(Code.METHOD_NOT_ALLOWED, "GraphQL is served over GET and POST.")
    return parameters_of(given)


def _from_query_string(text: str) -> dict[str, Any]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=False, errors="strict", max_num_fields=16)
    except ValueError as error:
        raise Problem(Code.BAD_USER_INPUT, "The query string is not valid UTF-8 form encoding.") from error
    given: dict[str, Any] = dict(pairs)
    for name in ("variables", "extensions"):
        if given.get(name):
            given[name] = parsed(given[name], name)
        else:
            given.pop(name, None)
    return given


def parameters_of(given: Any) -> Parameters:
    """The parameters that a JSON value holds; raises Problem(BAD_USER_INPUT) naming the one at fault."""
    if not isinstance(given, dict):
        raise Problem(Code.BAD_USER_INPUT, "The body must be one JSON object; batches are not served.")
    query = given.get("query")
    if not isinstance(query, str) or not query:
        raise Problem(Code.BAD_USER_INPUT, "The parameter `query` must be a text.", field="query")
    name = given.get("operationName")
    if name is not None and not isinstance(name, str):
        raise Problem(Code.BAD_USER_INPUT, "The parameter `operationName` must be a text.", field="operationName")
    for parameter in ("variables", "extensions"):
        if not isinstance(given.get(parameter), dict | None):
            raise Problem(Code.BAD_USER_INPUT, f"The parameter `{parameter}` must be an object.", field=parameter)
    return Parameters(query, name or None, given.get("variables"))


def _refusal(problem: Problem, media_type: str, *, status: int | None = None, allow: str = _METHODS) -> Response:
    """A request that never became an operation."""
    entry = {"message": problem.detail, "extensions": problem_extensions(problem)}
    response = _json({"errors": [entry]}, status or problem.meaning.status, media_type)
    if problem.code is Code.METHOD_NOT_ALLOWED:
        response.headers["allow"] = allow
    return response


def _json(answer: Mapping[str, Any], status: int, media_type: str) -> Response:
    body = _ENCODER.encode(answer).encode("utf-8", "replace")
    headers = {"content-type": f"{media_type}; charset=utf-8", "cache-control": "no-store", "vary": "Accept"}
    return Response(body, status, headers=headers)

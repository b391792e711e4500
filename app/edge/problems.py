"""REST errors as RFC 9457 problem documents, from the one table of codes."""

import json
import logging
import math
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, ExceptionHandler, Message, Receive, Scope, Send

from app.edge.requests import request_id
from app.errors import MEANINGS, Code, Problem

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_BY_STATUS = {meaning.status: code for code, meaning in MEANINGS.items()}


def problem_response(problem: Problem, *, request_id: str, headers: Mapping[str, str] | None = None) -> Response:
    """The problem as a document, with Retry-After and WWW-Authenticate where they belong."""
    document: dict[str, object] = {
        "type": f"urn:bonafide:problem:{problem.code.lower().replace('_', '-')}",
        "title": problem.meaning.title,
        "status": problem.meaning.status,
        "detail": problem.detail,
        "code": problem.code.value,
        "requestId": request_id,
    }
    answer_headers = {"cache-control": "no-store", **(headers or {})}
    if problem.field is not None:
        document["field"] = problem.field
    if problem.reason is not None:
        document["reason"] = problem.reason
    if problem.suggestions:
        document["suggestions"] = problem.suggestions
    if problem.retry_after_s is not None:
        document["retryAfter"] = math.ceil(problem.retry_after_s)
        answer_headers["retry-after"] = str(document["retryAfter"])
    if problem.code is Code.UNAUTHENTICATED:
        answer_headers["www-authenticate"] = "Bearer"
    body = json.dumps(document, ensure_ascii=False).encode()
    return Response(body, problem.meaning.status, headers=answer_headers, media_type=MEDIA_TYPE)


def internal() -> Problem:
    """What anyone may know about an unexpected error."""
    return Problem(Code.INTERNAL, "Something broke on our side. The request id helps us find it.")


async def _answer_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return problem_response(error, request_id=request_id(request.scope))


async def answer_http(request: Request, error: Exception) -> Response:
    """The router's own refusals (no such path, wrong method) in the same shape."""
    assert isinstance(error, HTTPException)
    code = _BY_STATUS.get(error.status_code, Code.BAD_USER_INPUT if error.status_code < 500 else Code.INTERNAL)
    problem = Problem(code, f"{request.method} {request.url.path} is not served." if code in _ROUTING else error.detail)
    return problem_response(problem, request_id=request_id(request.scope), headers=error.headers)


_ROUTING = (Code.NOT_FOUND, Code.METHOD_NOT_ALLOWED)


def exception_handlers() -> dict[Any, ExceptionHandler]:
    """For Starlette(exception_handlers=…)."""
    return {Problem: _answer_problem, HTTPException: answer_http}


class LastResort:
    """Answers what nobody caught: a Problem from a middleware as itself, anything else as INTERNAL, logged once."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            return
        except Exception as error:
            problem = error if isinstance(error, Problem) else internal()
            if problem is not error:
                log.exception("unexpected error, request %s", request_id(scope))
            if started:
                raise
            await problem_response(problem, request_id=request_id(scope))(scope, receive, send)

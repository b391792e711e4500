"""One REST operation, declared once: its route and its part of openapi.json are both made from the declaration.

What a handler takes and gives stands in its annotations, what it promises in its docstring; the declaration adds the
path, who may call, and which problems are answered beside those that everybody must expect.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any, get_args, get_type_hints

from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.edge.json_bodies import JSON, check_body_type, could_be_ours, parsed
from app.edge.problems import problem_response
from app.edge.rest.face_models import FaceSignedInOut
from app.edge.rest.models import TokensOut
from app.edge.visit import Visit, Visits
from app.errors import Code, Problem

Handler = Callable[..., Awaitable[Any]]
"""Takes the visit, and the query and the body where there are any; gives what its annotation says."""

_ANYBODY = (Code.INTERNAL, Code.BUSY)
_WITH_BODY = (Code.BAD_USER_INPUT, Code.PAYLOAD_TOO_LARGE, Code.UNSUPPORTED_MEDIA_TYPE, Code.TIMED_OUT)
# The last two: a Firebase token seen for the first time finds or makes its account (app.social.bearer).
_SIGNED_IN = (Code.UNAUTHENTICATED, Code.CONFLICT, Code.RATE_LIMITED)
_WITH_TOKENS = frozenset({TokensOut, FaceSignedInOut})
_ALIASES = {"username": "handle", "frame": "image", "token": "refresh_token"}


@dataclass(frozen=True)
class Link:
    """What usually comes next, and which part of the answer its body takes: `{"key": "$response.body#/key"}`."""

    operation: str
    body: Mapping[str, str]


@dataclass(frozen=True)
class Operation:
    """A method of a path, and who answers it."""

    method: str
    path: str
    handler: Handler
    more_problems: tuple[Code, ...] = ()
    signed_in: bool = False  # an access token is demanded before the body is read
    leads_to: tuple[Link, ...] = ()
    by_cookie: bool = False  # the refresh cookie counts, together with the CSRF header
    seen_by_cookie: bool = False  # the refresh cookie tells who asks, to a page of our own origin

    @property
    def name(self) -> str:
        """The operationId."""
        return self.handler.__name__

    @property
    def problems(self) -> tuple[Code, ...]:
        """Every code that may be answered."""
        return (
            *((Code.BAD_USER_INPUT,) if self.query is not None else ()),
            *(_WITH_BODY if self.body is not None else ()),
            *(_SIGNED_IN if self.signed_in else ()),
            *self.more_problems,
            *_ANYBODY,
        )

    @cached_property
    def body(self) -> type[BaseModel] | None:
        """The model of the body, None where none is read."""
        hint = self._hints.get("body")
        models = [part for part in (hint, *get_args(hint)) if isinstance(part, type) and issubclass(part, BaseModel)]
        return models[0] if models else None

    @cached_property
    def query(self) -> type[BaseModel] | None:
        """The model of the query, None where none is read."""
        found: type[BaseModel] | None = self._hints.get("query")
        return found

    @cached_property
    def is_body_optional(self) -> bool:
        """Whether a request may come without a body."""
        return type(None) in get_args(self._hints.get("body"))

    @cached_property
    def hands_over(self) -> bool:
        """Whether tokens are answered, in the body or as cookies."""
        hint = self._hints["return"]
        return not _WITH_TOKENS.isdisjoint((hint, *get_args(hint)))

    @cached_property
    def answer(self) -> TypeAdapter[Any]:
        """What is answered."""
        return TypeAdapter(self._hints["return"])

    @cached_property
    def _hints(self) -> dict[str, Any]:
        return get_type_hints(self.handler)


def routes_of(operations: Iterable[Operation], visits: Visits) -> list[Route]:
    """One route for each path, so that a refused method is told every allowed one."""
    return [
        _route(path, {operation.method: operation for operation in of_path}, visits)
        for path, of_path in groupby(sorted(operations, key=lambda operation: operation.path), lambda one: one.path)
    ]


def _route(path: str, operations: dict[str, Operation], visits: Visits) -> Route:
    async def respond(request: Request) -> Response:
        operation = operations["GET" if request.method == "HEAD" else request.method]
        return await _respond(operation, request, visits)

    return Route(path, respond, methods=list(operations))


async def _respond(operation: Operation, request: Request, visits: Visits) -> Response:
    visit = visits.begin(request)
    try:
        if operation.signed_in:
            await visit.signed_in()
        arguments: list[BaseModel | None] = []
        if operation.query is not None:
            arguments.append(query_of(operation.query, request.query_params.multi_items()))
        if operation.body is not None:
            arguments.append(await _read(operation, operation.body, request))
        answer = await _answered(operation, visit, arguments)
    except Problem as problem:
        return problem_response(problem, request_id=visit.caller.request_id)
    # What a model was not given is absent: `refresh_token` where the cookie carries it.
    content = operation.answer.dump_json(answer, exclude_unset=True)
    response = Response(content, headers={"cache-control": "no-store"}, media_type=JSON)
    if operation.seen_by_cookie:
        response.headers["vary"] = "Authorization, Cookie, Origin, Sec-Fetch-Site"
    for cookie in visit.set_cookies:
        response.headers.append("set-cookie", cookie)
    return response


async def _answered(operation: Operation, visit: Visit, arguments: list[BaseModel | None]) -> Any:
    """What the handler says. A service's names are put into the body's; a fault of shape has the sender's already."""
    try:
        return await operation.handler(visit, *arguments)
    except Problem as problem:
        _rename(problem, operation)
        raise


async def _read(operation: Operation, model: type[BaseModel], request: Request) -> BaseModel | None:
    if operation.is_body_optional and not await request.body():
        return None
    check_body_type(request.headers)
    return body_of(model, await request.body())


def body_of(model: type[BaseModel], raw: bytes) -> BaseModel:
    """The body as its model; raises Problem(BAD_USER_INPUT) naming the field and the rule that it breaks."""
    given = parsed(raw, "The body")
    if not isinstance(given, dict):
        raise Problem(Code.BAD_USER_INPUT, "The body must be one JSON object.")
    return _validated(model, given)


def query_of(model: type[BaseModel], given: Iterable[tuple[str, str]]) -> BaseModel:
    """The query as its model; raises as `body_of` does, also for a name that comes twice."""
    found: dict[str, str] = {}
    for name, value in given:
        if name in found:
            field = name if could_be_ours(name) else None
            raise Problem(Code.BAD_USER_INPUT, "A name stands in the query more than once.", field=field)
        found[name] = value
    return _validated(model, found)


def _validated(model: type[BaseModel], given: dict[str, Any]) -> BaseModel:
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise _refusal(error) from None  # its text repeats what was sent, which may be a password


def _refusal(error: ValidationError) -> Problem:
    """The first fault, without a word of what was sent but a field's name that could be one of ours."""
    fault = error.errors(include_input=False, include_url=False, include_context=False)[0]
    path = [str(part) for part in fault["loc"]]
    named = all(isinstance(part, int) or could_be_ours(part) for part in fault["loc"])
    rule = fault["type"].upper()
    match rule:
        case "MISSING":
            detail = f"{'.'.join(path)} is missing."
        case "EXTRA_FORBIDDEN":
            detail = "The request holds a field that is not known here."
        case "MODEL_TYPE":  # pydantic's own words name the class
            detail = "Input should be an object."
        case _:
            detail = f"{fault['msg']}."
    return Problem(Code.BAD_USER_INPUT, detail, field=".".join(path) if path and named else None, reason=rule)


def _rename(problem: Problem, operation: Operation) -> None:
    """Services name fields as GraphQL does; B's are in snake case, D's are not, and some have another name."""
    if problem.field is None or operation.body is None or problem.field in operation.body.model_fields:
        return
    known = operation.body.model_fields
    field = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", problem.field).lower()
    alias = _ALIASES.get(field)
    problem.field = alias if alias is not None and field not in known and alias in known else field

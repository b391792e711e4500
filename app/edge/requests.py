"""What the edge knows about a caller, and the middleware that finds it out first."""

import asyncio
import ipaddress
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.errors import Code, Problem
from app.ids import Ids
from app.log import request_id as current_request_id
from app.metrics import Metrics
from app.settings import is_loopback

log = logging.getLogger(__name__)

_REQUEST_ID = "bonafide.request_id"
_CLIENT_IP = "bonafide.client_ip"
_BEARER = "bearer "
_LOGGED_CHARS = 32
# A proxy on this machine would make everybody look like a neighbour; these are what one adds.
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who is asking, as far as the transport can tell; nothing here is proved."""

    request_id: str
    ip: str | None
    user_agent: str | None
    origin: str | None
    bearer: str | None
    csrf_token: str | None
    wants_token_in_body: bool
    cookies: Mapping[str, str]
    fetch_site: str | None = None

    @classmethod
    def of(cls, connection: HTTPConnection) -> "Caller":
        """Reads the facts; RequestContext must have run before."""
        headers: dict[bytes, bytes] = {}
        for name, value in reversed(connection.scope["headers"]):  # of a repeated header the first counts
            headers[name] = value

        def header(name: bytes) -> str | None:
            value = headers.get(name)
            return None if value is None else value.decode("latin-1")

        return cls(
            request_id=request_id(connection.scope),
            ip=connection.scope[_CLIENT_IP],
            user_agent=header(b"user-agent"),
            origin=header(b"origin") or _origin_of(header(b"referer")),
            bearer=_bearer(header(b"authorization")),
            csrf_token=header(b"x-csrf-token"),
            wants_token_in_body=(header(b"x-token-delivery") or "").strip().lower() == "body",
            cookies=_cookies(connection.headers.getlist("cookie")) if b"cookie" in headers else {},
            fetch_site=header(b"sec-fetch-site"),
        )


def logged_path(scope: Scope) -> str:
    """The route that took the request, as it was declared; of a path that no route took only its beginning.

    What a person puts into a path may be a secret (a token, somebody's key), and may hold line breaks that would forge
    lines of the log.
    """
    route = scope.get("route")
    if isinstance(route, Route):
        return route.path
    first, slash, rest = scope["path"].removeprefix("/").partition("/")
    begin = quote(first[:_LOGGED_CHARS], safe="")
    return f"/{begin}…" if (slash and rest) or len(first) > _LOGGED_CHARS else f"/{begin}{slash}"


def request_id(scope: Scope) -> str:
    """The id of this request, the same as in the log and the X-Request-Id header."""
    found: str = scope.get(_REQUEST_ID, "-")
    return found


class RequestContext:
    """Gives each request an id and a client address, and times it and logs one line when it ends.

    X-Forwarded-For counts only with `trust_forwarded_for`, and of it only what our own proxy appended, the last
    entry: anyone can send the header.
    """

    def __init__(self, app: ASGIApp, *, ids: Ids, metrics: Metrics, trust_forwarded_for: bool) -> None:
        self._app = app
        self._ids = ids
        self._metrics = metrics
        self._trust_forwarded_for = trust_forwarded_for

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        identifier = str(self._ids.uuid7())
        scope[_REQUEST_ID] = identifier
        scope[_CLIENT_IP] = client_ip(scope, trust_forwarded_for=self._trust_forwarded_for)
        mark = current_request_id.set(identifier)
        began_s, status = time.perf_counter(), 0

        async def named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", identifier.encode())]
            await send(message)

        try:
            await self._app(scope, receive, named)
        finally:
            if scope["type"] == "http":
                took_s = time.perf_counter() - began_s
                route = scope.get("route")
                declared = route.path if isinstance(route, Route) else "none"
                self._metrics.request_answered(scope["method"], declared, status, took_s)
                log.info("%s %s %s in %.1f ms", scope["method"], logged_path(scope), status or "-", took_s * 1000)
            current_request_id.reset(mark)


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyBounds:
    """How large a request body may be, and how long it may take to arrive."""

    max_bytes: int
    within_s: float


class BodyLimit:
    """Refuses a request body over the bounds of its path: by its announced length, or else while it arrives.

    What was refused unread would still be on its way: the answer closes the connection.
    """

    def __init__(self, app: ASGIApp, *, default: BodyBounds, by_prefix: Mapping[str, BodyBounds]) -> None:
        self._app = app
        self._default = default
        self._by_prefix = dict(by_prefix)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        bounds = self._bounds(scope["path"])
        announced = Headers(scope=scope).get("content-length", "")
        is_too_large = announced.isascii() and announced.isdigit() and int(announced[:20]) > bounds.max_bytes
        deadline_s = asyncio.get_running_loop().time() + bounds.within_s
        received, is_whole, is_refused = 0, False, False

        def refused(problem: Problem) -> Problem:
            nonlocal is_refused
            is_refused = True
            return problem

        async def bounded() -> Message:
            """Raises to whoever reads, so that each endpoint answers in its own form."""
            nonlocal received, is_whole
            if is_whole:  # what comes now is the end of the connection, whenever that is
                return await receive()
            if is_too_large:
                raise refused(_too_large(bounds.max_bytes))
            try:
                async with asyncio.timeout_at(deadline_s):
                    message = await receive()
            except TimeoutError as late:
                raise refused(_too_slow(bounds.within_s)) from late
            received += len(message.get("body", b""))
            if received > bounds.max_bytes:
                raise refused(_too_large(bounds.max_bytes))
            is_whole = not message.get("more_body", False)
            return message

        async def closing(message: Message) -> None:
            if is_refused and message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        await self._app(scope, bounded, closing)

    def _bounds(self, path: str) -> BodyBounds:
        for prefix, bounds in self._by_prefix.items():
            if path.startswith(prefix):
                return bounds
        return self._default


def client_ip(scope: Scope, *, trust_forwarded_for: bool) -> str | None:
    """The address to count attempts against: the peer's, or what our own proxy saw; None when there is none."""
    if trust_forwarded_for and (header := Headers(scope=scope).getlist("x-forwarded-for")):
        forwarded = _address(header[-1].rpartition(",")[2].strip())
        if forwarded is not None:
            return forwarded
    peer = scope.get("client")
    return _address(peer[0]) if peer else None


# People ask more than once, and their address is parsed in 5 us.
@lru_cache(maxsize=4096)
def _address(text: str) -> str | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _bearer(authorization: str | None) -> str | None:
    if authorization is None or authorization[: len(_BEARER)].lower() != _BEARER:
        return None
    return authorization[len(_BEARER) :].strip()


def _origin_of(referer: str | None) -> str | None:
    """Scheme, host and port of a Referer, for the rare browser request that has no Origin."""
    if not referer or "://" not in referer:
        return None
    scheme, rest = referer.split("://", 1)
    return f"{scheme}://{rest.split('/', 1)[0]}"


def _cookies(headers: Sequence[str]) -> dict[str, str]:
    """Names and values (RFC 6265, 4.2.1); only spaces and tabs around a name are not part of it.

    A parser that strips every white space of Unicode takes a cookie named "\u00a0__Host-…" for the one whose prefix a
    browser guards, and a neighbouring sub-domain can set such a name.
    """
    found = {}
    for part in ";".join(headers).split(";"):
        name, is_pair, value = part.partition("=")
        if is_pair:
            found[name.strip(" \t")] = value.strip(" \t")
    return found


def _too_slow(limit_s: float) -> Problem:
    return Problem(Code.TIMED_OUT, f"The request body did not arrive within {limit_s:g} seconds.")


def _too_large(limit: int) -> Problem:
    return Problem(Code.PAYLOAD_TOO_LARGE, f"The request body is larger than {limit} bytes.")


def is_from_this_machine(connection: HTTPConnection) -> bool:
    """Whether the request was made here, and did not come through a proxy."""
    peer = connection.client
    return peer is not None and is_loopback(peer.host) and not any(name in connection.headers for name in _FORWARDED)

"""The middleware that every request passes, around a small application of its own."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from app.edge.cors import cors
from app.edge.headers import SecurityHeaders
from app.edge.problems import LastResort, exception_handlers
from app.edge.requests import BodyBounds, BodyLimit, Caller, RequestContext, client_ip
from app.errors import Code, Problem
from app.ids import Ids
from app.metrics import Metrics
from app.settings import Settings
from tests.own_secrets import OWN_SECRETS

ORIGIN = "https://app.example.org"
SETTINGS = Settings.from_environment({"PUBLIC_URL": "https://id.example.org", "ALLOWED_ORIGINS": ORIGIN, **OWN_SECRETS})


async def facts(request: Request) -> JSONResponse:
    caller = Caller.of(request)
    return JSONResponse({"ip": caller.ip, "bearer": caller.bearer, "origin": caller.origin, "id": caller.request_id})


async def size(request: Request) -> JSONResponse:
    return JSONResponse({"bytes": len(await request.body())})


async def limited(_: Request) -> Response:
    raise Problem(Code.RATE_LIMITED, "Wait.", field="email", retry_after_s=1.5, reason="email.login")


async def signed_out(_: Request) -> Response:
    raise Problem(Code.UNAUTHENTICATED, "Sign in first.")


async def broken(_: Request) -> Response:
    raise RuntimeError("the secret is 42")


def application(*, trust_forwarded_for: bool = False, production: bool = False) -> Starlette:
    return Starlette(
        routes=[
            Route("/facts", facts),
            Route("/size", size, methods=["POST"]),
            Route("/large/size", size, methods=["POST"]),
            Route("/limited", limited),
            Route("/signed-out", signed_out),
            Route("/broken", broken),
        ],
        middleware=[
            Middleware(RequestContext, ids=Ids(), metrics=Metrics(), trust_forwarded_for=trust_forwarded_for),
            Middleware(SecurityHeaders, production=production),
            cors(SETTINGS),
            Middleware(LastResort),
            Middleware(
                BodyLimit,
                default=BodyBounds(max_bytes=100, within_s=0.05),
                by_prefix={"/large": BodyBounds(max_bytes=1000, within_s=5.0)},
            ),
        ],
        exception_handlers=exception_handlers(),
    )


def client_of(app: Starlette) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app, client=("203.0.113.9", 4242))
    return httpx.AsyncClient(transport=transport, base_url="https://id.example.org")


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(application()) as client:
        yield client


async def test_an_answer_carries_the_request_id(client: httpx.AsyncClient) -> None:
    """Whoever reports a fault could not say which of a thousand requests it was."""
    first, second = await client.get("/facts"), await client.get("/facts")
    assert first.headers["x-request-id"] == first.json()["id"]
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


async def test_a_forwarded_address_counts_only_by_setting() -> None:
    """Anyone could pick a new address for each guess, and no limit per address would ever be reached."""
    headers = {"x-forwarded-for": "198.51.100.7, 198.51.100.8"}
    async with client_of(application()) as client:
        assert (await client.get("/facts", headers=headers)).json()["ip"] == "203.0.113.9"
    async with client_of(application(trust_forwarded_for=True)) as client:
        assert (await client.get("/facts", headers=headers)).json()["ip"] == "198.51.100.8"
        assert (await client.get("/facts")).json()["ip"] == "203.0.113.9"
        assert (await client.get("/facts", headers={"x-forwarded-for": "nonsense"})).json()["ip"] == "203.0.113.9"


@pytest.mark.parametrize(
    ("client", "expected"),
    [(("::ffff:192.0.2.1", 1), "192.0.2.1"), (("2001:DB8::1", 1), "2001:db8::1"), (None, None), (("", 0), None)],
)
def test_an_address_is_written_one_way(client: tuple[str, int] | None, expected: str | None) -> None:
    """One machine would be counted under two names."""
    assert client_ip({"type": "http", "headers": [], "client": client}, trust_forwarded_for=False) == expected


@pytest.mark.parametrize(
    ("header", "token"),
    [("Bearer abc", "abc"), ("bearer  abc ", "abc"), ("Basic abc", None), ("Bearer", None), ("", None)],
)
async def test_the_access_token_is_found(client: httpx.AsyncClient, header: str, token: str | None) -> None:
    """People would look signed out."""
    assert (await client.get("/facts", headers={"authorization": header})).json()["bearer"] == token


async def test_every_answer_is_hardened() -> None:
    """An answer could be framed, sniffed as a script, or leak an address to another site."""
    async with client_of(application(production=True)) as client:
        for path in ("/facts", "/nowhere", "/limited", "/broken"):
            headers = (await client.get(path)).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert headers["strict-transport-security"].startswith("max-age=")
    async with client_of(application()) as client:
        assert "strict-transport-security" not in (await client.get("/facts")).headers


async def test_a_problem_is_a_document(client: httpx.AsyncClient) -> None:
    """A program could not tell what to do next (RFC 9457)."""
    answer = await client.get("/limited")
    assert answer.status_code == 429
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "2"
    document = answer.json()
    assert document.pop("requestId") == answer.headers["x-request-id"]
    assert document == {
        "type": "urn:bonafide:problem:rate-limited",
        "title": "Too many attempts",
        "status": 429,
        "detail": "Wait.",
        "code": "RATE_LIMITED",
        "field": "email",
        "reason": "email.login",
        "retryAfter": 2,
    }
    assert (await client.get("/signed-out")).headers["www-authenticate"] == "Bearer"


async def test_the_router_speaks_the_same_way(client: httpx.AsyncClient) -> None:
    """Clients would need a second parser for the commonest refusals."""
    missing = await client.get("/nowhere")
    assert (missing.status_code, missing.json()["code"]) == (404, "NOT_FOUND")
    wrong = await client.delete("/size")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert wrong.headers["allow"] == "POST"


async def test_an_unexpected_error_says_nothing_and_is_logged_once(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Internals would leak, or the fault would never be found."""
    with caplog.at_level(logging.ERROR):
        answer = await client.get("/broken", headers={"origin": ORIGIN})
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.json()["code"] == "INTERNAL"
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert len(caplog.records) == 1


@pytest.mark.parametrize("origin", [ORIGIN, "https://id.example.org"])
async def test_a_listed_origin_may_read_answers(client: httpx.AsyncClient, origin: str) -> None:
    """The operator's own web client could not talk to us."""
    answer = await client.get("/facts", headers={"origin": origin})
    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "Origin" in answer.headers["vary"]
    preflight = await client.options(
        "/size",
        headers={
            "origin": origin,
            "access-control-request-method": "POST",
            "access-control-request-headers": "content-type,x-csrf-token,x-token-delivery,authorization",
        },
    )
    assert preflight.status_code == 200


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://app.example.org", ORIGIN + ".evil.example", ORIGIN + ":444", "*"],
)
async def test_any_other_origin_may_not(client: httpx.AsyncClient, origin: str) -> None:
    """Another site could act with the session of whoever visits it."""
    assert "access-control-allow-origin" not in (await client.get("/facts", headers={"origin": origin})).headers
    preflight = await client.options("/size", headers={"origin": origin, "access-control-request-method": "POST"})
    assert preflight.status_code == 400
    assert "access-control-allow-origin" not in preflight.headers


async def test_a_body_over_the_limit_is_refused(client: httpx.AsyncClient) -> None:
    """One client could fill the server's memory."""
    assert (await client.post("/size", content=b"x" * 100)).json() == {"bytes": 100}
    assert (await client.post("/large/size", content=b"x" * 1000)).json() == {"bytes": 1000}

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b"x" * 10

    for answer in (await client.post("/size", content=b"x" * 101), await client.post("/size", content=chunks())):
        assert (answer.status_code, answer.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")


async def test_a_body_that_does_not_arrive_is_given_up(client: httpx.AsyncClient) -> None:
    """A few hundred clients that send a byte now and then would hold every connection and its memory for ever."""
    never = asyncio.Event()

    async def drip() -> AsyncIterator[bytes]:
        yield b"x"
        await never.wait()

    answer = await client.post("/size", content=drip())
    assert (answer.status_code, answer.json()["code"]) == (408, "TIMED_OUT")
    assert answer.headers["connection"] == "close"


async def test_a_whole_body_has_no_deadline() -> None:
    """An answer that takes long would be cut off because its request came long ago."""
    received = asyncio.Queue[dict[str, Any]]()
    waiting = asyncio.Event()

    async def application_that_waits(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        waiting.set()
        assert (await receive())["type"] == "http.disconnect"

    async def send(message: Any) -> None: ...

    scope = {"type": "http", "path": "/", "headers": []}
    limit = BodyLimit(application_that_waits, default=BodyBounds(max_bytes=100, within_s=0.01), by_prefix={})
    request = asyncio.create_task(limit(scope, received.get, send))
    received.put_nowait({"type": "http.request", "body": b"", "more_body": False})
    await waiting.wait()
    done, _ = await asyncio.wait([request], timeout=0.05)
    assert not done
    received.put_nowait({"type": "http.disconnect"})
    await request


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("a=1; b=2", {"a": "1", "b": "2"}),
        ("\ta = 1 ;b=x=y;; c", {"a": "1", "b": "x=y"}),
        ("\u00a0a=evil; a=1", {"\u00a0a": "evil", "a": "1"}),
        ("a=1; \u0085a=evil; \x1ca=evil", {"a": "1", "\u0085a": "evil", "\x1ca": "evil"}),
    ],
)
def test_a_cookie_has_the_name_that_the_browser_knows(header: str, names: dict[str, str]) -> None:
    """A neighbouring sub-domain could plant a session under a name that only looks like the guarded one."""
    headers = [(b"cookie", header.encode("latin-1"))]
    connection = HTTPConnection({"type": "http", "headers": headers, "bonafide.client_ip": None})
    assert Caller.of(connection).cookies == names


async def test_an_announced_body_over_the_limit_is_not_read() -> None:
    """A client could hold a connection and a buffer for a body that will be refused anyway."""
    received: list[str] = []
    sent: list[Any] = []

    async def application_that_reads(scope: Scope, receive: Receive, send: Send) -> None:
        await Request(scope, receive).body()

    async def receive() -> dict[str, Any]:
        received.append("asked")
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "path": "/", "headers": [(b"content-length", b"101")]}
    limit = BodyLimit(application_that_reads, default=BodyBounds(max_bytes=100, within_s=5.0), by_prefix={})
    with pytest.raises(Problem, match="100 bytes"):
        await limit(scope, receive, send)
    assert received == []

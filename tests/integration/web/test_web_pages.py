"""The pages of the web client and what they load, as the server gives them out."""

import logging
import re
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from app.edge import web
from app.edge.page_list import page_routes
from app.edge.problems import exception_handlers
from app.edge.web import DIST, built_assets
from app.settings import Settings
from app.wiring import Services
from tests.fakes import Mailbox
from tests.serving import HOME, LOGIN, ME, Visitor

VERIFY = "mutation ($token: String) { verifyEmail(token: $token) }"
RESET = "mutation ($token: String!, $password: String!) { resetPassword(token: $token, password: $password) }"
ASK_RESET = "mutation ($email: String!) { requestPasswordReset(email: $email) }"

pytestmark = pytest.mark.skipif(not (DIST / "index.html").is_file(), reason="the web client is not built (`make web`)")


def policy_of(answer: httpx.Response) -> dict[str, str]:
    rules = answer.headers["content-security-policy"].split("; ")
    return dict(rule.split(" ", 1) for rule in rules)


async def test_every_page_is_served_fresh_and_under_a_strict_policy(visitor: Visitor) -> None:
    """Somebody else's script, put into a page, could take the session; or an old page would load what is gone."""
    for route in page_routes():
        answer = await visitor.http.get(re.sub(r"\{\w+\}", "ada", route.path))
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store"), route
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        policy = policy_of(answer)
        assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
        assert policy["script-src"] == ("'self' 'wasm-unsafe-eval'" if route.needs_camera else "'self'")
        assert policy["style-src"] == policy["base-uri"] == policy["form-action"] == "'self'"
        assert policy["require-trusted-types-for"] == "'script'"
        assert policy["trusted-types"] == ("lit-html bonafide-face-mesh" if route.needs_camera else "lit-html")
        assert "unsafe-inline" not in str(policy)
        assert "'unsafe-eval'" not in str(policy)
        assert f"camera={'(self)' if route.needs_camera else '()'}" in answer.headers["permissions-policy"]
        assert not re.search(r"<script(?![^>]*src=)|\son\w+=|\sstyle=|javascript:|https?://", answer.text)
        assert "<noscript>" in answer.text


async def test_what_a_page_loads_is_compressed_and_kept_for_good(visitor: Visitor) -> None:
    """A person on a slow line would wait for every visit as for the first, or get what the browser cannot read."""
    page = (await visitor.http.get("/")).text
    loaded = re.findall(r'(?:src|href)="\./(assets/[^"]+)"', page)
    assert len(loaded) >= 3
    types = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
    for path in loaded:
        for accepted, encoding in (
            ("br, gzip", "br"),
            ("gzip", "gzip"),
            ("identity", None),
            ("br;q=0, gzip;q=0.5", "gzip"),
        ):
            answer = await visitor.http.get(f"/{path}", headers={"accept-encoding": accepted})
            assert answer.status_code == 200
            assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert answer.headers["vary"].lower().startswith("accept-encoding")
            assert answer.headers["content-type"] == types[Path(path).suffix]
            assert answer.headers.get("content-encoding") == encoding


@pytest.mark.parametrize(
    "path",
    [
        "/assets/none.js",
        "/assets/../index.html",
        "/assets/..%2findex.html",
        "/assets/%2e%2e%2f%2e%2e%2f%2e%2e%2fpyproject.toml",
        "/assets/..%5c..%5cpyproject.toml",
        "/assets/",
        "/assets//etc/passwd",
        "/dist/index.html",
        "/index.html",
        "/routes.json",
        "/login/else",
        "/settings/a/b",
    ],
)
async def test_nothing_else_of_the_folder_is_served(visitor: Visitor, path: str) -> None:
    """Whoever asks cleverly would read files of the server."""
    answer = await visitor.http.get(path, follow_redirects=False)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_page_lies_below_the_path_of_the_public_url(
    services: Services, settings: Settings, tmp_path: Path
) -> None:
    """Behind a proxy that serves Bonafide below a path no script would be found; unbuilt, a page would be an error."""
    below = replace(services, settings=replace(settings, public_url="https://example.org/identity"))
    app = Starlette(routes=web.routes(below), exception_handlers=exception_handlers())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=HOME) as http:
        assert '<base href="/identity/">' in (await http.get("/login")).text
    app = Starlette(routes=web.routes(services, dist=tmp_path), exception_handlers=exception_handlers())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=HOME) as http:
        unbuilt = await http.get("/")
        assert (unbuilt.status_code, "make web" in unbuilt.text) == (503, True)
    assert built_assets(tmp_path) == {}


def test_photos_and_uploads_of_an_outside_store_are_let_through_and_nothing_else(settings: Settings) -> None:
    """Nobody could upload a photo or see one where photos are on S3."""
    from app.edge.web_policy import content_policy

    s3 = replace(
        settings,
        s3_bucket="photos",
        s3_endpoint_url="https://s3.example.org",
        s3_public_base="https://cdn.example.org/p",
    )
    policy = dict(rule.split(" ", 1) for rule in content_policy(s3, needs_camera=False).split("; "))
    assert policy["img-src"] == f"'self' data: blob: {HOME} https://cdn.example.org"
    assert policy["connect-src"] == f"'self' {HOME} ws://127.0.0.1:8000 https://s3.example.org"
    aws = dict(
        rule.split(" ", 1)
        for rule in content_policy(replace(settings, s3_bucket="photos"), needs_camera=False).split("; ")
    )
    assert "https://photos.s3.us-east-1.amazonaws.com" in aws["img-src"].split()
    assert "https://photos.s3.us-east-1.amazonaws.com" in aws["connect-src"].split()


async def test_opening_a_mailed_link_proves_nothing_and_uses_nothing_up(
    visitor: Visitor, services: Services, mailbox: Mailbox
) -> None:
    """A mail scanner that opens every link would confirm addresses of people who never asked; or the link is dead."""
    await visitor.signup()
    link = re.search(r"http\S+", mailbox.sent[0].text)
    assert link is not None
    address, _, token = link[0].partition("#token=")
    assert address == f"{HOME}/verify-email"
    assert (await visitor.http.get(link[0])).status_code == 200
    assert (await visitor.data(ME))["me"]["emailVerified"] is False
    assert await visitor.data(VERIFY, {"token": token}) == {"verifyEmail": True}
    await visitor.data(ASK_RESET, {"email": "ada@example.org"})
    await services.background.settled()
    link = re.search(r"http\S+", mailbox.sent[-1].text)
    assert link is not None
    address, _, token = link[0].partition("#token=")
    assert address == f"{HOME}/reset"
    assert (await visitor.http.get(link[0])).status_code == 200
    assert await visitor.data(RESET, {"token": token, "password": "a brand new wheelbarrow"}) == {"resetPassword": True}
    await visitor.data(LOGIN, {"email": "ada@example.org", "password": "a brand new wheelbarrow"})


async def test_the_log_never_holds_what_stands_in_a_path(visitor: Visitor, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever reads the logs could use people's links, and whoever sends requests could forge lines in them."""
    with caplog.at_level(logging.INFO, logger="app.edge.requests"):
        for path in ("/verify/SECRET", "/objects/avatars/SECRET/SECRET", "/healthz", "/x%0aINFO%20forged%1b[31m", "/"):
            await visitor.http.get(path)
        await visitor.http.get("/people/SECRET")
        await visitor.http.get("/" + "S" * 30 + "ECRET" * 20)
    logged = [record.getMessage().split(" in ")[0] for record in caplog.records]
    assert logged == [
        "GET /verify… 404",
        "GET /objects/{key:path} 404",
        "GET /healthz 200",
        "GET /x%0AINFO%20forged%1B%5B31m 404",
        "GET / 200",
        "GET /people/{handle} 200",
        "GET /" + "S" * 30 + "EC… 404",
    ]


@pytest.mark.parametrize(
    ("path", "leads_to"),
    [
        ("/login/", "../login"),
        ("/auth/login/", "../login"),
        ("/auth/campuses/?page=1&page=2", "../campuses?page=1&page=2"),
    ],
)
async def test_a_slash_too_many_names_no_host(visitor: Visitor, path: str, leads_to: str) -> None:
    """Behind a proxy a posted password would follow us to plain http, or to whatever host the request named."""
    answer = await visitor.http.post(path, json={}, headers={"host": "evil.example"})
    assert (answer.status_code, answer.headers["location"]) == (307, leads_to)
    assert answer.next_request is not None
    assert answer.next_request.url.path == path.partition("?")[0].rstrip("/")


@pytest.mark.parametrize("path", ["/nothing/", "//evil.example/", "/login//", "/login/x/"])
async def test_a_slash_leads_nowhere_where_nothing_is(visitor: Visitor, path: str) -> None:
    """A page could be made to lead people to another host, or in circles."""
    answer = await visitor.http.get(f"http://127.0.0.1:8000{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")

"""GET /auth/session: the gate of the web shell's pages, which looks and changes nothing."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import asyncpg
import httpx
import pytest

from app.edge.client_files import FILES, PREFIX, WEB
from app.main import create_app
from app.settings import Settings
from app.tokens import ACCESS_TTL
from app.wiring import Services
from tests.fakes import FixedClock
from tests.serving import HOME, Visitor

SAME_ORIGIN = {"sec-fetch-site": "same-origin"}


async def asked(
    visitor: Visitor, path: str = "/profile", *, headers: Mapping[str, str] = SAME_ORIGIN, bearer: bool = False
) -> dict[str, Any]:
    """What the gate says."""
    signed_in = {"authorization": f"Bearer {visitor.access_token}"} if bearer else {}
    answer = await visitor.http.get("/auth/session", params={"path": path}, headers={**headers, **signed_in})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert {"Authorization", "Cookie", "Sec-Fetch-Site"} <= set(answer.headers["vary"].split(", "))
    assert "set-cookie" not in answer.headers
    told: dict[str, Any] = answer.json()
    return told


async def test_a_stranger_is_sent_to_the_face_check_and_comes_back(visitor: Visitor) -> None:
    """Protected pages would open to anybody, or whoever signs in lose their way."""
    assert await asked(visitor, "/profile") == {
        "signed_in": False,
        "path": "/profile",
        "access": "protected",
        "redirect_to": "/realtime?return_to=%2Fprofile",
        "user": None,
        "expires_at": None,
    }
    for public in ("/", "/login", "/realtime", "/facematch", "/signup", "/people/ada", "/realtime/?return_to=%2Ffeed"):
        told = await asked(visitor, public)
        assert (told["access"], told["redirect_to"]) == ("public", None), public
    for protected in ("/feed", "/nowhere", "/LOGIN", "/login/../feed", "/realtime/x"):
        told = await asked(visitor, protected)
        assert (told["access"], told["redirect_to"][:20]) == ("protected", "/realtime?return_to="), protected


@pytest.mark.parametrize("mode", ["off", "second_factor"])
async def test_where_the_face_alone_opens_nothing_the_way_leads_to_the_password(services: Services, mode: Any) -> None:
    """People would stand before a camera that leads nowhere, or to a question for the code that they came with."""
    settings = replace(services.settings, face_login=mode)
    app = create_app(replace(services, settings=settings))
    visitor = Visitor(httpx.ASGITransport(app=app, client=("192.0.2.1", 4242)))
    assert (await asked(visitor, "/feed"))["redirect_to"] == "/login?return_to=%2Ffeed"


@pytest.mark.parametrize(
    "path", ["//evil.example", "/\\evil.example", "/%2f/evil", "javascript:alert(1)", "", "/x#y", "/%00", "/x/..//e"]
)
async def test_what_is_no_page_of_ours_is_refused(visitor: Visitor, path: str) -> None:
    """The gate would send people to another site after they signed in here."""
    answer = await visitor.http.get("/auth/session", params={"path": path})
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (400, "BAD_USER_INPUT", "path")


@pytest.mark.parametrize("query", ["", "?path=/a&path=/b", "?path=/a&other=1", "?Path=/a"])
async def test_the_query_is_exact(visitor: Visitor, query: str) -> None:
    """Two readers of one address would judge two pages."""
    answer = await visitor.http.get(f"/auth/session{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "BAD_USER_INPUT")


async def test_whoever_is_signed_in_is_known_by_token_or_cookie(visitor: Visitor, clock: FixedClock) -> None:
    """A page that is opened anew has no token yet: everybody would be sent to sign in at each reload."""
    payload = await visitor.signup()
    for bearer, headers in ((True, {}), (False, SAME_ORIGIN), (False, {"origin": HOME})):
        told = await asked(visitor, bearer=bearer, headers=headers)
        assert (told["signed_in"], told["redirect_to"], told["access"]) == (True, None, "protected")
        assert told["user"] == {
            "id": payload["user"]["id"],
            "handle": "ada",
            "display_name": "Ada",
            "avatar_url": None,
            "verified_at": None,
        }
        assert told["expires_at"] == "2026-11-27T12:00:00.000Z"
    clock.advance(ACCESS_TTL.total_seconds() + 1)
    assert (await asked(visitor, bearer=True))["signed_in"], "by the cookie beside a token that has ended"
    assert not (await asked(visitor, bearer=True, headers={}))["signed_in"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": HOME},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "cross-site", "origin": HOME},
        {"sec-fetch-site": "SAME-ORIGIN"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"referer": "https://evil.example/"},
    ],
    ids=str,
)
async def test_another_site_learns_nothing_by_the_cookie(visitor: Visitor, headers: dict[str, str]) -> None:
    """Any page on the web could learn who visits it."""
    await visitor.signup()
    told = await asked(visitor, headers=headers)
    assert (told["signed_in"], told["user"], told["expires_at"]) == (False, None, None)


async def test_an_allowed_origin_is_not_our_own(services: Services) -> None:
    """A partner's page that may call us would read who is signed in here without asking."""
    settings = replace(services.settings, allowed_origins=("https://partner.example",))
    app = create_app(replace(services, settings=settings))
    visitor = Visitor(httpx.ASGITransport(app=app, client=("192.0.2.1", 4242)))
    await visitor.signup()
    assert not (await asked(visitor, headers={"origin": "https://partner.example"}))["signed_in"]


async def test_to_ask_carries_nothing_on(visitor: Visitor, clock: FixedClock, settings: Settings) -> None:
    """A page that asks often would keep a stolen session alive, or use up the token that a tab is about to use."""
    assert settings.database_url is not None
    await visitor.signup()
    sql = await asyncpg.connect(settings.database_url.replace("+asyncpg", ""))
    state = "select s.*, t.used_at from sessions s join refresh_tokens t on t.session_id = s.id"
    before = await sql.fetch(state)
    clock.advance(3600)
    for _ in range(3):
        assert (await asked(visitor))["expires_at"] == "2026-11-27T12:00:00.000Z"
    assert await sql.fetch(state) == before
    clock.advance(7 * 24 * 3600)
    assert not (await asked(visitor))["signed_in"]
    await sql.close()


async def test_an_old_cookie_opens_nothing(visitor: Visitor, transport: httpx.ASGITransport, clock: FixedClock) -> None:
    """Whoever kept a copy of a cookie from before would look in for as long as the session lives."""
    await visitor.signup()
    thief = Visitor(transport)
    thief.http.cookies.set("bonafide_refresh", visitor.http.cookies["bonafide_refresh"])
    await visitor.http.post("/auth/refresh", headers=visitor.csrf_headers())
    assert (await asked(thief))["signed_in"], "a tab that raced may still look"
    clock.advance(11)
    assert not (await asked(thief))["signed_in"]
    assert (await asked(visitor))["signed_in"], "and nothing ends by it"
    identifier, _, token = visitor.http.cookies["bonafide_refresh"].partition(".")
    other = Visitor(transport)
    await other.signup("grace")
    others_id = other.http.cookies["bonafide_refresh"].partition(".")[0]
    for forged in (f"{others_id}.{token}", f"{identifier}.{token}x", f"{identifier}.", f".{token}", "x" * 5000):
        thief.http.cookies.set("bonafide_refresh", forged)
        assert not (await asked(thief))["signed_in"], forged


async def test_a_session_that_was_ended_is_nobodys(visitor: Visitor) -> None:
    """Whoever signed out would still be greeted, and their pages open."""
    await visitor.signup()
    cookie = visitor.http.cookies["bonafide_refresh"]
    await visitor.http.post("/auth/logout", headers=visitor.csrf_headers())
    visitor.http.cookies.set("bonafide_refresh", cookie)
    for bearer in (True, False):
        assert not (await asked(visitor, bearer=bearer))["signed_in"]


@pytest.mark.parametrize("name", FILES)
async def test_the_client_is_served_as_it_is(visitor: Visitor, name: str) -> None:
    """A browser would not run it, or run yesterday's."""
    answer = await visitor.http.get(PREFIX + name)
    assert answer.content == (WEB / name).read_bytes()
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    for tag in (answer.headers["etag"], f'"other", W/{answer.headers["etag"]}'):
        known = await visitor.http.get(PREFIX + name, headers={"if-none-match": tag})
        assert (known.status_code, known.content) == (304, b"")
    assert (await visitor.http.get(PREFIX + name, headers={"if-none-match": '"other"'})).status_code == 200

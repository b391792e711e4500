"""Signing up, in and out over GraphQL: tokens, cookies, and who may use them."""

import re
from datetime import datetime

import httpx
import pytest

from app.settings import Settings
from tests.fakes import FixedClock, Mailbox
from tests.serving import HOME, LOGIN, LOGOUT, ME, PASSWORD, REFRESH, Visitor, served

IN_BODY = {"x-token-delivery": "body"}


async def test_a_browser_signs_up_and_is_signed_in(visitor: Visitor) -> None:
    """Nobody could begin."""
    payload = await visitor.signup()
    assert payload["isNewUser"] is True
    assert payload["requiresTwoFactor"] is False
    assert payload["user"]["email"] == "ada@example.org"
    assert payload["refreshToken"] is None
    assert visitor.session_cookies == {"bonafide_refresh", "bonafide_csrf"}
    me = (await visitor.data(ME))["me"]
    assert me.pop("id") == payload["user"]["id"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", me.pop("createdAt"))
    assert me == {
        "email": "ada@example.org",
        "emailVerified": False,
        "handle": "ada",
        "username": "ada",
        "displayName": "Ada",
        "bio": "",
        "avatarUrl": None,
        "verifiedAt": None,
        "faceFindings": [],
    }


async def test_a_native_app_gets_its_token_in_the_body(visitor: Visitor) -> None:
    """An app without a cookie jar would be signed out after 15 minutes."""
    payload = await visitor.signup(headers=IN_BODY)
    assert not visitor.session_cookies
    refreshed = (await visitor.data(REFRESH, {"token": payload["refreshToken"]}, headers=IN_BODY))["refreshToken"]
    assert refreshed["refreshToken"] not in (None, payload["refreshToken"])
    assert not visitor.session_cookies


async def test_signing_in_again(visitor: Visitor, transport: httpx.ASGITransport) -> None:
    """A second device could not be used."""
    await visitor.signup()
    other = Visitor(transport)
    payload = (await other.data(LOGIN, {"email": "ADA@example.org ", "password": PASSWORD}))["login"]
    assert payload["isNewUser"] is False
    other.access_token = payload["accessToken"]
    assert (await other.data(ME))["me"]["handle"] == "ada"


async def test_a_wrong_password_and_an_unknown_address_look_alike(visitor: Visitor) -> None:
    """Anyone could find out who has an account here."""
    await visitor.signup()
    wrong = (await visitor.post(LOGIN, {"email": "ada@example.org", "password": "x" * 12})).json()
    unknown = (await visitor.post(LOGIN, {"email": "bob@example.org", "password": "x" * 12})).json()
    assert wrong == unknown
    assert wrong["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_a_refusal_names_the_field(visitor: Visitor) -> None:
    """A sign-up form could not say what to correct."""
    await visitor.signup()
    person = {"email": "new@example.org", "password": PASSWORD, "username": "ada", "displayName": "A"}
    signup = "mutation ($i: SignupInput!) { signup(input: $i) { isNewUser } }"
    refused = await visitor.refusal(signup, {"i": person})
    assert (refused["code"], refused["field"], len(refused["suggestions"])) == ("CONFLICT", "username", 3)
    for field, value in (("email", "nobody"), ("password", "short"), ("username", "a"), ("displayName", "")):
        refused = await visitor.refusal(signup, {"i": {**person, "username": "new", field: value}})
        assert (refused["code"], refused["field"]) == ("BAD_USER_INPUT", field)
    assert (await visitor.refusal(signup, {"i": {"email": "x@example.org"}}))["code"] == "BAD_USER_INPUT"


async def test_too_many_guesses_are_told_how_long_to_wait(visitor: Visitor) -> None:
    """A person who mistyped would not know when to try again."""
    for _ in range(12):
        await visitor.refusal(LOGIN, {"email": "ada@example.org", "password": "x" * 12})
    refused = await visitor.refusal(LOGIN, {"email": "ada@example.org", "password": "x" * 12})
    assert refused["code"] == "RATE_LIMITED"
    assert 1 <= refused["retryAfter"] <= 60


async def test_me_without_and_with_a_bad_token(visitor: Visitor, clock: FixedClock) -> None:
    """A page could not tell "signed out" from "refresh now"."""
    assert (await visitor.data(ME))["me"] is None
    await visitor.signup()
    clock.advance(15 * 60)
    assert await visitor.refusal(ME) == {"code": "UNAUTHENTICATED", "reason": "TOKEN_EXPIRED"}
    visitor.access_token = "a.b.c"
    assert (await visitor.refusal(ME))["code"] == "UNAUTHENTICATED"
    await visitor.data(LOGIN, {"email": "ada@example.org", "password": PASSWORD})  # signing in still works


async def test_a_page_of_ours_refreshes_by_cookie(visitor: Visitor) -> None:
    """Everybody would be signed out after 15 minutes."""
    await visitor.signup()
    before = dict(visitor.http.cookies)
    payload = (await visitor.data(REFRESH, headers=visitor.csrf_headers()))["refreshToken"]
    assert payload["refreshToken"] is None
    assert visitor.http.cookies["bonafide_refresh"] != before["bonafide_refresh"]
    visitor.access_token = payload["accessToken"]
    assert (await visitor.data(ME))["me"]["handle"] == "ada"


async def test_a_cookie_never_turns_into_a_token_that_a_script_can_read(visitor: Visitor) -> None:
    """A script injected into a page could carry the session away, which HttpOnly is there to prevent."""
    await visitor.signup()
    before = visitor.http.cookies["bonafide_refresh"]
    refreshed = (await visitor.data(REFRESH, headers={**visitor.csrf_headers(), **IN_BODY}))["refreshToken"]
    assert refreshed["refreshToken"] is None
    assert visitor.http.cookies["bonafide_refresh"] != before


async def test_another_site_cannot_use_the_cookie(visitor: Visitor, transport: httpx.ASGITransport) -> None:
    """A page that a person visits could rotate, take over or end their session."""
    await visitor.signup()
    good = visitor.csrf_headers()
    other = Visitor(transport)
    await other.signup("eve")
    attempts = [
        {},
        {"origin": HOME},
        {"x-csrf-token": good["x-csrf-token"]},
        {**good, "origin": "https://evil.example"},
        {**good, "origin": "null"},
        {**good, "x-csrf-token": other.csrf_headers()["x-csrf-token"]},
        {**good, "x-csrf-token": good["x-csrf-token"][:-1]},
    ]
    for headers in attempts:
        for query in (REFRESH, LOGOUT):
            answer = await visitor.post(query, headers=headers)
            assert answer.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN", headers
            assert "set-cookie" not in answer.headers
    await visitor.data(REFRESH, headers=good)


async def test_a_refused_refresh_never_clears_the_cookie(visitor: Visitor, clock: FixedClock) -> None:
    """A tab that loses a race would sign out the tab that won it."""
    await visitor.signup()
    headers = visitor.csrf_headers()
    old = dict(visitor.http.cookies)
    await visitor.data(REFRESH, headers=headers)
    clock.advance(11)
    await visitor.data(REFRESH, headers=visitor.csrf_headers())
    clock.advance(11)
    visitor.http.cookies.clear()
    visitor.http.cookies.update(old)
    answer = await visitor.post(REFRESH, headers=headers)
    assert answer.json()["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED", "reason": "REFRESH_REUSED"}
    assert "set-cookie" not in answer.headers


async def test_without_any_token_there_is_nothing_to_refresh(visitor: Visitor) -> None:
    """A first visit would look like a fault."""
    assert (await visitor.refusal(REFRESH)) == {"code": "UNAUTHENTICATED", "reason": "NO_REFRESH_TOKEN"}


async def test_a_refused_token_is_named(visitor: Visitor) -> None:
    """An app that keeps its own token could not tell that fault from one of its access token."""
    refused = await visitor.refusal(REFRESH, {"token": "made up"})
    assert refused == {"code": "UNAUTHENTICATED", "field": "token", "reason": "REFRESH_UNKNOWN"}


@pytest.mark.parametrize("way", ["cookie", "argument", "access token"])
async def test_signing_out_ends_the_session(visitor: Visitor, way: str) -> None:
    """Whoever finds the device, or a copy of a token, would still be signed in."""
    payload = await visitor.signup(headers=IN_BODY if way == "argument" else {})
    if way == "access token":
        visitor.http.cookies.clear()
    token = payload["refreshToken"]
    headers = visitor.csrf_headers() if way == "cookie" else {}
    answer = await visitor.post(LOGOUT, {"token": token}, headers=headers)
    assert answer.json() == {"data": {"logout": True}}
    assert not visitor.session_cookies
    assert (await visitor.refusal(ME))["reason"] == "SESSION_ENDED"
    if token:
        assert (await visitor.refusal(REFRESH, {"token": token}))["code"] == "UNAUTHENTICATED"


async def test_signing_out_beside_a_dead_cookie_ends_the_session_in_use(visitor: Visitor) -> None:
    """A browser with an old cookie would say "signed out" while its access token went on working."""
    await visitor.signup()
    await visitor.data(LOGOUT, {"token": visitor.http.cookies["bonafide_refresh"].partition(".")[2]})
    dead = dict(visitor.http.cookies)
    payload = (await visitor.data(LOGIN, {"email": "ada@example.org", "password": PASSWORD}, headers=IN_BODY))["login"]
    visitor.access_token = payload["accessToken"]
    assert dict(visitor.http.cookies) == dead
    assert await visitor.data(LOGOUT, headers=visitor.csrf_headers()) == {"logout": True}
    assert (await visitor.refusal(ME))["reason"] == "SESSION_ENDED"
    visitor.http.cookies.update(dead)  # and with nothing alive any more it is no fault either
    assert await visitor.data(LOGOUT, headers=visitor.csrf_headers()) == {"logout": False}


class CountingClock(FixedClock):
    """Counts how often the time is asked for; every look at an access token asks."""

    asked = 0

    def now(self) -> datetime:
        self.asked += 1
        return super().now()


async def test_one_request_is_one_look_at_its_token(settings: Settings, mailbox: Mailbox) -> None:
    """One small document would verify a signature and ask the database a hundred times."""
    clock = CountingClock()
    looks = "{ " + " ".join(f"a{n}: me {{ id }}" for n in range(100)) + " }"
    async with served(settings, clock=clock, mailbox=mailbox) as (_, transport):
        visitor = Visitor(transport)
        await visitor.signup()
        asked = []
        for query in ("{ me { id } }", looks):
            before = clock.asked
            assert len(set(map(str, (await visitor.data(query)).values()))) == 1
            asked.append(clock.asked - before)
        assert asked[0] == asked[1] > 0
        visitor.access_token = (visitor.access_token or "")[:-8] + "AAAAAAAA"
        refused = (await visitor.post(looks)).json()["errors"]
        assert len(refused) == 100
        assert {error["extensions"]["code"] for error in refused} == {"UNAUTHENTICATED"}


async def test_signing_out_when_nobody_is_signed_in(visitor: Visitor) -> None:
    """A second click on "sign out" would show an error."""
    assert await visitor.data(LOGOUT) == {"logout": False}


async def test_the_mailed_link_proves_the_address(visitor: Visitor, mailbox: Mailbox) -> None:
    """Nobody's address would ever count as proved."""
    await visitor.signup()
    token = re.search(r"/verify-email#token=(\S+)", mailbox.sent[0].text)
    assert token is not None
    query = "mutation ($token: String) { verifyEmail(token: $token) }"
    assert await visitor.data(query, {"token": token[1]}) == {"verifyEmail": True}
    assert (await visitor.data(ME))["me"]["emailVerified"] is True
    assert (await visitor.refusal(query, {"token": token[1]}))["code"] == "GONE"
    assert await visitor.refusal(query) == {"code": "BAD_USER_INPUT", "field": "token"}


async def test_a_challenge_is_drawn(visitor: Visitor) -> None:
    """Nobody could begin the check for the badge."""
    query = (
        "mutation ($exclude: [LivenessStep!]) "
        "{ createLivenessChallenge(exclude: $exclude) { token steps expiresAt streamUrl } }"
    )
    assert (await visitor.refusal(query))["code"] == "UNAUTHENTICATED"
    await visitor.signup()
    challenge = (await visitor.data(query, {"exclude": ["BLINK", "SMILE"]}))["createLivenessChallenge"]
    assert len(challenge["steps"]) == 3
    assert not {"BLINK", "SMILE"} & set(challenge["steps"])
    assert challenge["expiresAt"] == "2026-11-20T12:05:00.000Z"
    assert challenge["streamUrl"] == "ws://127.0.0.1:8000/liveness/stream"
    turns = ["LOOK_LEFT", "LOOK_RIGHT", "LOOK_UP", "LOOK_DOWN"]
    assert await visitor.refusal(query, {"exclude": turns}) == {"code": "BAD_USER_INPUT", "field": "exclude"}
    assert (await visitor.refusal(query, {"exclude": ["WINK"]}))["field"] == "exclude"


async def test_a_claim_with_a_frame_that_is_no_picture(visitor: Visitor) -> None:
    """A broken camera upload would look like a failed check."""
    query = 'mutation ($f: String!) { confirmLiveness(token: "t", frame: $f) { success error } }'
    assert (await visitor.refusal(query, {"f": "YQ=="}))["code"] == "UNAUTHENTICATED"
    await visitor.signup()
    for frame in ("no base64!", "é", "YQ", "data:image/jpeg;base64,???"):
        assert await visitor.refusal(query, {"f": frame}) == {"code": "BAD_USER_INPUT", "field": "frame"}

"""Signing in and out over REST: tokens, cookies, refusals, and the limits that both edges share."""

from datetime import datetime

import httpx

from app.settings import Settings
from tests.fakes import FixedClock, Mailbox
from tests.serving import HOME, LOGIN, ME, PASSWORD, Visitor, served

IN_BODY = {"x-token-delivery": "body"}
ADA = {"email": "ada@example.org", "password": PASSWORD}


async def test_signing_in_gives_a_browser_a_bearer_and_a_cookie(visitor: Visitor) -> None:
    """A page written for source B could not sign anybody in."""
    await visitor.signup()
    visitor.http.cookies.clear()
    answer = await visitor.http.post("/auth/login", json={"email": " ADA@example.org", "password": PASSWORD})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    tokens = answer.json()
    assert set(tokens) == {"access_token", "token_type", "expires_in"}
    assert (tokens["token_type"], tokens["expires_in"]) == ("bearer", 900)
    assert visitor.session_cookies == {"bonafide_refresh", "bonafide_csrf"}
    visitor.access_token = tokens["access_token"]
    assert (await visitor.data(ME))["me"]["handle"] == "ada"


class Walking(FixedClock):
    """A clock that goes on while a request is answered, as real ones do."""

    def now(self) -> datetime:
        self.advance(0.001)
        return super().now()


async def test_what_was_promised_is_told_while_time_passes(settings: Settings, mailbox: Mailbox) -> None:
    """A page would be told 899 seconds where 900 were promised, and a browser's cookie would end before its session."""
    async with served(settings, clock=Walking(), mailbox=mailbox) as (_, transport):
        visitor = Visitor(transport)
        await visitor.signup()
        answer = await visitor.http.post("/auth/login", json=ADA)
        assert answer.json()["expires_in"] == 900
        refresh = next(each for each in answer.headers.get_list("set-cookie") if each.startswith("bonafide_refresh"))
        assert "; Max-Age=604800;" in refresh


async def test_a_native_app_gets_the_pair_in_the_body(visitor: Visitor) -> None:
    """An app without a cookie jar would be signed out after 15 minutes."""
    await visitor.signup(headers=IN_BODY)
    signed_in = (await visitor.http.post("/auth/login", json=ADA, headers=IN_BODY)).json()
    assert not visitor.session_cookies
    held = {"refresh_token": signed_in["refresh_token"]}
    refreshed = (await visitor.http.post("/auth/refresh", json=held, headers=IN_BODY)).json()
    assert refreshed["refresh_token"] != signed_in["refresh_token"]
    ended = await visitor.http.post("/auth/logout", json={"refresh_token": refreshed["refresh_token"]})
    assert ended.json() == {"ended": True}
    again = await visitor.http.post("/auth/refresh", json={"refresh_token": refreshed["refresh_token"]})
    told = again.json()
    assert (again.status_code, told["field"], told["reason"]) == (401, "refresh_token", "REFRESH_REVOKED")


async def test_a_wrong_password_and_an_unknown_address_look_alike(visitor: Visitor) -> None:
    """Anyone could find out who has an account here."""
    await visitor.signup()
    answers = []
    for email in ("ada@example.org", "bob@example.org", "no address"):
        answer = await visitor.http.post("/auth/login", json={"email": email, "password": "x" * 12})
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"
        answers.append({**answer.json(), "requestId": ""})
    assert answers[0] == answers[1] == answers[2]
    assert answers[0]["code"] == "UNAUTHENTICATED"
    assert answers[0]["reason"] == "WRONG_CREDENTIALS"


async def test_both_edges_count_guesses_together(visitor: Visitor) -> None:
    """Whoever guesses would have twice the tries by changing the door."""
    wrong = {"email": "ada@example.org", "password": "x" * 12}
    for _ in range(12):
        assert (await visitor.http.post("/auth/login", json=wrong)).status_code == 401
    assert (await visitor.refusal(LOGIN, wrong))["code"] == "RATE_LIMITED"
    refused = await visitor.http.post("/auth/login", json=wrong)
    assert refused.status_code == 429
    assert refused.json()["reason"] == "email.login"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.json()["retryAfter"] == int(refused.headers["retry-after"])


async def test_a_cookie_refreshes_only_for_a_page_of_ours(visitor: Visitor) -> None:
    """A page that a person visits could rotate, take over or end their session."""
    await visitor.signup()
    good = visitor.csrf_headers()
    for headers in ({}, {"origin": HOME}, {**good, "origin": "https://evil.example"}, {**good, "x-csrf-token": "x.y"}):
        for path in ("/auth/refresh", "/auth/logout"):
            answer = await visitor.http.post(path, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN"), headers
            assert "set-cookie" not in answer.headers
    for body in (None, {}):  # some clients cannot send a POST without a body
        refreshed = await visitor.http.post("/auth/refresh", json=body, headers={**visitor.csrf_headers(), **IN_BODY})
        assert refreshed.status_code == 200, refreshed.text
    assert "refresh_token" not in refreshed.json()  # what came by cookie goes back by cookie
    ended = await visitor.http.post("/auth/logout", headers=visitor.csrf_headers())
    assert ended.json() == {"ended": True}
    assert not visitor.session_cookies


async def test_a_session_opened_here_is_the_same_session_there(visitor: Visitor) -> None:
    """Signing out in one place would leave the person signed in at the other."""
    await visitor.signup()
    visitor.access_token = (await visitor.http.post("/auth/login", json=ADA)).json()["access_token"]
    assert await visitor.data("mutation { logout }", headers=visitor.csrf_headers()) == {"logout": True}
    refused = await visitor.http.get("/profile/me", headers={"authorization": f"Bearer {visitor.access_token}"})
    assert (refused.status_code, refused.json()["reason"]) == (401, "SESSION_ENDED")


async def test_without_any_token_there_is_nothing_to_refresh_or_end(visitor: Visitor) -> None:
    """A first visit would look like a fault."""
    refused = await visitor.http.post("/auth/refresh")
    assert (refused.status_code, refused.json()["reason"]) == (401, "NO_REFRESH_TOKEN")
    assert (await visitor.http.post("/auth/logout")).json() == {"ended": False}


BAD_BODIES = [
    (b"", 415, None),
    (b"{", 400, None),
    (b"[]", 400, None),
    (b"null", 400, None),
    (b"{}", 400, "email"),
    (b'{"email": null, "password": "x"}', 400, "email"),
    (b'{"email": 7, "password": "x"}', 400, "email"),
    (b'{"email": ["a@b.org"], "password": "x"}', 400, "email"),
    (b'{"email": "a@b.org"}', 400, "password"),
    (b'{"email": "a@b.org", "password": "x", "admin": true}', 400, "admin"),
    (b'{"email": "a@b.org", "password": "x", "a b": true}', 400, None),
    (b'{"email": "a@b.org", "password": "\\u0000"}', 400, "password"),
    (b'{"email": "a@b.org", "password": "\\ud800"}', 400, "password"),
    (b'{"email": "a@b.org", "password": "x", "\\ud800": true}', 400, None),
    (b'{"email": "\xff", "password": "x"}', 400, None),
    (b'{"email": NaN, "password": "x"}', 400, None),
    (b"[" * 5000, 413, None),
    (b'{"email": "' + b"a" * 70_000 + b'"}', 413, None),
]


async def test_a_body_of_another_shape_is_refused_by_name(visitor: Visitor) -> None:
    """A form could not say what to correct, or a wrong type would surface as a fault of ours."""
    for body, status, field in BAD_BODIES:
        headers = {"content-type": "application/json"} if body else {}
        answer = await visitor.http.post("/auth/login", content=body, headers=headers)
        assert (answer.status_code, answer.json().get("field")) == (status, field), body[:80]
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_refusal_repeats_nothing_that_was_sent(visitor: Visitor) -> None:
    """A password in the wrong field would end up in error reports."""
    for body in ({"email": ["hunter2hunter2"], "password": "x"}, {"hunter2hunter2 !": 1, "email": "", "password": ""}):
        assert "hunter2hunter2" not in (await visitor.http.post("/auth/login", json=body)).text


async def test_only_json_is_read(visitor: Visitor) -> None:
    """A foreign page may send these without asking: it could sign a person in as somebody else."""
    for content_type in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
    ):
        for path in ("/auth/login", "/auth/refresh"):
            answer = await visitor.http.post(path, content=b'{"email":"a"}', headers={"content-type": content_type})
            assert (answer.status_code, answer.json()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_a_wrong_method_is_told_the_right_ones(visitor: Visitor) -> None:
    """A developer would search for the fault in their body."""
    answer: httpx.Response = await visitor.http.delete("/auth/login")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")

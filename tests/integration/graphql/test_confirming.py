"""Step-up over GraphQL: a page learns what to ask for, asks once, and is not asked again for five minutes."""

import httpx

from tests.authenticator import switched_on
from tests.fakes import FixedClock
from tests.integration.graphql.test_account_life import CHANGE_EMAIL, DELETE
from tests.serving import LOGIN, ME, PASSWORD, Visitor

CONFIRM = "mutation ($password: String, $code: String) { confirmIdentity(password: $password, code: $code) }"
STANDING = "{ me { confirmedUntil confirmationMethods } }"


async def test_a_page_asks_once_and_then_not_for_five_minutes(visitor: Visitor, clock: FixedClock) -> None:
    """A person would be asked at each click, or a page not know what to ask for."""
    await visitor.signup()
    refused = await visitor.refusal(CHANGE_EMAIL, {"email": "new@example.org"})
    assert (refused["code"], refused["reason"]) == ("FORBIDDEN", "REAUTHENTICATION_NEEDED")
    assert (await visitor.data(STANDING))["me"] == {"confirmedUntil": None, "confirmationMethods": ["PASSWORD"]}
    wrong = await visitor.refusal(CONFIRM, {"password": "a wrong guess"})
    assert (wrong["code"], wrong["field"]) == ("FORBIDDEN", "password")
    assert await visitor.data(CONFIRM, {"password": PASSWORD}) == {"confirmIdentity": True}
    assert (await visitor.data(STANDING))["me"]["confirmedUntil"] == "2026-11-20T12:05:00.000Z"
    assert await visitor.data(CHANGE_EMAIL, {"email": "new@example.org"}) == {"changeEmail": True}
    clock.advance(301)
    assert (await visitor.data(STANDING))["me"]["confirmedUntil"] is None
    assert (await visitor.refusal(DELETE))["reason"] == "REAUTHENTICATION_NEEDED"


async def test_a_page_learns_that_it_takes_a_code(visitor: Visitor, clock: FixedClock) -> None:
    """A page would ask for a password that is not enough."""
    await visitor.signup()
    phone, _ = await switched_on(visitor, clock)
    assert (await visitor.data(STANDING))["me"]["confirmationMethods"] == ["CODE"]
    assert (await visitor.refusal(CONFIRM, {"password": PASSWORD}))["reason"] == "REAUTHENTICATION_NEEDED"
    assert await visitor.data(CONFIRM, {"code": phone.code()}) == {"confirmIdentity": True}
    assert await visitor.data(DELETE) == {"deleteAccount": True}
    assert (await visitor.refusal(ME))["code"] == "UNAUTHENTICATED"


async def test_only_whoever_is_signed_in_confirms_and_one_guess_at_a_time(
    visitor: Visitor, transport: httpx.ASGITransport
) -> None:
    """A thousand passwords would be tried in one request, or a session be opened by confirming."""
    await visitor.signup()
    stranger = Visitor(transport)
    assert (await stranger.refusal(CONFIRM, {"password": PASSWORD}))["code"] == "UNAUTHENTICATED"
    twice = 'mutation { a: confirmIdentity(password: "one") b: confirmIdentity(password: "two") }'
    assert (await visitor.refusal(twice))["code"] == "BAD_USER_INPUT"
    assert await visitor.refusal("mutation { confirmIdentity }") == {"code": "BAD_USER_INPUT", "field": "password"}
    other = Visitor(transport)
    signed_in = await other.data(LOGIN, {"email": "ada@example.org", "password": PASSWORD})
    other.access_token = signed_in["login"]["accessToken"]
    await visitor.data(CONFIRM, {"password": PASSWORD})
    assert (await other.data(STANDING))["me"]["confirmedUntil"] is None

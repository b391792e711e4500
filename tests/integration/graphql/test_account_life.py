"""The life of an account over GraphQL: a new password, a new address, everything about it, and its end."""

import json
from typing import Any

import httpx
import pytest

from app.wiring import Services
from tests.fakes import Mailbox
from tests.serving import LOGIN, ME, PASSWORD, Visitor

REQUEST_RESET = "mutation ($email: String!) { requestPasswordReset(email: $email) }"
RESET = "mutation ($token: String!, $password: String!) { resetPassword(token: $token, password: $password) }"
CHANGE_PASSWORD = (
    "mutation ($current: String, $password: String!, $code: String) "
    "{ changePassword(current: $current, password: $password, code: $code) }"
)
CHANGE_EMAIL = (
    "mutation ($email: String!, $password: String, $code: String) "
    "{ changeEmail(email: $email, password: $password, code: $code) }"
)
EXPORT = "mutation { exportMyData }"
DELETE = "mutation ($password: String, $code: String) { deleteAccount(password: $password, code: $code) }"
NEW = "a brand new wheelbarrow"


async def token_in_mail(services: Services, mailbox: Mailbox) -> str:
    await services.background.settled()
    return mailbox.sent[-1].text.split("#token=")[1].split()[0]


async def test_a_forgotten_password_is_replaced_by_mail(
    visitor: Visitor, transport: httpx.ASGITransport, services: Services, mailbox: Mailbox
) -> None:
    """Whoever forgets their password would have lost their account."""
    await visitor.signup()
    stranger = Visitor(transport)
    answers = [
        (await stranger.post(REQUEST_RESET, {"email": email})).json()
        for email in ("nobody@example.org", "ada@example.org")
    ]
    assert answers[0] == answers[1] == {"data": {"requestPasswordReset": True}}
    token = await token_in_mail(services, mailbox)
    refused = await stranger.refusal(RESET, {"token": token, "password": "password"})
    assert (refused["field"], refused["reason"]) == ("password", "PASSWORD_COMMON")
    answer = await stranger.post(RESET, {"token": token, "password": NEW})
    assert answer.json() == {"data": {"resetPassword": True}}
    assert "set-cookie" not in answer.headers, "it signs nobody in"
    assert (await visitor.refusal(ME))["reason"] == "SESSION_ENDED"
    assert (await stranger.refusal(RESET, {"token": token, "password": NEW}))["code"] == "GONE"
    await stranger.data(LOGIN, {"email": "ada@example.org", "password": NEW})


async def test_a_password_is_changed_by_whoever_knows_it(visitor: Visitor) -> None:
    """A person who fears for their password could not change it, or anybody at their desk could."""
    await visitor.signup()
    for current, field in ((None, None), ("a wrong guess", "current")):
        refused = await visitor.refusal(CHANGE_PASSWORD, {"current": current, "password": NEW})
        assert (refused["code"], refused["reason"]) == ("FORBIDDEN", "REAUTHENTICATION_NEEDED")
        assert refused.get("field") == field
    await visitor.data(CHANGE_PASSWORD, {"current": PASSWORD, "password": NEW})
    assert (await visitor.data(ME))["me"]["handle"] == "ada", "this device stays signed in"


async def test_an_address_is_changed_by_proof(visitor: Visitor, services: Services, mailbox: Mailbox) -> None:
    """A person whose mailbox closes would lose their account with it."""
    await visitor.signup()
    await services.background.settled()
    mailbox.sent.clear()
    await visitor.data(CHANGE_EMAIL, {"email": "new@example.org", "password": PASSWORD})
    await services.background.settled()
    (proof,) = [mail for mail in mailbox.sent if mail.to == "new@example.org"]
    token = proof.text.split("#token=")[1].split()[0]
    await visitor.data("mutation ($token: String) { verifyEmail(token: $token) }", {"token": token})
    me = (await visitor.data(ME))["me"]
    assert (me["email"], me["emailVerified"]) == ("new@example.org", True)


async def test_a_person_takes_their_data_along_and_goes(visitor: Visitor) -> None:
    """Nobody could leave, or they would leave everything behind."""
    await visitor.signup()
    held: dict[str, Any] = json.loads((await visitor.data(EXPORT))["exportMyData"])
    assert held["account"]["email"] == "ada@example.org"
    assert (await visitor.refusal(DELETE))["reason"] == "REAUTHENTICATION_NEEDED"
    assert (await visitor.data(DELETE, {"password": PASSWORD}))["deleteAccount"] is True
    assert not visitor.session_cookies
    assert (await visitor.refusal(ME))["reason"] == "SESSION_ENDED"
    visitor.access_token = None
    refused = await visitor.refusal(LOGIN, {"email": "ada@example.org", "password": PASSWORD})
    assert refused["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize("query", [CHANGE_PASSWORD, CHANGE_EMAIL, EXPORT, DELETE])
async def test_strangers_change_nothing(visitor: Visitor, query: str) -> None:
    """Anybody could change or read anybody's account."""
    variables = {"password": NEW} | ({"email": "x@example.org"} if query is CHANGE_EMAIL else {})
    refused = await visitor.refusal(query, None if query is EXPORT else variables)
    assert refused["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        (REQUEST_RESET, {}),
        (REQUEST_RESET, {"email": None}),
        (REQUEST_RESET, {"email": 5}),
        (REQUEST_RESET, {"email": "<script>"}),
        (REQUEST_RESET, {"email": "a\u202eda@example.org"}),
        (RESET, {"token": "x"}),
        (RESET, {"token": ["x"], "password": NEW}),
        (CHANGE_PASSWORD, {"current": {"$ne": ""}, "password": NEW}),
        (CHANGE_PASSWORD, {"current": PASSWORD, "password": "\u200b" * 3}),
        (CHANGE_EMAIL, {"email": "ada@example.org", "password": PASSWORD}),
        (CHANGE_EMAIL, {"email": "' or 1=1 --", "password": PASSWORD}),
        (DELETE, {"code": "x" * 10_000}),
        (DELETE, {"code": "\u0660" * 6}),
    ],
)
async def test_input_that_makes_no_sense_is_named(visitor: Visitor, query: str, variables: dict[str, Any]) -> None:
    """A page could not say what was wrong, or half a change would be left behind."""
    await visitor.signup()
    assert (await visitor.refusal(query, variables))["code"] == "BAD_USER_INPUT"
    assert (await visitor.data(ME))["me"]["email"] == "ada@example.org"

"""Registering at a campus over GraphQL: the list, the refusals with suggestions, and the proof."""

import re
from typing import Any

import httpx
import pytest

from tests.fakes import Mailbox
from tests.serving import LOGIN, ME, PASSWORD, Visitor

REGISTER = "mutation ($input: RegisterInput!) { register(input: $input) { userId email } }"
RESEND = "mutation ($email: String!) { resendVerification(email: $email) }"
VERIFY = (
    "mutation ($token: String, $code: String, $email: String) "
    "{ verifyEmail(token: $token, code: $code, email: $email) }"
)
TORONTO = "01900000-0000-7000-8000-00000000000c"
ADA: dict[str, Any] = {"email": "ada@utoronto.ca", "password": PASSWORD, "handle": "ada", "campusId": TORONTO}


async def test_from_the_list_of_campuses_to_a_proved_account(visitor: Visitor, mailbox: Mailbox) -> None:
    """Nobody could join by their campus address."""
    campuses = (await visitor.data("{ campuses { id name domain } }"))["campuses"]
    toronto = {"id": TORONTO, "name": "University of Toronto", "domain": "utoronto.ca"}
    assert toronto in campuses
    registered = (await visitor.data(REGISTER, {"input": {**ADA, "displayName": "Ada"}}))["register"]
    assert registered["email"] == "ada@utoronto.ca"
    assert not visitor.session_cookies, "nobody is signed in by registering"
    code = re.search(r"^\d{6}$", mailbox.sent[-1].text, re.MULTILINE)
    assert code is not None
    assert await visitor.data(VERIFY, {"code": code[0], "email": "ada@utoronto.ca"}) == {"verifyEmail": True}
    assert (await visitor.refusal(VERIFY, {"code": code[0], "email": "ada@utoronto.ca"}))["code"] == "GONE"
    entered = (await visitor.data(LOGIN, {"email": "ada@utoronto.ca", "password": PASSWORD}))["login"]
    visitor.access_token = entered["accessToken"]
    me = (await visitor.data(ME))["me"]
    assert (me["id"], me["emailVerified"]) == (registered["userId"], True)


async def test_a_taken_handle_comes_with_others(visitor: Visitor) -> None:
    """A form could not offer what is free, or would put the message beside the wrong input."""
    await visitor.signup()
    refused = await visitor.refusal(REGISTER, {"input": ADA})
    suggestions = refused.pop("suggestions")
    assert refused == {"code": "CONFLICT", "field": "handle"}
    assert len(suggestions) == 3
    await visitor.data(REGISTER, {"input": {**ADA, "handle": suggestions[0]}})


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": None}, "email"),
        ({"email": 7}, "email"),
        ({"email": "ada@example.org"}, "email"),
        ({"password": None}, "password"),
        ({"password": "short"}, "password"),
        ({"handle": "ada-l"}, "handle"),
        ({"handle": ["ada"]}, "handle"),
        ({"campusId": None}, "campusId"),
        ({"campusId": "x"}, "campusId"),
        ({"displayName": "\u202eevil"}, "displayName"),
        ({"role": "admin"}, "role"),
    ],
)
async def test_bad_input_names_the_field(visitor: Visitor, change: dict[str, Any], field: str) -> None:
    """A form could not say what to correct."""
    refused = await visitor.refusal(REGISTER, {"input": {**ADA, **change}})
    assert (refused["code"], refused["field"]) == ("BAD_USER_INPUT", field)


async def test_a_known_address_gets_the_same_answer(visitor: Visitor, transport: httpx.ASGITransport) -> None:
    """Anyone could find out who has an account here."""
    answers = []
    for name, handle in (("ada", "ada"), ("ada", "other"), ("new", "another")):
        given = {**ADA, "email": f"{name}@utoronto.ca", "handle": handle}
        answer = (await Visitor(transport).post(REGISTER, {"input": given})).json()["data"]["register"]
        assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", answer["userId"])
        answers.append({**answer, "userId": "", "email": answer["email"].replace(name, "")})
    assert answers[0] == answers[1] == answers[2]
    assert await visitor.data(RESEND, {"email": "ada@utoronto.ca"}) == {"resendVerification": True}
    assert await visitor.data(RESEND, {"email": "nobody@utoronto.ca"}) == {"resendVerification": True}


async def test_a_fourth_letter_must_wait(visitor: Visitor) -> None:
    """A stranger could fill somebody's mailbox, or a person would press for ever without knowing why nothing comes."""
    for _ in range(3):
        await visitor.data(RESEND, {"email": "ada@utoronto.ca"})
    refused = await visitor.refusal(RESEND, {"email": "ADA@utoronto.ca"})
    assert (refused["code"], refused["reason"]) == ("RATE_LIMITED", "email.resend")
    assert 0 < refused["retryAfter"] <= 3600

"""Registering at a campus over REST, to the proved account, and its refusals."""

import re
from typing import Any

import httpx
import pytest

from app.wiring import Services
from tests.fakes import Mailbox
from tests.serving import PASSWORD, Visitor

TORONTO = "01900000-0000-7000-8000-00000000000c"
ADA: dict[str, Any] = {"email": "ada@utoronto.ca", "password": PASSWORD, "handle": "ada", "campus_id": TORONTO}


async def letter(services: Services, mailbox: Mailbox) -> str:
    """The text of the last mail, once it is sent."""
    await services.background.settled()
    return mailbox.sent[-1].text


@pytest.mark.parametrize("way", ["link", "code"])
async def test_from_the_list_of_campuses_to_ones_profile(
    visitor: Visitor, services: Services, mailbox: Mailbox, way: str
) -> None:
    """The whole journey of source B would break somewhere."""
    campuses = (await visitor.http.get("/auth/campuses")).json()
    assert {"id": TORONTO, "name": "University of Toronto", "domain": "utoronto.ca"} in campuses
    registered = await visitor.http.post(
        "/auth/register", json={**ADA, "email": "Ada@UToronto.ca", "handle": "Ada", "display_name": "Ada L."}
    )
    assert registered.status_code == 200, registered.text
    assert registered.json().keys() == {"user_id", "email"}
    assert registered.json()["email"] == "ada@utoronto.ca"
    assert not visitor.session_cookies, "nobody is signed in by registering"
    text = await letter(services, mailbox)
    link, code = re.search(r"/verify-email#token=(\S+)", text), re.search(r"^\d{6}$", text, re.MULTILINE)
    assert link is not None
    assert code is not None
    proof = {"token": link[1]} if way == "link" else {"code": code[0], "email": "ada@utoronto.ca"}
    proved = await visitor.http.post("/auth/verify-email", json=proof)
    assert (proved.status_code, proved.json()) == (200, {"ok": True})
    again = await visitor.http.post("/auth/verify-email", json=proof)
    assert (again.status_code, again.json()["code"]) == (410, "GONE")
    login = await visitor.http.post("/auth/login", json={"email": "ada@utoronto.ca", "password": PASSWORD})
    headers = {"authorization": f"Bearer {login.json()['access_token']}"}
    profile = (await visitor.http.get("/profile/me", headers=headers)).json()
    assert profile["id"] == registered.json()["user_id"]
    assert (profile["handle"], profile["display_name"]) == ("ada", "Ada L.")
    assert (profile["email_verified"], profile["campus_id"]) == (True, TORONTO)


async def test_a_new_letter_replaces_the_old(visitor: Visitor, services: Services, mailbox: Mailbox) -> None:
    """Whoever lost the first letter could never prove their address, or an old one would stay good."""
    await visitor.http.post("/auth/register", json=ADA)
    first = re.search(r"/verify-email#token=(\S+)", await letter(services, mailbox))
    assert (await visitor.http.post("/auth/resend", json={"email": "ADA@utoronto.ca"})).json() == {"ok": True}
    second = re.search(r"/verify-email#token=(\S+)", await letter(services, mailbox))
    assert first is not None
    assert second is not None
    for token, status in ((first[1], 410), (second[1], 200)):
        assert (await visitor.http.post("/auth/verify-email", json={"token": token})).status_code == status


async def test_a_known_address_gets_the_same_answer(visitor: Visitor, transport: httpx.ASGITransport) -> None:
    """Anyone could find out who has an account here."""
    answers = []
    for name, handle in (("ada", "ada"), ("ada", "other"), ("new", "another")):
        given = {**ADA, "email": f"{name}@utoronto.ca", "handle": handle}
        answer = await Visitor(transport).http.post("/auth/register", json=given)
        body = answer.json()
        answers.append((answer.status_code, body.keys(), body["email"].replace(name, ""), set(answer.headers)))
    assert answers[0] == answers[1] == answers[2]
    resent = [
        (await visitor.http.post("/auth/resend", json={"email": f"{name}@utoronto.ca"})).text
        for name in ("ada", "nobody")
    ]
    assert resent[0] == resent[1]


async def test_a_taken_handle_comes_with_others(visitor: Visitor) -> None:
    """A form could not offer what is free."""
    await visitor.signup()
    refused = await visitor.http.post("/auth/register", json=ADA)
    assert refused.status_code == 409
    assert (refused.json()["code"], refused.json()["field"]) == ("CONFLICT", "handle")
    other = {**ADA, "handle": refused.json()["suggestions"][0]}
    assert (await visitor.http.post("/auth/register", json=other)).status_code == 200


BAD_VALUES: list[tuple[dict[str, Any], str]] = [
    ({"email": None}, "email"),
    ({"email": 7}, "email"),
    ({"email": ""}, "email"),
    ({"email": "ada@example.org"}, "email"),
    ({"email": "ada@utoronto.ca.evil.example"}, "email"),
    ({"email": "\u0430da@utoronto.ca"}, "email"),
    ({"email": "a" * 5_000 + "@utoronto.ca"}, "email"),
    ({"password": None}, "password"),
    ({"password": "short"}, "password"),
    ({"password": "password123"}, "password"),
    ({"password": "x" * 129}, "password"),
    ({"handle": "ab"}, "handle"),
    ({"handle": "a" * 21}, "handle"),
    ({"handle": "ada-l"}, "handle"),
    ({"handle": "admin"}, "handle"),
    ({"handle": "\u0430da"}, "handle"),
    ({"handle": "ada\u200b"}, "handle"),
    ({"handle": "\u202eada"}, "handle"),
    ({"handle": "ada'; drop table accounts; --"}, "handle"),
    ({"handle": "<b>ada</b>"}, "handle"),
    ({"handle": ["ada"]}, "handle"),
    ({"campus_id": None}, "campus_id"),
    ({"campus_id": "x"}, "campus_id"),
    ({"campus_id": "019aa1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b"}, "campus_id"),
    ({"display_name": None}, "display_name"),
    ({"display_name": "\u202eevil"}, "display_name"),
    ({"display_name": "x" * 81}, "display_name"),
    ({"role": "admin"}, "role"),
]


async def test_a_refusal_names_the_field_and_writes_nothing(
    visitor: Visitor, services: Services, mailbox: Mailbox
) -> None:
    """A form could not say what to correct, or half an account would hold the handle."""
    for change, field in BAD_VALUES:
        refused = await visitor.http.post("/auth/register", json={**ADA, **change})
        assert refused.status_code == 400, change
        assert (refused.json()["code"], refused.json()["field"]) == ("BAD_USER_INPUT", field), change
    await services.background.settled()
    assert mailbox.sent == []
    assert (await visitor.http.post("/auth/register", json=ADA)).status_code == 200


async def test_the_handle_may_be_called_a_username(visitor: Visitor) -> None:
    """A client written for sources C, D or E could register nobody."""
    given = {name: value for name, value in ADA.items() if name != "handle"}
    assert (await visitor.http.post("/auth/register", json={**given, "username": "ada"})).status_code == 200
    taken = await visitor.http.post("/auth/register", json={**ADA, "email": "eve@utoronto.ca"})
    assert (taken.status_code, taken.json()["field"]) == (409, "handle")


async def test_what_is_missing_is_named(visitor: Visitor) -> None:
    """A developer would guess."""
    for missing in ("email", "password", "handle", "campus_id"):
        given = {name: value for name, value in ADA.items() if name != missing}
        refused = await visitor.http.post("/auth/register", json=given)
        assert (refused.status_code, refused.json()["field"], refused.json()["reason"]) == (400, missing, "MISSING")


BAD_PROOFS: list[tuple[dict[str, Any], int, str | None]] = [
    ({}, 400, "token"),
    ({"token": None}, 400, "token"),
    ({"token": 7}, 400, "token"),
    ({"token": ""}, 410, "token"),
    ({"token": "é"}, 410, "token"),
    ({"token": "a" * 5_000}, 410, "token"),
    ({"token": "' or 1=1 --"}, 410, "token"),
    ({"token": "a", "code": "492039", "email": "ada@utoronto.ca"}, 400, None),
    ({"code": "492039"}, 400, "email"),
    ({"email": "ada@utoronto.ca"}, 400, "code"),
    ({"code": "49203", "email": "ada@utoronto.ca"}, 400, "code"),
    ({"code": "٤٩٢٠٣٩", "email": "ada@utoronto.ca"}, 400, "code"),
    ({"code": "492039", "email": "nobody@utoronto.ca"}, 410, "code"),
]


async def test_a_proof_that_is_none(visitor: Visitor, services: Services) -> None:
    """Somebody would prove an address that is not theirs, or not learn what to correct."""
    for proof, status, field in BAD_PROOFS:
        await services.redis.flushall()  # six links a minute are another test's
        refused = await visitor.http.post("/auth/verify-email", json=proof)
        assert refused.status_code == status, proof
        assert field is None or refused.json()["field"] == field, proof


async def test_both_edges_count_letters_together(visitor: Visitor) -> None:
    """Somebody's mailbox could be filled twice as fast by changing the door."""
    again = "mutation ($email: String!) { resendVerification(email: $email) }"
    for _ in range(2):
        await visitor.http.post("/auth/resend", json={"email": "ada@utoronto.ca"})
    await visitor.data(again, {"email": "ada@utoronto.ca"})
    refused = await visitor.http.post("/auth/resend", json={"email": "ada@utoronto.ca"})
    assert (refused.status_code, refused.json()["reason"]) == (429, "email.resend")
    assert (await visitor.refusal(again, {"email": "ada@utoronto.ca"}))["code"] == "RATE_LIMITED"


async def test_a_network_registers_twenty_an_hour(visitor: Visitor) -> None:
    """A script could take every handle of a campus."""
    for number in range(20):
        given = {**ADA, "email": f"a{number}@utoronto.ca", "handle": f"ada_{number}"}
        assert (await visitor.http.post("/auth/register", json=given)).status_code == 200
    refused = await visitor.http.post("/auth/register", json=ADA)
    assert (refused.status_code, refused.json()["reason"]) == (429, "ip.register")
    assert 0 < int(refused.headers["retry-after"]) <= 3600


async def test_a_network_verifies_six_a_minute(visitor: Visitor) -> None:
    """Tokens and codes could be guessed at the speed of the network."""
    for _ in range(6):
        assert (await visitor.http.post("/auth/verify-email", json={"token": "no-token"})).status_code == 410
    refused = await visitor.http.post("/auth/verify-email", json={"token": "no-token"})
    assert (refused.status_code, refused.json()["reason"]) == (429, "ip.verify")

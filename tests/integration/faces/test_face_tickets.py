"""From the face that was seen to the session: over REST in D's shapes, by stream, and what a ticket never does."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from app.client.animation import PhotoAnimator
from app.client.sources import PhotoSource
from app.edge.rest.faces import WHAT_TO_DO
from app.embedded import EmbeddedServices
from app.main import create_app
from app.verification.model import VerificationError
from tests.attempts import Claim, Studio, studio
from tests.authenticator import Phone
from tests.browsers import Browser, browser, nobody_known

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(
    embedded: EmbeddedServices, tmp_path_factory: pytest.TempPathFactory, face_models: Path
) -> AsyncIterator[Studio]:
    async with studio(embedded, tmp_path_factory.mktemp("tickets"), face_models) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def stage(server: Studio) -> Studio:
    """The server, with nobody in its gallery."""
    await nobody_known(server)
    return server


async def seen(visitor: Browser, claim: Claim, **more: Any) -> dict[str, Any]:
    """What the first call says to a face that is found."""
    answer = await visitor.first_call(claim, **more)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert body["success"], body
    return body


def is_over(problem: dict[str, Any]) -> bool:
    """Whether it is the one refusal of every ticket that opens nothing."""
    return (problem["code"], problem["field"], problem["reason"]) == ("GONE", "ticket", "TICKET_OVER")


async def test_the_two_calls_of_source_d(stage: Studio, eileen: Claim) -> None:
    """A client written for D would not be let in."""
    async with browser(stage) as visitor, browser(stage) as again:
        first = await seen(visitor, eileen, name="Eileen Collins", keepPhoto=True)
        assert set(first) == {"success", "matchFound", "isNewUser", "data", "ticket", "message"}
        assert (first["matchFound"], first["isNewUser"]) == (False, True)
        data = first["data"]
        assert set(data) == {"vectorId", "cloudinaryUrl", "userName", "user"}
        assert set(data["user"]) == {"id", "username", "fullName", "profilePictureUrl"}
        assert data["userName"] == data["user"]["fullName"] == "Eileen Collins"
        assert data["cloudinaryUrl"] == data["user"]["profilePictureUrl"]
        assert (await visitor.http.get(data["cloudinaryUrl"])).status_code == 200
        assert visitor.cookies.count("bonafide_refresh") == 0, "nobody is signed in by the first call"
        second = await visitor.second_call(first["ticket"])
        body = second.json()
        assert set(body) == {"success", "isNewUser", "user", "tokens", "message"}
        assert body["isNewUser"]
        assert set(body["user"]) == {"id", "vectorId", "fullName", "username", "profilePictureUrl"}
        assert (body["user"]["id"], body["user"]["vectorId"]) == (data["user"]["id"], data["vectorId"])
        assert set(body["tokens"]) == {"accessToken"}
        assert "bonafide_refresh" in visitor.cookies
        found = await seen(again, eileen)
        assert (found["matchFound"], found["isNewUser"]) == (True, False)
        entered = (await again.second_call(found["ticket"], headers={"x-token-delivery": "body"})).json()
        assert set(entered["tokens"]) == {"accessToken", "refreshToken"}
        assert (entered["isNewUser"], entered["user"]["id"]) == (False, body["user"]["id"])


async def test_a_failed_check_is_an_answer_in_ds_shape(stage: Studio, eileen: Claim) -> None:
    """A client would take a face that was not seen for a fault of the server."""
    async with browser(stage) as visitor:
        answer = await visitor.first_call(Claim(eileen.still, ()))
        assert answer.status_code == 200
        body = answer.json()
        assert (body["success"], body["matchFound"], body["isNewUser"]) == (False, False, False)
        assert body["error"] == "CHALLENGE_FAILED"
        assert body["message"] == WHAT_TO_DO[VerificationError.CHALLENGE_FAILED]
        assert "ticket" not in body


async def test_every_failure_says_what_to_do() -> None:
    """A person would read nothing, or get an internal error, at the one failure that was forgotten."""
    assert set(WHAT_TO_DO) == set(VerificationError)
    assert len(set(WHAT_TO_DO.values())) == len(VerificationError)


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"image": "no picture"}, 400, "image"),
        ({"image": "bm8gcGljdHVyZQ=="}, 400, "image"),
        ({"evidence": [{"step": "JUMP", "frame": "", "capturedAtMs": 1}]}, 400, "evidence"),
        ({"evidence": [{"step": "BLINK", "frame": "", "capturedAtMs": 1}] * 6}, 413, "evidence"),
        ({"name": "\u202eeve"}, 400, "name"),
        ({"vectorId": "1"}, 400, "vectorId"),
        ({"confidence": 1.0}, 400, "confidence"),
    ],
    ids=["not base64", "not a JPEG", "no step", "too many", "name", "vectorId", "confidence"],
)
async def test_what_a_first_call_may_not_hold(
    stage: Studio, eileen: Claim, change: dict[str, Any], status: int, field: str
) -> None:
    """A stranger could choose whose face was found, or hold the server's memory."""
    async with browser(stage) as visitor:
        answer = await visitor.first_call(eileen, **change)
        assert answer.status_code == status, answer.text
        assert answer.json().get("field") == field
        assert await stage.server.services.gallery.count() == 0


async def test_a_first_call_is_as_large_as_its_pictures_and_no_larger(stage: Studio) -> None:
    """Honest pictures would not fit, or a stranger's would fill the memory. Over a network the sender is cut off."""
    wire = httpx.ASGITransport(app=create_app(stage.server.services), client=("192.0.2.1", 4242))
    async with httpx.AsyncClient(transport=wire, base_url=stage.server.http_url) as http:
        for size, status in ((1_900_000, 400), (2_200_000, 413)):
            body = {"token": "x", "image": "A" * size, "evidence": [{"step": "JUMP", "frame": "", "capturedAtMs": 1}]}
            answer = await http.post("/api/upload/verification", json=body)
            assert answer.status_code == status


async def test_a_form_is_refused(stage: Studio) -> None:
    """A foreign page could have a visitor's browser send one, with the visitor's cookies."""
    async with browser(stage) as visitor:
        answer = await visitor.http.post("/api/upload/verification", files={"image": b"x"})
        assert answer.status_code == 415


async def test_a_ticket_is_good_once(stage: Studio, eileen: Claim) -> None:
    """Whoever reads it on the way would come in as well."""
    async with browser(stage) as visitor:
        ticket = (await seen(visitor, eileen))["ticket"]
        answers = await asyncio.gather(*(visitor.trade(ticket) for _ in range(50)))
        assert sorted(answer.get("success", False) for answer in answers) == [False] * 49 + [True]
        assert all(is_over(answer) for answer in answers if not answer.get("success"))
        over = await visitor.second_call(ticket)
        assert (over.status_code, is_over(over.json())) == (410, True)


async def test_a_ticket_is_good_for_a_minute(stage: Studio, eileen: Claim) -> None:
    """One that lies about would open the account tomorrow."""
    async with browser(stage) as visitor:
        ticket = (await seen(visitor, eileen))["ticket"]
        stage.clock.advance(60)
        assert is_over(await visitor.trade(ticket))


async def test_a_ticket_is_good_in_its_own_browser_only(stage: Studio, eileen: Claim) -> None:
    """A stolen ticket would be a stolen account."""
    async with browser(stage) as visitor, browser(stage) as thief, browser(stage) as bare:
        ticket = (await seen(visitor, eileen))["ticket"]
        await thief.challenge(watched_s=0)
        assert is_over(await thief.trade(ticket))
        assert is_over(await bare.trade(ticket))
        assert (await visitor.trade(ticket))["success"], "what a thief tried must not use it up"


async def test_what_else_is_no_ticket(stage: Studio, eileen: Claim) -> None:
    """Another of our signed tokens, or a made-up one, would open somebody's account."""
    async with browser(stage) as visitor:
        ticket = (await seen(visitor, eileen))["ticket"]
        challenge = await visitor.challenge()
        head, _, tail = ticket.partition(".")
        last = "AA" if tail[-2:] != "AA" else "BA"
        forged = [challenge, "", ".", "a.b", f"{head}.", f".{tail}", f"{head}.{tail}=", f"{head}.{tail[:-2]}{last}"]
        forged += [f"{head[:-4]}AAAA.{tail}", ticket * 9, "\ud7ff" * 20, str(uuid4()), f"{tail}.{head}"]
        for text in forged:
            assert is_over(await visitor.trade(text)), text
        # The other way round: a ticket is no challenge and no access token.
        assert (await visitor.face_login(eileen, token=ticket))["error"] == "TOKEN_EXPIRED"
        visitor.access_token = ticket
        assert (await visitor.ask("{ me { id } }"))["code"] == "UNAUTHENTICATED"


async def test_a_ticket_dies_with_what_it_was_drawn_for(stage: Studio, eileen: Claim) -> None:
    """A deleted account, a forgotten face or an account locked up by its owner would be opened all the same."""
    async with browser(stage) as owner, browser(stage) as visitor:
        await owner.face_login(eileen)
        await owner.confirm(eileen)
        ticket = (await seen(visitor, eileen))["ticket"]
        assert await owner.ask("mutation { forgetFace }") is True
        assert is_over(await visitor.trade(ticket))
        assert await owner.ask("mutation { deleteAccount }") is True
    async with browser(stage) as owner, browser(stage) as visitor:
        await owner.face_login(eileen)
        await owner.confirm(eileen)
        ticket = (await seen(visitor, eileen))["ticket"]
        assert await owner.ask("mutation { deleteAccount }") is True
        assert is_over(await visitor.trade(ticket))
    async with browser(stage) as owner, browser(stage) as other, browser(stage) as visitor:
        await owner.face_login(eileen)
        await other.face_login(eileen)
        ticket = (await seen(visitor, eileen))["ticket"]
        stage.clock.advance(1)
        assert await owner.ask("mutation { revokeOtherSessions }") == 1
        assert is_over(await visitor.trade(ticket))


async def test_a_stream_hands_out_a_ticket(stage: Studio, eileen: Claim, astronaut: PhotoAnimator) -> None:
    """Devices that cannot run WASM could not sign in by face."""
    async with browser(stage) as owner, browser(stage) as visitor:
        await owner.face_login(eileen)
        take = await visitor.film(PhotoSource(astronaut))
        assert (take.outcome, take.code) == ("SUCCESS", 1000)
        assert take.passed == [0, 1, 2]
        result = await visitor.trade(take.last["ticket"])
        assert (result["matchFound"], result["isNewUser"]) == (True, False)
        assert (await visitor.me())["id"] == (await owner.me())["id"]


async def test_a_newcomer_by_stream_gives_the_name_with_the_ticket(
    stage: Studio, astronaut: PhotoAnimator, eileen: Claim
) -> None:
    """People who stream would be called by a drawn handle, or anybody could rename an account by a ticket."""
    async with browser(stage) as visitor, browser(stage) as later:
        take = await visitor.film(PhotoSource(astronaut))
        result = await visitor.trade(take.last["ticket"], name="Eileen Collins")
        assert (result["matchFound"], result["isNewUser"]) == (False, True)
        assert (await visitor.me())["displayName"] == "Eileen Collins"
        await later.trade((await seen(later, eileen))["ticket"], name="Somebody Else")
        assert (await later.me())["displayName"] == "Eileen Collins"


async def test_a_stream_takes_the_challenge_of_its_own_browser_only(stage: Studio, eileen: Claim) -> None:
    """Somebody who saw a token would stand before the camera in the victim's place, or get the victim's ticket."""
    async with browser(stage) as owner, browser(stage) as thief, browser(stage) as bare:
        token = await owner.challenge()
        await thief.challenge()
        words, code = await thief.heard_at_start(token)
        assert (words["success"], words["error"], code) == (False, "TOKEN_EXPIRED", 1000)
        words, code = await bare.heard_at_start(token)
        assert (words["code"], code) == ("UNAUTHENTICATED", 4401)
        # A token of a browser is none of an account's, and the other way round.
        await owner.face_login(eileen)
        words, _ = await owner.heard_at_start(await owner.challenge(), signed_in=True)
        assert words["error"] == "TOKEN_EXPIRED"
        words, _ = await owner.heard_at_start(await owner.challenge("VERIFY"))
        assert words["error"] == "TOKEN_EXPIRED"


async def test_whose_face_it_is_waits_for_the_second_factor(stage: Studio, eileen: Claim) -> None:
    """Somebody whose face is mistaken would read another person's name, though they could not come in."""
    async with browser(stage) as owner, browser(stage) as visitor:
        await owner.face_login(eileen)
        await owner.confirm(eileen)
        phone = Phone.of((await owner.ask("mutation { enable2FA { otpauthUrl } }"))["otpauthUrl"], stage.clock)
        await owner.ask("mutation ($code: String!) { verify2FA(code: $code) }", code=phone.code())
        first = await seen(visitor, eileen)
        assert (first["matchFound"], first["data"]) == (True, None)
        assert (await owner.me())["handle"] not in json.dumps(first)
        answer = (await visitor.second_call(first["ticket"])).json()
        assert set(answer) == {"success", "requiresTwoFactor", "tempToken", "message"}
        assert (answer["success"], answer["requiresTwoFactor"]) == (False, True)
        stage.clock.advance(60)
        done = await visitor.http.post(
            "/auth/login/second-factor", json={"temp_token": answer["tempToken"], "code": phone.code()}
        )
        assert done.json()["access_token"]


async def test_nothing_of_a_face_is_in_a_ticket(stage: Studio, eileen: Claim) -> None:
    """Whoever sees one on the way would learn what the server knows of a face."""

    async with browser(stage) as visitor:
        ticket = (await seen(visitor, eileen))["ticket"]
        payload = ticket.partition(".")[0]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        assert set(claims) == {"v", "account", "template", "new", "device", "at", "nonce"}
        assert len(ticket) < 512

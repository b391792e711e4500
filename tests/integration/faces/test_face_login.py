"""Signing in with the face in one call: found, made, refused; over HTTP, with real liveness and real models."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from app.accounts.model import Origin
from app.client.animation import PhotoAnimator
from app.client.sources import PhotoSource
from app.embedded import EmbeddedServices
from app.faces.names import ADJECTIVES, ANIMALS
from app.ids import Ids
from app.verification.model import Outcome
from tests.attempts import Claim, Studio, studio
from tests.authenticator import Phone
from tests.browsers import CHALLENGE, VERIFY, browser, nobody_known, sql
from tests.running import wire

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(
    embedded: EmbeddedServices, tmp_path_factory: pytest.TempPathFactory, face_models: Path
) -> AsyncIterator[Studio]:
    async with studio(
        embedded, tmp_path_factory.mktemp("face_login"), face_models, TRUST_FORWARDED_FOR="true"
    ) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def stage(server: Studio) -> Studio:
    """The server, with nobody in its gallery."""
    await nobody_known(server)
    return server


async def test_a_new_face_gets_an_account_and_finds_it_again(stage: Studio, eileen: Claim) -> None:
    """People without an account could not come in, or would get another account each time."""
    async with browser(stage) as first, browser(stage) as second:
        made = await first.face_login(eileen)
        assert (made["success"], made["matchFound"], made["isNewUser"]) == (True, False, True)
        me = await first.me()
        adjective, animal, digits = me["handle"].split("-")
        assert adjective in ADJECTIVES
        assert animal in ANIMALS
        assert len(digits) == 4
        assert me["displayName"] == me["handle"]
        assert (me["email"], me["avatarUrl"], me["faceLoginEnabled"], me["faceTemplates"]) == (None, None, True, 1)
        assert await first.events() == ["SIGNED_UP", "FACE_ENROLLED"]
        found = await second.face_login(eileen, name="Somebody Else")
        assert (found["success"], found["matchFound"], found["isNewUser"]) == (True, True, False)
        again = await second.me()
        assert (again["id"], again["displayName"]) == (me["id"], me["displayName"])
        assert (await second.events())[:2] == ["NEW_DEVICE", "SIGNED_IN"]
        found_by_search = await second.ask(
            "query ($q: String!) { searchUsers(query: $q) { nodes { handle } } }", q=me["handle"]
        )
        assert found_by_search["nodes"] == [{"handle": me["handle"]}]
        methods = await second.ask("{ sessions { method } }")
        assert methods == [{"method": "FACE"}, {"method": "FACE"}]


async def test_a_newcomer_has_the_name_they_gave(stage: Studio, eileen: Claim) -> None:
    """Everybody would be called by a drawn handle, or by what our rules refuse."""
    async with browser(stage) as visitor:
        refused = await visitor.face_login(eileen, name="Eileen\u202e")
        assert (refused["code"], refused["field"]) == ("BAD_USER_INPUT", "name")
        assert (await visitor.face_login(eileen, name="  Eileen Collins "))["isNewUser"]
        assert (await visitor.me())["displayName"] == "Eileen Collins"


async def test_the_photo_is_kept_where_a_newcomer_wants_it(stage: Studio, eileen: Claim, grace: Claim) -> None:
    """A face would be shown to everybody without its owner's word; or nobody could have one from the start."""
    async with browser(stage) as shy, browser(stage) as proud, browser(stage) as later:
        await shy.face_login(eileen)
        assert (await shy.me())["avatarUrl"] is None
        await proud.face_login(grace, keepPhoto=True)
        kept = await proud.me()
        photo = await proud.http.get(kept["avatarUrl"])
        assert photo.headers["content-type"] == "image/jpeg"
        assert photo.content != grace.still
        rows = await sql(stage, "select avatar_key from photo_templates where account_id = $1::text::uuid", kept["id"])
        assert len(rows) == 1
        assert (await proud.ask("{ me { verifiedAt } }"))["verifiedAt"] is None
        # Whoever has an account keeps the photo that they have.
        await later.face_login(eileen, keepPhoto=True)
        assert (await later.me())["avatarUrl"] is None


async def test_a_failed_challenge_signs_nobody_in(stage: Studio, eileen: Claim) -> None:
    """A photo held up would be a key to the account."""
    async with browser(stage) as owner, browser(stage) as thief:
        await owner.face_login(eileen)
        bare = Claim(eileen.still, ())
        assert (await thief.face_login(bare))["error"] == "CHALLENGE_FAILED"
        assert thief.access_token is None


async def test_the_evidence_of_another_person_opens_nothing(stage: Studio, eileen: Claim, grace: Claim) -> None:
    """Somebody would pass the check themselves and send the victim's picture with it."""
    async with browser(stage) as owner, browser(stage) as thief:
        await owner.face_login(eileen)
        for mixed in (Claim(eileen.still, grace.evidence), Claim(grace.still, eileen.evidence)):
            result = await thief.face_login(mixed)
            assert (result["success"], result["error"], result["auth"]) == (False, "CHALLENGE_FAILED", None)
        assert await sql(stage, "select count(*) as n from face_templates") == [(1,)]


async def test_a_challenge_belongs_to_its_browser_and_its_purpose(stage: Studio, eileen: Claim) -> None:
    """A token that somebody saw, or had for something else, would open the account."""
    async with browser(stage) as owner, browser(stage) as thief, browser(stage) as bare:
        await owner.sign_up(f"o{Ids().uuid7().hex}")
        of_login, of_badge = await owner.challenge(), await owner.challenge("VERIFY")
        await thief.challenge()  # a browser with an id, and an open challenge of its own
        for who, token in ((thief, of_login), (bare, of_login), (owner, of_badge)):
            result = await who.face_login(eileen, token=token)
            assert (result["success"], result["error"]) == (False, "TOKEN_EXPIRED")
        assert (await owner.ask(VERIFY, **eileen.variables(of_login)))["error"] == "TOKEN_EXPIRED"
        assert (await owner.face_login(eileen, token=of_login))["success"], "its own browser could not use it"
        assert (await owner.face_login(eileen, token=of_login))["error"] == "TOKEN_EXPIRED"


async def test_twins_are_told_apart_from_nobody(stage: Studio, eileen: Claim) -> None:
    """One of two people who look alike would walk into the other's account."""
    async with browser(stage) as one, browser(stage) as other, browser(stage) as either:
        await one.face_login(eileen)
        me = await one.me()
        await other.sign_up(f"t{Ids().uuid7().hex}")
        twin = (await other.me())["id"]
        await sql(
            stage,
            "insert into face_templates select gen_random_uuid(), $1::text::uuid, descriptor, kind, taken_on,"
            " is_anchor, created_at from face_templates where account_id = $2::text::uuid",
            twin,
            me["id"],
        )
        result = await either.face_login(eileen)
        assert (result["success"], result["error"], result["auth"]) == (False, "FACE_AMBIGUOUS", None)
        for concerned in (one, other):
            nodes = (await concerned.ask("{ auditEvents { nodes { event details { name value } } } }"))["nodes"]
            assert nodes[0] == {"event": "FACE_AMBIGUOUS", "details": [{"name": "method", "value": "face"}]}
        assert await sql(stage, "select count(*) as n from face_templates") == [(2,)]


async def test_fifty_first_logins_of_one_face_make_one_account(stage: Studio, eileen: Claim) -> None:
    """Somebody who taps twice would get two accounts, and be ambiguous for ever."""
    services = stage.server.services
    async with browser(stage) as owner:
        await owner.face_login(eileen)
        me = (await owner.me())["id"]
        (row,) = await sql(stage, "select descriptor::real[] as face from face_templates")
        await sql(stage, "delete from face_templates")
    face = np.array(row["face"], np.float32)
    ids = Ids()

    async def arrive() -> Outcome:
        origin = Origin(ip="192.0.2.50", device=ids.token(32))
        rules = await services.face_sign_in.aim(origin).open()
        return await rules.earn(face)  # type: ignore[union-attr]  # these rules never refuse to begin

    outcomes = await asyncio.gather(*(arrive() for _ in range(50)))
    assert all(outcome.success for outcome in outcomes), {outcome.error for outcome in outcomes}
    owners = await sql(stage, "select distinct account_id from face_templates")
    assert len(owners) == 1
    assert str(owners[0]["account_id"]) != me


async def test_wrong_faces_block_the_browser_and_nothing_else(stage: Studio, eileen: Claim) -> None:
    """A thief could try a hundred faces; or the owner could not even come in by password any more."""
    name = f"b{Ids().uuid7().hex}"
    async with browser(stage) as owner, browser(stage) as thief, browser(stage) as neighbour:
        await owner.sign_up(name)
        bare = Claim(eileen.still, ())
        outcomes = []
        for _ in range(6):
            answer = await thief.answer("mutation { createLivenessChallenge(purpose: LOGIN) { token } }")
            if answer.get("errors"):
                outcomes.append(answer["errors"][0]["extensions"]["reason"])
                break
            result = await thief.face_login(bare, token=answer["data"]["createLivenessChallenge"]["token"])
            outcomes.append(result["error"])
        assert outcomes == ["CHALLENGE_FAILED"] * 5 + ["TOO_MANY_ATTEMPTS"]
        assert (await thief.log_in(name))["accessToken"]
        assert (await neighbour.face_login(eileen))["success"]


async def test_a_hundred_wrong_faces_block_the_network_whatever_the_cookie(stage: Studio, eileen: Claim) -> None:
    """Whoever throws the cookie away would try for ever."""
    name = f"h{Ids().uuid7().hex}"
    redis = stage.server.services.redis
    refusals: list[str] = []
    for _ in range(100):
        async with browser(stage, ip="192.0.2.66") as thief:
            answer = await thief.answer("mutation { createLivenessChallenge(purpose: LOGIN) { token } }")
            if answer.get("errors"):
                refusals.append(answer["errors"][0]["extensions"].get("reason"))
                for key in [key async for key in redis.scan_iter("liveness:blocked:*")]:
                    await redis.expire(key, 600)  # half a minute in the product; this machine may be slow
                continue
            await thief.face_login(Claim(eileen.still, ()), token=answer["data"]["createLivenessChallenge"]["token"])
    assert refusals == ["TOO_MANY_ATTEMPTS"] * 80
    async with browser(stage, ip="192.0.2.66") as same_network, browser(stage, ip="192.0.2.67") as elsewhere:
        await same_network.sign_up(name)
        assert (await same_network.log_in(name))["accessToken"]
        assert (await elsewhere.face_login(eileen))["success"]


async def test_what_is_under_way_neither_passes_a_block_nor_lifts_it(
    stage: Studio, eileen: Claim, astronaut: PhotoAnimator
) -> None:
    """Whoever begins many attempts at once would have as many tries, and one with their own face ends the block."""
    async with browser(stage) as owner, browser(stage) as early:
        await owner.face_login(eileen)
        token = await early.challenge(watched_s=0)
        async with wire(stage.server, cookies=early.cookies) as socket:
            await socket.start(token, None)
            for _ in range(20):
                async with browser(stage) as thief:
                    wrong = await thief.face_login(Claim(eileen.still, ()), token=await thief.challenge(watched_s=0))
                    assert wrong["error"] == "CHALLENGE_FAILED"
            redis = stage.server.services.redis
            blocks = [key async for key in redis.scan_iter("liveness:blocked:*") if await redis.expire(key, 600)]
            assert blocks, "and they last, however slow this machine is"
            take = await stage.shoot(socket, PhotoSource(astronaut))
        assert take.outcome == "TOO_MANY_ATTEMPTS"
        async with browser(stage) as thief:
            assert (await thief.ask(CHALLENGE, purpose="LOGIN"))["reason"] == "TOO_MANY_ATTEMPTS"


async def test_few_accounts_are_made_from_one_network(stage: Studio, eileen: Claim) -> None:
    """A gallery could be filled with made-up faces until everybody looks like somebody."""
    services = stage.server.services
    async with browser(stage, ip="192.0.2.77") as visitor:
        for _ in range(5):
            await visitor.face_login(eileen)
            await sql(stage, "delete from face_templates")
        refused = await visitor.face_login(eileen)
        assert (refused["code"], refused["reason"]) == ("RATE_LIMITED", "ip.face_account")
        assert await services.gallery.count() == 0
    async with browser(stage, ip="192.0.2.78") as elsewhere:
        assert (await elsewhere.face_login(eileen))["isNewUser"]


async def test_a_deleted_account_is_never_found_again(stage: Studio, eileen: Claim) -> None:
    """A face would live on where its owner has gone, and open what somebody else gets."""
    async with browser(stage) as owner, browser(stage) as again:
        await owner.face_login(eileen)
        before = (await owner.me())["id"]
        await owner.confirm(eileen)
        assert await owner.ask("mutation { deleteAccount }") is True
        assert await sql(stage, "select * from face_templates") == []
        assert (await again.face_login(eileen))["isNewUser"]
        assert (await again.me())["id"] != before


async def test_face_login_asks_for_the_second_factor(stage: Studio, eileen: Claim) -> None:
    """Two-factor sign-in would have a door beside it."""
    async with browser(stage) as owner, browser(stage) as thief:
        await owner.face_login(eileen)
        await owner.confirm(eileen)
        setup = await owner.ask("mutation { enable2FA { otpauthUrl } }")
        phone = Phone.of(setup["otpauthUrl"], stage.clock)
        assert await owner.ask("mutation ($code: String!) { verify2FA(code: $code) }", code=phone.code()) is True
        result = await thief.face_login(eileen)
        assert result["success"]
        assert result["matchFound"]
        assert result["auth"]["requiresTwoFactor"]
        assert (result["auth"]["accessToken"], result["auth"]["user"]) == (None, None)
        wrong = await thief.second_step(result["auth"]["tempToken"], "000000")
        assert wrong["reason"] == "WRONG_CODE"
        stage.clock.advance(60)
        right = await thief.second_step(result["auth"]["tempToken"], phone.code())
        assert right["user"]["id"] == (await owner.me())["id"]

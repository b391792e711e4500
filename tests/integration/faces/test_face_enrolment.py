"""Enrolling a face, confirming with it, having it forgotten; and every way to enrol somebody else's."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from app.client.animation import PhotoAnimator
from app.client.sources import PhotoSource
from app.embedded import EmbeddedServices
from app.ids import Ids
from tests.attempts import Claim, Studio, studio
from tests.authenticator import Phone
from tests.browsers import CONFIRM_WITH_FACE, ENROL, Browser, browser, letters, nobody_known, sql
from tests.running import PASSWORD

pytestmark = pytest.mark.asyncio(loop_scope="module")

DAY_S = 24 * 3600
FORGET = "mutation ($password: String) { forgetFace(password: $password) }"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(
    embedded: EmbeddedServices, tmp_path_factory: pytest.TempPathFactory, face_models: Path
) -> AsyncIterator[Studio]:
    async with studio(embedded, tmp_path_factory.mktemp("enrolment"), face_models) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def stage(server: Studio) -> Studio:
    """The server, with nobody in its gallery."""
    await nobody_known(server)
    return server


async def newcomer(owner: Browser, photo: Path | None) -> str:
    """The name of somebody who has just signed up, with a profile photo where one is given."""
    name = f"e{Ids().uuid7().hex}"
    await owner.sign_up(name)
    if photo is not None:
        await owner.upload(photo)
    return name


def refused(answer: Any) -> tuple[str, str]:
    """Code and reason of a refusal."""
    return answer["code"], answer.get("reason")


async def test_an_enrolled_face_signs_in(stage: Studio, eileen: Claim, astronaut_path: Path) -> None:
    """People with an account could not use their face, or would get a second account by it."""
    async with browser(stage) as owner, browser(stage) as elsewhere:
        name = await newcomer(owner, astronaut_path)
        assert (await owner.me())["faceLoginEnabled"] is False
        assert await owner.enrol(eileen) is True
        me = await owner.me()
        assert (me["faceLoginEnabled"], me["faceTemplates"]) == (True, 1)
        assert (await owner.events())[0] == "FACE_ENROLLED"
        letter = (await letters(stage)).sent[-1]
        assert (letter.to, letter.subject) == (f"{name}@example.org", "A face was enrolled for your account")
        result = await elsewhere.face_login(eileen)
        assert (result["matchFound"], result["auth"]["user"]["id"]) == (True, me["id"])


async def test_a_face_is_enrolled_by_stream(
    stage: Studio, eileen: Claim, grace: Claim, astronaut: PhotoAnimator, admiral: PhotoAnimator, astronaut_path: Path
) -> None:
    """Devices that cannot run WASM could not enrol; or the rules would hold for the others alone."""
    async with browser(stage) as owner, browser(stage) as elsewhere:
        await newcomer(owner, astronaut_path)
        wrong = await owner.film(PhotoSource(admiral), purpose="ENROLL", signed_in=True)
        assert wrong.outcome == "FACE_MISMATCH"
        take = await owner.film(PhotoSource(astronaut), purpose="ENROLL", signed_in=True)
        assert take.outcome == "SUCCESS"
        assert "ticket" not in take.last
        assert (await elsewhere.face_login(eileen))["matchFound"]


async def test_the_first_face_is_that_of_the_photo(stage: Studio, grace: Claim, astronaut_path: Path) -> None:
    """Somebody at an open session would leave their own face as a key to it."""
    async with browser(stage) as owner, browser(stage) as bare:
        await newcomer(owner, astronaut_path)
        assert refused(await owner.enrol(grace)) == ("FORBIDDEN", "FACE_MISMATCH")
        assert (await owner.me())["faceTemplates"] == 0
        assert (await owner.events())[0] == "FACE_REFUSED"
        await newcomer(bare, None)
        assert refused(await bare.enrol(grace)) == ("FORBIDDEN", "NO_PROFILE_PHOTO")


async def test_a_later_face_matches_the_first_whatever_the_photo(
    stage: Studio, eileen: Claim, grace: Claim, astronaut_path: Path, grace_hopper_path: Path
) -> None:
    """A thief of a session would put their own photo up, then enrol their own face."""
    async with browser(stage) as owner:
        await newcomer(owner, astronaut_path)
        assert await owner.enrol(eileen) is True
        await owner.upload(grace_hopper_path)
        stage.clock.advance(DAY_S)
        async with browser(stage) as tomorrow:
            tomorrow.access_token = (await owner.log_in_again())["accessToken"]
            assert refused(await tomorrow.enrol(grace)) == ("FORBIDDEN", "FACE_MISMATCH")
            assert await tomorrow.enrol(eileen) is True
            assert (await tomorrow.me())["faceTemplates"] == 2


async def test_a_face_is_one_persons(stage: Studio, eileen: Claim, astronaut_path: Path) -> None:
    """Two accounts with one face would lock each other out; and anybody could do so to somebody by their photo."""
    async with browser(stage) as first, browser(stage) as second, browser(stage) as either:
        await newcomer(first, astronaut_path)
        assert await first.enrol(eileen) is True
        await newcomer(second, astronaut_path)
        assert refused(await second.enrol(eileen)) == ("FORBIDDEN", "FACE_AMBIGUOUS")
        assert (await either.face_login(eileen))["auth"]["user"]["id"] == (await first.me())["id"]


async def test_the_first_face_wants_a_fresh_proof(stage: Studio, eileen: Claim, astronaut_path: Path) -> None:
    """A stolen session would become a way in that outlives it."""
    async with browser(stage) as owner:
        await newcomer(owner, astronaut_path)
        stage.clock.advance(301)
        token = await owner.challenge("ENROLL")
        assert refused(await owner.enrol_with(token, eileen)) == ("FORBIDDEN", "REAUTHENTICATION_NEEDED")
        assert refused(await owner.enrol_with(token, eileen, password="wrong password")) == (
            "FORBIDDEN",
            "REAUTHENTICATION_NEEDED",
        )
        assert await owner.enrol_with(token, eileen, password=PASSWORD) is True, "the token was not spent before"


async def test_challenges_of_other_purposes_enrol_nothing(stage: Studio, eileen: Claim, astronaut_path: Path) -> None:
    """A check that a person made for the badge would enrol the face they never meant to."""
    async with browser(stage) as owner, browser(stage) as other:
        await newcomer(owner, astronaut_path)
        await newcomer(other, astronaut_path)
        for purpose in ("VERIFY", "LOGIN", "STEP_UP"):
            assert refused(await owner.enrol_with(await owner.challenge(purpose), eileen)) == ("GONE", "TOKEN_EXPIRED")
        theirs = await other.challenge("ENROLL")
        assert refused(await owner.enrol_with(theirs, eileen)) == ("GONE", "TOKEN_EXPIRED")
        of_enrolment = await owner.challenge("ENROLL")
        assert (await owner.face_login(eileen, token=of_enrolment))["error"] == "TOKEN_EXPIRED"
        assert (await owner.ask(CONFIRM_WITH_FACE, **eileen.variables(of_enrolment)))["error"] == "TOKEN_EXPIRED"
        signed_out = await browserless(stage, eileen)
        assert refused(signed_out) == ("UNAUTHENTICATED", None)


async def browserless(stage: Studio, claim: Claim) -> Any:
    """What enrolment says to nobody."""
    async with browser(stage) as nobody:
        return await nobody.ask(ENROL, **claim.variables("x"))


async def test_forgetting_is_for_good(stage: Studio, eileen: Claim, astronaut_path: Path) -> None:
    """A face would go on opening the account of somebody who took it back."""
    async with browser(stage) as owner, browser(stage) as elsewhere:
        await newcomer(owner, astronaut_path)
        assert await owner.enrol(eileen) is True
        assert refused(await owner.ask(FORGET)) == ("FORBIDDEN", "REAUTHENTICATION_NEEDED")
        assert await owner.ask(FORGET, password=PASSWORD) is True
        assert (await letters(stage)).sent[-1].subject == "Your enrolled faces were forgotten"
        assert await owner.ask(FORGET, password=PASSWORD) is False
        assert (await owner.events())[0] == "FACE_FORGOTTEN"
        assert await sql(stage, "select * from face_templates") == []
        assert (await elsewhere.face_login(eileen))["isNewUser"]


async def test_the_owners_face_confirms(
    stage: Studio, eileen: Claim, grace: Claim, astronaut: PhotoAnimator, astronaut_path: Path, grace_hopper_path: Path
) -> None:
    """Nobody could confirm with their face; or anybody could, with theirs."""
    async with browser(stage) as owner, browser(stage) as elsewhere:
        name = await newcomer(owner, astronaut_path)
        not_enrolled = await owner.claim(CONFIRM_WITH_FACE, "STEP_UP", eileen)
        assert refused(not_enrolled) == ("FORBIDDEN", "FACE_NOT_ENROLLED")
        assert await owner.enrol(eileen) is True
        await elsewhere.log_in(name)
        # The photo proves nothing here: whoever stole the session may have put it up.
        await owner.upload(grace_hopper_path)
        assert (await owner.claim(CONFIRM_WITH_FACE, "STEP_UP", grace))["error"] == "FACE_MISMATCH"
        assert await proved(stage, name) == [None, None]
        assert (await owner.claim(CONFIRM_WITH_FACE, "STEP_UP", eileen))["success"]
        assert await proved(stage, name) == [stage.clock.now(), None], "only in the session that confirmed"
        stage.clock.advance(60)
        take = await owner.film(PhotoSource(astronaut), purpose="STEP_UP", signed_in=True)
        assert take.outcome == "SUCCESS"
        assert "ticket" not in take.last


async def test_a_face_confirms_less_than_a_second_factor_and_never_itself(
    stage: Studio, eileen: Claim, astronaut_path: Path
) -> None:
    """A stolen session and a like face would do what takes a code; a wrong match would confirm itself."""
    async with browser(stage) as owner, browser(stage) as by_face:
        await newcomer(owner, astronaut_path)
        assert await owner.enrol(eileen) is True
        await by_face.face_login(eileen)
        for session in (by_face, owner):
            if session is owner:
                phone = Phone.of((await owner.ask("mutation { enable2FA { otpauthUrl } }"))["otpauthUrl"], stage.clock)
                assert await owner.ask("mutation ($c: String!) { verify2FA(code: $c) }", c=phone.code()) is True
            weak = await session.claim(CONFIRM_WITH_FACE, "STEP_UP", eileen)
            assert refused(weak) == ("FORBIDDEN", "REAUTHENTICATION_NEEDED")


async def test_a_face_of_another_kind_is_not_offered(stage: Studio, eileen: Claim, astronaut_path: Path) -> None:
    """After a change of the network people would be sent before the camera, to hear that no face is enrolled."""
    methods = "{ me { confirmationMethods } }"
    async with browser(stage) as owner:
        await newcomer(owner, astronaut_path)
        assert await owner.enrol(eileen) is True
        assert (await owner.ask(methods))["confirmationMethods"] == ["PASSWORD", "FACE"]
        await sql(stage, "update face_templates set kind = kind + 1")
        assert (await owner.ask(methods))["confirmationMethods"] == ["PASSWORD"]
        not_enrolled = await owner.claim(CONFIRM_WITH_FACE, "STEP_UP", eileen)
        assert refused(not_enrolled) == ("FORBIDDEN", "FACE_NOT_ENROLLED")


async def proved(stage: Studio, name: str) -> list[Any]:
    """When the sessions of somebody were proved, the oldest session first."""
    rows = await sql(
        stage,
        "select s.proved_at from sessions s join accounts a on a.id = s.account_id where a.email = $1 order by s.id",
        f"{name}@example.org",
    )
    return [row["proved_at"] for row in rows]


async def test_wrong_faces_block_confirming_too(
    stage: Studio, eileen: Claim, grace: Claim, astronaut_path: Path
) -> None:
    """Whoever found an open session could try faces without end; the badge's counter is the same one."""
    async with browser(stage) as owner:
        name = await newcomer(owner, astronaut_path)
        assert await owner.enrol(eileen) is True
        for _ in range(5):
            result = await owner.claim(CONFIRM_WITH_FACE, "STEP_UP", grace)
            assert result["error"] == "FACE_MISMATCH"
        assert result["retryAfterS"] is not None
        blocked = await owner.ask("mutation { createLivenessChallenge(purpose: STEP_UP) { token } }")
        assert refused(blocked) == ("RATE_LIMITED", "TOO_MANY_ATTEMPTS")
        assert (await owner.log_in(name))["accessToken"]

"""FACE_LOGIN: where a face alone is too little, and where it opens nothing."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from app.embedded import EmbeddedServices
from app.ids import Ids
from tests.attempts import Claim, Studio, studio
from tests.authenticator import Phone
from tests.browsers import CHALLENGE, ME, Browser, browser, letters, nobody_known, sql
from tests.running import PASSWORD

CHANGE_PASSWORD = """mutation ($current: String!, $password: String!) {
  changePassword(current: $current, password: $password) }"""

pytestmark = pytest.mark.asyncio(loop_scope="module")

DAY_S = 24 * 3600


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(
    embedded: EmbeddedServices, tmp_path_factory: pytest.TempPathFactory, face_models: Path
) -> AsyncIterator[Studio]:
    folder = tmp_path_factory.mktemp("modes")
    async with studio(embedded, folder, face_models, FACE_LOGIN="second_factor") as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def stage(server: Studio) -> Studio:
    """A server in the mode second_factor, with nobody in its gallery."""
    await nobody_known(server)
    return server


async def enrolled(stage: Studio, owner: Browser, claim: Claim, *, proved: bool = True) -> str:
    """The name of somebody who signed up by password, lends their account the face, and was then away.

    The account is made by its face and joined to the address, which spares the profile photo.
    """
    name = f"m{Ids().uuid7().hex}"
    await owner.sign_up(name)
    account = (await owner.me())["id"]
    async with browser(stage) as camera:
        await camera.face_login(claim)
        made = (await camera.me())["id"]
    await sql(
        stage, "update face_templates set account_id = $1::text::uuid where account_id = $2::text::uuid", account, made
    )
    if proved:
        await owner.prove_address(name)
    return name


def needs_code(result: dict[str, Any]) -> str:
    """The temp token of a face that was right and not enough."""
    assert result["success"], result
    assert result["auth"]["requiresTwoFactor"]
    assert (result["auth"]["accessToken"], result["auth"]["user"]) == (None, None)
    return str(result["auth"]["tempToken"])


async def mailed_code(stage: Studio, name: str) -> str:
    """The code in the newest letter to somebody."""
    letter = next(
        mail
        for mail in reversed((await letters(stage)).sent)
        if mail.to == f"{name}@example.org" and mail.subject == "Your code to sign in"
    )
    return re.findall(r"\b\d{6}\b", letter.text)[0]


async def test_a_known_device_needs_the_face_alone(stage: Studio, eileen: Claim) -> None:
    """Face login would be of no use where it is meant for: on one's own phone."""
    async with browser(stage) as phone:
        name = await enrolled(stage, phone, eileen)
        result = await phone.face_login(eileen)
        assert result["auth"]["accessToken"], result
        assert (await phone.me())["email"] == f"{name}@example.org"


async def test_an_unknown_device_needs_a_mailed_code_once(stage: Studio, eileen: Claim) -> None:
    """Of a million people somebody looks like anybody: a stranger would walk in from anywhere."""
    async with browser(stage) as phone, browser(stage) as laptop:
        name = await enrolled(stage, phone, eileen)
        temp_token = needs_code(await laptop.face_login(eileen))
        code = await mailed_code(stage, name)
        wrong = await laptop.second_step(temp_token, f"{(int(code) + 1) % 1_000_000:06}")
        assert (wrong["code"], wrong["reason"]) == ("UNAUTHENTICATED", "WRONG_CODE")
        assert (await laptop.second_step(temp_token, code))["accessToken"]
        assert (await laptop.me())["email"] == f"{name}@example.org"
        assert (await laptop.second_step(temp_token, code))["reason"] == "SECOND_STEP_OVER"
        assert "SECOND_FACTOR_FAILED" in await phone.events()
        # From now on the laptop is known.
        laptop.access_token = None
        assert (await laptop.face_login(eileen))["auth"]["accessToken"]
        # For ninety days: the sign-ins by face in between do not carry that on.
        stage.clock.advance(89 * DAY_S)
        assert (await laptop.face_login(eileen))["auth"]["accessToken"]
        stage.clock.advance(2 * DAY_S)
        needs_code(await laptop.face_login(eileen))


async def reset(stage: Studio, visitor: Browser, name: str) -> str:
    """A new password by the mailed link; gives back the letter that tells of it."""
    address = f"{name}@example.org"
    await visitor.ask("mutation ($email: String!) { requestPasswordReset(email: $email) }", email=address)
    link = re.search(r"/reset#token=(\S+)", (await letters(stage)).sent[-1].text)
    assert link is not None
    done = "mutation ($token: String!, $password: String!) { resetPassword(token: $token, password: $password) }"
    assert await visitor.ask(done, token=link[1], password="a brand new wheelbarrow") is True
    letter = (await letters(stage)).sent[-1]
    assert (letter.to, letter.subject) == (address, "Your password was changed")
    return letter.text


async def test_a_face_from_before_the_address_was_proved_goes_with_a_reset(stage: Studio, eileen: Claim) -> None:
    """Whoever signs up first with somebody's address, and enrols their own face, would be in that account for good."""
    async with browser(stage) as attacker, browser(stage) as owner:
        name = await enrolled(stage, attacker, eileen, proved=False)
        account = (await attacker.me())["id"]
        under_way = (await attacker.first_call(eileen)).json()["ticket"]
        letter = await reset(stage, owner, name)
        assert "faces, passkeys) that were added before this address was proved have been unlinked" in letter
        assert "still open" not in letter
        assert (await attacker.trade(under_way))["reason"] == "TICKET_OVER"
        attacker.access_token = None
        result = await attacker.face_login(eileen)
        assert result["isNewUser"], "the face is nobody's any more"
        assert result["auth"]["user"]["id"] != account
        events = await sql(
            stage, "select event from audit_events where account_id = $1::text::uuid order by id desc", account
        )
        assert "FACE_FORGOTTEN" in {row["event"] for row in events}


async def test_a_face_of_the_proved_owner_stays_and_is_named(stage: Studio, eileen: Claim) -> None:
    """Whoever forgets a password would lose their face as well; or a thief's face would stay unseen."""
    async with browser(stage) as owner:
        name = await enrolled(stage, owner, eileen, proved=False)
        await sql(
            stage,
            "update accounts set email_verified_at = $1 where email = $2",
            stage.clock.now() - timedelta(days=1),
            f"{name}@example.org",
        )
        assert "These still open your account: an enrolled face." in await reset(stage, owner, name)
        owner.access_token = None
        assert (await owner.face_login(eileen))["auth"]["user"]["email"] == f"{name}@example.org"


@pytest.mark.parametrize("how", ["one", "all others", "new password"])
async def test_a_device_whose_session_its_owner_ended_is_not_known(stage: Studio, eileen: Claim, how: str) -> None:
    """A lost telephone would go on standing in for the code, though its owner had signed it out from the laptop."""
    async with browser(stage) as phone, browser(stage) as laptop:
        name = await enrolled(stage, phone, eileen)
        await laptop.log_in(name)
        assert (await phone.face_login(eileen))["auth"]["accessToken"]
        sessions = await laptop.ask("{ sessions { id current } }")
        if how == "all others":
            assert await laptop.ask("mutation { revokeOtherSessions }") == 2
        elif how == "new password":
            await laptop.ask(CHANGE_PASSWORD, current=PASSWORD, password="a brand new wheelbarrow")
        else:
            other = next(each["id"] for each in sessions if not each["current"])
            assert await laptop.ask("mutation ($id: ID!) { revokeSession(id: $id) }", id=other) is True
        stage.clock.advance(1)
        needs_code(await phone.face_login(eileen))
        assert (await laptop.face_login(eileen))["auth"]["accessToken"], "the one that asked stays known"


@pytest.mark.parametrize("how", ["new password", "reset"])
@pytest.mark.parametrize("signed_out", [False, True], ids=["signed in", "signed out"])
async def test_a_new_password_distrusts_browsers_that_the_old_one_made_known(
    stage: Studio, eileen: Claim, how: str, signed_out: bool
) -> None:
    """Whoever once had the password, and signed out before its owner chose another, would need no code beside a like
    face for ninety days."""
    async with browser(stage) as phone, browser(stage) as thief:
        name = await enrolled(stage, phone, eileen)
        await thief.log_in(name)
        if signed_out:
            page = {"origin": stage.server.http_url, "x-csrf-token": thief.http.cookies["bonafide_csrf"]}
            assert (await thief.http.post("/auth/logout", headers=page)).is_success
        if how == "reset":
            await reset(stage, phone, name)
        else:
            await phone.ask(CHANGE_PASSWORD, current=PASSWORD, password="a brand new wheelbarrow")
        stage.clock.advance(1)
        thief.access_token = phone.access_token = None
        needs_code(await thief.face_login(eileen))
        assert (await phone.face_login(eileen))["auth"]["accessToken"], "the one that chose it stays known"


async def test_whoever_signs_out_on_their_own_device_comes_back_by_face(stage: Studio, eileen: Claim) -> None:
    """Face login would be of no use to whoever signs out in the evening."""
    async with browser(stage) as phone:
        await enrolled(stage, phone, eileen)
        page = {"origin": stage.server.http_url, "x-csrf-token": phone.http.cookies["bonafide_csrf"]}
        assert (await phone.http.post("/auth/logout", headers=page)).is_success
        assert (await phone.ask(ME))["code"] == "UNAUTHENTICATED"
        phone.access_token = None
        assert (await phone.face_login(eileen))["auth"]["accessToken"]


async def test_a_match_by_mistake_does_not_make_a_device_known(stage: Studio, eileen: Claim) -> None:
    """Whoever was asked for a code and could not give it would be let in the next time."""
    async with browser(stage) as phone, browser(stage) as stranger:
        await enrolled(stage, phone, eileen)
        needs_code(await stranger.face_login(eileen))
        needs_code(await stranger.face_login(eileen))


async def test_a_device_that_was_disowned_is_known_no_more(stage: Studio, eileen: Claim) -> None:
    """Whoever came in once, and was thrown out by the owner, would come back by a like face alone."""
    async with browser(stage) as phone, browser(stage) as thief:
        name = await enrolled(stage, phone, eileen)
        stage.clock.advance(3600)  # what came after the event would be taken back, the face too
        await thief.log_in(name)
        assert (await thief.face_login(eileen))["auth"]["accessToken"]
        letter = next(mail for mail in reversed((await letters(stage)).sent) if "/not-me#token=" in mail.text)
        token = re.findall(r"/not-me#token=([\w-]+)", letter.text)[0]
        reported = await phone.ask("mutation ($token: String!) { reportNotMe(token: $token) }", token=token)
        assert reported is True
        needs_code(await thief.face_login(eileen))


async def test_five_wrong_codes_end_it(stage: Studio, eileen: Claim) -> None:
    """A stranger with a like face would guess the six digits."""
    async with browser(stage) as phone, browser(stage) as stranger:
        name = await enrolled(stage, phone, eileen)
        temp_token = needs_code(await stranger.face_login(eileen))
        code = await mailed_code(stage, name)
        wrong = f"{(int(code) + 1) % 1_000_000:06}"
        reasons = [(await stranger.second_step(temp_token, wrong))["reason"] for _ in range(5)]
        assert reasons == ["WRONG_CODE"] * 4 + ["SECOND_STEP_OVER"]
        assert (await stranger.second_step(temp_token, code))["reason"] == "SECOND_STEP_OVER"


async def test_a_code_is_for_its_own_sign_in(stage: Studio, eileen: Claim) -> None:
    """The code of a letter that was answered, or of another attempt, would serve a stranger's."""
    async with browser(stage) as phone, browser(stage) as one, browser(stage) as other:
        name = await enrolled(stage, phone, eileen)
        first = needs_code(await one.face_login(eileen))
        code = await mailed_code(stage, name)
        second = needs_code(await other.face_login(eileen))
        assert (await other.second_step(second, code))["reason"] == "WRONG_CODE"
        assert (await one.second_step(first, code))["accessToken"]


async def test_a_code_does_not_stand_in_for_a_factor_switched_on_meanwhile(stage: Studio, eileen: Claim) -> None:
    """Whoever reads the mail would come in beside the authenticator app."""
    async with browser(stage) as phone, browser(stage) as stranger:
        name = await enrolled(stage, phone, eileen)
        temp_token = needs_code(await stranger.face_login(eileen))
        app = Phone.of((await phone.ask("mutation { enable2FA { otpauthUrl } }"))["otpauthUrl"], stage.clock)
        await phone.ask("mutation ($code: String!) { verify2FA(code: $code) }", code=app.code())
        refused = await stranger.second_step(temp_token, await mailed_code(stage, name))
        assert refused["reason"] == "SECOND_STEP_OVER"
        # And where it is on, no code is mailed any more.
        before = len((await letters(stage)).sent)
        later = needs_code(await stranger.face_login(eileen))
        assert len((await letters(stage)).sent) == before
        stage.clock.advance(60)
        assert (await stranger.second_step(later, app.code()))["accessToken"]


async def test_mails_are_few(stage: Studio, eileen: Claim) -> None:
    """Somebody with a like face could fill a person's mailbox."""
    async with browser(stage) as phone, browser(stage) as stranger:
        await enrolled(stage, phone, eileen)
        for _ in range(5):
            needs_code(await stranger.face_login(eileen))
        refused = await stranger.face_login(eileen)
        assert (refused["code"], refused["reason"]) == ("RATE_LIMITED", "account.sign_in_code")


async def test_without_a_proved_address_an_unknown_device_is_refused(stage: Studio, eileen: Claim) -> None:
    """A code would go to an address that may be anybody's; or nothing at all would be asked for."""
    async with browser(stage) as phone, browser(stage) as laptop:
        await enrolled(stage, phone, eileen, proved=False)
        refused = await laptop.face_login(eileen)
        assert (refused["code"], refused["reason"]) == ("FORBIDDEN", "SECOND_PROOF_NEEDED")
        assert (await phone.face_login(eileen))["auth"]["accessToken"]


async def test_a_newcomers_browser_is_known_from_the_start(stage: Studio, eileen: Claim) -> None:
    """Whoever has nothing but a face could never come back."""
    async with browser(stage) as own, browser(stage) as other:
        assert (await own.face_login(eileen))["isNewUser"]
        own.access_token = None
        again = await own.face_login(eileen)
        assert (again["matchFound"], again["isNewUser"]) == (True, False)
        assert again["auth"]["accessToken"]
        assert (await other.face_login(eileen))["reason"] == "SECOND_PROOF_NEEDED"


async def test_whose_face_it_is_waits_for_the_code(stage: Studio, eileen: Claim) -> None:
    """A stranger with a like face would read the account's name."""
    async with browser(stage) as phone, browser(stage) as stranger:
        await enrolled(stage, phone, eileen)
        assert (await stranger.first_call(eileen)).json()["data"] is None
        assert (await phone.first_call(eileen)).json()["data"]["user"]["id"] == (await phone.me())["id"]


async def test_switched_off_a_face_opens_nothing(
    embedded: EmbeddedServices, tmp_path_factory: pytest.TempPathFactory, face_models: Path, eileen: Claim
) -> None:
    """An operator who must not process faces would do so all the same; or people could not have theirs deleted."""
    async with (
        studio(embedded, tmp_path_factory.mktemp("off"), face_models, FACE_LOGIN="off") as off,
        browser(off) as visitor,
    ):
        for purpose in ("LOGIN", "ENROLL", "STEP_UP"):
            if purpose == "ENROLL":
                await visitor.sign_up("eileen")
            refused = await visitor.ask(CHALLENGE, purpose=purpose)
            assert (refused["code"], refused["reason"]) == ("FORBIDDEN", "FACE_LOGIN_OFF"), purpose
        assert (await visitor.ask(CHALLENGE, purpose="VERIFY"))["token"]
        assert (await visitor.face_login(eileen, token="x"))["reason"] == "FACE_LOGIN_OFF"
        assert (await visitor.trade("x"))["reason"] == "FACE_LOGIN_OFF"
        assert (await visitor.enrol_with("x", eileen))["reason"] == "FACE_LOGIN_OFF"
        assert (await visitor.first_call(eileen, token="x")).status_code == 403
        assert (await visitor.second_call("x")).status_code == 403
        words, code = await visitor.heard_at_start("x")
        assert (words["code"], code) == ("FORBIDDEN", 4403)
        account = (await visitor.me())["id"]
        await sql(
            off,
            "insert into face_templates values (gen_random_uuid(), $1::text::uuid, array_fill(0.1, array[128])::vector,"
            " 1, '2026-11-20', true, now())",
            account,
        )
        me = await visitor.me()
        assert (me["faceLoginEnabled"], me["faceTemplates"]) == (False, 1)
        methods = await visitor.ask("{ me { confirmationMethods } }")
        assert methods["confirmationMethods"] == ["PASSWORD"], "a page would offer the camera, and be refused"
        forgotten = await visitor.ask(
            "mutation ($password: String) { forgetFace(password: $password) }", password="orbiter-discovery-1995"
        )
        assert forgotten is True
        assert await sql(off, "select * from face_templates") == []

"""Continue on your phone: a link that is worth an attempt at one badge, and nothing else."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from app.client.animation import PhotoAnimator
from app.client.sources import PhotoSource
from app.embedded import EmbeddedServices
from app.ids import Ids
from app.verification.handoffs import ATTEMPTS, LINK_LIVES, OPENED_LIVES
from tests.attempts import Claim, Studio, studio
from tests.browsers import STEPS, VERIFY, WATCHED_S, Browser, browser, nobody_known, sql
from tests.running import PASSWORD, wire

pytestmark = pytest.mark.asyncio(loop_scope="module")

BEGIN = "mutation { beginHandoff { url qrCode expiresAt } }"
OPEN = "mutation ($token: String) { openHandoff(token: $token) { handle displayName attemptsLeft expiresAt } }"
DRAW = "mutation { createHandoffChallenge { token steps streamUrl } }"
CONFIRM = (
    "mutation ($token: String!, $frame: String!, $evidence: [StepFrame!]) { confirmHandoff(token: $token, "
    "frame: $frame, evidence: $evidence) { success verifiedAt error retryAfterS } }"
)
VERIFIED = "{ me { verifiedAt } }"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(
    embedded: EmbeddedServices, tmp_path_factory: pytest.TempPathFactory, face_models: Path
) -> AsyncIterator[Studio]:
    # Sign-in by face is off: the check on a phone has nothing to do with it.
    async with studio(embedded, tmp_path_factory.mktemp("handoffs"), face_models, FACE_LOGIN="off") as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def stage(server: Studio) -> Studio:
    await nobody_known(server)
    return server


async def desk(owner: Browser, photo: Path | None = None) -> str:
    """Somebody signs up at a computer; the handle."""
    name = f"h{Ids().uuid7().hex}"
    await owner.sign_up(name)
    if photo is not None:
        await owner.upload(photo)
    return name


async def link(owner: Browser) -> str:
    """The token of a fresh link."""
    made = await owner.ask(BEGIN)
    address, _, token = made["url"].partition("#token=")
    assert address.endswith("/handoff")
    assert made["qrCode"].startswith("data:image/svg+xml")
    return str(token)


async def draw(phone: Browser) -> str:
    """The token of a challenge that asks for STEPS, drawn by the phone and watched."""
    phone.stage.die.wanted = STEPS
    drawn = await phone.ask(DRAW)
    assert drawn["steps"] == [step.value for step in STEPS], drawn
    phone.stage.clock.advance(WATCHED_S)
    return str(drawn["token"])


def over(answer: Any) -> bool:
    return (answer.get("code"), answer.get("reason")) == ("GONE", "HANDOFF_OVER")


async def test_a_phone_earns_the_badge_of_the_computer(
    stage: Studio, eileen: Claim, astronaut_path: Path, astronaut: PhotoAnimator
) -> None:
    """Whoever has no camera at the computer could not be verified."""
    async with browser(stage) as owner, browser(stage) as phone, browser(stage) as other:
        name = await desk(owner, astronaut_path)
        task = await phone.ask(OPEN, token=await link(owner))
        assert (task["handle"], task["displayName"], task["attemptsLeft"]) == (name, name, ATTEMPTS)
        assert (await phone.ask(OPEN))["handle"] == name, "a reload loses the check"
        result = await phone.ask(CONFIRM, **eileen.variables(await draw(phone)))
        assert result["success"], result
        assert (await owner.ask(VERIFIED))["verifiedAt"] == result["verifiedAt"]
        assert "HANDOFF_OPENED" in await owner.events()
        assert over(await phone.ask(DRAW)), "it is done"
        assert over(await phone.ask(OPEN))

        await desk(other, astronaut_path)
        await phone.ask(OPEN, token=await link(other))
        stage.die.wanted = STEPS
        token = (await phone.ask(DRAW))["token"]
        async with wire(stage.server, cookies=phone.cookies) as socket:
            await socket.start(token, None)
            take = await stage.shoot(socket, PhotoSource(astronaut))
        assert take.outcome == "SUCCESS"
        assert "ticket" not in take.last
        assert (await other.ask(VERIFIED))["verifiedAt"] == take.last["verifiedAt"]


async def test_the_link_opens_nothing_else(stage: Studio, eileen: Claim, astronaut_path: Path) -> None:
    """Whoever photographs a screen would have an account."""
    async with browser(stage) as owner, browser(stage) as thief:
        await desk(owner, astronaut_path)
        token = await link(owner)
        await thief.ask(OPEN, token=token)
        assert not any("csrf" in name or "refresh" in name for name in thief.http.cookies)
        assert (await thief.answer("{ me { id } }"))["data"]["me"] is None
        for query in ("{ sessions { id } }", "{ auditEvents { nodes { id } } }", "mutation { exportMyData }", BEGIN):
            assert (await thief.ask(query))["code"] == "UNAUTHENTICATED", query
        for purpose in ("VERIFY", "ENROLL", "STEP_UP"):
            refused = await thief.ask(
                "mutation ($p: LivenessPurpose) { createLivenessChallenge(purpose: $p) { token } }", p=purpose
            )
            assert refused["code"] == "UNAUTHENTICATED", purpose
        challenge = await draw(thief)
        assert (await thief.ask(VERIFY, **eileen.variables(challenge)))["code"] == "UNAUTHENTICATED"
        for bearer in (token, challenge):
            thief.access_token = bearer
            assert (await thief.ask("{ sessions { id } }"))["code"] == "UNAUTHENTICATED"


async def test_a_stolen_link_is_an_attempt_that_must_match(
    stage: Studio, grace: Claim, astronaut_path: Path, astronaut: PhotoAnimator
) -> None:
    """A stranger's face would earn the badge, or try without end, or lock the owner out."""
    async with browser(stage) as owner, browser(stage) as thief:
        await desk(owner, astronaut_path)
        await thief.ask(OPEN, token=await link(owner))
        for _ in range(ATTEMPTS):
            result = await thief.ask(CONFIRM, **grace.variables(await draw(thief)))
            assert (result["success"], result["error"], result["retryAfterS"]) == (False, "FACE_MISMATCH", None)
        assert over(await thief.ask(DRAW))
        assert (await owner.ask(VERIFIED))["verifiedAt"] is None
        assert (await owner.events()).count("BADGE_REFUSED") == ATTEMPTS
        take = await owner.film(PhotoSource(astronaut), purpose="VERIFY", signed_in=True)
        assert take.outcome == "SUCCESS", "the owner goes on"


async def test_fifty_who_open_a_link_at_once_are_one(stage: Studio) -> None:
    """A link that was photographed by many would let each of them try."""
    async with browser(stage) as owner:
        await desk(owner)
        token = await link(owner)

        async def opens() -> Any:
            async with browser(stage) as one:
                return await one.ask(OPEN, token=token)

        answers = await asyncio.gather(*(opens() for _ in range(50)))
        assert Counter(over(answer) for answer in answers) == {True: 49, False: 1}
        async with browser(stage) as late:
            assert over(await late.ask(OPEN, token=token)), "used up"


async def test_fifty_challenges_at_once_are_four(stage: Studio, astronaut_path: Path) -> None:
    """Whoever opened a link could try as often as they can ask at the same moment."""
    async with browser(stage) as owner, browser(stage) as phone:
        await desk(owner, astronaut_path)
        await phone.ask(OPEN, token=await link(owner))
        drawn = await asyncio.gather(*(phone.ask(DRAW) for _ in range(50)))
        assert Counter(over(answer) for answer in drawn) == {True: 50 - ATTEMPTS, False: ATTEMPTS}


async def test_only_the_browser_that_opened_it_can_go_on(stage: Studio, eileen: Claim, astronaut_path: Path) -> None:
    """Whoever overhears a challenge could carry it out elsewhere."""
    async with browser(stage) as owner, browser(stage) as phone, browser(stage) as other:
        await desk(owner, astronaut_path)
        await phone.ask(OPEN, token=await link(owner))
        challenge = await draw(phone)
        assert over(await other.ask(CONFIRM, **eileen.variables(challenge))), "a browser without an id"
        await other.ask("mutation { beginPasskeyLogin { challengeId } }")
        assert over(await other.ask(OPEN))
        assert over(await other.ask(DRAW))
        assert over(await other.ask(CONFIRM, **eileen.variables(challenge)))
        words, code = await other.heard_at_start(challenge)
        assert (words["code"], code) == ("FORBIDDEN", 4403)
        assert (await phone.ask(CONFIRM, **eileen.variables(challenge)))["success"], "nothing was used up by it"


async def test_links_and_what_they_opened_run_out(stage: Studio) -> None:
    """A picture of a screen from last week would still be worth something."""
    async with browser(stage) as owner, browser(stage) as phone:
        await desk(owner)
        token = await link(owner)
        stage.clock.advance(LINK_LIVES.total_seconds())
        assert over(await phone.ask(OPEN, token=token))
        token = await link(owner)
        stage.clock.advance(LINK_LIVES.total_seconds() - 1)
        assert (await phone.ask(OPEN, token=token))["attemptsLeft"] == ATTEMPTS
        stage.clock.advance(OPENED_LIVES.total_seconds())
        assert over(await phone.ask(DRAW))


async def test_a_newer_link_ends_the_one_before(stage: Studio) -> None:
    """Whoever shows a new code because somebody looked over their shoulder would have two about."""
    async with browser(stage) as owner, browser(stage) as phone, browser(stage) as thief:
        name = await desk(owner)
        first = await link(owner)
        second = await link(owner)
        assert over(await thief.ask(OPEN, token=first))
        await thief.ask(OPEN, token=second)
        third = await link(owner)
        assert over(await thief.ask(DRAW)), "also when it was opened already"
        assert (await phone.ask(OPEN, token=third))["handle"] == name
        assert over(await thief.ask(OPEN))


@pytest.mark.parametrize("how", ["revoked", "deleted"])
async def test_it_ends_with_the_session_that_made_it(
    stage: Studio, eileen: Claim, astronaut_path: Path, how: str
) -> None:
    """Whoever ends a session because a link got out, or deletes the account, would leave the link behind."""
    async with browser(stage) as owner, browser(stage) as phone, browser(stage) as late:
        name = await desk(owner, astronaut_path)
        await phone.ask(OPEN, token=await link(owner))
        challenge = await draw(phone)
        if how == "deleted":
            assert await owner.ask("mutation ($p: String) { deleteAccount(password: $p) }", p=PASSWORD) is True
            assert not [key async for key in stage.server.services.redis.scan_iter(match="handoff:????????-*")]
        else:
            await late.log_in(name)
            assert await late.ask("mutation { revokeOtherSessions }") == 1
        assert over(await phone.ask(CONFIRM, **eileen.variables(challenge)))
        assert over(await phone.ask(OPEN))


async def test_a_session_that_ends_in_the_middle_ends_the_stream(
    stage: Studio, astronaut_path: Path, astronaut: PhotoAnimator
) -> None:
    """A phone would earn a badge for an account whose owner has just thrown everybody out."""
    async with browser(stage) as owner, browser(stage) as phone:
        name = await desk(owner, astronaut_path)
        await phone.ask(OPEN, token=await link(owner))
        token = await draw(phone)
        async with wire(stage.server, cookies=phone.cookies) as socket:
            await socket.start(token, None)
            await stage.shoot(socket, PhotoSource(astronaut), frames=3)
            await sql(
                stage,
                "update sessions s set revoked_at = now() from profiles p "
                "where s.account_id = p.account_id and p.handle = $1",
                name,
            )
            words, code = await socket.last_words()
        assert (words["code"], code) == ("UNAUTHENTICATED", 4401)


async def test_asking_and_guessing_have_an_end(stage: Studio) -> None:
    """Links would be made, or guessed at, without end."""
    async with browser(stage) as owner, browser(stage) as guesser:
        await desk(owner)
        made = [await owner.ask(BEGIN) for _ in range(21)]
        assert [answer.get("code") for answer in made] == [None] * 20 + ["RATE_LIMITED"]
        guessed = [await guesser.ask(OPEN, token=f"guess-{number}") for number in range(61)]
        assert Counter(answer["code"] for answer in guessed) == {"GONE": 60, "RATE_LIMITED": 1}
        await nobody_known(stage)
        for nonsense in ("", "x" * 10_000, "é", f"handoff:{Ids().uuid7()}"):
            assert over(await guesser.ask(OPEN, token=nonsense)), nonsense

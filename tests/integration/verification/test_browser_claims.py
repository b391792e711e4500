"""What a page claims through confirmLiveness: the server believes only its own reading, once per challenge."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from app.client.animation import PhotoAnimator
from app.client.api import Challenge
from app.client.opening import animator_of, read_photo
from app.embedded import EmbeddedServices
from app.verification.limits import CLAIMS_PER_CHALLENGE
from liveness.challenge import CHALLENGE_LIFE_S
from liveness.frames import decode_frame
from liveness.steps import LivenessStep
from tests.attempts import CONFIRM, Claim, Rgb, Studio, confirm, graphql, jpeg_of, refreshed, studio
from tests.portraits import Portrait, with_open_mouth
from tests.presentations import Pose, Stage
from tests.running import Person, person, wire

pytestmark = pytest.mark.asyncio(loop_scope="module")

LEFT, RIGHT, UP = LivenessStep.LOOK_LEFT, LivenessStep.LOOK_RIGHT, LivenessStep.LOOK_UP
MOUTH, BLINK = LivenessStep.OPEN_MOUTH, LivenessStep.BLINK
STEPS = (LEFT, MOUTH, RIGHT)
WATCHED_S = 7.0  # longer than the claims say that the person was watched


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(
    embedded: EmbeddedServices, tmp_path_factory: pytest.TempPathFactory, face_models: Path
) -> AsyncIterator[Studio]:
    async with studio(embedded, tmp_path_factory.mktemp("claims"), face_models) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def account(stage: Studio, astronaut_path: Path) -> AsyncIterator[Person]:
    async with person(stage.server, "eileen", photo=astronaut_path) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def eileen(stage: Studio, account: Person) -> Person:
    """The astronaut, whom earlier tests left no trace on; a test that changes photo or session takes a newcomer."""
    return await refreshed(stage, account, "eileen@example.org")


@pytest.fixture(scope="module")
def grace(grace_hopper_path: Path) -> PhotoAnimator:
    return animator_of(read_photo(grace_hopper_path))


@pytest.fixture(scope="module")
def honest(astronaut: PhotoAnimator) -> Claim:
    """What a page sends that watched the person answer STEPS."""
    return Claim.of(astronaut, STEPS)


async def watched(stage: Studio, who: Person, *steps: LivenessStep) -> Challenge:
    """A challenge that was issued WATCHED_S ago."""
    challenge = await stage.challenge(who, *(steps or STEPS))
    stage.clock.advance(WATCHED_S)
    return challenge


async def claimed(stage: Studio, who: Person, claim: Claim) -> tuple[bool, str | None]:
    challenge = await watched(stage, who)
    result = await confirm(stage.server, who, challenge.token, claim)
    return result["success"], result["error"]


def beside(left: bytes, right: bytes) -> Rgb:
    """The middles of two frames next to each other."""
    return np.hstack([decode_frame(jpeg)[:, 80:240] for jpeg in (left, right)])


async def test_an_honest_claim_earns_the_badge(stage: Studio, eileen: Person, honest: Claim) -> None:
    """People with modern browsers could not be verified."""
    challenge = await watched(stage, eileen)
    result = await confirm(stage.server, eileen, challenge.token, honest)
    assert result["success"], result
    me = await eileen.api.me()
    assert me is not None
    assert me["verifiedAt"] == result["verifiedAt"]


async def test_verifying_again_moves_the_date(stage: Studio, eileen: Person, honest: Claim) -> None:
    """A badge of years ago could not be renewed."""
    first = await confirm(stage.server, eileen, (await watched(stage, eileen)).token, honest)
    second = await confirm(stage.server, eileen, (await watched(stage, eileen)).token, honest)
    assert first["success"]
    assert second["success"]
    assert second["verifiedAt"] > first["verifiedAt"]


def same_frame(claim: Claim) -> Claim:
    return replace(claim, evidence=tuple((step, claim.still, at) for step, _, at in claim.evidence))


def turned_still_too(claim: Claim) -> Claim:
    return replace(claim, still=claim.evidence[0][1])


def order_of(*numbers: int) -> Callable[[Claim], Claim]:
    return lambda claim: replace(claim, evidence=tuple(claim.evidence[number] for number in numbers))


def relabelled(claim: Claim) -> Claim:
    """The pictures of the first and last step swapped, labels and times kept."""
    pictures = [jpeg for _, jpeg, _ in claim.evidence][::-1]
    return replace(
        claim,
        evidence=tuple((step, jpeg, at) for (step, _, at), jpeg in zip(claim.evidence, pictures, strict=True)),
    )


def at(*times_ms: int) -> Callable[[Claim], Claim]:
    return lambda claim: replace(
        claim,
        evidence=tuple((step, jpeg, t) for (step, jpeg, _), t in zip(claim.evidence, times_ms, strict=True)),
    )


FALSE_CLAIMS: dict[str, Callable[[Claim], Claim]] = {
    "no evidence": lambda claim: replace(claim, evidence=()),
    "one frame for all": same_frame,
    "the still is a step's frame": turned_still_too,
    "another order": order_of(1, 0, 2),
    "a step missing": order_of(0, 1),
    "a step too many": order_of(0, 1, 2, 1),
    "pictures swapped": relabelled,
    "captured backwards": at(4000, 2000, 6000),
    "captured all at once": at(2000, 2000, 2000),
    "captured too fast": at(2000, 2100, 6000),
    "captured before the prompt": at(10, 2000, 4000),
    "captured at negative times": at(-2_147_483_648, 2000, 4000),
    "captured in the future": at(2000, 4000, round(1000 * WATCHED_S) + 1000),
    "captured beyond the life": at(2000, 4000, 2_147_483_647),
}


@pytest.mark.parametrize("fault", FALSE_CLAIMS)
async def test_a_false_claim_fails(stage: Studio, eileen: Person, honest: Claim, fault: str) -> None:
    """A page could claim what nobody saw."""
    word = "LOW_QUALITY" if fault == "the still is a step's frame" else "CHALLENGE_FAILED"
    assert await claimed(stage, eileen, FALSE_CLAIMS[fault](honest)) == (False, word)
    me = await eileen.api.me()
    assert me is not None
    assert me["verifiedAt"] is None


@pytest.mark.parametrize("whose", ["the still", "a step", "the steps", "all"])
async def test_pictures_of_somebody_else(
    stage: Studio, eileen: Person, honest: Claim, grace: PhotoAnimator, whose: str
) -> None:
    """The victim's portrait as the still and the attacker's gestures as evidence would make a badge."""
    other = Claim.of(grace, STEPS)
    mixed = {
        "the still": replace(honest, still=other.still),
        "a step": replace(honest, evidence=(honest.evidence[0], other.evidence[1], honest.evidence[2])),
        "the steps": replace(other, still=honest.still),
        "all": other,
    }
    wrong = "FACE_MISMATCH" if whose == "all" else "CHALLENGE_FAILED"
    assert await claimed(stage, eileen, mixed[whose]) == (False, wrong)


@pytest.mark.parametrize("turn_deg", [20, 35, 45])
async def test_a_printed_photo(stage: Studio, eileen: Person, astronaut_path: Path, turn_deg: int) -> None:
    """A print, turned before the camera, with an open mouth painted on a second one."""
    sheet, room = Portrait.of(read_photo(astronaut_path)), Stage()

    def photographed(portrait: Portrait, yaw: float, seed: int) -> bytes:
        return jpeg_of(room.show(portrait, Pose(yaw_deg=yaw), seed=seed))

    shown = (
        (LEFT, photographed(sheet, turn_deg, 1), 2000),
        (MOUTH, photographed(with_open_mouth(sheet, 1.0), 0, 2), 4000),
        (RIGHT, photographed(sheet, -turn_deg, 3), 6000),
    )
    assert await claimed(stage, eileen, Claim(photographed(sheet, 0, 0), shown)) == (False, "CHALLENGE_FAILED")


async def test_no_face_and_two_faces(
    stage: Studio, eileen: Person, honest: Claim, grace: PhotoAnimator, empty_room: bytes
) -> None:
    """The person would not learn what to change."""
    empty = replace(honest, evidence=(*honest.evidence[:2], (RIGHT, empty_room, 6000)))
    assert await claimed(stage, eileen, empty) == (False, "NO_FACE")
    pair = jpeg_of(beside(honest.still, Claim.of(grace, STEPS).still))
    assert await claimed(stage, eileen, replace(honest, still=pair)) == (False, "MULTIPLE_FACES")


async def test_tokens_of_others_altered_late_or_used(
    stage: Studio, eileen: Person, honest: Claim, astronaut_path: Path
) -> None:
    """A claim could be judged against a challenge that was not made for it; and the answer must not tell why not."""
    async with stage.newcomer(astronaut_path) as mallory:
        theirs = await watched(stage, mallory)
        mine = await watched(stage, eileen)
        middle = len(mine.token) // 3
        flipped = mine.token[:middle] + ("A" if mine.token[middle] != "A" else "B") + mine.token[middle + 1 :]
        for token in (theirs.token, flipped, "", "x", ".", "\u00e9.\ud7ff", "a" * 50_000):
            result = await confirm(stage.server, eileen, token, honest)
            assert (result["success"], result["error"]) == (False, "TOKEN_EXPIRED"), token
        assert (await confirm(stage.server, eileen, mine.token, honest))["success"]
        again = await confirm(stage.server, eileen, mine.token, honest)
        assert (again["success"], again["error"]) == (False, "TOKEN_EXPIRED")
        assert (await confirm(stage.server, mallory, theirs.token, honest))["success"]
    late = await stage.challenge(eileen, *STEPS)
    stage.clock.advance(CHALLENGE_LIFE_S)
    result = await confirm(stage.server, eileen, late.token, honest)
    assert (result["success"], result["error"]) == (False, "TOKEN_EXPIRED")


async def test_a_stream_and_a_claim_share_one_challenge(stage: Studio, eileen: Person, honest: Claim) -> None:
    """One challenge would be two attempts."""
    challenge = await watched(stage, eileen)
    async with wire(stage.server) as socket:
        await socket.start(challenge.token, eileen.access_token)
        assert (await socket.heard())["type"] == "ready"
        result = await confirm(stage.server, eileen, challenge.token, honest)
        assert (result["success"], result["error"]) == (False, "TOKEN_EXPIRED")
    challenge = await watched(stage, eileen)
    assert (await confirm(stage.server, eileen, challenge.token, honest))["success"]
    async with wire(stage.server) as socket:
        await socket.start(challenge.token, eileen.access_token)
        words, _ = await socket.last_words()
    assert words["error"] == "TOKEN_EXPIRED"


async def test_twenty_at_once_are_one_attempt(stage: Studio, eileen: Person, honest: Claim) -> None:
    """Twenty guesses would cost one challenge."""
    challenge = await watched(stage, eileen)
    results = await asyncio.gather(*(confirm(stage.server, eileen, challenge.token, honest) for _ in range(20)))
    assert sorted(str(result["error"]) for result in results) == ["None"] + ["TOKEN_EXPIRED"] * 19


async def test_a_document_may_claim_once(stage: Studio, eileen: Person, honest: Claim) -> None:
    """A hundred aliased claims would be one request."""
    twice = CONFIRM.replace("confirmLiveness(", "a: confirmLiveness(").replace(
        "} }", "} b: confirmLiveness(token: $token, frame: $frame) { success } }"
    )
    challenge = await watched(stage, eileen)
    payload = await graphql(stage.server, eileen, twice, **honest.variables(challenge.token))
    assert payload["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert (await confirm(stage.server, eileen, challenge.token, honest))["success"]


async def test_nobody_claims_without_signing_in(stage: Studio, eileen: Person, honest: Claim) -> None:
    """Whoever reads a token over a shoulder could use it up."""
    challenge = await watched(stage, eileen)
    payload = await graphql(stage.server, None, CONFIRM, **honest.variables(challenge.token))
    assert payload["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert (await confirm(stage.server, eileen, challenge.token, honest))["success"]


async def test_without_a_profile_photo_the_token_is_kept(
    stage: Studio, eileen: Person, honest: Claim, astronaut_path: Path
) -> None:
    """A person who forgot the photo would have to start over."""
    async with stage.newcomer() as newcomer:
        challenge = await watched(stage, newcomer)
        result = await confirm(stage.server, newcomer, challenge.token, honest)
        assert (result["success"], result["error"]) == (False, "NO_PROFILE_PHOTO")
        await newcomer.api.upload_avatar(astronaut_path.read_bytes(), mime="image/png")
        assert (await confirm(stage.server, newcomer, challenge.token, honest))["success"]


NO_FRAME: dict[str, bytes] = {
    "empty": b"",
    "text": b"I am a picture" * 20,
    "png": b"\x89PNG\r\n\x1a\n" + b"\x00" * 200,
    "bomb": b"\xff\xd8\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01" + b"\x00" * 100,
    "huge": b"\xff\xd8\xff" + b"x" * 300_000,
}


@pytest.mark.parametrize("where", ["frame", "evidence"])
async def test_a_picture_that_is_none_is_told_and_costs_nothing(
    stage: Studio, eileen: Person, honest: Claim, where: str
) -> None:
    """A broken upload would use up the challenge; a hostile one would reach the native decoder."""
    challenge = await watched(stage, eileen)
    step, _, at_ms = honest.evidence[-1]
    for jpeg in (*NO_FRAME.values(), honest.still[: len(honest.still) // 2]):
        broken = (
            replace(honest, still=jpeg)
            if where == "frame"
            else replace(honest, evidence=(*honest.evidence[:-1], (step, jpeg, at_ms)))
        )
        result = await confirm(stage.server, eileen, challenge.token, broken)
        assert result["code"] in ("BAD_USER_INPUT", "PAYLOAD_TOO_LARGE")
        assert result["field"] == where
    assert (await confirm(stage.server, eileen, challenge.token, honest))["success"]


async def test_what_a_challenge_is_worth_in_decoded_pictures(stage: Studio, eileen: Person, honest: Claim) -> None:
    """One challenge, drawn by anybody, would keep the one thread that decodes claims busy for five minutes, by broken
    uploads or by a token that is used up: everybody else would be told BUSY."""
    broken = replace(honest, evidence=(*honest.evidence[:-1], (RIGHT, b"no picture", 6000)))
    spent = await watched(stage, eileen)
    assert (await confirm(stage.server, eileen, spent.token, honest))["success"]
    result = await confirm(stage.server, eileen, spent.token, broken)
    assert result["error"] == "TOKEN_EXPIRED", "its pictures are not looked at"
    replaced, challenge = await watched(stage, eileen), await watched(stage, eileen)
    result = await confirm(stage.server, eileen, replaced.token, broken)
    assert result["error"] == "TOKEN_EXPIRED"
    told = [
        (await confirm(stage.server, eileen, challenge.token, broken))["code"]
        for _ in range(CLAIMS_PER_CHALLENGE.amount + 1)
    ]
    assert told == ["BAD_USER_INPUT"] * CLAIMS_PER_CHALLENGE.amount + ["RATE_LIMITED"]
    assert (await confirm(stage.server, eileen, (await watched(stage, eileen)).token, honest))["success"]


async def test_text_that_is_no_base64_is_told(stage: Studio, eileen: Person, honest: Claim) -> None:
    """A client's author would meet an internal error."""
    challenge = await watched(stage, eileen)
    for text in ("not base64!", "data:image/jpeg;base64,%%%", "Gänsefüßchen", "data:", "A", "\0"):
        variables = honest.variables(challenge.token) | {"frame": text}
        payload = await graphql(stage.server, eileen, CONFIRM, **variables)
        assert payload["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT", text
    assert (await confirm(stage.server, eileen, challenge.token, honest))["success"]


async def test_a_canvas_url_is_understood(stage: Studio, eileen: Person, honest: Claim) -> None:
    """What `canvas.toDataURL` gives would be refused."""
    challenge = await watched(stage, eileen)
    variables = honest.variables(challenge.token)
    variables["frame"] = "data:image/jpeg;base64," + base64.b64encode(honest.still).decode()
    payload = await graphql(stage.server, eileen, CONFIRM, **variables)
    assert payload["data"]["confirmLiveness"]["success"]


@pytest.mark.parametrize("number", [6, 1000])
async def test_more_evidence_than_any_challenge_asks_for_is_not_even_decoded(
    stage: Studio, eileen: Person, honest: Claim, number: int
) -> None:
    """One request of 2 MiB would decode to gigabytes of pixels: a white picture of 1280x960 takes a few kilobytes."""
    challenge = await watched(stage, eileen)
    many = replace(honest, evidence=tuple((LEFT, b"no picture", 2000 + n) for n in range(number)))
    result = await confirm(stage.server, eileen, challenge.token, many)
    assert result["code"] == "PAYLOAD_TOO_LARGE"
    assert (await confirm(stage.server, eileen, challenge.token, honest))["success"]


@pytest.mark.parametrize("steps_aside", [0, 4, 16, 64])
async def test_a_new_photo_while_the_claim_is_judged_is_never_covered_by_it(
    stage: Studio, honest: Claim, grace_hopper_path: Path, astronaut_path: Path, steps_aside: int
) -> None:
    """A person could show their own face and at the same moment put somebody else's photo under the badge."""
    other = grace_hopper_path.read_bytes()
    async with stage.newcomer(astronaut_path) as eileen:
        challenge = await watched(stage, eileen)

        async def swap() -> None:
            for _ in range(steps_aside):
                await asyncio.sleep(0)
            await eileen.api.upload_avatar(other, mime="image/jpeg")

        result, _ = await asyncio.gather(confirm(stage.server, eileen, challenge.token, honest), swap())
        assert result["error"] in (None, "TOKEN_EXPIRED", "FACE_MISMATCH")
        me = await eileen.api.me()
        assert me is not None
        assert me["verifiedAt"] is None, "the badge stands beside a photo that was not compared"


async def test_a_photo_swapped_between_challenge_and_claim(
    stage: Studio, honest: Claim, astronaut_path: Path, grace_hopper_path: Path
) -> None:
    """The old photo's template would vouch for the new photo."""
    async with stage.newcomer(astronaut_path) as eileen:
        assert (await claimed(stage, eileen, honest))[0]
        challenge = await watched(stage, eileen)
        changed = await eileen.api.upload_avatar(grace_hopper_path.read_bytes(), mime="image/jpeg")
        assert changed["verifiedAt"] is None
        result = await confirm(stage.server, eileen, challenge.token, honest)
        assert (result["success"], result["error"]) == (False, "FACE_MISMATCH")


async def test_failed_claims_count_towards_the_block(stage: Studio, eileen: Person, honest: Claim) -> None:
    """Pages could try for ever where streams may not."""
    for number in range(5):
        challenge = await watched(stage, eileen)
        result = await confirm(stage.server, eileen, challenge.token, replace(honest, evidence=()))
        assert (result["error"], result["retryAfterS"] is not None) == ("CHALLENGE_FAILED", number == 4)
    payload = await graphql(stage.server, eileen, "mutation { createLivenessChallenge { token } }")
    assert payload["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
    assert payload["errors"][0]["extensions"]["retryAfter"] > 0
    assert await eileen.api.me() is not None


async def test_bare_stills_pass_only_where_the_operator_said_so(
    embedded: EmbeddedServices,
    tmp_path: Path,
    face_models: Path,
    honest: Claim,
    astronaut_path: Path,
    grace: PhotoAnimator,
) -> None:
    """An operator's test installation could not run without gestures; or any face would do there."""
    async with (
        studio(embedded, tmp_path, face_models, LIVENESS_ALLOW_BARE_STILLS="true") as lax,
        person(lax.server, "eileen", photo=astronaut_path) as eileen,
    ):
        bare = replace(honest, evidence=())
        assert await claimed(lax, eileen, bare) == (True, None)
        assert await claimed(lax, eileen, replace(bare, still=Claim.of(grace, ()).still)) == (False, "FACE_MISMATCH")
        assert await claimed(lax, eileen, same_frame(honest)) == (False, "CHALLENGE_FAILED")

"""Who stands before the camera: each presentation that is no live person of the profile photo is refused, and why.

Over the wire, with real frames, at simulated time (tests.attempts).
"""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from app.audit import NOBODY
from app.client.animation import PhotoAnimator
from app.client.errors import Refused
from app.client.opening import animator_of, read_photo
from app.client.sources import PhotoSource, Source
from app.embedded import EmbeddedServices
from liveness.frames import decode_frame
from liveness.steps import LivenessStep
from tests.attempts import FPS, Company, Cut, Disobedient, Looking, Recording, Reflexes, Rgb, Studio, refreshed, studio
from tests.portraits import Portrait
from tests.presentations import Plain, answering, bent, held_still, moved, tilted
from tests.recordings import Timed, frozen
from tests.running import PASSWORD, Person, person, wire

pytestmark = pytest.mark.asyncio(loop_scope="module")

LEFT, RIGHT, UP, DOWN = (LivenessStep(f"LOOK_{way}") for way in ("LEFT", "RIGHT", "UP", "DOWN"))
MOUTH, BLINK, SMILE = LivenessStep.OPEN_MOUTH, LivenessStep.BLINK, LivenessStep.SMILE


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(
    embedded: EmbeddedServices, tmp_path_factory: pytest.TempPathFactory, face_models: Path
) -> AsyncIterator[Studio]:
    async with studio(embedded, tmp_path_factory.mktemp("people"), face_models) as opened:
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
def print_out(astronaut_path: Path) -> Portrait:
    return Portrait.of(read_photo(astronaut_path))


@pytest.fixture
def reasons(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """What the operator's log says about the refusals so far."""
    caplog.set_level("INFO", "app.verification.attempts")
    return lambda: "\n".join(r.getMessage() for r in caplog.records if r.name == "app.verification.attempts")


@dataclass
class Brief:
    """A camera that is put down after `frames` frames."""

    source: Source
    frames: int

    def prompt(self, step: LivenessStep) -> None:
        self.source.prompt(step)

    def frame(self, t_ms: int) -> bytes | None:
        self.frames -= 1
        return self.source.frame(t_ms) if self.frames >= 0 else None


@dataclass
class Overheard:
    """A camera whose owner writes down what is asked."""

    source: Source
    asked: list[LivenessStep]

    def prompt(self, step: LivenessStep) -> None:
        self.asked.append(step)

    def frame(self, t_ms: int) -> bytes | None:
        return self.source.frame(t_ms)


def filmed(animator: PhotoAnimator, step: LivenessStep | None, *, seconds: float, seed: int = 0) -> list[Rgb]:
    """A recording of somebody who makes one gesture, or none, again and again."""
    camera = PhotoSource(animator, seed=seed)
    if step is not None:
        camera.prompt(step)
    return [decode_frame(camera.frame(round(1000 * n / FPS))) for n in range(int(seconds * FPS))]


async def badge(who: Person) -> str | None:
    me = await who.api.me()
    assert me is not None
    at: str | None = me["verifiedAt"]
    return at


@pytest.mark.parametrize("steps", [(LEFT, MOUTH, RIGHT), (UP, BLINK, DOWN), (SMILE, RIGHT, MOUTH)])
async def test_the_person_of_the_photo_passes(
    stage: Studio, eileen: Person, astronaut: PhotoAnimator, steps: tuple[LivenessStep, ...]
) -> None:
    """Every refusal below would prove nothing."""
    take = await stage.film(eileen, PhotoSource(astronaut), *steps)
    assert (take.outcome, take.code, take.passed) == ("SUCCESS", 1000, [0, 1, 2])
    assert await badge(eileen) is not None


async def test_nobody_before_the_camera(stage: Studio, eileen: Person, empty_room: bytes) -> None:
    """A covered lens could go on for ever, or its owner would not be told what is missing."""
    take = await stage.film(eileen, Looking(decode_frame(empty_room), frames=6), LEFT, MOUTH, RIGHT)
    assert (take.outcome, take.code, set(take.hints)) == ("NO_FACE", 1000, {"NO_FACE"})


async def test_two_people_before_the_camera(
    stage: Studio, eileen: Person, astronaut: PhotoAnimator, grace: PhotoAnimator
) -> None:
    """Nobody could tell who of the two was verified."""
    both = Company(PhotoSource(astronaut), PhotoSource(grace))
    take = await stage.film(eileen, Brief(both, frames=20), LEFT, MOUTH, RIGHT)
    assert (take.outcome, take.passed) == ("MULTIPLE_FACES", [])
    assert "MULTIPLE_FACES" in take.hints


async def test_a_second_person_joins_half_way(
    stage: Studio, eileen: Person, astronaut: PhotoAnimator, grace: PhotoAnimator
) -> None:
    """One person could begin and another take over beside them."""
    joined = Company(PhotoSource(astronaut), PhotoSource(grace), steps=1)
    take = await stage.film(eileen, joined, MOUTH, LEFT, BLINK)
    assert (take.outcome, take.passed) == ("MULTIPLE_FACES", [0])


async def test_a_person_leaves_half_way(
    stage: Studio, eileen: Person, astronaut: PhotoAnimator, empty_room: bytes
) -> None:
    """Somebody else could come back to the camera."""
    left = Cut(PhotoSource(astronaut), Looking(decode_frame(empty_room), frames=1000))
    take = await stage.film(eileen, left, MOUTH, LEFT, BLINK)
    assert (take.outcome, take.passed) == ("NO_FACE", [0])


@pytest.mark.parametrize("first", ["the person of the photo", "somebody else"])
async def test_another_person_steps_in(
    stage: Studio,
    eileen: Person,
    astronaut: PhotoAnimator,
    grace: PhotoAnimator,
    reasons: Callable[[], str],
    first: str,
) -> None:
    """A photo of the victim could show the neutral face while the attacker makes the gestures, or the other way round.

    The second face stands exactly where the first stood, so that only its features tell them apart.
    """
    pair = [PhotoSource(astronaut), PhotoSource(grace)]
    if first == "somebody else":
        pair.reverse()
    take = await stage.film(eileen, Cut(pair[0], pair[1]), LEFT, MOUTH, BLINK)
    assert take.outcome == "CHALLENGE_FAILED"
    assert take.passed == [0, 1, 2], "the gestures were right; the descriptors had to tell"
    assert "more than one person" in reasons()
    assert await badge(eileen) is None


async def test_somebody_else_throughout(stage: Studio, eileen: Person, grace: PhotoAnimator) -> None:
    """Anyone could verify an account that shows another face."""
    take = await stage.film(eileen, PhotoSource(grace), LEFT, MOUTH, BLINK)
    assert (take.outcome, take.passed) == ("FACE_MISMATCH", [0, 1, 2])
    assert await badge(eileen) is None


PRINTED: dict[str, Callable[[Portrait], Iterator[Timed]]] = {
    "still": lambda sheet: held_still(sheet, seconds=3),
    "moved": lambda sheet: moved(sheet, seconds=5),
    "tilted": lambda sheet: tilted(sheet, seconds=6),
    "bent": lambda sheet: bent(sheet, seconds=6),
}


@pytest.mark.parametrize("way", PRINTED)
async def test_a_printed_photo_never_turns_its_head(
    stage: Studio, eileen: Person, print_out: Portrait, way: str
) -> None:
    """A photo from the web would be enough to be somebody."""
    take = await stage.film(eileen, Recording(PRINTED[way](print_out)), LEFT, MOUTH, RIGHT, fps=10)
    assert (take.outcome, take.passed) == ("CHALLENGE_FAILED", [])


@pytest.mark.parametrize("bend_cm", [0.0, 12.0])
async def test_a_printed_photo_turned_as_asked(
    stage: Studio, eileen: Person, print_out: Portrait, bend_cm: float
) -> None:
    """An attacker reads the prompts and turns the paper the right way, also bent round like a head.

    A flat one never completes a turn. A bent one has some depth of its own: it is refused for what it cannot do.
    """
    asked: list[LivenessStep] = []
    frames = answering(Plain(print_out), lambda: asked[-1], seconds=10, turn_deg=40, bend_radius_cm=bend_cm)
    take = await stage.film(eileen, Overheard(Recording(frames), asked), LEFT, MOUTH, RIGHT, fps=10)
    assert take.outcome == "CHALLENGE_FAILED"
    assert 1 not in take.passed
    assert take.passed == [] or bend_cm > 0


async def test_a_frozen_picture(
    stage: Studio, eileen: Person, astronaut: PhotoAnimator, reasons: Callable[[], str]
) -> None:
    """A single picture in a virtual camera would be taken for a person who holds still."""
    camera = PhotoSource(astronaut)
    live = ((t, decode_frame(camera.frame(t))) for t in range(0, 5000, 66))
    take = await stage.film(eileen, Recording(frozen(live, at_ms=1500, until_ms=6000)), LEFT, MOUTH, RIGHT)
    assert (take.outcome, take.passed) == ("CHALLENGE_FAILED", [])
    assert "FRAMES_FROZEN" in reasons()


async def test_a_looped_video(
    stage: Studio, eileen: Person, astronaut: PhotoAnimator, reasons: Callable[[], str]
) -> None:
    """A recorded second, played until the right gesture comes by chance, would be an attempt."""
    second = filmed(astronaut, None, seconds=1.0)
    loop = ((0, rgb) for _ in range(9) for rgb in second)
    take = await stage.film(eileen, Recording(loop), LEFT, MOUTH, RIGHT)
    assert (take.outcome, take.passed) == ("CHALLENGE_FAILED", [])
    assert "FRAMES_LOOPED" in reasons()


async def test_a_video_of_other_gestures(stage: Studio, eileen: Person, astronaut: PhotoAnimator) -> None:
    """A video of the victim, recorded for another challenge, would answer this one."""
    other = [*filmed(astronaut, UP, seconds=3), *filmed(astronaut, MOUTH, seconds=3, seed=1)]
    take = await stage.film(eileen, Recording((0, rgb) for rgb in other), LEFT, MOUTH, RIGHT)
    assert (take.outcome, take.passed) == ("CHALLENGE_FAILED", [])


@pytest.mark.parametrize("step", [LEFT, RIGHT, UP, DOWN])
async def test_the_opposite_turn_fails_at_once(
    stage: Studio, eileen: Person, astronaut: PhotoAnimator, reasons: Callable[[], str], step: LivenessStep
) -> None:
    """Wagging the head both ways would answer every turn."""
    opposite = {LEFT: RIGHT, RIGHT: LEFT, UP: DOWN, DOWN: UP}
    take = await stage.film(eileen, Disobedient(PhotoSource(astronaut), opposite), step, MOUTH, BLINK)
    assert (take.outcome, take.passed) == ("CHALLENGE_FAILED", [])
    assert "OPPOSITE_TURN" in reasons()


async def test_an_answer_faster_than_a_person(
    stage: Studio, eileen: Person, astronaut: PhotoAnimator, reasons: Callable[[], str]
) -> None:
    """Software that renders each answer as it is asked would pass without even pretending to be a person."""
    take = await stage.film(eileen, Reflexes(astronaut), MOUTH, LEFT, BLINK, fps=30)
    assert take.outcome == "CHALLENGE_FAILED"
    assert take.passed == [0]
    assert "TOO_FAST" in reasons()


@pytest.mark.parametrize("camera_mirrors", [True, False])
async def test_a_mirrored_camera_that_says_so_passes(
    stage: Studio, eileen: Person, astronaut: PhotoAnimator, camera_mirrors: bool, reasons: Callable[[], str]
) -> None:
    """Selfie views are mirror images: left would be right for half of all people."""
    camera = PhotoSource(astronaut, mirrored=camera_mirrors)
    lied = await stage.film(eileen, camera, LEFT, MOUTH, BLINK, mirrored=not camera_mirrors)
    assert (lied.outcome, lied.passed) == ("CHALLENGE_FAILED", [])
    assert "OPPOSITE_TURN" in reasons()
    if camera_mirrors:
        camera = PhotoSource(astronaut, mirrored=True)
        told = await stage.film(eileen, camera, LEFT, MOUTH, BLINK, mirrored=True)
        assert told.outcome == "SUCCESS"


async def test_five_failures_block_attempts_and_nothing_else(
    stage: Studio, eileen: Person, astronaut_at_rest: bytes
) -> None:
    """An attacker could try until chance helps; or could lock the owner out of the account by failing in their name."""
    for number in range(5):
        challenge = await eileen.challenge()
        async with wire(stage.server) as socket:
            await socket.start(challenge.token, eileen.access_token)
            assert (await socket.heard())["type"] == "ready"
            if number == 4:
                kept = await eileen.challenge()
            await socket.frame(0, astronaut_at_rest, captured_ms=1000)
            assert (await socket.heard())["type"] == "feedback"
            await socket.frame(1, astronaut_at_rest, captured_ms=500)
            words, code = await socket.last_words()
        assert (words["error"], code) == ("CHALLENGE_FAILED", 1000)
        assert (words["retryAfterS"] is not None) == (number == 4)
    assert 25 <= words["retryAfterS"] <= 30
    async with wire(stage.server) as socket:
        await socket.start(kept.token, eileen.access_token)
        words, code = await socket.last_words()
    assert (words["error"], code) == ("TOO_MANY_ATTEMPTS", 1000)
    assert 25 <= words["retryAfterS"] <= 30
    with pytest.raises(Refused) as refused:
        await eileen.challenge()
    assert refused.value.code == "RATE_LIMITED"
    me = await eileen.api.me()
    assert me is not None
    await eileen.api.sign_in(email=me["email"], password=PASSWORD)
    await stage.server.services.redis.delete(f"liveness:blocked:{me['id']}")  # thirty seconds later
    async with wire(stage.server) as socket:
        await socket.start(kept.token, eileen.access_token)
        first = await socket.heard()
    assert first["type"] == "ready", f"a refused attempt must not cost the challenge: {first}"


@pytest.mark.parametrize("photo", ["another", "the same again"])
async def test_a_photo_changed_in_the_middle_earns_nothing(
    stage: Studio, astronaut: PhotoAnimator, astronaut_path: Path, grace_hopper_path: Path, photo: str
) -> None:
    """The badge would stand beside a photo that was never compared."""
    camera = PhotoSource(astronaut)
    async with stage.newcomer(astronaut_path) as eileen, wire(stage.server) as socket:
        challenge = await stage.challenge(eileen, LEFT, MOUTH, BLINK)
        await socket.start(challenge.token, eileen.access_token)
        await stage.shoot(socket, camera, frames=20)
        if photo == "another":
            await eileen.api.upload_avatar(grace_hopper_path.read_bytes(), mime="image/jpeg")
        else:
            await eileen.api.upload_avatar(astronaut_path.read_bytes(), mime="image/png")
        take = await stage.shoot(socket, camera, begin=20)
        assert (take.outcome, take.passed) == ("TOKEN_EXPIRED", [0, 1, 2])
        assert await badge(eileen) is None


async def test_signing_out_ends_the_stream(stage: Studio, astronaut: PhotoAnimator, astronaut_path: Path) -> None:
    """A stolen session that its owner has ended would still change the account."""
    async with stage.newcomer(astronaut_path) as eileen, wire(stage.server) as socket:
        challenge = await stage.challenge(eileen, LEFT, MOUTH, BLINK)
        await socket.start(challenge.token, eileen.access_token)
        await stage.shoot(socket, PhotoSource(astronaut), frames=5)
        sessions = stage.server.services.sessions
        viewer = await sessions.authenticate(eileen.access_token)
        await sessions.sign_out(account_id=viewer.account_id, session_id=viewer.session_id, origin=NOBODY)
        words, code = await socket.last_words()
        assert (words["code"], code) == ("UNAUTHENTICATED", 4401)

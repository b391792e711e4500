"""A browser's claim: what the server's own look at its pictures lets through, and what it does not."""

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from app.client.animation import PhotoAnimator, Pose
from app.client.performance import REACHES
from liveness.evidence import ClaimedFrame, EvidenceVerdict, is_same_picture, judge_evidence
from liveness.frames import decode_frame
from liveness.landmarks import FaceCounter, StillFaceMesh
from liveness.parallax import FaceView
from liveness.steps import LivenessStep
from tests.portraits import Portrait, with_closed_eyes, with_open_mouth
from tests.presentations import TURNS, Stage, held_still
from tests.presentations import Pose as SheetPose
from tests.recordings import clip, jpegs, side_by_side

Rgb = npt.NDArray[np.uint8]
Step = LivenessStep

# The astronaut smiles in her photo; at rest she must not, or there is nothing left to smile.
REST = Pose(smile=-0.8)


@pytest.fixture(scope="module")
def person(astronaut: Rgb, reader: StillFaceMesh) -> PhotoAnimator:
    return PhotoAnimator(astronaut, reader)


@pytest.fixture(scope="module")
def sheet(astronaut: Rgb) -> Portrait:
    return Portrait.of(astronaut)


class Judge:
    """Judges claims with everything but their pictures in order."""

    def __init__(self, reader: StillFaceMesh, counter: FaceCounter) -> None:
        self.reader, self.counter = reader, counter

    def __call__(
        self,
        still: Rgb,
        *shown: tuple[Step, Rgb],
        steps: Sequence[Step] | None = None,
        times: Sequence[int] | None = None,
        life_ms: int = 60_000,
    ) -> EvidenceVerdict:
        times = times or [1500 * (number + 1) for number in range(len(shown))]
        return judge_evidence(
            steps=[step for step, _ in shown] if steps is None else steps,
            still=still,
            frames=[
                ClaimedFrame(step=step, rgb=rgb, captured_at_ms=at)
                for (step, rgb), at in zip(shown, times, strict=True)
            ],
            reader=self.reader,
            counter=self.counter,
            life_ms=life_ms,
        )


@pytest.fixture(scope="module")
def judge(reader: StillFaceMesh, counter: FaceCounter) -> Judge:
    return Judge(reader, counter)


def frame(person: PhotoAnimator, pose: Pose = REST) -> Rgb:
    """What the server decodes of a page's JPEG."""
    return decode_frame(person.jpeg(pose))


def gesture(person: PhotoAnimator, step: Step) -> Rgb:
    reach = REACHES[step]
    return frame(person, reach if step is Step.SMILE else Pose(*[*reach.values()[:5], REST.smile]))


def paper(sheet: Portrait, pose: SheetPose | None = None) -> Rgb:
    return as_sent(Stage().show(sheet, pose or SheetPose()))


def as_sent(rgb: Rgb, quality: int = 80) -> Rgb:
    ((_, jpeg),) = jpegs([(0, rgb)], quality=quality)
    return decode_frame(jpeg)


# What passes


@pytest.mark.parametrize("step", list(Step))
def test_each_gesture_is_recognised(judge: Judge, person: PhotoAnimator, step: Step) -> None:
    """A person with a browser who did as asked would be refused."""
    verdict = judge(frame(person), (step, gesture(person, step)))
    assert verdict.passed, verdict.reasons
    assert verdict.error is None
    assert verdict.reasons == ()


def test_a_whole_claim_hands_its_faces_over(judge: Judge, person: PhotoAnimator) -> None:
    """The caller could not check that all pictures show one person, nor compare it with the profile photo."""
    still = frame(person)
    shown = [(step, gesture(person, step)) for step in (Step.LOOK_RIGHT, Step.BLINK, Step.LOOK_UP)]
    verdict = judge(still, *shown)
    assert verdict.passed, verdict.reasons
    assert list(verdict.key_faces) == ["neutral", "step:0", "step:1", "step:2"]
    assert verdict.key_faces["neutral"][0] is still
    for number, (_, rgb) in enumerate(shown):
        kept, mesh = verdict.key_faces[f"step:{number}"]
        assert kept is rgb
        assert (mesh.width, mesh.height) == (320, 240)


def test_a_real_persons_frames_pass(judge: Judge, shared_data: Path) -> None:
    """Animated test subjects might be easier than people are."""
    folder = shared_data / "clips"
    events = json.loads((folder / "labels.json").read_text())["d12.mp4"]["events"]
    frames = list(clip(folder / "d12.mp4"))
    asked = {}
    for event in events:
        middle = 500 * (event["start_s"] + event["end_s"])
        asked.setdefault(Step(event["gesture"]), min(frames, key=lambda f, at=middle: abs(f[0] - at))[1])
    small = {step: as_sent(cv2.resize(rgb, (256, 256), interpolation=cv2.INTER_AREA)) for step, rgb in asked.items()}
    still = as_sent(cv2.resize(frames[2][1], (256, 256), interpolation=cv2.INTER_AREA))
    told = [(step, small[step]) for step in (Step.LOOK_LEFT, Step.LOOK_RIGHT, Step.OPEN_MOUTH)]
    verdict = judge(still, *told)
    assert verdict.passed, verdict.reasons
    for (step, _), (_, other) in zip(told, [*told[1:], told[0]], strict=True):
        assert not judge(still, (step, other)).passed


# The claim's form: wrong here, nothing is read at all


@pytest.fixture
def blind(counter: FaceCounter) -> Judge:
    """Its reader is closed: any look at a picture raises LandmarksError."""
    reader = StillFaceMesh()
    reader.close()
    return Judge(reader, counter)


BLACK: Rgb = np.zeros((240, 320, 3), np.uint8)


@pytest.mark.parametrize(
    "shown",
    [
        [],
        [Step.LOOK_LEFT],
        [Step.BLINK, Step.LOOK_LEFT],
        [Step.LOOK_LEFT, Step.BLINK, Step.BLINK],
        [Step.LOOK_RIGHT, Step.BLINK],
    ],
)
def test_other_steps_than_the_challenges_are_refused(blind: Judge, shown: list[Step]) -> None:
    """An attacker would answer the steps he has pictures of."""
    verdict = blind(BLACK, *[(step, BLACK) for step in shown], steps=[Step.LOOK_LEFT, Step.BLINK])
    assert verdict.error == "CHALLENGE_FAILED"
    assert "asks for LOOK_LEFT, BLINK" in verdict.reasons[0]


def test_a_challenge_without_steps_is_never_met(blind: Judge) -> None:
    """An empty list would be answered by an empty claim."""
    assert blind(BLACK).error == "CHALLENGE_FAILED"


@pytest.mark.parametrize(
    ("times", "why"),
    [
        ([900, 900], "0 ms after the step before"),
        ([900, 800], "-100 ms after the step before"),
        ([900, 1000], "100 ms after the step before"),
        ([100, 900], "100 ms after its prompt"),
        ([-5, 900], "-5 ms after its prompt"),
        ([900, 20_001], "a challenge that is 20000 ms old"),
        ([900, 2**31 - 1], "a challenge that is 20000 ms old"),
    ],
)
def test_impossible_times_are_refused(blind: Judge, times: list[int], why: str) -> None:
    """Pictures gathered beforehand would be accepted at any stated time."""
    verdict = blind(BLACK, (Step.LOOK_LEFT, BLACK), (Step.BLINK, BLACK), times=times, life_ms=20_000)
    assert verdict.error == "CHALLENGE_FAILED"
    assert why in " ".join(verdict.reasons)


# The pictures


def test_no_face_and_two_faces_are_told_apart(judge: Judge, person: PhotoAnimator, sheet: Portrait) -> None:
    """The person would not learn what to change."""
    still, left = frame(person), gesture(person, Step.LOOK_LEFT)
    verdict = judge(still, (Step.LOOK_LEFT, BLACK))
    assert verdict.error == "NO_FACE"
    assert verdict.reasons == ("step:0: there is no face in the picture",)
    ((_, two),) = side_by_side([(0, paper(sheet))], [(0, paper(sheet))])
    assert judge(two, (Step.LOOK_LEFT, left)).error == "MULTIPLE_FACES"
    assert judge(still, (Step.LOOK_LEFT, two)).error == "MULTIPLE_FACES"


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda rgb: (rgb * 0.15).astype(np.uint8), "too dark"),
        (lambda rgb: cv2.copyMakeBorder(rgb, 150, 150, 200, 200, cv2.BORDER_REPLICATE), "fills"),
        (lambda rgb: np.ascontiguousarray(rgb[:, 120:]), "cut off"),
    ],
    ids=["dark", "far", "cut"],
)
def test_a_poor_picture_is_low_quality(judge: Judge, person: PhotoAnimator, spoil: object, why: str) -> None:
    """A defocused or half-hidden face leaves gestures and comparison to chance."""
    assert callable(spoil)
    left = gesture(person, Step.LOOK_LEFT)
    verdict = judge(spoil(frame(person)), (Step.LOOK_LEFT, left))
    assert (verdict.error, why in " ".join(verdict.reasons)) == ("LOW_QUALITY", True), verdict.reasons


@pytest.mark.parametrize(
    ("pose", "why"),
    [
        (Pose(yaw_deg=18), "the head is turned"),
        (Pose(pitch_deg=24), "the head is turned"),
        (Pose(roll_deg=28), "the head is tilted"),
        (Pose(mouth_open=1.0), "the mouth is open"),
    ],
)
def test_the_still_must_be_neutral(judge: Judge, person: PhotoAnimator, pose: Pose, why: str) -> None:
    """Against a turned still the straight head would count as a turn, and the comparison would suffer."""
    verdict = judge(frame(person, pose), (Step.LOOK_LEFT, gesture(person, Step.LOOK_LEFT)))
    assert verdict.error == "LOW_QUALITY"
    assert why in " ".join(verdict.reasons)


# The gestures


@pytest.mark.parametrize("step", list(Step))
def test_a_neutral_face_shows_no_gesture(judge: Judge, person: PhotoAnimator, step: Step) -> None:
    """One portrait, sent for every step, would pass."""
    verdict = judge(frame(person), (step, frame(person)))
    assert verdict.error == "CHALLENGE_FAILED"
    assert verdict.reasons


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        (Step.LOOK_LEFT, Step.LOOK_RIGHT),
        (Step.LOOK_RIGHT, Step.LOOK_LEFT),
        (Step.LOOK_UP, Step.LOOK_DOWN),
        (Step.LOOK_DOWN, Step.LOOK_UP),
        (Step.LOOK_UP, Step.LOOK_LEFT),
        (Step.BLINK, Step.OPEN_MOUTH),
        (Step.OPEN_MOUTH, Step.SMILE),
        (Step.SMILE, Step.OPEN_MOUTH),
        (Step.BLINK, Step.LOOK_DOWN),
        (Step.SMILE, Step.LOOK_LEFT),
    ],
)
def test_another_gesture_does_not_count(judge: Judge, person: PhotoAnimator, asked: Step, shown: Step) -> None:
    """A recording of other gestures, or a mirrored one, would answer the challenge."""
    assert judge(frame(person), (asked, gesture(person, shown))).error == "CHALLENGE_FAILED"


@pytest.mark.parametrize("degrees", [15, 30, 45])
@pytest.mark.parametrize("step", list(TURNS))
def test_a_tilted_photo_never_looks_anywhere(judge: Judge, sheet: Portrait, step: Step, degrees: int) -> None:
    """A printed photo, tilted before the camera, would earn the badge."""
    yaw, pitch = TURNS[step]
    for roll in (-20, 0, 20):
        pose = SheetPose(yaw_deg=yaw * degrees, pitch_deg=pitch * degrees, roll_deg=roll)
        assert judge(paper(sheet), (step, paper(sheet, pose))).error in ("CHALLENGE_FAILED", "LOW_QUALITY", "NO_FACE")


def test_a_defocused_still_hides_nothing(judge: Judge, person: PhotoAnimator, sheet: Portrait) -> None:
    """Blur would keep the pixels of a tilted photo from matching its own still."""
    verdict = judge(cv2.GaussianBlur(frame(person), (0, 0), 7), (Step.LOOK_LEFT, gesture(person, Step.LOOK_LEFT)))
    assert verdict.error == "CHALLENGE_FAILED"
    assert "the still is blurred" in verdict.reasons[0]
    for sigma in (2, 4):
        still = cv2.GaussianBlur(paper(sheet), (0, 0), sigma)
        for degrees in (30, 40):
            assert not judge(still, (Step.LOOK_LEFT, paper(sheet, SheetPose(yaw_deg=degrees)))).passed


def test_a_tilted_photo_does_not_blink(judge: Judge, sheet: Portrait) -> None:
    """Tilting a photo narrows its eyes as closing lids would."""
    for pitch in (-55, -45, 45, 55):
        verdict = judge(paper(sheet), (Step.BLINK, paper(sheet, SheetPose(pitch_deg=pitch))))
        assert not verdict.passed


def test_painted_gestures_fail_at_the_head_turn(judge: Judge, sheet: Portrait) -> None:
    """Swapping prints with painted gestures would earn the badge; every challenge holds a head turn against it."""
    still = paper(sheet)
    eyes, mouth = paper(with_closed_eyes(sheet, 1.0)), paper(with_open_mouth(sheet, 1.0))
    for step, (yaw, pitch) in TURNS.items():
        turned = paper(sheet, SheetPose(yaw_deg=yaw * 40, pitch_deg=pitch * 40))
        verdict = judge(still, (Step.BLINK, eyes), (step, turned), (Step.OPEN_MOUTH, mouth))
        assert verdict.error == "CHALLENGE_FAILED"
        assert any(reason.startswith("step:1: ") for reason in verdict.reasons)


def test_every_fault_is_told_at_once(judge: Judge, person: PhotoAnimator) -> None:
    """The operator would have to guess why a person was refused."""
    verdict = judge(frame(person), (Step.LOOK_LEFT, frame(person)), (Step.BLINK, frame(person)))
    assert {reason[:6] for reason in verdict.reasons} >= {"step:0", "step:1"}


# One picture sent twice


def test_one_picture_cannot_be_two(judge: Judge, person: PhotoAnimator) -> None:
    """A step that is asked twice would be answered by one picture."""
    still, left = frame(person), gesture(person, Step.LOOK_LEFT)
    up = gesture(person, Step.LOOK_UP)
    for copy in (left, as_sent(left, 60), np.clip(left * 1.08 + 4, 0, 255).astype(np.uint8)):
        verdict = judge(still, (Step.LOOK_LEFT, left), (Step.LOOK_UP, up), (Step.LOOK_LEFT, copy))
        assert verdict.error == "CHALLENGE_FAILED"
        assert verdict.reasons == ("step:0 and step:2 are one picture",)
    again = frame(person, Pose(yaw_deg=20, pitch_deg=1.5, roll_deg=1, smile=REST.smile))
    assert judge(still, (Step.LOOK_LEFT, left), (Step.LOOK_UP, up), (Step.LOOK_LEFT, again)).passed


def test_a_still_photo_is_one_picture_whatever_the_noise(sheet: Portrait, reader: StillFaceMesh) -> None:
    """A photo on a stand would pass for several pictures."""
    views = [FaceView.of(rgb, reader.read(rgb)[0]) for _, rgb in held_still(sheet, seconds=0.5)]
    assert all(is_same_picture(views[0], view) for view in views[1:])

"""The gesture rules of the page are those of the server: one recording through both, frame by frame."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from app.client.animation import PhotoAnimator
from app.client.opening import read_photo
from app.client.performance import Sway, perform, posed
from liveness.evidence import ClaimedFrame, judge_evidence
from liveness.landmarks import FaceCounter, FaceMesh, FaceMeshGraph, StillFaceMesh
from liveness.measures import Light, Measures, brightness, measure
from liveness.policy import DEFAULT_POLICY
from liveness.steps import LivenessStep
from tests.recordings import clip
from tests.unit.liveness.face_model import FULL, FaceModel, Look, Move, frames, gesture
from tests.unit.web.recorded import BRIGHT, Recording, Seen, in_browser, on_server

START = [Move(Look(), 0, 700)]
Rgb = npt.NDArray[np.uint8]
pytestmark = pytest.mark.skipif(
    not (Path(__file__).parents[3] / "app" / "web" / "node_modules" / "vite").is_dir(),
    reason="app/web/node_modules has no vite (`make web`)",
)


@pytest.fixture(scope="module")
def photo(astronaut_path: Path) -> Rgb:
    return read_photo(astronaut_path)


@pytest.fixture(scope="module")
def animator(photo: Rgb) -> PhotoAnimator:
    with closing(StillFaceMesh()) as reader:
        return PhotoAnimator(photo, reader)


@pytest.fixture(scope="module")
def grace(grace_hopper_path: Path) -> PhotoAnimator:
    with closing(StillFaceMesh()) as reader:
        return PhotoAnimator(read_photo(grace_hopper_path), reader)


@pytest.fixture(scope="module")
def model(photo: Rgb) -> FaceModel:
    with closing(StillFaceMesh()) as reader:
        return FaceModel(reader.read(photo)[0])


def same(recordings: list[Recording]) -> list[list[dict[str, object]]]:
    """Demands that both make the same of every frame; gives back what that is."""
    in_page = in_browser(recordings=recordings).recordings
    judged = [list(on_server(recording)) for recording in recordings]
    for recording, theirs, ours in zip(recordings, in_page, judged, strict=True):
        for number, (page, server) in enumerate(zip(theirs, ours, strict=True)):
            assert page == _nearly(server), (recording.name, number)
    return judged


def _nearly(value: object) -> object:
    """Numbers as far as both languages compute them alike: their last digits may differ."""
    if isinstance(value, dict):
        return {name: _nearly(inner) for name, inner in value.items()}
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return pytest.approx(value, abs=1e-6, rel=1e-6)


def passed(judged: list[dict[str, object]]) -> bool:
    return judged[-1]["state"] == "COMPLETE"


def faults(judged: list[dict[str, object]]) -> list[object]:
    return [frame["judged"]["fault"] for frame in judged if frame["judged"]["fault"]]  # type: ignore[index]


def filmed(animator: PhotoAnimator, step: LivenessStep, *, fps: float = 15.0) -> Recording:
    """The animated portrait that rests and then answers, as FaceMesh reads it."""
    sway = Sway(seed=3)
    with closing(FaceMeshGraph()) as graph:
        seen = []
        for number in range(int(3.4 * fps)):
            t_ms = 1000 * number / fps
            pose, shift = sway.at(round(t_ms))
            share = perform(step, (t_ms - 700) / 1000)
            meshes = graph.read(animator.render(posed(step, share, pose), shift=shift))
            seen.append(Seen(t_ms, meshes[0] if meshes else None, faces=len(meshes)))
    return Recording(f"portrait {step}", [step], seen)


def acted(model: FaceModel, name: str, steps: list[LivenessStep], moves: list[Move], *, fps: float = 15.0) -> Recording:
    """The head of points, as numbers."""
    return Recording(name, steps, [Seen(t, measure(model.mesh(look))) for t, look in frames(moves, fps)])


def test_the_animated_portrait_answers_every_step_alike(animator: PhotoAnimator) -> None:
    """A person would be led by the page through a gesture that the server then does not see."""
    judged = same([filmed(animator, step) for step in LivenessStep])
    assert all(passed(each) for each in judged)


def test_a_real_clip_is_read_alike(shared_data: Path) -> None:
    """What holds for a portrait that moves by computation would not hold for people."""
    with closing(FaceMeshGraph()) as graph:
        seen = []
        for t_ms, rgb in clip(shared_data / "clips" / "d12.mp4"):
            meshes = graph.read(rgb)
            seen.append(Seen(float(t_ms), meshes[0] if meshes else None, faces=len(meshes)))
    (judged,) = same([Recording("d12", [LivenessStep.LOOK_LEFT, LivenessStep.LOOK_RIGHT, LivenessStep.BLINK], seen)])
    assert judged[-1]["neutral"] is not None


def test_every_gesture_under_every_prompt_is_read_alike(model: FaceModel) -> None:
    """The page would take another gesture for the one that is asked, or fail an honest one."""
    recordings = [
        acted(model, f"{asked} answered with {done}", [asked], START + gesture(done))
        for asked in LivenessStep
        for done in LivenessStep
    ]
    judged = dict(zip((one.name for one in recordings), same(recordings), strict=True))
    for asked in LivenessStep:
        assert passed(judged[f"{asked} answered with {asked}"])
    assert faults(judged["LOOK_LEFT answered with LOOK_RIGHT"]) == ["OPPOSITE_TURN"]
    assert faults(judged["LOOK_UP answered with LOOK_DOWN"]) == ["OPPOSITE_TURN"]


@pytest.mark.parametrize("fps", [5.0, 8.0, 30.0])
def test_slow_and_fast_cameras_are_read_alike(model: FaceModel, fps: float) -> None:
    """Somebody with a weak device would be judged by other rules in the page than by the server."""
    steps = [LivenessStep.SMILE, LivenessStep.LOOK_DOWN, LivenessStep.BLINK]
    moves = [*START, *(move for step in steps for move in gesture(step)), Move(Look(), 0, 4000)]
    (judged,) = same([acted(model, f"{fps} frames a second", steps, moves, fps=fps)])
    assert passed(judged) if fps == 30 else faults(judged) == ["FRAME_RATE_TOO_LOW"]


def test_what_comes_too_fast_too_seldom_or_never_is_read_alike(model: FaceModel) -> None:
    """The page would go on where the server has given up, or the other way round."""
    left, mouth = LivenessStep.LOOK_LEFT, LivenessStep.OPEN_MOUTH
    straight_on = [*START, *gesture(left)[:-1], Move(FULL[mouth], 60, 800), Move(Look(), 100, 500)]
    hasty = [*START, Move(Look(), 0, 500), Move(FULL[mouth], 200, 400), Move(replace(FULL[left], mouth=0.0), 40, 900)]
    answered = acted(model, "answered", [left], START + gesture(left))
    idle = acted(model, "idle", [left], [*START, Move(Look(), 0, 13_000)], fps=10)
    gap = replace(answered, name="gap", frames=[seen for seen in answered.frames if not 1300 < seen.t_ms < 2100])
    wide = replace(answered, frames=[replace(seen, t_ms=seen.t_ms * 9) for seen in answered.frames])
    judged = same(
        [
            acted(model, "straight on", [left, mouth], straight_on),
            acted(model, "hasty", [mouth, left], hasty),
            gap,
            replace(wide, name="a frame every 600 ms"),
            idle,
        ]
    )
    assert faults(judged[4]) == ["STEP_TIMED_OUT"]


def test_faults_of_the_picture_are_read_alike(model: FaceModel) -> None:
    """A person would be told to come closer by the page, and that it is too dark by the server."""
    calm = acted(model, "calm", [LivenessStep.LOOK_LEFT], [Move(Look(), 0, 2500)]).frames

    def changed(name: str, since_ms: float, until_ms: float, **changes: object) -> Recording:
        during = [
            replace(seen, **changes) if since_ms <= seen.t_ms < until_ms else seen  # type: ignore[arg-type]
            for seen in calm
        ]
        return Recording(name, [LivenessStep.LOOK_LEFT], during)

    def looking(name: str, look: Look) -> Recording:
        return acted(model, name, [LivenessStep.LOOK_LEFT], [Move(look, 0, 1500)])

    judged = same(
        [
            changed("nobody", 0, 300, face=None, faces=0),
            changed("gone for long", 900, 2500, face=None, faces=0),
            changed("two for a moment", 900, 1500, faces=2),
            changed("two", 1000, 2500, faces=2),
            changed("dark", 0, 800, light=Light(brightness=20, sharpness=0.4)),
            changed("bright", 800, 1200, light=Light(brightness=240, sharpness=0.4)),
            changed("blurred", 0, 800, light=Light(brightness=120, sharpness=0.1)),
            changed("somebody else", 1200, 2500, face=measure(model.mesh(Look(scale=1.6)))),
            *(looking(f"as large as {scale}", Look(scale=scale)) for scale in (0.4, 0.5, 1.4, 1.8, 2.2)),
            *(looking(f"aside {x}", Look(shift=(x, 0.0))) for x in (0.2, 0.3, 0.5)),
            looking("turned away", Look(yaw=12)),
            looking("mouth open", Look(mouth=0.4)),
            looking("tilted", Look(roll=25)),
        ]
    )
    assert faults(judged[1]) == ["NO_FACE"]
    assert faults(judged[3]) == ["MULTIPLE_FACES"]
    assert faults(judged[7]) == ["FACE_CHANGED"]


@pytest.mark.parametrize("seed", range(6))
def test_made_up_faces_are_read_alike(model: FaceModel, seed: int) -> None:
    """A rule would differ in a corner that nobody thought of."""
    draw = np.random.default_rng(seed)
    calm = measure(model.mesh(Look()))
    steps = list(LivenessStep)
    recordings = []
    for number in range(20):
        asked = [steps[i] for i in draw.permutation(len(steps))[:3]]
        start = list(_rest(draw, calm))
        walk = list(_walk(draw, calm, from_ms=start[-1].t_ms))
        recordings.append(Recording(f"walk {seed}.{number}", asked, [*start, *walk]))
    judged = same(recordings)
    assert any(frame["index"] for each in judged for frame in each)


def _rest(draw: np.random.Generator, calm: Measures) -> Iterator[Seen]:
    """A second of somebody who tries to sit still, before a camera that does not keep time."""
    for t_ms in np.cumsum(draw.uniform(20, 90, 18)):
        jitter = {name: getattr(calm, name) + float(draw.normal(0, 0.5)) for name in ("yaw", "pitch")}
        scaled = {
            name: getattr(calm, name) * float(draw.normal(1, 0.02)) for name in ("mouth_width", "mouth_corners", "ear")
        }
        yield Seen(float(t_ms), replace(calm, **jitter, **scaled))


def _walk(draw: np.random.Generator, calm: Measures, *, from_ms: float) -> Iterator[Seen]:
    """Faces that wander about, mostly near rest, with leaps to where the thresholds are."""
    policy = DEFAULT_POLICY
    reach = {
        "yaw": 2 * policy.turn_full,
        "pitch": 2 * policy.tilt_full,
        "ear": calm.ear,
        "lids": calm.lids,
        "mouth": 0.7,
        "mouth_width": 0.4 * calm.mouth_width,
        "mouth_corners": 0.1,
    }
    now, aim, t_ms = dict.fromkeys(reach, 0.0), dict.fromkeys(reach, 0.0), from_ms
    for _ in range(160):
        if draw.random() < 0.12:
            aim = dict.fromkeys(reach, 0.0)
            for name in draw.choice(list(reach), 2):
                aim[str(name)] = float(draw.uniform(-1, 1))
        if draw.random() < 0.1:
            aim = dict.fromkeys(reach, 0.0)
        now = {name: value + 0.5 * (aim[name] - value) for name, value in now.items()}
        t_ms += float(draw.choice([20, 33, 66, 100, 250, 700], p=[0.1, 0.3, 0.4, 0.15, 0.04, 0.01]))
        moved = {name: getattr(calm, name) + reach[name] * now[name] for name in reach}
        moved |= {name: max(0.0, moved[name]) for name in ("ear", "lids", "mouth")}
        yield Seen(t_ms, replace(calm, **moved), light=replace(BRIGHT, brightness=float(draw.uniform(60, 200))))


def test_the_light_of_a_face_is_read_alike(animator: PhotoAnimator) -> None:
    """A page would call a room dark that the server takes for bright enough."""
    pictures: list[tuple[Rgb, FaceMesh]] = []
    with closing(FaceMeshGraph()) as graph:
        for yaw, dim in ((0.0, 1.0), (15.0, 0.5), (-15.0, 0.3)):
            rgb = (animator.render(posed(None, 0.0, replace(posed(None, 0.0), yaw_deg=yaw))) * dim).astype(np.uint8)
            pictures.append((rgb, graph.read(rgb)[0]))
    lumas = in_browser(pictures=pictures).lumas
    assert lumas == pytest.approx([brightness(rgb, mesh) for rgb, mesh in pictures], abs=0.05)
    assert all(a > b + 20 for a, b in pairwise(lumas))


@pytest.mark.parametrize("narrow", [0.0, 0.4])
def test_the_page_sends_the_frames_that_the_server_takes(grace: PhotoAnimator, narrow: float) -> None:
    """A person would do all that is asked, and be refused for the frame that their browser chose."""
    with closing(StillFaceMesh()) as reader, closing(FaceCounter()) as counter:
        still = grace.render(posed(LivenessStep.BLINK, narrow))  # some people's eyes are never wide open
        rest = measure(reader.read(still)[0])
        shown = []
        for step in LivenessStep:
            for share in (0.2, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0):
                rgb = grace.render(posed(step, share))
                frame = ClaimedFrame(step=step, rgb=rgb, captured_at_ms=1000)
                verdict = judge_evidence(steps=[step], still=still, frames=[frame], reader=reader, counter=counter)
                shown.append((step, measure(reader.read(rgb)[0]), verdict))
    fullnesses = in_browser(pairs=[(step, rest, now) for step, now, _ in shown]).fullnesses
    taken = dict.fromkeys(LivenessStep, 0)
    for (step, _, verdict), fullness in zip(shown, fullnesses, strict=True):
        # That a turn is a head's and not a sheet's is for the server alone to say.
        as_asked = not any(" is needed" in why or "as open as" in why or "as wide as" in why for why in verdict.reasons)
        assert (fullness >= 0) == as_asked, (step, fullness, verdict.reasons)
        taken[step] += as_asked
    assert all(1 <= count < 7 for count in taken.values()), taken

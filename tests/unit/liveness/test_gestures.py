"""Every gesture at every frame rate, and what must not count as one. Synthetic heads: no recording needed."""

import pytest

from liveness.session import State
from liveness.steps import LivenessStep
from tests.unit.liveness.face_model import FULL, FaceModel, Look, Move, Player, gesture

START = [Move(Look(), 0, 700)]
TURNS = [step for step in LivenessStep if step.is_head_turn]
OTHERS = [step for step in LivenessStep if not step.is_head_turn]
OPPOSITE = {
    LivenessStep.LOOK_LEFT: LivenessStep.LOOK_RIGHT,
    LivenessStep.LOOK_RIGHT: LivenessStep.LOOK_LEFT,
    LivenessStep.LOOK_UP: LivenessStep.LOOK_DOWN,
    LivenessStep.LOOK_DOWN: LivenessStep.LOOK_UP,
}


@pytest.mark.parametrize("fps", [5, 7, 10, 15, 30])
@pytest.mark.parametrize("step", [step for step in LivenessStep if step is not LivenessStep.BLINK])
def test_gesture_passes_at_any_rate(model: FaceModel, other_model: FaceModel, step: LivenessStep, fps: int) -> None:
    """People with slow devices could not verify."""
    for head in (model, other_model):
        verdict = Player(head, [step]).play(START + gesture(step), fps)
        assert verdict.passed, verdict.reasons


@pytest.mark.parametrize("fps", [12, 15, 25, 30])
def test_blink_passes_from_twelve_frames_a_second(model: FaceModel, fps: int) -> None:
    """A blink of an ordinary length would be missed."""
    assert Player(model, [LivenessStep.BLINK]).play(START + gesture(LivenessStep.BLINK), fps).passed


@pytest.mark.parametrize("eyes", [0.5, 1.0])
def test_one_closed_frame_is_a_blink(model: FaceModel, eyes: float) -> None:
    """Glasses halve the eye-aspect ratio, and at 12 a second a blink is one frame."""
    player = Player(model, [LivenessStep.BLINK])
    for number in range(30):
        shut = number == 20
        player.show(number * 1000 / 12, model.mesh(Look(eyes=eyes * (0.2 if shut else 1.0))))
    assert player.end(3000).passed


def test_blink_below_twelve_frames_a_second_ends_with_its_own_reason(model: FaceModel) -> None:
    """The person would try again and again without learning that BLINK has to be excluded."""
    moves = [*START, Move(Look(), 0, 5000)]
    verdict = Player(model, [LivenessStep.BLINK]).play(moves, 8)
    assert verdict.reasons[0].startswith("FRAME_RATE_TOO_LOW")


def test_blink_is_exchanged_when_the_rate_is_known_to_be_low(model: FaceModel) -> None:
    """A low-end device could not finish a challenge that happens to hold BLINK."""
    steps = [LivenessStep.LOOK_LEFT, LivenessStep.BLINK]
    player = Player(model, steps, blink_substitute=LivenessStep.OPEN_MOUTH)
    moves = START + gesture(LivenessStep.LOOK_LEFT) + gesture(LivenessStep.OPEN_MOUTH)
    assert player.play(moves, 6).passed
    assert player.session.verdict is not None
    assert [outcome.step for outcome in player.session.verdict.steps] == [
        LivenessStep.LOOK_LEFT,
        LivenessStep.OPEN_MOUTH,
    ]


@pytest.mark.parametrize("fps", [5, 12, 30])
@pytest.mark.parametrize("step", TURNS)
def test_full_turn_to_the_other_side_fails(model: FaceModel, step: LivenessStep, fps: int) -> None:
    """A recording of somebody turning both ways would answer any head turn."""
    verdict = Player(model, [step]).play(START + gesture(OPPOSITE[step]), fps)
    assert verdict.reasons[0].startswith("OPPOSITE_TURN")


@pytest.mark.parametrize("step", TURNS)
def test_small_slip_to_the_other_side_is_forgiven(model: FaceModel, step: LivenessStep) -> None:
    """A person who starts the wrong way and corrects it would be refused."""
    wrong = FULL[OPPOSITE[step]]
    slip = Look(yaw=wrong.yaw * 0.45, pitch=wrong.pitch * 0.45)
    moves = [*START, Move(Look(), 0, 400), Move(slip, 200, 200), *gesture(step)]
    assert Player(model, [step]).play(moves, 15).passed


@pytest.mark.parametrize("step", [step for step in LivenessStep if step is not LivenessStep.BLINK])
def test_another_gesture_is_no_answer(model: FaceModel, step: LivenessStep) -> None:
    """A recording of other gestures would pass."""
    for other in LivenessStep:
        if other is not step:
            assert not Player(model, [step]).play(START + gesture(other), 15).passed, other


@pytest.mark.parametrize("step", LivenessStep)
def test_nothing_is_no_answer(model: FaceModel, step: LivenessStep) -> None:
    """A person who only sits there would pass."""
    assert not Player(model, [step]).play([*START, Move(Look(), 0, 3000)], 15).passed


@pytest.mark.parametrize("step", TURNS)
def test_involuntary_blinks_never_harm(model: FaceModel, step: LivenessStep) -> None:
    """People blink fifteen times a minute."""
    moves = START + gesture(LivenessStep.BLINK) + gesture(step)
    assert Player(model, [step]).play(moves, 15).passed


@pytest.mark.parametrize("step", [*TURNS, LivenessStep.OPEN_MOUTH])
def test_answer_before_a_person_could_react_fails(model: FaceModel, step: LivenessStep) -> None:
    """A recording cut to the known order of steps would pass."""
    first = LivenessStep.SMILE
    player = Player(model, [first, step])
    t = 0.0
    while player.session.index == 0:
        t += 33
        player.show(t, model.mesh(FULL[first] if t > 900 else Look()))
        assert t < 5000
    player.show(t + 33, model.mesh(Look()))
    for number in range(2, 20):
        player.show(t + 33 * number, model.mesh(FULL[step]))
    assert player.end(t + 1000).reasons[0].startswith("TOO_FAST")


def test_blink_inside_the_reaction_time_is_only_ignored(model: FaceModel) -> None:
    """An involuntary blink right after the prompt would end the attempt."""
    steps = [LivenessStep.OPEN_MOUTH, LivenessStep.BLINK]
    player = Player(model, steps)
    t = 0.0
    while player.session.index == 0:
        t += 33
        player.show(t, model.mesh(Look(mouth=0.6) if t > 900 else Look()))
    for number in range(1, 40):
        player.show(t + 33 * number, model.mesh(Look(eyes=0.1 if number in (3, 4, 5) else 1.0)))
    assert player.session.state is State.AWAITING_GESTURE
    for number in range(40, 60):
        player.show(t + 33 * number, model.mesh(Look(eyes=0.1 if number in (45, 46, 47) else 1.0)))
    assert player.session.state is State.COMPLETE


@pytest.mark.parametrize("fps", [5, 10, 30])
def test_next_step_waits_until_the_head_is_back(model: FaceModel, fps: int) -> None:
    """One held turn would answer two steps."""
    steps = [LivenessStep.LOOK_LEFT, LivenessStep.OPEN_MOUTH]
    away = Look(yaw=18, mouth=0.6)
    stays = [Move(Look(), 0, 600), Move(FULL[LivenessStep.LOOK_LEFT], 300, 600), Move(away, 200, 1500)]
    player = Player(model, steps)
    verdict = player.play(START + stays, fps)
    assert [outcome.passed for outcome in verdict.steps] == [True, False]
    back = [*stays, Move(Look(), 300, 400), *gesture(LivenessStep.OPEN_MOUTH)]
    assert Player(model, steps).play(START + back, fps).passed


@pytest.mark.parametrize("step", [LivenessStep.LOOK_LEFT, LivenessStep.LOOK_RIGHT])
def test_mirrored_pictures_turn_the_other_way(model: FaceModel, step: LivenessStep) -> None:
    """A client that sends its selfie preview would refuse everybody."""
    assert Player(model, [step]).play(START + gesture(step), 15, mirrored=True).passed


def test_a_turned_face_is_no_neutral_pose(model: FaceModel) -> None:
    """A photo of a sideways face makes a plane look like a turn."""
    player = Player(model, [LivenessStep.LOOK_LEFT])
    player.play([Move(Look(yaw=-14), 0, 3000)], 15)
    assert player.neutral is None


@pytest.mark.parametrize("hold_ms", [40.0])
def test_a_flick_is_not_a_turn(model: FaceModel, hold_ms: float) -> None:
    """One frame of tracking noise would pass a step."""
    moves = [*START, Move(Look(), 0, 500), Move(Look(yaw=18), 33, hold_ms), Move(Look(), 33, 500)]
    assert not Player(model, [LivenessStep.LOOK_LEFT]).play(moves, 30).passed

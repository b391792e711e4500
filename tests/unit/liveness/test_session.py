"""The state machine holds whatever comes, in whatever order."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liveness.effects import REASON_WORDS
from liveness.measures import Light, Measures
from liveness.parallax import TurnEvidence
from liveness.policy import DEFAULT_POLICY, Policy
from liveness.session import (
    TRANSITIONS,
    Event,
    Finish,
    FrameRead,
    Hint,
    HintCode,
    Keep,
    Reason,
    Refused,
    Session,
    State,
    StepPassed,
    TimePassed,
    Trigger,
    TurnExamined,
)
from liveness.steps import LivenessStep

OVER = {State.COMPLETE, State.FAILED}
LIGHT = Light(brightness=120.0, sharpness=0.3)


def face(**changes: float) -> Measures:
    """An ordinary face looking ahead."""
    values = {
        **{"yaw": 0.0, "pitch": -5.0, "roll": 0.0, "ear": 0.3, "lids": 0.09, "mouth": 0.0, "mouth_width": 0.55},
        **{"mouth_corners": 0.25, "size": 150.0, "share": 0.5, "x": 0.5, "y": 0.45, "px": 160.0, "py": 110.0},
        **changes,
    }
    return Measures(**values, inside=True)


def at(t_ms: float, seq: int = 1, seen: Measures | None = None, faces: int = 1, light: Light = LIGHT) -> FrameRead:
    return FrameRead(seq, t_ms, t_ms, seen or face(), faces, light)


def started(*steps: LivenessStep, policy: Policy = DEFAULT_POLICY) -> tuple[Session, float]:
    """A session that has found the neutral pose, and the time when it did."""
    session = Session(steps=steps, policy=policy, started_ms=0.0)
    t = 0.0
    while session.state is State.SEEKING_NEUTRAL:
        session.receive(at(t))
        t += 50
        assert t < 3000
    return session, t


SOLID = TurnEvidence(4.0, 1.05, 0.1, 1.0)
FLAT = TurnEvidence(0.3, 1.3, 1.0, 1.0)


def test_table_is_whole() -> None:
    """A state without a way out would hang an attempt for ever."""
    for state in State:
        leaving = [key for key in TRANSITIONS if key[0] is state]
        assert bool(leaving) is (state not in OVER)
        assert ((state, Trigger.FAULT) in TRANSITIONS) is (state not in OVER)
    reached = {State.SEEKING_NEUTRAL, *TRANSITIONS.values()}
    assert reached == set(State)
    assert {trigger for _, trigger in TRANSITIONS} == set(Trigger)


def test_every_reason_has_words() -> None:
    """An operator would read a code nobody explained."""
    assert set(REASON_WORDS) == set(Reason)


numbers = st.floats(-400, 400)
measures = st.builds(
    Measures,
    yaw=st.one_of(st.just(0.0), st.floats(-90, 90)),
    pitch=st.one_of(st.just(-4.0), st.floats(-90, 90)),
    roll=st.floats(-30, 30),
    ear=st.floats(0, 1),
    lids=st.floats(0, 0.5),
    mouth=st.floats(0, 2),
    mouth_width=st.floats(0, 2),
    mouth_corners=st.floats(-1, 1),
    size=st.floats(0, 500),
    share=st.floats(0, 1.2),
    x=st.floats(-0.5, 1.5),
    y=st.floats(-0.5, 1.5),
    px=numbers,
    py=numbers,
    inside=st.booleans(),
)
lights = st.builds(Light, brightness=st.floats(0, 255), sharpness=st.one_of(st.none(), st.floats(0, 2)))
evidence = st.one_of(
    st.just(SOLID),
    st.just(FLAT),
    st.builds(TurnEvidence, st.floats(0, 10), st.floats(1, 3), st.floats(0, 1), st.floats(0, 3)),
)
times = st.floats(-1000, 200_000)
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(FrameRead, st.integers(0, 99), times, times, st.none() | measures, st.integers(0, 3), lights),
    st.builds(TurnExamined, st.integers(0, 99), times, times, evidence),
    st.builds(TimePassed, times),
)
steps_lists = st.lists(st.sampled_from(LivenessStep), min_size=1, max_size=4)


@settings(max_examples=400, deadline=None)
@given(steps=steps_lists, story=st.lists(events, max_size=60))
def test_any_order_of_events_is_answered(steps: list[LivenessStep], story: list[Event]) -> None:
    """A malformed stream would crash its worker, or pass."""
    session = Session(steps=steps, policy=DEFAULT_POLICY, started_ms=0.0)
    passed = 0
    finished = 0
    for event in story:
        over = session.state in OVER
        before = session.state
        effects = session.receive(event)
        assert not (over and effects)
        passed += sum(isinstance(effect, StepPassed) for effect in effects)
        finished += sum(isinstance(effect, Finish) for effect in effects)
        for effect in effects:
            if isinstance(effect, Hint):
                assert 0.0 <= effect.progress <= 1.0
        if session.state is not before:
            assert session.state in TRANSITIONS.values()
    session.receive(Refused(300_000, Reason.STOPPED))
    assert session.state in OVER
    assert finished <= 1
    assert session.verdict is not None
    assert len(session.verdict.steps) == len(steps)
    assert session.verdict.passed == (passed == len(steps))
    assert session.verdict.passed == (session.verdict.error is None) == (not session.verdict.reasons)


# A story closer to life: time goes on, the face does something plausible, now and then something breaks.
looks = st.sampled_from(
    [
        {},
        {"yaw": 18.0},
        {"yaw": -18.0},
        {"pitch": 12.0},
        {"pitch": -22.0},
        {"ear": 0.05, "lids": 0.015},
        {"mouth": 0.6},
        {"mouth_width": 0.7, "mouth_corners": 0.2},
        {"inside": False},
        {"share": 0.1},
    ]
)


@settings(max_examples=300, deadline=None)
@given(
    steps=steps_lists,
    story=st.lists(st.tuples(looks, st.integers(1, 12), st.sampled_from([33.0, 83.0, 200.0])), max_size=40),
    answers=st.lists(st.sampled_from([SOLID, FLAT]), min_size=1, max_size=8),
    second=st.integers(0, 400),
)
def test_plausible_stories_always_end_and_pass_only_whole(
    steps: list[LivenessStep],
    story: list[tuple[dict[str, float], int, float]],
    answers: list[TurnEvidence],
    second: int,
) -> None:
    """An attempt would hang, or somebody would pass with a step missing or without a neutral frame."""
    session = Session(steps=steps, policy=DEFAULT_POLICY, started_ms=0.0)
    answer = itertools.cycle(answers)
    t, seq = 0.0, 0
    roles: list[str] = []
    done: list[LivenessStep] = []
    calm = [({}, 12, 50.0)]
    for look, frames, gap in calm + story:
        for _ in range(frames):
            t, seq = t + gap, seq + 1
            look = dict(look)
            inside = bool(look.pop("inside", True))
            seen = face(**look)
            seen = (
                seen if inside else Measures(**{**{k: getattr(seen, k) for k in Measures.__slots__}, "inside": False})
            )
            effects = session.receive(at(t, seq, seen, faces=2 if seq == second else 1))
            while session.state is State.EXAMINING_TURN:
                effects += session.receive(TurnExamined(seq, t, t, next(answer)))
            roles += [effect.role for effect in effects if isinstance(effect, Keep)]
            done += [effect.step for effect in effects if isinstance(effect, StepPassed)]
    session.receive(TimePassed(t + DEFAULT_POLICY.whole_timeout_ms + 1))
    assert session.state in OVER
    verdict = session.verdict
    assert verdict is not None
    assert [outcome.step for outcome in verdict.steps] == steps
    assert done == steps[: len(done)]
    if verdict.passed:
        assert done == steps
        assert roles == ["neutral", *(f"step:{number}" for number in range(len(steps)))]


def test_flat_turn_never_passes_and_says_so() -> None:
    """The operator would read "timed out" where a photo was turned."""
    session, t = started(LivenessStep.LOOK_LEFT)
    for number in range(400):
        t += 50
        session.receive(at(t, number, face(yaw=18.0 if number > 10 else 0.0)))
        if session.state is State.EXAMINING_TURN:
            session.receive(TurnExamined(number, t, t, FLAT))
    assert session.verdict is not None
    assert session.verdict.reasons[0].startswith("FLAT_TURN")


def test_lost_face_fails_after_a_moment_not_a_blip() -> None:
    """One missed frame would end an attempt; a person who left would keep it alive."""
    for away_ms, lost in ((800, False), (2500, True)):
        session, t = started(LivenessStep.OPEN_MOUTH)
        for number in range(away_ms // 100):
            session.receive(FrameRead(number, t + number * 100, t + number * 100, None, 0, LIGHT))
        assert (session.verdict is not None) is lost
    assert session.verdict is not None
    assert session.verdict.error == "NO_FACE"


def test_second_face_fails_after_a_moment_not_a_blip() -> None:
    """Somebody could prompt or replace the person; somebody walking past must not end it."""
    for frames, failed in ((5, False), (15, True)):
        session, t = started(LivenessStep.OPEN_MOUTH)
        for number in range(frames):
            session.receive(at(t + number * 100, number, faces=2))
        assert (session.verdict is not None) is failed
    assert session.verdict is not None
    assert session.verdict.error == "MULTIPLE_FACES"


def test_a_face_that_jumps_fails() -> None:
    """Another person's recording could be cut in."""
    session, t = started(LivenessStep.OPEN_MOUTH)
    session.receive(at(t, 1, face()))
    session.receive(at(t + 50, 2, face(px=500.0)))
    assert session.verdict is not None
    assert "FACE_CHANGED" in session.verdict.reasons[0]


@pytest.mark.parametrize(
    ("seen", "light", "hint"),
    [
        (face(share=0.1), LIGHT, HintCode.MOVE_CLOSER),
        (face(share=0.9), LIGHT, HintCode.MOVE_BACK),
        (face(x=0.9), LIGHT, HintCode.CENTER_FACE),
        (face(), Light(20.0, 0.3), HintCode.TOO_DARK),
        (face(), Light(250.0, 0.3), HintCode.TOO_BRIGHT),
        (face(), Light(120.0, 0.01), HintCode.BLURRED),
        (face(yaw=15.0), LIGHT, HintCode.LOOK_STRAIGHT),
        (face(), LIGHT, HintCode.HOLD_STILL),
    ],
)
def test_hints_say_what_to_change(seen: Measures, light: Light, hint: HintCode) -> None:
    """A person would not know why nothing happens."""
    session = Session(steps=[LivenessStep.BLINK], policy=DEFAULT_POLICY, started_ms=0.0)
    (told,) = session.receive(at(0.0, 1, seen, light=light))
    assert isinstance(told, Hint)
    assert told.hint is hint


def test_poor_light_is_told_as_low_quality() -> None:
    """The person would be told that the challenge failed, not that the room is dark."""
    session = Session(steps=[LivenessStep.BLINK], policy=DEFAULT_POLICY, started_ms=0.0)
    for number in range(300):
        session.receive(at(number * 100.0, number, light=Light(20.0, 0.3)))
    assert session.verdict is not None
    assert session.verdict.error == "LOW_QUALITY"


def test_time_alone_ends_an_attempt() -> None:
    """A client that connects and sends nothing would hold a graph for ever."""
    session = Session(steps=[LivenessStep.BLINK], policy=DEFAULT_POLICY, started_ms=1000.0)
    assert session.receive(TimePassed(1000.0 + DEFAULT_POLICY.neutral_timeout_ms)) == []
    (finish,) = session.receive(TimePassed(1001.0 + DEFAULT_POLICY.neutral_timeout_ms))
    assert isinstance(finish, Finish)
    assert finish.verdict.error == "NO_FACE"


def test_steps_are_never_empty() -> None:
    """An empty challenge would be answered by anybody."""
    with pytest.raises(ValueError, match="at least one step"):
        Session(steps=[], policy=DEFAULT_POLICY, started_ms=0.0)

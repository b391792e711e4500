"""The liveness protocol as a pure state machine: events in, effects out; no I/O, no clock, no randomness.

Times are milliseconds of one monotonic scale that the caller chooses: `now_ms` is the server's own (or the
clip's), `t_ms` the frame's capture on that scale. The table TRANSITIONS is the whole machine; the diagram in
the README is drawn from it.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import assert_never

from liveness.effects import (
    REASON_WORDS,
    Effect,
    Examine,
    Finish,
    Hint,
    HintCode,
    Keep,
    Reason,
    StepOutcome,
    StepPassed,
    Verdict,
    error_of,
)
from liveness.events import Event, FrameRead, Refused, TimePassed, TurnExamined
from liveness.frame_rate import FrameRate
from liveness.gestures import Detector, EyesOpen, Neutral, Phase, Reading, detector_for
from liveness.hints import obstacle
from liveness.measures import Measures
from liveness.neutral import NeutralSeeker
from liveness.parallax import TurnEvidence
from liveness.policy import Policy
from liveness.presence import Presence
from liveness.steps import LivenessStep

__all__ = [
    "TRANSITIONS",
    "Effect",
    "Event",
    "Examine",
    "Finish",
    "FrameRead",
    "Hint",
    "HintCode",
    "Keep",
    "Reason",
    "Refused",
    "Session",
    "State",
    "StepOutcome",
    "StepPassed",
    "TimePassed",
    "Trigger",
    "TurnExamined",
    "Verdict",
]


class State(StrEnum):
    """Where an attempt stands."""

    SEEKING_NEUTRAL = "SEEKING_NEUTRAL"
    AWAITING_GESTURE = "AWAITING_GESTURE"
    EXAMINING_TURN = "EXAMINING_TURN"
    RETURNING = "RETURNING"
    COMPLETE = "COMPLETE"
    FAILED = "FAILED"


class Trigger(StrEnum):
    """What moves an attempt on."""

    NEUTRAL_HELD = "NEUTRAL_HELD"
    GESTURE_HELD = "GESTURE_HELD"
    LAST_GESTURE_HELD = "LAST_GESTURE_HELD"
    TURN_HELD = "TURN_HELD"
    TURN_PROVED = "TURN_PROVED"
    LAST_TURN_PROVED = "LAST_TURN_PROVED"
    TURN_FLAT = "TURN_FLAT"
    HEAD_RETURNED = "HEAD_RETURNED"
    FAULT = "FAULT"


TRANSITIONS: Mapping[tuple[State, Trigger], State] = MappingProxyType(
    {
        (State.SEEKING_NEUTRAL, Trigger.NEUTRAL_HELD): State.AWAITING_GESTURE,
        (State.SEEKING_NEUTRAL, Trigger.FAULT): State.FAILED,
        (State.AWAITING_GESTURE, Trigger.GESTURE_HELD): State.RETURNING,
        (State.AWAITING_GESTURE, Trigger.LAST_GESTURE_HELD): State.COMPLETE,
        (State.AWAITING_GESTURE, Trigger.TURN_HELD): State.EXAMINING_TURN,
        (State.AWAITING_GESTURE, Trigger.FAULT): State.FAILED,
        (State.EXAMINING_TURN, Trigger.TURN_PROVED): State.RETURNING,
        (State.EXAMINING_TURN, Trigger.LAST_TURN_PROVED): State.COMPLETE,
        (State.EXAMINING_TURN, Trigger.TURN_FLAT): State.AWAITING_GESTURE,
        (State.EXAMINING_TURN, Trigger.FAULT): State.FAILED,
        (State.RETURNING, Trigger.HEAD_RETURNED): State.AWAITING_GESTURE,
        (State.RETURNING, Trigger.FAULT): State.FAILED,
    }
)
_OVER = frozenset({State.COMPLETE, State.FAILED})
_POOR = frozenset({HintCode.TOO_DARK, HintCode.TOO_BRIGHT, HintCode.BLURRED})


class Session:
    """Judges one attempt at `steps`; the first step counts as prompted at `started_ms`.

    `blink_substitute`, when given, takes the place of a BLINK that would be revealed while the measured frame
    rate is too low to see one; it never replaces the first step, which is revealed before any frame.
    """

    def __init__(
        self,
        *,
        steps: Sequence[LivenessStep],
        policy: Policy,
        started_ms: float,
        blink_substitute: LivenessStep | None = None,
    ) -> None:
        if not steps:
            raise ValueError("a challenge has at least one step")
        self._steps = list(steps)
        self._policy = policy
        self._started_ms = started_ms
        self._blink_substitute = blink_substitute
        self._state = State.SEEKING_NEUTRAL
        self._seeker = NeutralSeeker(policy=policy)
        self._eyes = EyesOpen(policy=policy)
        self._rate = FrameRate()
        self._neutral: Neutral | None = None
        self._detector: Detector | None = None
        self._passed: list[StepOutcome] = []
        self._prompted_ms = started_ms
        self._step_began_ms = started_ms
        self._progress = 0.0
        self._last_t_ms: float | None = None
        self._presence = Presence(policy=policy, started_ms=started_ms)
        self._low_rate_since: float | None = None
        self._seeking_hints: dict[HintCode, int] = {}
        self._examine_after = 0.0
        self._flat: TurnEvidence | None = None
        self.verdict: Verdict | None = None
        self.last_hint = HintCode.LOOK_STRAIGHT

    @property
    def state(self) -> State:
        """Where the attempt stands."""
        return self._state

    @property
    def index(self) -> int:
        """The current step's number from 0; the number of steps once all have passed."""
        return len(self._passed)

    @property
    def step(self) -> LivenessStep | None:
        """The step that is asked now, None once all have passed."""
        return self._steps[self.index] if self.index < len(self._steps) else None

    @property
    def neutral(self) -> Neutral | None:
        """The person's neutral face, once found."""
        return self._neutral

    @property
    def open_ear(self) -> float:
        """The running open-eye aspect ratio, 0 before the first face."""
        return self._eyes.ear

    @property
    def fps(self) -> float | None:
        """The measured frame rate, None until half a second of frames has come."""
        return self._rate.fps

    def receive(self, event: Event) -> list[Effect]:
        """Takes one event and returns what has to be done about it, in order; never raises.

        After Finish every event is answered with nothing.
        """
        if self._state in _OVER:
            return []
        if isinstance(event, Refused):
            return self._fail(event.reason, event.now_ms, event.detail)
        late = self._timed_out(event.now_ms)
        if late is not None:
            return late
        if isinstance(event, TimePassed):
            return []
        if isinstance(event, TurnExamined):
            return self._on_examined(event)
        if isinstance(event, FrameRead):
            return self._on_frame(event)
        assert_never(event)

    # --- Frames ---------------------------------------------------------------------------------------

    def _on_frame(self, frame: FrameRead) -> list[Effect]:
        if self._last_t_ms is not None and frame.t_ms < self._last_t_ms:
            return self._fail(Reason.FRAMES_OUT_OF_ORDER, frame.now_ms)
        self._last_t_ms = frame.t_ms
        self._rate.add(frame.t_ms)
        seeking = self._state is State.SEEKING_NEUTRAL
        fault = self._presence.check(frame)
        if fault is not None and not seeking:
            return self._fail(fault, frame.now_ms)
        if fault is Reason.FACE_CHANGED:
            self._seeker.reset()
        hint = obstacle(frame.face, frame.faces, frame.light, self._policy, seeking=seeking)
        if hint is not None or frame.face is None:
            if seeking:
                self._seeker.reset()
                self._progress = 0.0
            return self._told(frame.seq, hint or HintCode.NO_FACE)
        self._eyes.update(frame.t_ms, frame.face)
        if self._state is State.SEEKING_NEUTRAL:
            return self._on_seeking(frame, frame.face)
        if self._state is State.RETURNING:
            if not self._has_returned(frame.face):
                return self._told(frame.seq, HintCode.LOOK_STRAIGHT)
            self._move(Trigger.HEAD_RETURNED)
        if self._state is State.AWAITING_GESTURE:
            return self._on_awaiting(frame, frame.face)
        return self._told(frame.seq, HintCode.HOLD_STILL)

    def _on_seeking(self, frame: FrameRead, face: Measures) -> list[Effect]:
        if not self._seeker.looks_ahead(face):
            self._seeker.reset()
            self._progress = 0.0
            return self._told(frame.seq, HintCode.LOOK_STRAIGHT)
        self._progress = self._seeker.update(frame.t_ms, face)
        if self._progress < 1.0:
            return self._told(frame.seq, HintCode.HOLD_STILL)
        self._neutral = self._seeker.neutral()
        self._move(Trigger.NEUTRAL_HELD)
        self._step_began_ms = frame.now_ms
        self._watch(self._prompted_ms)
        return [Keep(frame.seq, "neutral"), *self._told(frame.seq, HintCode.OK)]

    def _on_awaiting(self, frame: FrameRead, face: Measures) -> list[Effect]:
        step, detector = self.step, self._detector
        assert step is not None
        assert detector is not None
        if step is LivenessStep.BLINK and not self._rate_allows_blink(frame.t_ms):
            if self._low_rate_since is not None and (
                frame.t_ms - self._low_rate_since >= self._policy.blink_low_fps_ms
            ):
                return self._fail(
                    Reason.FRAME_RATE_TOO_LOW,
                    frame.now_ms,
                    f"{self._rate.fps or 0:.1f} frames a second, {self._policy.blink_min_fps:.0f} are needed",
                )
            return self._told(frame.seq, HintCode.OK)
        reading = detector.update(frame.t_ms, face)
        self._progress = reading.progress
        return self._on_reading(frame, step, reading)

    def _on_reading(self, frame: FrameRead, step: LivenessStep, reading: Reading) -> list[Effect]:
        if reading.phase is Phase.OPPOSITE:
            return self._fail(Reason.OPPOSITE_TURN, frame.now_ms)
        if reading.phase is Phase.TOO_FAST:
            return self._fail(Reason.TOO_FAST, frame.now_ms)
        if reading.phase is not Phase.HELD:
            return self._told(frame.seq, HintCode.OK)
        if not step.is_head_turn:
            return self._pass_step(frame, Trigger.GESTURE_HELD, Trigger.LAST_GESTURE_HELD)
        if frame.t_ms < self._examine_after:
            self._progress = 0.9
            return self._told(frame.seq, HintCode.OK)
        self._move(Trigger.TURN_HELD)
        return [Examine(frame.seq)]

    def _on_examined(self, answer: TurnExamined) -> list[Effect]:
        if self._state is not State.EXAMINING_TURN:
            return []
        if answer.evidence.is_solid(self._policy):
            return self._pass_step(answer, Trigger.TURN_PROVED, Trigger.LAST_TURN_PROVED)
        self._move(Trigger.TURN_FLAT)
        self._flat = answer.evidence
        self._examine_after = answer.t_ms + self._policy.examine_again_ms
        self._progress = 0.9
        return self._told(answer.seq, HintCode.OK)

    def _pass_step(self, at: FrameRead | TurnExamined, done: Trigger, last: Trigger) -> list[Effect]:
        index, step = self.index, self.step
        assert step is not None
        self._passed.append(StepOutcome(step, True, round(at.t_ms - self._started_ms)))
        kept: list[Effect] = [Keep(at.seq, f"step:{index}")]
        told = self._told(at.seq, HintCode.OK, progress=1.0)
        if self.index == len(self._steps):
            self._move(last)
            self.verdict = Verdict(True, None, (), tuple(self._passed))
            return [*kept, *told, StepPassed(index, step, None), Finish(self.verdict)]
        self._move(done)
        self._prompt(at.now_ms)
        return [*kept, *told, StepPassed(index, step, self.step)]

    # --- Faults ---------------------------------------------------------------------------------------

    def _timed_out(self, now_ms: float) -> list[Effect] | None:
        policy = self._policy
        if now_ms - self._started_ms > policy.whole_timeout_ms:
            return self._fail(Reason.ATTEMPT_TIMED_OUT, now_ms)
        if self._state is State.SEEKING_NEUTRAL:
            if now_ms - self._started_ms > policy.neutral_timeout_ms:
                return self._fail(self._why_no_neutral(), now_ms, self._commonest_hint())
            return None
        if now_ms - self._step_began_ms > policy.step_timeout_ms:
            if self._flat is not None:
                return self._fail(Reason.FLAT_TURN, now_ms, self._flat.in_words())
            return self._fail(Reason.STEP_TIMED_OUT, now_ms)
        return None

    def _why_no_neutral(self) -> Reason:
        if not self._presence.face_ever:
            return Reason.NO_FACE
        hint = self._commonest_hint()
        if hint in _POOR:
            return Reason.POOR_PICTURE
        if hint == HintCode.MULTIPLE_FACES:
            return Reason.MULTIPLE_FACES
        return Reason.NEUTRAL_TIMED_OUT

    def _commonest_hint(self) -> str:
        return max(self._seeking_hints, key=lambda hint: self._seeking_hints[hint], default=HintCode.NO_FACE)

    def _fail(self, reason: Reason, now_ms: float, detail: str = "") -> list[Effect]:
        step = self.step
        where = f" during {step}" if step is not None and self._state is not State.SEEKING_NEUTRAL else ""
        at_ms = max(0, round(now_ms - self._started_ms))
        words = f"{reason}: {REASON_WORDS[reason]}{where}, {at_ms / 1000:.1f} s after the start"
        reasons = [f"{words} ({detail})" if detail else words]
        if self._flat is not None and reason is not Reason.FLAT_TURN:
            reasons.append(f"{Reason.FLAT_TURN}: {REASON_WORDS[Reason.FLAT_TURN]} ({self._flat.in_words()})")
        self._move(Trigger.FAULT)
        missed = [
            StepOutcome(step, False, at_ms if number == 0 else None)
            for number, step in enumerate(self._steps[self.index :])
        ]
        self.verdict = Verdict(False, error_of(reason), tuple(reasons), (*self._passed, *missed))
        return [Finish(self.verdict)]

    # --- Small steps ----------------------------------------------------------------------------------

    def _move(self, trigger: Trigger) -> None:
        self._state = TRANSITIONS[self._state, trigger]

    def _prompt(self, now_ms: float) -> None:
        """Reveals the next step."""
        too_slow = self._rate.fps is not None and not self._policy.blink_possible(self._rate.fps)
        if self.step is LivenessStep.BLINK and too_slow and self._blink_substitute is not None:
            self._steps[self.index] = self._blink_substitute
        self._prompted_ms = self._step_began_ms = now_ms
        self._progress = 0.0
        self._examine_after = 0.0
        self._flat = None
        self._low_rate_since = None
        self._watch(now_ms)

    def _watch(self, prompted_ms: float) -> None:
        step, neutral = self.step, self._neutral
        assert step is not None
        assert neutral is not None
        self._progress = 0.0
        self._detector = detector_for(
            step, neutral=neutral, eyes=self._eyes, prompted_ms=prompted_ms, policy=self._policy
        )

    def _rate_allows_blink(self, t_ms: float) -> bool:
        fps = self._rate.fps
        if fps is None or self._policy.blink_possible(fps):
            self._low_rate_since = None
            return fps is not None
        if self._low_rate_since is None:
            self._low_rate_since = t_ms
        return False

    def _has_returned(self, face: Measures) -> bool:
        assert self._neutral is not None
        return (
            abs(face.yaw - self._neutral.yaw) <= self._policy.rest_yaw
            and abs(face.pitch - self._neutral.pitch) <= self._policy.rest_pitch
        )

    def _told(self, seq: int, hint: HintCode, *, progress: float | None = None) -> list[Effect]:
        if self._state is State.SEEKING_NEUTRAL:
            self._seeking_hints[hint] = self._seeking_hints.get(hint, 0) + 1
        self.last_hint = hint
        return [Hint(seq, hint, self._progress if progress is None else progress)]

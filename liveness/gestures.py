"""One detector per step, each judged against the person's own neutral face and in milliseconds.

A detector first has to see its rest state after the prompt, then the full gesture held for a minimum time with
hysteresis. It counts time between frames, never frames, so that 5 a second do as well as 30.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from liveness.measures import Measures
from liveness.policy import Policy
from liveness.steps import LivenessStep


@dataclass(frozen=True, slots=True)
class Neutral:
    """The person's own neutral face in this attempt: medians over the frames that held it."""

    yaw: float
    pitch: float
    mouth: float
    mouth_width: float
    mouth_corners: float


class Phase(Enum):
    """What a detector says about the gesture after one more frame."""

    WAITING = auto()  # not begun, or not yet back at rest
    MOVING = auto()  # begun, not held long enough
    HELD = auto()  # done
    OPPOSITE = auto()  # a full turn to the other side
    TOO_FAST = auto()  # complete before a person could have reacted to the prompt


@dataclass(frozen=True, slots=True)
class Reading:
    """A phase and how far along the gesture is, 0 to 1."""

    phase: Phase
    progress: float = 0.0


class Detector(Protocol):
    """Watches for one gesture from its prompt on."""

    def update(self, t_ms: float, face: Measures) -> Reading:
        """Takes the next frame's measures; frames come in order of time."""
        ...


class EyesOpen:
    """The person's own open-eye values, followed while the eyes are open (glasses roughly halve them)."""

    def __init__(self, *, policy: Policy) -> None:
        self._policy = policy
        self._t_ms: float | None = None
        self._lids = 0.0
        self.ear = 0.0

    def update(self, t_ms: float, face: Measures) -> None:
        """Follows open eyes quickly and closed ones hardly, so that shut eyes never become the baseline."""
        if self._t_ms is None:
            self.ear, self._lids = face.ear, face.lids
        else:
            policy = self._policy
            shut = self.closeness(face) < policy.blink_open
            tau = policy.eye_shut_tau_ms if shut else policy.eye_open_tau_ms
            weight = min(1.0, max(0.0, t_ms - self._t_ms) / tau)
            self.ear += weight * (face.ear - self.ear)
            self._lids += weight * (face.lids - self._lids)
        self._t_ms = t_ms

    def closeness(self, face: Measures) -> float:
        """Returns the eyes' opening over the person's open one: about 1 when open, under 0.3 when shut.

        The larger of two ratios counts: the eye-aspect ratio, and the lid gap over a face height. Tilting a
        sheet of paper shrinks the first one, but not the second.
        """
        if self.ear <= 0 or self._lids <= 0:
            return 1.0
        return max(face.ear / self.ear, face.lids / self._lids)


class _Hold:
    """A level held above `full` (with sagging to `keep`) for `hold_ms`."""

    def __init__(self, *, full: float, keep: float, hold_ms: float, max_gap_ms: float) -> None:
        self._full = full
        self._keep = keep
        self._hold_ms = hold_ms
        self._max_gap_ms = max_gap_ms
        self._last_ms = 0.0
        self.since_ms: float | None = None

    def update(self, t_ms: float, level: float) -> bool:
        """Returns whether the level has been held long enough."""
        if self.since_ms is not None and t_ms - self._last_ms > self._max_gap_ms:
            self.since_ms = None
        self._last_ms = t_ms
        if level < self._keep:
            self.since_ms = None
        elif self.since_ms is None and level >= self._full:
            self.since_ms = t_ms
        return self.since_ms is not None and t_ms - self.since_ms >= self._hold_ms

    def share(self, t_ms: float) -> float:
        if self.since_ms is None:
            return 0.0
        return min(1.0, (t_ms - self.since_ms) / self._hold_ms)


class TurnDetector:
    """LOOK_LEFT, LOOK_RIGHT, LOOK_UP, LOOK_DOWN; a full turn the other way is told at once."""

    def __init__(self, *, step: LivenessStep, neutral: Neutral, prompted_ms: float, policy: Policy) -> None:
        self._policy = policy
        self._neutral = neutral
        self._prompted_ms = prompted_ms
        self._sideways = step in (LivenessStep.LOOK_LEFT, LivenessStep.LOOK_RIGHT)
        self._sign = 1.0 if step in (LivenessStep.LOOK_LEFT, LivenessStep.LOOK_UP) else -1.0
        self._full = policy.turn_full if self._sideways else policy.tilt_full
        keep = policy.turn_keep if self._sideways else policy.tilt_keep
        hold = {"full": self._full, "keep": keep, "hold_ms": policy.turn_hold_ms}
        self._towards = _Hold(**hold, max_gap_ms=policy.max_frame_gap_ms)
        self._away = _Hold(**hold, max_gap_ms=policy.max_frame_gap_ms)
        self._rested = False

    def update(self, t_ms: float, face: Measures) -> Reading:
        policy = self._policy
        if not self._rested:
            self._rested = (
                abs(face.yaw - self._neutral.yaw) <= policy.rest_yaw
                and abs(face.pitch - self._neutral.pitch) <= policy.rest_pitch
            )
            return Reading(Phase.WAITING)
        towards, away = self._levels(face)
        if self._away.update(t_ms, away):
            return Reading(Phase.OPPOSITE)
        held = self._towards.update(t_ms, towards)
        if self._towards.since_ms is None:
            return Reading(Phase.WAITING, 0.6 * min(1.0, max(0.0, towards / self._full)))
        if self._towards.since_ms - self._prompted_ms < policy.min_response_ms:
            return Reading(Phase.TOO_FAST)
        if held:
            return Reading(Phase.HELD, 1.0)
        return Reading(Phase.MOVING, 0.6 + 0.4 * self._towards.share(t_ms))

    def _levels(self, face: Measures) -> tuple[float, float]:
        """Degrees turned the asked way and the other way, at most what the camera's own axis allows."""
        if not self._sideways:
            turned = self._sign * (face.pitch - self._neutral.pitch)
            return turned, -turned
        turned = self._sign * (face.yaw - self._neutral.yaw)
        absolute = self._sign * face.yaw + (self._policy.turn_full - self._policy.turn_full_absolute)
        other = -self._sign * face.yaw + (self._policy.turn_full - self._policy.turn_full_absolute)
        return min(turned, absolute), min(-turned, other)


class BlinkDetector:
    """Open eyes, then closed ones for at most `blink_max_ms`, then open again; one closed sample is enough."""

    def __init__(self, *, eyes: EyesOpen, prompted_ms: float, policy: Policy) -> None:
        self._eyes = eyes
        self._policy = policy
        self._from_ms = prompted_ms + policy.min_response_ms
        self._open_seen = False
        self._closed_since: float | None = None
        self._lowest = 1.0
        self._last_ms: float | None = None

    def update(self, t_ms: float, face: Measures) -> Reading:
        policy = self._policy
        opening = self._eyes.closeness(face)
        gap = self._last_ms is not None and t_ms - self._last_ms > policy.max_frame_gap_ms
        self._last_ms = t_ms
        if gap:
            self._open_seen, self._closed_since = False, None
        if self._closed_since is None:
            if opening > policy.blink_closed:
                self._open_seen = self._open_seen or opening >= policy.blink_open
            elif self._open_seen:
                self._closed_since, self._lowest = t_ms, opening
            return self._moving_or_waiting(opening)
        self._lowest = min(self._lowest, opening)
        reopened = opening >= policy.blink_open or (
            opening >= policy.blink_open_least and opening - self._lowest >= policy.blink_rise
        )
        if not reopened:
            return self._moving_or_waiting(opening)
        since, self._closed_since = self._closed_since, None
        if since < self._from_ms or t_ms - since > policy.blink_max_ms:
            return Reading(Phase.WAITING)  # involuntary, or eyes rested shut: neither counts nor harms
        return Reading(Phase.HELD, 1.0)

    def _moving_or_waiting(self, opening: float) -> Reading:
        if self._closed_since is None:
            return Reading(Phase.WAITING)
        return Reading(Phase.MOVING, min(0.9, max(0.5, 1 - opening)))


class _LevelDetector:
    """A level that has to rest low, then be held high: mouth and smile."""

    def __init__(
        self,
        *,
        level: Callable[[Measures], float],
        rest: float,
        full: float,
        keep: float,
        hold_ms: float,
        fails_when_too_fast: bool,
        prompted_ms: float,
        policy: Policy,
    ) -> None:
        self._level = level
        self._rest = rest
        self._full = full
        self._hold = _Hold(full=full, keep=keep, hold_ms=hold_ms, max_gap_ms=policy.max_frame_gap_ms)
        self._too_fast_phase = Phase.TOO_FAST if fails_when_too_fast else Phase.WAITING
        self._earliest_ms = prompted_ms + policy.min_response_ms
        self._rested = False

    def update(self, t_ms: float, face: Measures) -> Reading:
        level = self._level(face)
        if not self._rested:
            self._rested = level <= self._rest
            return Reading(Phase.WAITING)
        held = self._hold.update(t_ms, level)
        if self._hold.since_ms is None:
            along = (level - self._rest) / (self._full - self._rest)
            return Reading(Phase.WAITING, 0.6 * min(1.0, max(0.0, along)))
        if self._hold.since_ms < self._earliest_ms:
            return Reading(self._too_fast_phase)
        if held:
            return Reading(Phase.HELD, 1.0)
        return Reading(Phase.MOVING, 0.6 + 0.4 * self._hold.share(t_ms))


def detector_for(
    step: LivenessStep, *, neutral: Neutral, eyes: EyesOpen, prompted_ms: float, policy: Policy
) -> Detector:
    """Returns the detector of `step`, prompted at `prompted_ms`."""
    if step.is_head_turn:
        return TurnDetector(step=step, neutral=neutral, prompted_ms=prompted_ms, policy=policy)
    if step is LivenessStep.BLINK:
        return BlinkDetector(eyes=eyes, prompted_ms=prompted_ms, policy=policy)
    if step is LivenessStep.OPEN_MOUTH:
        full = max(policy.mouth_open, neutral.mouth + policy.mouth_open_above_neutral)
        return _LevelDetector(
            level=lambda face: face.mouth,
            rest=max(policy.mouth_rest, neutral.mouth),
            full=full,
            keep=full - (policy.mouth_open - policy.mouth_keep),
            hold_ms=policy.mouth_hold_ms,
            fails_when_too_fast=True,
            prompted_ms=prompted_ms,
            policy=policy,
        )
    return _LevelDetector(
        level=lambda face: _smile(face, neutral, policy),
        rest=policy.smile_rest,
        full=policy.smile_wider,
        keep=policy.smile_keep,
        hold_ms=policy.smile_hold_ms,
        fails_when_too_fast=False,  # people smile at cameras unasked
        prompted_ms=prompted_ms,
        policy=policy,
    )


def _smile(face: Measures, neutral: Neutral, policy: Policy) -> float:
    """Mouth width against neutral, when the corners rose with it and the head looks ahead; else 1."""
    ahead = abs(face.yaw - neutral.yaw) <= policy.smile_max_yaw
    raised = neutral.mouth_corners - face.mouth_corners >= policy.smile_corners_up
    if not (ahead and raised):
        return 1.0
    return face.mouth_width / max(neutral.mouth_width, 1e-6)

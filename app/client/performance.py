"""How a person answers a prompt: a delay, an eased movement, a hold, and back; then, unless told on, once more."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from app.client.animation import Pose
from liveness.steps import LivenessStep

REST = Pose()
# Real people reach 15 to 23 degrees when they "turn" (lab); a nod is shorter.
REACHES: Mapping[LivenessStep, Pose] = MappingProxyType(
    {
        LivenessStep.LOOK_LEFT: Pose(yaw_deg=19.0),
        LivenessStep.LOOK_RIGHT: Pose(yaw_deg=-19.0),
        LivenessStep.LOOK_UP: Pose(pitch_deg=15.0),
        LivenessStep.LOOK_DOWN: Pose(pitch_deg=-16.0),
        LivenessStep.BLINK: Pose(eyes_closed=1.0),
        LivenessStep.OPEN_MOUTH: Pose(mouth_open=1.0),
        LivenessStep.SMILE: Pose(smile=1.0),
    }
)


@dataclass(frozen=True)
class Timing:
    """The phases of one answer in milliseconds; `pause_ms` passes at rest before it is tried again."""

    react_ms: int = 420
    reach_ms: int = 450
    hold_ms: int = 800
    back_ms: int = 450
    pause_ms: int = 1000

    @property
    def answer_ms(self) -> int:
        """From the prompt until the next try may begin."""
        return self.react_ms + self.reach_ms + self.hold_ms + self.back_ms + self.pause_ms


ORDINARY = Timing()
SMILING = Timing(hold_ms=1200)  # a smile is only told from speech by lasting
# A deliberate blink, long enough that a camera of 10 frames a second sees it closed twice.
BLINKING = Timing(reach_ms=110, hold_ms=220, back_ms=140, pause_ms=1200)
_TIMINGS = MappingProxyType({LivenessStep.BLINK: BLINKING, LivenessStep.SMILE: SMILING})
SETTLE_MS = 1200  # before the first answer: the person reads the prompt and looks into the camera
CALM_MS = 300  # between the head's return and the next answer's reaction time


def perform(step: LivenessStep, t_s: float, *, timing: Timing | None = None) -> float:
    """How far (0 rest to 1 full) the answer to `step` has got `t_s` seconds after the prompt."""
    timing = timing or timing_of(step)
    left = max(0.0, t_s * 1000.0) % timing.answer_ms - timing.react_ms
    if left <= 0:
        return 0.0
    if left < timing.reach_ms:
        return _eased(left / timing.reach_ms)
    left -= timing.reach_ms + timing.hold_ms
    if left < 0:
        return 1.0
    return 1.0 - _eased(left / timing.back_ms) if left < timing.back_ms else 0.0


def timing_of(step: LivenessStep) -> Timing:
    """The pace a person gives this gesture."""
    return _TIMINGS.get(step, ORDINARY)


class Performer:
    """Keeps one person's state between prompts; ask it for ever later times."""

    def __init__(self, *, settle_ms: int = SETTLE_MS) -> None:
        self._settle_ms = settle_ms
        self._step: LivenessStep | None = None
        self._waiting: LivenessStep | None = None
        self._before: tuple[LivenessStep | None, float] = (None, 0.0)
        self._returning_ms = 0
        self._began_ms = 0

    def prompt(self, step: LivenessStep) -> None:
        """The person is told of a step; what was under way ends first."""
        self._waiting = step

    def at(self, t_ms: int) -> tuple[LivenessStep | None, float]:
        """The gesture under way at `t_ms` and how far it has got, 0 to 1."""
        if self._waiting is not None:
            first = self._step is None
            self._before = self._now(t_ms)
            self._step, self._waiting = self._waiting, None
            self._returning_ms = ORDINARY.back_ms if self._before[1] > 0.0 else 0
            pause_ms = self._settle_ms if first else CALM_MS
            self._began_ms = t_ms + self._returning_ms + pause_ms
            self._returned_ms = t_ms + self._returning_ms
        return self._now(t_ms)

    def _now(self, t_ms: int) -> tuple[LivenessStep | None, float]:
        if self._step is None:
            return None, 0.0
        if t_ms >= self._began_ms:
            return self._step, perform(self._step, (t_ms - self._began_ms) / 1000.0)
        if self._returning_ms and t_ms < self._returned_ms:
            gone = 1.0 - (self._returned_ms - t_ms) / self._returning_ms
            return self._before[0], self._before[1] * (1.0 - _eased(gone))
        return self._step, 0.0


class Sway:
    """The small motion nobody can keep from: slow, smooth, never repeating within an attempt."""

    def __init__(self, *, seed: int, yaw_deg: float = 0.7, pitch_deg: float = 0.5, roll_deg: float = 0.6) -> None:
        draw = np.random.default_rng(seed)
        self._periods_s = draw.uniform(1.7, 5.3, (5, 2))
        self._phases = draw.uniform(0.0, 2 * np.pi, (5, 2))
        self._sizes = np.array([yaw_deg, pitch_deg, roll_deg, 1.2, 0.9])

    def at(self, t_ms: int) -> tuple[Pose, tuple[float, float]]:
        """The offsets at `t_ms`: a pose to add, and a shift of the whole picture in pixels."""
        waves = np.sin(2 * np.pi * (t_ms / 1000.0) / self._periods_s + self._phases).mean(axis=1)
        yaw, pitch, roll, x, y = (float(value) for value in waves * self._sizes)
        return Pose(yaw_deg=yaw, pitch_deg=pitch, roll_deg=roll), (x, y)


def posed(step: LivenessStep | None, share: float, sway: Pose = REST) -> Pose:
    """The pose `share` of the way into the answer to `step`, swaying."""
    pose = REST if step is None else REST.towards(REACHES[step], share)
    return Pose(*(a + b for a, b in zip(pose.values(), sway.values(), strict=True)))


def _eased(share: float) -> float:
    """A minimum-jerk movement, the shape of human reaches (Flash and Hogan 1985)."""
    share = min(max(share, 0.0), 1.0)
    return share**3 * (10.0 - 15.0 * share + 6.0 * share**2)

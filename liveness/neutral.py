"""Finding the person's own neutral face: near frontal, steady, eyes open, for long enough."""

from collections import deque
from statistics import median

from liveness.gestures import Neutral
from liveness.measures import Measures
from liveness.policy import Policy


class NeutralSeeker:
    """Collects frames until they hold a neutral pose; a frame that breaks it drops the ones before it."""

    def __init__(self, *, policy: Policy) -> None:
        self._policy = policy
        self._held: deque[tuple[float, Measures]] = deque()

    def looks_ahead(self, face: Measures) -> bool:
        """Whether one frame's pose may be neutral at all."""
        policy = self._policy
        return (
            abs(face.yaw) <= policy.neutral_max_yaw
            and policy.neutral_min_pitch <= face.pitch <= policy.neutral_max_pitch
            and abs(face.roll) <= policy.neutral_max_roll
        )

    def reset(self) -> None:
        """Starts over."""
        self._held.clear()

    def update(self, t_ms: float, face: Measures) -> float:
        """Takes a frame that looks ahead; returns how much of the hold is done, 1.0 when neutral is found."""
        policy = self._policy
        held = self._held
        if held and t_ms - held[-1][0] > policy.max_frame_gap_ms:
            held.clear()
        held.append((t_ms, face))
        while len(held) > 1 and not self._steady():
            held.popleft()
        if not self._eyes_open() or face.mouth > policy.neutral_max_mouth:
            # The newest frame would be the one that is kept and compared: wait for a better one.
            return min(0.95, self._share())
        done = self._share()
        return done if len(held) >= policy.neutral_min_frames else min(0.95, done)

    def neutral(self) -> Neutral:
        """Returns the medians over the hold."""
        faces = [face for _, face in self._held]
        return Neutral(
            yaw=median(face.yaw for face in faces),
            pitch=median(face.pitch for face in faces),
            mouth=median(face.mouth for face in faces),
            mouth_width=median(face.mouth_width for face in faces),
            mouth_corners=median(face.mouth_corners for face in faces),
        )

    def _share(self) -> float:
        return min(1.0, (self._held[-1][0] - self._held[0][0]) / self._policy.neutral_hold_ms)

    def _steady(self) -> bool:
        yaws = [face.yaw for _, face in self._held]
        pitches = [face.pitch for _, face in self._held]
        return (
            max(yaws) - min(yaws) <= self._policy.neutral_yaw_spread
            and max(pitches) - min(pitches) <= self._policy.neutral_pitch_spread
        )

    def _eyes_open(self) -> bool:
        best = max(face.ear for _, face in self._held)
        return self._held[-1][1].ear >= self._policy.neutral_min_eye_of_best * best

"""Is it still one face, and the same one? Continuity from frame to frame."""

from math import hypot

from liveness.effects import Reason
from liveness.events import FrameRead
from liveness.measures import Measures
from liveness.policy import Policy


class Presence:
    """Watches for a face lost, a second one, or a jump that a person cannot make.

    A person who steps in slowly is the descriptors' business; this catches the cut.
    """

    def __init__(self, *, policy: Policy, started_ms: float) -> None:
        self._policy = policy
        self._last: tuple[float, Measures] | None = None
        self._seen_ms = started_ms
        self._many_since: float | None = None
        self.face_ever = False

    def check(self, frame: FrameRead) -> Reason | None:
        """Takes the next frame; returns what is wrong for longer than a blip."""
        face = frame.face
        if face is None or frame.faces == 0:
            lost = frame.now_ms - self._seen_ms > self._policy.face_lost_ms
            return Reason.NO_FACE if lost else None
        self._seen_ms = frame.now_ms
        self.face_ever = True
        before, self._last = self._last, (frame.t_ms, face)
        if before is not None and self._jumped(before, frame.t_ms, face):
            return Reason.FACE_CHANGED
        if frame.faces == 1:
            self._many_since = None
            return None
        if self._many_since is None:
            self._many_since = frame.now_ms
        too_long = frame.now_ms - self._many_since >= self._policy.many_faces_ms
        return Reason.MULTIPLE_FACES if too_long else None

    def _jumped(self, before: tuple[float, Measures], t_ms: float, face: Measures) -> bool:
        then, old = before
        if t_ms - then > self._policy.jump_within_ms:
            return False
        larger = max(face.size, old.size, 1e-6)
        smaller = max(min(face.size, old.size), 1e-6)
        distance = hypot(face.px - old.px, face.py - old.py)
        return distance > self._policy.max_jump * larger or larger > self._policy.max_scale_jump * smaller

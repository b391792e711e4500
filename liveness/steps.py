"""The gestures a challenge may ask for."""

from enum import StrEnum


class LivenessStep(StrEnum):
    """One gesture, always the subject's own: LOOK_LEFT is towards the person's own left hand."""

    LOOK_LEFT = "LOOK_LEFT"
    LOOK_RIGHT = "LOOK_RIGHT"
    LOOK_UP = "LOOK_UP"
    LOOK_DOWN = "LOOK_DOWN"
    BLINK = "BLINK"
    OPEN_MOUTH = "OPEN_MOUTH"
    SMILE = "SMILE"

    @property
    def is_head_turn(self) -> bool:
        """Whether the step moves the head, so that its evidence must be three-dimensional."""
        return self in _HEAD_TURNS


_HEAD_TURNS = frozenset({LivenessStep.LOOK_LEFT, LivenessStep.LOOK_RIGHT, LivenessStep.LOOK_UP, LivenessStep.LOOK_DOWN})

"""What a liveness session says back: effects, verdict and the reasons in words."""

from dataclasses import dataclass
from enum import StrEnum

from liveness.steps import LivenessStep


class HintCode(StrEnum):
    """What the person can do now."""

    OK = "OK"
    NO_FACE = "NO_FACE"
    MULTIPLE_FACES = "MULTIPLE_FACES"
    MOVE_CLOSER = "MOVE_CLOSER"
    MOVE_BACK = "MOVE_BACK"
    CENTER_FACE = "CENTER_FACE"
    TOO_DARK = "TOO_DARK"
    TOO_BRIGHT = "TOO_BRIGHT"
    BLURRED = "BLURRED"
    LOOK_STRAIGHT = "LOOK_STRAIGHT"
    HOLD_STILL = "HOLD_STILL"


class Reason(StrEnum):
    """Why an attempt failed; the words follow in REASON_WORDS."""

    OPPOSITE_TURN = "OPPOSITE_TURN"
    TOO_FAST = "TOO_FAST"
    NEUTRAL_TIMED_OUT = "NEUTRAL_TIMED_OUT"
    STEP_TIMED_OUT = "STEP_TIMED_OUT"
    FLAT_TURN = "FLAT_TURN"
    ATTEMPT_TIMED_OUT = "ATTEMPT_TIMED_OUT"
    NO_FACE = "NO_FACE"
    MULTIPLE_FACES = "MULTIPLE_FACES"
    POOR_PICTURE = "POOR_PICTURE"
    FACE_CHANGED = "FACE_CHANGED"
    FRAME_RATE_TOO_LOW = "FRAME_RATE_TOO_LOW"
    FRAMES_FROZEN = "FRAMES_FROZEN"
    FRAMES_LOOPED = "FRAMES_LOOPED"
    FRAMES_OUT_OF_ORDER = "FRAMES_OUT_OF_ORDER"
    CLOCK_BROKEN = "CLOCK_BROKEN"
    STOPPED = "STOPPED"


REASON_WORDS: dict[Reason, str] = {
    Reason.OPPOSITE_TURN: "the head turned fully to the opposite side",
    Reason.TOO_FAST: "the gesture was complete before a person could have reacted to its prompt",
    Reason.NEUTRAL_TIMED_OUT: "no steady face looking ahead was seen in time",
    Reason.STEP_TIMED_OUT: "the gesture was not seen in time",
    Reason.FLAT_TURN: "the head turned as a flat picture would",
    Reason.ATTEMPT_TIMED_OUT: "the whole attempt took too long",
    Reason.NO_FACE: "no face was in the picture for too long",
    Reason.MULTIPLE_FACES: "more than one face was in the picture",
    Reason.POOR_PICTURE: "the picture was never good enough to judge",
    Reason.FACE_CHANGED: "the face jumped, as when another one takes its place",
    Reason.FRAME_RATE_TOO_LOW: "too few frames a second to see a blink; ask again without BLINK",
    Reason.FRAMES_FROZEN: "the camera's picture stood still, pixel for pixel",
    Reason.FRAMES_LOOPED: "earlier frames came again, pixel for pixel",
    Reason.FRAMES_OUT_OF_ORDER: "the frames' numbers or capture times went backwards",
    Reason.CLOCK_BROKEN: "the client's capture times ran away from the server's clock",
    Reason.STOPPED: "the frames ended before the challenge was answered",
}

# The names of contract.md's VerificationError.
_ERRORS: dict[Reason, str] = {
    Reason.NO_FACE: "NO_FACE",
    Reason.MULTIPLE_FACES: "MULTIPLE_FACES",
    Reason.POOR_PICTURE: "LOW_QUALITY",
}


def error_of(reason: Reason) -> str:
    """Returns the VerificationError name that a client is told for `reason`."""
    return _ERRORS.get(reason, "CHALLENGE_FAILED")


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """One step of the challenge; `at_ms` counts from the attempt's start, None when it never came to it."""

    step: LivenessStep
    passed: bool
    at_ms: int | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The end of an attempt; `reasons` are for operators ("CODE: words"), `error` for the client."""

    passed: bool
    error: str | None
    reasons: tuple[str, ...]
    steps: tuple[StepOutcome, ...]


@dataclass(frozen=True, slots=True)
class Hint:
    """Tells the person what to do; `progress` within the current step, 0 to 1."""

    seq: int
    hint: HintCode
    progress: float


@dataclass(frozen=True, slots=True)
class StepPassed:
    """A step is done; `next_step` is revealed by it."""

    index: int
    step: LivenessStep
    next_step: LivenessStep | None


@dataclass(frozen=True, slots=True)
class Keep:
    """The frame of this event is a key frame: role "neutral" or "step:N"."""

    seq: int
    role: str


@dataclass(frozen=True, slots=True)
class Examine:
    """The frame of this event shows a held turn: compare it with the neutral frame, answer TurnExamined."""

    seq: int


@dataclass(frozen=True, slots=True)
class Finish:
    """The attempt is over."""

    verdict: Verdict


Effect = Hint | StepPassed | Keep | Examine | Finish

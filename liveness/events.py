"""What a liveness session is told; times are milliseconds, see liveness.session."""

from dataclasses import dataclass

from liveness.effects import Reason
from liveness.measures import Light, Measures
from liveness.parallax import TurnEvidence


@dataclass(frozen=True, slots=True)
class FrameRead:
    """A frame's landmarks were read; `faces` is the detector's latest count, `face` the tracked one."""

    seq: int
    t_ms: float
    now_ms: float
    face: Measures | None
    faces: int
    light: Light


@dataclass(frozen=True, slots=True)
class TurnExamined:
    """The answer to Examine."""

    seq: int
    t_ms: float
    now_ms: float
    evidence: TurnEvidence


@dataclass(frozen=True, slots=True)
class TimePassed:
    """Nothing arrived, but time went on."""

    now_ms: float


@dataclass(frozen=True, slots=True)
class Refused:
    """Whoever holds the frames found a fault that ends the attempt."""

    now_ms: float
    reason: Reason
    detail: str = ""


Event = FrameRead | TurnExamined | TimePassed | Refused

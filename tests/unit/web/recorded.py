"""Recordings of faces for both implementations of the gesture rules, and what the server's own makes of them."""

import base64
import json
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from liveness.effects import Examine, Finish, Hint, Keep, StepPassed
from liveness.events import FrameRead, TurnExamined
from liveness.landmarks import FaceMesh
from liveness.measures import Light, Measures, measure
from liveness.parallax import TurnEvidence
from liveness.policy import DEFAULT_POLICY
from liveness.session import Session
from liveness.steps import LivenessStep
from tests.node_peers import NODE

HERE = Path(__file__).parent
SOLID = TurnEvidence(residual_pct=5.0, squeeze=1.0, plane_share=0.0, sharpness_of_neutral=1.0)
BRIGHT = Light(brightness=120.0, sharpness=0.4)
_CAMEL = {"mouth_width": "mouthWidth", "mouth_corners": "mouthCorners"}


@dataclass(frozen=True, eq=False)
class Seen:
    """One frame: when, whose face (as landmarks, or as numbers at once), how many, in what light."""

    t_ms: float
    face: FaceMesh | Measures | None
    faces: int = 1
    light: Light = BRIGHT

    @property
    def measures(self) -> Measures | None:
        return measure(self.face) if isinstance(self.face, FaceMesh) else self.face


@dataclass(frozen=True, eq=False)
class Recording:
    """What is asked, and the frames that were seen."""

    name: str
    steps: Sequence[LivenessStep]
    frames: Sequence[Seen]


@dataclass(frozen=True, kw_only=True)
class InBrowser:
    """What the page's rules make of each frame, of each pair of still and step's frame, and of the light of a face."""

    recordings: list[list[dict[str, Any]]]
    fullnesses: list[float]
    lumas: list[float]


def in_browser(
    *,
    recordings: Iterable[Recording] = (),
    pairs: Iterable[tuple[LivenessStep, Measures, Measures]] = (),
    pictures: Iterable[tuple[npt.NDArray[np.uint8], FaceMesh]] = (),
) -> InBrowser:
    """Runs app/web/src/liveness under Node; pictures are (H, W, 3)."""
    told = {
        "policy": asdict(DEFAULT_POLICY),
        "recordings": [
            {"steps": list(one.steps), "frames": [_told(seen) for seen in one.frames]} for one in recordings
        ],
        "pairs": [
            {"step": step, "rest": _camel(asdict(rest)), "now": _camel(asdict(now))} for step, rest, now in pairs
        ],
        "pictures": [{"rgba": _text(_with_alpha(rgb)), "mesh": _mesh(mesh)} for rgb, mesh in pictures],
    }
    ran = subprocess.run(
        [str(NODE), str(HERE / "gesture_rules.mjs")],
        input=json.dumps(told),
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert ran.returncode == 0, ran.stderr
    return InBrowser(**json.loads(ran.stdout))


def on_server(recording: Recording) -> Iterator[dict[str, Any]]:
    """The same of the server's rules; a turn that is held is always taken for a head's."""
    session = Session(steps=recording.steps, policy=DEFAULT_POLICY, started_ms=0.0)
    for seq, seen in enumerate(recording.frames):
        face = seen.measures
        frame = FrameRead(seq, seen.t_ms, seen.t_ms, face, seen.faces, seen.light)
        judged = _judged(session, frame)
        yield {
            "measured": None if face is None else _camel(asdict(face)),
            "judged": judged,
            "state": str(session.state),
            "index": session.index,
            "neutral": None if session.neutral is None else _camel(asdict(session.neutral)),
            "fps": session.fps,
            "ear": session.open_ear,
        }


def _judged(session: Session, frame: FrameRead) -> dict[str, Any]:
    judged: dict[str, Any] = {"told": None, "neutralFound": False, "passed": None, "fault": None}
    effects = session.receive(frame)
    while effects:
        match effects.pop(0):
            case Examine():
                effects += session.receive(TurnExamined(frame.seq, frame.t_ms, frame.now_ms, SOLID))
            case Keep(role="neutral"):
                judged["neutralFound"] = True
            case Hint(hint=hint, progress=progress):
                judged["told"] = {"hint": str(hint), "progress": progress}
            case StepPassed(index=index):
                judged["passed"] = index
            case Finish(verdict=verdict) if not verdict.passed:
                judged["fault"] = verdict.reasons[0].split(":")[0]
    return judged


def _told(seen: Seen) -> dict[str, Any]:
    light = {"brightness": seen.light.brightness, "sharpness": seen.light.sharpness}
    told = {"tMs": seen.t_ms, "faces": seen.faces, "light": light, "face": None, "mesh": None}
    if isinstance(seen.face, FaceMesh):
        return {**told, "mesh": _mesh(seen.face)}
    return told if seen.face is None else {**told, "face": _camel(asdict(seen.face))}


def _mesh(mesh: FaceMesh) -> dict[str, Any]:
    return {"points": _text(mesh.points), "depth": _text(mesh.depth), "width": mesh.width, "height": mesh.height}


def _with_alpha(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])


def _text(values: npt.NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()


def _camel(values: dict[str, Any]) -> dict[str, Any]:
    return {_CAMEL.get(name, name): value for name, value in values.items()}

"""A head of points: turned, tilted, blinking, talking, projected with perspective; or the same face on paper."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from liveness.landmarks import FaceMesh
from liveness.measures import Light, measure
from liveness.parallax import TurnEvidence, plane_residual
from liveness.policy import DEFAULT_POLICY
from liveness.session import (
    Effect,
    Examine,
    Finish,
    FrameRead,
    Reason,
    Refused,
    Session,
    TurnExamined,
    Verdict,
)
from liveness.steps import LivenessStep

_UPPER_LIDS = [246, 161, 160, 159, 158, 157, 173, 466, 388, 387, 386, 385, 384, 398]
_LOWER_LIDS = [7, 163, 144, 145, 153, 154, 155, 249, 390, 373, 374, 380, 381, 382]
_LID_PAIRS = [(160, 144), (159, 145), (158, 153), (161, 163), (157, 154), (385, 380), (386, 374), (387, 373)]
_LOWER_LIP = [14, 17, 84, 314, 87, 317, 15, 16]
_CORNERS = {61: -1.0, 291: 1.0}


@dataclass(frozen=True, kw_only=True)
class Look:
    """How the head is held; angles in degrees, `eyes` 1 open to 0 shut, `mouth` lip gap over mouth width."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    eyes: float = 1.0
    mouth: float = 0.0
    smile: float = 1.0
    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)


class FaceModel:
    """A frontal head in 3-D from one photo's landmarks; `size` 640x480 unless told."""

    def __init__(self, mesh: FaceMesh, *, width: int = 640, height: int = 480) -> None:
        solid = np.column_stack([mesh.points, mesh.depth]).astype(np.float64)
        across = solid[263] - solid[33]
        across /= np.linalg.norm(across)
        inward = np.cross(across, solid[152] - solid[10])
        inward /= np.linalg.norm(inward)
        solid = (solid - solid[168]) @ np.stack([across, np.cross(inward, across), inward], 1)
        self.solid = solid / np.hypot(*(solid[152] - solid[10])[:2])  # face height 1
        self.width, self.height = width, height

    def mesh(self, look: Look, *, paper: "Paper | None" = None) -> FaceMesh:
        """FaceMesh's view of the head, or of its photo held as `paper` while depth lies as a turn would."""
        solid = self._with_expression(look)
        turned = solid @ _rotation(look).T
        shown = turned if paper is None else paper.hold(solid)
        distance = 2.6
        flat = shown[:, :2] * (distance / (distance + shown[:, 2:3]))
        pixels = 0.5 * self.height * look.scale
        centre = np.array([self.width * (0.5 + look.shift[0]), self.height * (0.47 + look.shift[1])])
        return FaceMesh(
            points=(flat * pixels + centre).astype(np.float32),
            depth=(turned[:, 2] * pixels).astype(np.float32),
            width=self.width,
            height=self.height,
        )

    def _with_expression(self, look: Look) -> npt.NDArray[np.float64]:
        solid = self.solid.copy()
        for upper, lower in _LID_PAIRS:
            middle = (solid[upper] + solid[lower]) / 2
            solid[upper] = middle + look.eyes * (solid[upper] - middle)
            solid[lower] = middle + look.eyes * (solid[lower] - middle)
        width = float(np.hypot(*(solid[291] - solid[61])[:2]))
        gap = solid[14, 1] - solid[13, 1]
        solid[_LOWER_LIP, 1] += look.mouth * width - gap
        for corner, side in _CORNERS.items():
            solid[corner, 0] += side * (look.smile - 1) * width / 2
            solid[corner, 1] -= (look.smile - 1) * 0.12
        return solid


@dataclass(frozen=True, kw_only=True)
class Paper:
    """A photo held flat (or bent): tilted about an axis in its plane, both in degrees."""

    axis: float = 0.0
    tilt: float = 0.0
    bend: float = 0.0

    def hold(self, solid: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        sheet = solid.copy()
        sheet[:, 2] = self.bend * sheet[:, 0] ** 2
        a, t = np.radians(self.axis), np.radians(self.tilt)
        k = np.array([np.cos(a), np.sin(a), 0.0])
        cross = np.cross(np.broadcast_to(k, sheet.shape), sheet)
        along = (sheet @ k)[:, None] * k
        return np.asarray(sheet * np.cos(t) + cross * np.sin(t) + along * (1 - np.cos(t)))


def _rotation(look: Look) -> npt.NDArray[np.float64]:
    yaw, pitch, roll = np.radians([look.yaw, look.pitch, look.roll])
    about_y = np.array([[np.cos(yaw), 0, -np.sin(yaw)], [0, 1, 0], [np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]])
    about_z = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    return np.asarray(about_z @ about_x @ about_y)


FULL: dict[LivenessStep, Look] = {
    LivenessStep.LOOK_LEFT: Look(yaw=18),
    LivenessStep.LOOK_RIGHT: Look(yaw=-18),
    LivenessStep.LOOK_UP: Look(pitch=17),
    LivenessStep.LOOK_DOWN: Look(pitch=-17),
    LivenessStep.BLINK: Look(eyes=0.15),
    LivenessStep.OPEN_MOUTH: Look(mouth=0.6),
    LivenessStep.SMILE: Look(smile=1.35),
}
HOLD_MS = {LivenessStep.BLINK: 130.0, LivenessStep.SMILE: 900.0}


def between(a: Look, b: Look, share: float) -> Look:
    """The look a share of the way from `a` to `b`."""
    mix = {
        name: getattr(a, name) + share * (getattr(b, name) - getattr(a, name))
        for name in ("yaw", "pitch", "roll", "eyes", "mouth", "smile", "scale")
    }
    return replace(a, **mix)


@dataclass(frozen=True)
class Move:
    """Go to `look` within `reach_ms`, then stay for `stay_ms`."""

    look: Look
    reach_ms: float
    stay_ms: float


def gesture(step: LivenessStep, *, wait_ms: float = 500.0) -> list[Move]:
    """Wait, do the gesture at a person's pace, come back."""
    reach = 60.0 if step is LivenessStep.BLINK else 350.0
    return [
        Move(Look(), 0, wait_ms),
        Move(FULL[step], reach, HOLD_MS.get(step, 500.0)),
        Move(Look(), reach, 500.0),
    ]


def frames(moves: list[Move], fps: float) -> Iterator[tuple[float, Look]]:
    """The looks of `moves` sampled at `fps`, times in ms."""
    number, start, now = 0, 0.0, Look()
    for move in moves:
        end = start + move.reach_ms + move.stay_ms
        while number * 1000 / fps < end:
            t = number * 1000 / fps
            share = 1.0 if move.reach_ms == 0 else min(1.0, (t - start) / move.reach_ms)
            yield t, between(now, move.look, share)
            number += 1
        start, now = end, move.look


class Player:
    """Feeds a session with synthetic frames and answers its examinations from the 2-D points alone.

    The pixel look is not played: its answer is taken to be the attacker's best, nothing explained.
    """

    def __init__(self, model: FaceModel, steps: list[LivenessStep], **session: object) -> None:
        self.model = model
        self.session = Session(steps=steps, policy=DEFAULT_POLICY, started_ms=0.0, **session)  # type: ignore[arg-type]
        self.neutral: FaceMesh | None = None
        self.effects: list[Effect] = []
        self.examined: list[TurnEvidence] = []
        self._seq = 0

    def show(self, t_ms: float, mesh: FaceMesh | None, *, mirrored: bool = False, faces: int = 1) -> list[Effect]:
        """One frame."""
        self._seq += 1
        face = None if mesh is None else measure(mesh, mirrored=mirrored)
        light = Light(brightness=120, sharpness=0.3)
        count = 0 if mesh is None else faces
        frame = FrameRead(self._seq, t_ms, t_ms, face, count, light)
        effects = self.session.receive(frame)
        told: list[Effect] = []
        while effects:
            effect = effects.pop(0)
            told.append(effect)
            if isinstance(effect, Examine):
                assert mesh is not None
                assert self.neutral is not None
                residual, squeeze = plane_residual(self.neutral.points, mesh.points)
                evidence = TurnEvidence(residual, squeeze, 0.0, 1.0)
                self.examined.append(evidence)
                effects += self.session.receive(TurnExamined(self._seq, t_ms, t_ms, evidence))
            elif getattr(effect, "role", None) == "neutral":
                self.neutral = mesh
        self.effects += told
        return told

    def play(self, moves: list[Move], fps: float, *, mirrored: bool = False) -> Verdict:
        """All frames of `moves`, then the end of the recording."""
        t = 0.0
        for t, look in frames(moves, fps):
            mesh = self.model.mesh(look)
            if mirrored:
                mesh = replace(mesh, points=np.column_stack([mesh.width - mesh.points[:, 0], mesh.points[:, 1]]))
                mesh = replace(mesh, points=_relabelled(mesh.points), depth=_relabelled(mesh.depth))
            self.show(t, mesh, mirrored=mirrored)
        return self.end(t)

    def end(self, t_ms: float) -> Verdict:
        """The verdict once no more frames come."""
        self.session.receive(Refused(t_ms, Reason.STOPPED))
        assert self.session.verdict is not None
        return self.session.verdict

    @property
    def finished(self) -> bool:
        return any(isinstance(effect, Finish) for effect in self.effects)


_PAIRS = [
    *((33, 263), (133, 362), (234, 454), (160, 387), (144, 373), (158, 385), (153, 380), (61, 291)),
    *((103, 332), (98, 327), (64, 294), (48, 278), (127, 356), (116, 345), (117, 346), (118, 347)),
]


def _relabelled(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """FaceMesh finds a right eye at the left of a mirrored picture too: swap the labels of both sides."""
    out = values.copy()
    for right, left in _PAIRS:
        out[[right, left]] = values[[left, right]]
    return out

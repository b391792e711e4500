"""Attack presentations made from one portrait, as iterators of (t_ms, rgb) with uint8 (H, W, 3) frames.

Everything is rendered by casting the rays of a pinhole camera onto a sheet of paper in space, flat or bent
round a cylinder, so a tilted sheet shows the perspective of a real one at that distance. The species:

| maker | species (standards.md) |
|---|---|
| `held_still` | printed photo held still |
| `moved`, `tilted`, `bent` | printed photo moved, tilted about any axis, bent |
| `answering` with `Plain` | the attacker reads the prompts and tilts (and bends) the photo to answer each |
| `answering` with `Painted`, `CutOut` | the same with a painted gesture; with the mouth and eyes cut out |

Angles are the depicted person's own, as in the contract: yaw > 0 faces the picture's right edge
(LOOK_LEFT), pitch > 0 faces up. The sheets come from `tests.portraits`; `tests.recordings` freezes, loops,
splices and thins any iterator of frames, and turns it into the JPEGs that a client sends.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from liveness.steps import LivenessStep
from tests.portraits import Portrait, with_closed_eyes, with_open_mouth, with_smile

Rgb = npt.NDArray[np.uint8]
Timed = tuple[int, Rgb]

TURNS = {
    LivenessStep.LOOK_LEFT: (1.0, 0.0),
    LivenessStep.LOOK_RIGHT: (-1.0, 0.0),
    LivenessStep.LOOK_UP: (0.0, 1.0),
    LivenessStep.LOOK_DOWN: (0.0, -1.0),
}


@dataclass(frozen=True, kw_only=True)
class Camera:
    """The victim device's camera: 320x240 at 10 frames/s, a webcam's usual 60 degrees across, some noise."""

    width: int = 320
    height: int = 240
    fps: float = 10.0
    fov_deg: float = 60.0
    noise: float = 2.0
    seed: int = 1

    @property
    def focal_px(self) -> float:
        """Focal length in pixels."""
        return self.width / 2 / float(np.tan(np.radians(self.fov_deg / 2)))


@dataclass(frozen=True, kw_only=True)
class Pose:
    """Where the sheet is: turned by angles in degrees, shifted in cm (x right, y down, z away), bent or flat.

    `bend_radius_cm` > 0 bends the middle towards the camera (a sheet round a head has about 10), < 0 away
    from it; 0 is flat. `bend_axis_deg` 0 bends round the vertical axis of the paper, 90 round the horizontal.
    """

    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    x_cm: float = 0.0
    y_cm: float = 0.0
    z_cm: float = 0.0
    bend_radius_cm: float = 0.0
    bend_axis_deg: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A camera and how the sheet is held before it: 40 cm away, the face half as high as the picture."""

    camera: Camera = field(default_factory=Camera)
    distance_cm: float = 40.0
    face_share: float = 0.5

    def show(self, sheet: Portrait, pose: Pose, *, seed: int = 0) -> Rgb:
        """The camera's picture of `sheet` held at `pose`; `seed` only varies the sensor's noise."""
        camera = self.camera
        focal = camera.focal_px
        face_cm = self.face_share * camera.height * self.distance_cm / focal
        shrink = min(1.0, 1.4 * self.face_share * camera.height / sheet.face_px)
        paper = cv2.resize(sheet.rgb, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        px_per_cm = sheet.face_px * shrink / face_cm
        x, y = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
        rays = np.stack([(x - camera.width / 2) / focal, (y - camera.height / 2) / focal, np.ones_like(x)], axis=-1)
        turn, _ = cv2.Rodrigues(-np.radians([pose.pitch_deg, pose.yaw_deg, pose.roll_deg]))
        centre = np.array([pose.x_cm, pose.y_cm, self.distance_cm + pose.z_cm])
        u, v = _hit(rays @ turn, -centre @ turn, pose)
        at = sheet.centre * shrink
        picture = cv2.remap(
            paper,
            (u * px_per_cm + at[0]).astype(np.float32),
            (v * px_per_cm + at[1]).astype(np.float32),
            cv2.INTER_LINEAR,
            dst=_room(camera),
            borderMode=cv2.BORDER_TRANSPARENT,
        )
        noise = np.random.default_rng((camera.seed, seed)).normal(0.0, camera.noise, picture.shape)
        return np.clip(picture + noise, 0, 255).astype(np.uint8)


def _hit(
    rays: npt.NDArray[np.float64], eye: npt.NDArray[np.float64], pose: Pose
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Where each ray from `eye`, all in the paper's own axes, meets the paper: cm along it from its centre."""
    c, s = np.cos(np.radians(pose.bend_axis_deg)), np.sin(np.radians(pose.bend_axis_deg))
    across = np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])  # first axis: along the bend
    d, o = rays @ across.T, across @ eye
    miss = np.full(d.shape[:2], 1e6)
    with np.errstate(divide="ignore", invalid="ignore"):
        if pose.bend_radius_cm == 0:
            t = -o[2] / d[..., 2]
            arc = o[0] + t * d[..., 0]
        else:
            radius = pose.bend_radius_cm
            a = d[..., 0] ** 2 + d[..., 2] ** 2
            b = o[0] * d[..., 0] + (o[2] - radius) * d[..., 2]
            root = np.sqrt(b**2 - a * (o[0] ** 2 + (o[2] - radius) ** 2 - radius**2))
            t = (-b - np.sign(radius) * root) / a
            w = o[2] + t * d[..., 2]
            sign = np.sign(radius)
            arc = radius * np.arctan2(sign * (o[0] + t * d[..., 0]), sign * (radius - w))
        along = o[1] + t * d[..., 1]
        seen = np.isfinite(t) & (t > 0)
    arc, along = np.where(seen, arc, miss), np.where(seen, along, miss)
    return arc * c - along * s, arc * s + along * c


def _room(camera: Camera) -> Rgb:
    rng = np.random.default_rng(camera.seed)
    blotches = cv2.resize(rng.normal(0, 14, (6, 8)), (camera.width, camera.height))
    light = np.linspace(150, 110, camera.height)[:, None] + blotches
    return np.clip(light[..., None] * np.array([1.0, 0.97, 0.9]), 0, 255).astype(np.uint8)


# The printed photo, played blindly


def held_still(sheet: Portrait, *, seconds: float, stage: Stage | None = None) -> Iterator[Timed]:
    """A photo on a stand: only the sensor's noise changes."""
    return _played(sheet, lambda _: Pose(), seconds, stage)


def moved(sheet: Portrait, *, seconds: float, sway_cm: float = 4.0, stage: Stage | None = None) -> Iterator[Timed]:
    """A photo waved about: sideways, up and down, nearer and farther, by up to `sway_cm`, never turned."""

    def pose(t: float) -> Pose:
        return Pose(x_cm=sway_cm * np.sin(2 * t), y_cm=sway_cm / 2 * np.sin(1.3 * t), z_cm=sway_cm * np.sin(0.7 * t))

    return _played(sheet, pose, seconds, stage)


def tilted(
    sheet: Portrait,
    *,
    seconds: float,
    axis_deg: float = 90.0,
    peak_deg: float = 45.0,
    period_s: float = 4.0,
    stage: Stage | None = None,
) -> Iterator[Timed]:
    """A photo rocked by `peak_deg` about an axis in its own plane: 90 is the vertical axis (yaw), 0 the
    horizontal one (pitch). It rests in the middle, then goes to one side, holds, comes back, goes to the other.
    """
    axis = np.radians(axis_deg)

    def pose(t: float) -> Pose:
        angle = peak_deg * rocking(t / period_s)
        return Pose(yaw_deg=float(np.sin(axis)) * angle, pitch_deg=float(np.cos(axis)) * angle)

    return _played(sheet, pose, seconds, stage)


def bent(
    sheet: Portrait,
    *,
    seconds: float,
    radius_cm: float = 10.0,
    axis_deg: float = 0.0,
    peak_deg: float = 30.0,
    period_s: float = 4.0,
    stage: Stage | None = None,
) -> Iterator[Timed]:
    """A photo bent round a cylinder of `radius_cm`, rocked about the bend's own axis by `peak_deg`."""
    axis = np.radians(axis_deg)

    def pose(t: float) -> Pose:
        angle = peak_deg * rocking(t / period_s)
        return Pose(
            yaw_deg=float(np.cos(axis)) * angle,
            pitch_deg=float(np.sin(axis)) * angle,
            bend_radius_cm=radius_cm,
            bend_axis_deg=axis_deg,
        )

    return _played(sheet, pose, seconds, stage)


def rocking(turns: float) -> float:
    """-1 to 1: a quarter at rest, a quarter out, held and back to one side, rest, then the other side."""
    phase = turns % 1.0
    side = 1.0 if phase < 0.5 else -1.0
    return side * _bump((phase % 0.5) * 2)


def _bump(x: float) -> float:
    """0 at rest for 0.3, up in 0.2, held for 0.3, down in 0.2, of a cycle of 1."""
    return float(np.interp(x % 1.0, [0.3, 0.5, 0.8, 1.0], [0.0, 1.0, 1.0, 0.0]))


def _played(sheet: Portrait, pose: Callable[[float], Pose], seconds: float, stage: Stage | None) -> Iterator[Timed]:
    stage = stage or Stage()
    for number in range(int(seconds * stage.camera.fps)):
        t = number / stage.camera.fps
        yield round(1000 * t), stage.show(sheet, pose(t), seed=number)


# The printed photo in the hands of somebody who reads the prompts


class Sheets(Protocol):
    """Which sheet to hold up when `step` is to be shown to the degree `amount` (0 at rest, 1 fully)."""

    def __call__(self, step: LivenessStep | None, amount: float) -> Portrait: ...


def answering(
    sheets: Sheets,
    cue: Callable[[], LivenessStep | None],
    *,
    seconds: float,
    turn_deg: float = 40.0,
    bend_radius_cm: float = 0.0,
    cycle_s: float = 3.0,
    stage: Stage | None = None,
) -> Iterator[Timed]:
    """An attacker who asks `cue()` before each frame what the screen demands, and tries it again and again.

    For a head turn the sheet is turned to the demanded side by `turn_deg`, bent by `bend_radius_cm` across
    the turn if that is not 0; every other step is left to `sheets`. After each change of the prompt the
    sheet rests first, as a person would.
    """
    stage = stage or Stage()
    step, since = None, 0.0
    for number in count():
        t = number / stage.camera.fps
        if t >= seconds:
            return
        if (asked := cue()) is not step:
            step, since = asked, t
        amount = _bump((t - since) / cycle_s) if step else 0.0
        yaw, pitch = TURNS.get(step, (0.0, 0.0)) if step else (0.0, 0.0)
        pose = Pose(
            yaw_deg=yaw * amount * turn_deg,
            pitch_deg=pitch * amount * turn_deg,
            bend_radius_cm=bend_radius_cm,
            bend_axis_deg=90.0 if pitch else 0.0,
        )
        yield round(1000 * t), stage.show(sheets(step, amount), pose, seed=number)


@dataclass(frozen=True)
class Plain:
    """One sheet, whatever is asked."""

    sheet: Portrait

    def __call__(self, step: LivenessStep | None, amount: float) -> Portrait:
        return self.sheet


class Painted:
    """Further prints with the gesture painted on, swapped in when it is asked; never in between."""

    def __init__(self, sheet: Portrait) -> None:
        self._rest = sheet
        self._painted = {
            LivenessStep.OPEN_MOUTH: with_open_mouth(sheet, 1.0),
            LivenessStep.BLINK: with_closed_eyes(sheet, 1.0),
            LivenessStep.SMILE: with_smile(sheet, 1.0),
        }

    def __call__(self, step: LivenessStep | None, amount: float) -> Portrait:
        return self._painted.get(step, self._rest) if step and amount > 0.5 else self._rest


@dataclass(frozen=True)
class CutOut:
    """One print with holes at mouth and eyes; the attacker's own, moving smoothly, show through."""

    sheet: Portrait

    def __call__(self, step: LivenessStep | None, amount: float) -> Portrait:
        mouth = amount if step is LivenessStep.OPEN_MOUTH else 0.0
        # A blink lasts a fifth of a second in the middle of the time that a turn would be held.
        eyes = 1.0 if step is LivenessStep.BLINK and amount == 1.0 else 0.0
        return with_closed_eyes(with_open_mouth(self.sheet, mouth), eyes)

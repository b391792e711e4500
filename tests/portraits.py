"""The portraits that attack presentations are made from, and gestures painted on them."""

from contextlib import closing
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from liveness.landmarks import StillFaceMesh

Rgb = npt.NDArray[np.uint8]

FOREHEAD, CHIN, OUTER_EYES, MOUTH_CORNERS = 10, 152, (33, 263), (61, 291)
LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
EYES = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
    (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466),
)
CHEEKS = (50, 280)


@dataclass(frozen=True, eq=False)
class Portrait:
    """A picture of one face with its landmarks, cut to the face with a margin; what the attacker prints."""

    rgb: Rgb
    points: npt.NDArray[np.float32]

    @staticmethod
    def of(rgb: Rgb, *, margin: float = 0.9) -> "Portrait":
        """Cut `rgb` to its face plus `margin` face heights on each side; needs exactly one readable face."""
        with closing(StillFaceMesh()) as reader:
            (mesh,) = reader.read(np.ascontiguousarray(rgb))
        low, high = mesh.points.min(axis=0), mesh.points.max(axis=0)
        room = margin * float(high[1] - low[1])
        x0, y0 = (max(0, int(v)) for v in low - room)
        x1, y1 = (int(v) for v in high + room)
        cut = np.ascontiguousarray(rgb[y0:y1, x0:x1])
        return Portrait(cut, mesh.points - np.float32([x0, y0]))

    def repainted(self, rgb: Rgb) -> "Portrait":
        """The same sheet with other paint on it."""
        return replace(self, rgb=rgb)

    @property
    def face_px(self) -> float:
        """Forehead to chin in pixels."""
        return float(np.linalg.norm(self.points[FOREHEAD] - self.points[CHIN]))

    @property
    def centre(self) -> npt.NDArray[np.float32]:
        """The middle of the face, where the attacker's hand aims."""
        return (self.points[FOREHEAD] + self.points[CHIN]) / 2


def with_open_mouth(sheet: Portrait, amount: float) -> Portrait:
    """Lips opened by `amount` of 0.55 mouth widths, dark between, the lower lip drawn where it would be."""
    if amount <= 0:
        return sheet
    rgb, points = sheet.rgb.copy(), sheet.points
    left, right = points[MOUTH_CORNERS[0]], points[MOUTH_CORNERS[1]]
    width = float(np.linalg.norm(right - left))
    middle = (left + right) / 2 + np.float32([0, 0.21 * amount * width])
    lip = np.median(rgb[_mask(rgb, points[list(LIPS)])], axis=0)
    angle = float(np.degrees(np.arctan2(*(right - left)[::-1])))
    for colour, scale in ((lip, 1.0), (np.array([45, 20, 20]), 0.72)):
        axes = (0.46 * scale * width, (0.12 + 0.27 * amount) * scale * width)
        cv2.ellipse(rgb, (tuple(map(float, middle)), tuple(2 * a for a in axes), angle), colour.tolist(), -1)
    return sheet.repainted(_blurred(rgb, sheet))


def with_closed_eyes(sheet: Portrait, amount: float) -> Portrait:
    """Both eyes painted over with the skin of the lid, and the lashes drawn as a dark line below."""
    if amount <= 0:
        return sheet
    rgb, points = sheet.rgb.copy(), sheet.points
    for ring, cheek in zip(EYES, CHEEKS, strict=True):
        eye = points[list(ring)]
        centre, width = eye.mean(axis=0), float(np.ptp(eye[:, 0]))
        grown = (centre + (eye - centre) * np.float32([1.15, 1.6])).astype(np.int32)
        x, y = points[cheek].astype(int)
        cv2.fillPoly(rgb, [grown], rgb[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3).mean(axis=0).tolist())
        lower = eye[: len(ring) // 2 + 1].astype(np.int32)
        cv2.polylines(rgb, [lower], False, (60, 40, 35), max(1, int(0.06 * width)), cv2.LINE_AA)
    return sheet.repainted(_blurred(rgb, sheet))


def with_smile(sheet: Portrait, amount: float) -> Portrait:
    """The corners of the mouth drawn outwards and up by `amount` of a fifth of its width."""
    points = sheet.points
    left, right = (points[corner].astype(np.float64) for corner in MOUTH_CORNERS)
    along = (right - left) / np.linalg.norm(right - left)
    up = np.array([along[1], -along[0]])
    width = float(np.linalg.norm(right - left))
    y, x = np.mgrid[: sheet.rgb.shape[0], : sheet.rgb.shape[1]].astype(np.float32)
    shift_x, shift_y = np.zeros_like(x), np.zeros_like(y)
    for corner, out in ((left, -along), (right, along)):
        pull = np.exp(-((x - corner[0]) ** 2 + (y - corner[1]) ** 2) / (2 * (0.3 * width) ** 2))
        move = amount * 0.2 * width * (out + 0.6 * up)
        shift_x += pull * np.float32(move[0])
        shift_y += pull * np.float32(move[1])
    return sheet.repainted(cv2.remap(sheet.rgb, x - shift_x, y - shift_y, cv2.INTER_LINEAR))


def _mask(rgb: Rgb, outline: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    filled = np.zeros(rgb.shape[:2], np.uint8)
    cv2.fillPoly(filled, [outline.astype(np.int32)], 1)
    return filled.astype(bool)


def _blurred(rgb: Rgb, sheet: Portrait) -> Rgb:
    return cv2.GaussianBlur(rgb, (0, 0), max(0.5, sheet.face_px / 250))

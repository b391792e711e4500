"""Closed eyes for a photo of open ones: lid skin and a lash line painted into the picture."""

import cv2
import numpy as np
from numpy.typing import NDArray

from app.client.mesh import EYES, Floats

Picture = NDArray[np.uint8]

LEVELS = 6  # a lid closes in about 0.12 s, so a camera sees few positions in between
# In eye widths. Chosen together on eight portraits: with these the eye-aspect ratio that FaceMesh re-reads falls to
# 0.14-0.36 of the open one; a thin or pale lash line (0.045 wide, 75 %) left up to 0.55.
ABOVE_LID = 0.12  # the crease goes under the paint too, or it is read as the open lid's edge
BELOW_LID = 0.08
LASH_WIDTH = 0.08
SKIN_BLUR = 0.08


def lid_levels(picture: Picture, points: Floats) -> tuple[Picture, ...]:
    """`LEVELS` copies of `picture` (H, W, 3), from eyes as they are to closed; `points` (>=468, 2) in its pixels."""
    levels = [picture.copy() for _ in range(LEVELS)]
    for upper, lower in EYES:
        _close_eye(levels, picture, points[list(upper)], points[list(lower)])
    return tuple(levels)


def _close_eye(levels: list[Picture], picture: Picture, upper: Floats, lower: Floats) -> None:
    """Paints one eye into every level.

    Moving the lids alone leaves the dark iris and lashes as a line that FaceMesh still reads as a half-open eye
    (lab: 0.33 only fell to 0.26), so the whole opening is replaced with skin and drawn over from the lid's edge up.
    """
    width = float(np.linalg.norm(upper[-1] - upper[0]))
    reach = round(0.75 * width) + 4
    centre = ((upper[0] + upper[-1]) / 2).round().astype(int)
    left, top = np.maximum(centre - reach, 0)
    right, bottom = np.minimum(centre + reach, (picture.shape[1], picture.shape[0]))
    if right - left < 8 or bottom - top < 8:
        return
    window = (slice(top, bottom), slice(left, right))
    offset = np.array([left, top], np.float32)
    upper, lower = upper - offset, lower - offset
    patch = np.ascontiguousarray(picture[window])
    skin = _skin(patch, upper, lower, width)
    lash = _lash_colour(patch, upper, lower)
    for level, into in enumerate(levels[1:], start=1):
        share = level / (LEVELS - 1)
        edge = upper + (lower - upper) * share  # the upper lid comes down to the lower
        painted = _lid(patch, skin, lash, upper=upper, lower=lower, edge=edge, width=width, closed=level == LEVELS - 1)
        into[window] = painted


def _lid(
    patch: Picture,
    skin: Floats,
    lash: Floats,
    *,
    upper: Floats,
    lower: Floats,
    edge: Floats,
    width: float,
    closed: bool,
) -> Picture:
    raised = upper - np.array([0, ABOVE_LID * width], np.float32)
    covered = np.concatenate([raised, (lower + np.array([0, BELOW_LID * width], np.float32) if closed else edge)[::-1]])
    mask = _soft_polygon(patch.shape, covered, blur=0.035 * width)
    painted = patch + (skin - patch) * mask
    line = np.zeros(patch.shape[:2], np.float32)
    thick = max(1, round(LASH_WIDTH * width))
    cv2.polylines(line, [_fixed(edge[1:-1])], False, (1.0,), thick, cv2.LINE_AA, 4)
    shade = cv2.GaussianBlur(line, (0, 0), max(0.5, 0.018 * width))[..., None]
    painted = painted + (lash - painted) * shade
    result: Picture = painted.clip(0, 255).astype(np.uint8)
    return result


def _skin(patch: Picture, upper: Floats, lower: Floats, width: float) -> Floats:
    """The patch with its eye filled from the skin around it, slightly shaded as a lid is."""
    opening = np.concatenate(
        [
            upper - np.array([0, (ABOVE_LID + 0.01) * width], np.float32),
            (lower + np.array([0, (BELOW_LID + 0.04) * width], np.float32))[::-1],
        ]
    )
    mask = np.zeros(patch.shape[:2], np.uint8)
    cv2.fillPoly(mask, [_fixed(opening)], (255.0,), cv2.LINE_8, 4)
    grow = max(1, round(0.06 * width))
    wide = cv2.dilate(mask, np.ones((2 * grow + 1, 2 * grow + 1), np.uint8))
    filled = cv2.inpaint(patch, wide, max(2.0, 0.08 * width), cv2.INPAINT_TELEA)
    smooth = cv2.GaussianBlur(filled, (0, 0), max(0.8, SKIN_BLUR * width)).astype(np.float32)
    soft = cv2.GaussianBlur(wide.astype(np.float32) / 255, (0, 0), max(0.5, 0.03 * width))[..., None]
    skin: Floats = (filled + (smooth * 0.97 - filled) * soft).astype(np.float32)
    return skin


def _lash_colour(patch: Picture, upper: Floats, lower: Floats) -> Floats:
    mask = np.zeros(patch.shape[:2], np.uint8)
    cv2.fillPoly(mask, [_fixed(np.concatenate([upper, lower[::-1]]))], (255.0,), cv2.LINE_8, 4)
    inside = patch[mask > 0]
    if not len(inside):
        return np.zeros(3, np.float32)
    dark = inside[inside.sum(axis=1) <= np.percentile(inside.sum(axis=1), 20)]
    colour: Floats = dark.mean(axis=0).astype(np.float32)
    return colour


def _soft_polygon(shape: tuple[int, ...], polygon: Floats, *, blur: float) -> Floats:
    mask = np.zeros(shape[:2], np.float32)
    cv2.fillPoly(mask, [_fixed(polygon)], (1.0,), cv2.LINE_AA, 4)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), max(0.5, blur)), np.float32)[..., None]


def _fixed(polygon: Floats) -> NDArray[np.int32]:
    """OpenCV's fixed-point coordinates with 4 fractional bits."""
    points: NDArray[np.int32] = (polygon * 16).round().astype(np.int32)
    return points

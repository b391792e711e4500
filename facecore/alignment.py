"""From a face's landmarks to the chip its descriptor is computed from: dlib's own alignment, exactly.

The network has learned on chips that dlib cut, through a pyramid of halvings with truncating arithmetic and
with black beyond the picture's edge. A plain affine warp looks the same and moves descriptors of large
faces by 0.16 (measured), a third of the threshold; so this is dlib's way, step by step, on numpy, and equal
to it to the bit.

Source: dlib/image_transforms/interpolation.h (get_face_chip_details, extract_image_chips,
interpolate_bilinear) and image_pyramid.h (pyramid_down_2_1).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecore.dlib_file import CHIP_SIDE
from facecore.errors import FaceError

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]

# FaceMesh's counterparts of the five points of dlib's small face model, in dlib's order: the subject's left
# eye, outer and inner corner, the right eye, outer and inner corner, the base of the nose. Five rather than
# 68: the corners of the eyes and the nose hold still while the mouth speaks, and on 300 labelled pairs both
# gave the same verdicts.
MESH_POINTS = (263, 362, 33, 133, 2)

# Where those points lie on the mean face, as shares of its box (dlib, get_face_chip_details).
_MEAN_FACE = np.array(
    [
        (0.8595674595992, 0.2134981538014),
        (0.6460604764104, 0.2289674387677),
        (0.1205750620789, 0.2137274526848),
        (0.3340850613712, 0.2290642403242),
        (0.4901123135679, 0.6277975316475),
    ]
)
# Room around the mean face; the network was trained with a quarter on each side (dlib, face_recognition).
_PADDING = 0.25
_CHIP_POINTS = (_PADDING + _MEAN_FACE) / (2 * _PADDING + 1) * CHIP_SIDE

_PYRAMID_OFFSET = np.array([1.25, 0.75])  # dlib's point_down: p / 2 - (1.25, 0.75)
_PYRAMID_SMALLEST = 8  # dlib makes nothing of a side of eight pixels or fewer
# Strips that fit the processor's cache take a quarter of the time to halve and half of it to interpolate
# (measured).
_STRIP_ROWS = 64
_STRIP = 30 * CHIP_SIDE
# A face whose box is less than a pixel is no face; it would only divide by zero later.
_SMALLEST_SCALE = 1e-3


def aligned_chip(rgb: Pixels, mesh_points: NDArray[np.float32] | Floats) -> Pixels:
    """The chip, uint8 (150, 150, 3) RGB, of the face whose FaceMesh points, (468 or more, 2) in pixels, are
    given.

    Raises FaceError for a picture that is not uint8 (height, width, 3) or points that are not finite numbers.
    """
    if mesh_points.ndim != 2 or mesh_points.shape[0] < 468 or mesh_points.shape[1] != 2:
        raise FaceError(f"face points have shape {mesh_points.shape}, expected (468 or more, 2)")
    return chip_from_five(rgb, mesh_points[list(MESH_POINTS)].astype(np.float64))


def chip_from_five(rgb: Pixels, points: Floats) -> Pixels:
    """The same for the five points themselves, (5, 2) in the order of `MESH_POINTS`; FaceError as above."""
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or 0 in rgb.shape:
        raise FaceError(f"picture is {rgb.dtype} {rgb.shape}, expected uint8 (height, width, 3)")
    if points.shape != (5, 2) or not np.isfinite(points).all():
        raise FaceError("the five face points are not finite numbers of shape (5, 2)")
    box = _face_box(points)
    return _extract(rgb, box)


@dataclass(frozen=True, eq=False)
class _Box:
    """dlib's rotated rectangle: corners that count the last pixel in, and the angle in radians."""

    top_left: Floats
    bottom_right: Floats
    angle: float

    @property
    def area(self) -> float:
        width, height = self.bottom_right - self.top_left + 1
        return float(width * height) if width >= 1 and height >= 1 else 0.0

    def halved(self) -> "_Box":
        return _Box(self.top_left / 2 - _PYRAMID_OFFSET, self.bottom_right / 2 - _PYRAMID_OFFSET, self.angle)

    def moved(self, by: Floats) -> "_Box":
        return _Box(self.top_left + by, self.bottom_right + by, self.angle)

    def corners(self) -> Floats:
        """Top left, top right, bottom left, bottom right, turned about the middle."""
        (left, top), (right, bottom) = self.top_left, self.bottom_right
        middle = (self.top_left + self.bottom_right) / 2
        offsets = np.array([(left, top), (right, top), (left, bottom), (right, bottom)]) - middle
        sine, cosine = math.sin(self.angle), math.cos(self.angle)
        x = cosine * offsets[:, 0] - sine * offsets[:, 1]
        y = sine * offsets[:, 0] + cosine * offsets[:, 1]
        turned: Floats = np.stack([x, y], axis=1) + middle
        return turned


def _face_box(points: Floats) -> _Box:
    """Where the chip lies in the picture: the least-squares similarity of the mean face to the points
    (Umeyama).
    """
    chip_mean, mean = _CHIP_POINTS.mean(axis=0), points.mean(axis=0)
    source, target = _CHIP_POINTS - chip_mean, points - mean
    variance = (source**2).sum()
    along = (source * target).sum() / variance
    across = (source[:, 0] * target[:, 1] - source[:, 1] * target[:, 0]).sum() / variance
    scale = math.hypot(along, across)
    if scale < _SMALLEST_SCALE:
        raise FaceError("the five face points fall together")
    turn = np.array([[along, -across], [across, along]])
    middle = turn @ (np.full(2, CHIP_SIDE / 2) - chip_mean) + mean
    half = (CHIP_SIDE * scale - 1) / 2
    return _Box(middle - half, middle + half, math.atan2(across, along))


def _extract(rgb: Pixels, box: _Box) -> Pixels:
    """Crop what the chip needs, halve it until a chip pixel spans about one of its pixels, then
    interpolate.
    """
    size = CHIP_SIDE * CHIP_SIDE
    border = 2.0
    smaller = box.halved()
    while smaller.area > size:
        smaller = smaller.halved()
        border = border * 2 + 2

    corners = box.corners()
    height, width = rgb.shape[:2]
    low = np.floor(np.maximum(corners.min(axis=0) - border, 0) + 0.5).astype(int)
    high = np.floor(np.minimum(corners.max(axis=0) + border, (width - 1, height - 1)) + 0.5).astype(int)
    crop = rgb[max(low[1], 0) : max(high[1] + 1, 0), max(low[0], 0) : max(high[0] + 1, 0)]
    # Channels first: numpy is several times faster along long rows than along three interleaved values.
    level = np.ascontiguousarray(crop.transpose(2, 0, 1))
    box = box.moved(-low.astype(np.float64))
    while (smaller := box.halved()).area > size:
        level, box = _halved(level), smaller
    return _interpolated(level, box)


def _halved(level: Pixels) -> Pixels:
    """A 5x5 Gaussian, then every other pixel, of (3, height, width); truncated as dlib divides integers."""
    _, height, width = level.shape
    if height <= _PYRAMID_SMALLEST or width <= _PYRAMID_SMALLEST:
        return np.zeros((3, 0, 0), dtype=np.uint8)
    rows, columns = (height - 3) // 2, (width - 3) // 2
    halved = np.empty((3, rows, columns), dtype=np.uint8)
    for channel in range(3):
        for start in range(0, rows, _STRIP_ROWS):
            count = min(_STRIP_ROWS, rows - start)
            wide = level[channel, 2 * start : 2 * (start + count) + 3].astype(np.uint16)
            sums = _weighted(*(wide[k : k + 2 * count - 1 : 2] for k in range(5)))
            even, odd = np.ascontiguousarray(sums[:, 0::2]), np.ascontiguousarray(sums[:, 1::2])
            total = _weighted(
                even[:, :columns],
                odd[:, :columns],
                even[:, 1 : columns + 1],
                odd[:, 1 : columns + 1],
                even[:, 2 : columns + 2],
            )
            halved[channel, start : start + count] = total >> 8
    return halved


def _weighted(
    a: NDArray[np.uint16],
    b: NDArray[np.uint16],
    c: NDArray[np.uint16],
    d: NDArray[np.uint16],
    e: NDArray[np.uint16],
) -> NDArray[np.uint16]:
    """a + 4b + 6c + 4d + e; twice over, 255 * 16 * 16 still fits 16 bits."""
    sums = b + d
    sums += c
    sums *= 4
    sums += c
    sums += c
    sums += a
    sums += e
    return sums


def _interpolated(level: Pixels, box: _Box) -> Pixels:
    """The chip's pixels, bilinear in `level` and truncated; black where any of the four neighbours is
    missing.
    """
    chip = np.zeros((3, CHIP_SIDE * CHIP_SIDE), dtype=np.uint8)
    _, height, width = level.shape
    if height >= 2 and width >= 2:
        x, y = _chip_positions(box)
        left, top = np.floor(x), np.floor(y)
        inside = (left >= 0) & (top >= 0) & (left + 1 < width) & (top + 1 < height)
        channels = [channel.ravel() for channel in level]
        everywhere = bool(inside.all())
        for start in range(0, x.size, _STRIP):
            strip: Any = slice(start, start + _STRIP)
            if not everywhere:
                strip = start + np.flatnonzero(inside[strip])
            _interpolate_strip(channels, chip, strip, x[strip], y[strip], left[strip], top[strip], width)
    return np.ascontiguousarray(chip.T).reshape(CHIP_SIDE, CHIP_SIDE, 3)


def _interpolate_strip(
    channels: list[Pixels],
    chip: Pixels,
    strip: Any,
    x: Floats,
    y: Floats,
    left: Floats,
    top: Floats,
    width: int,
) -> None:
    x_share, y_share = x - left, y - top
    x_rest, y_rest = 1 - x_share, 1 - y_share
    upper_left = (top * width + left).astype(np.intp)
    upper_right, lower_left = upper_left + 1, upper_left + width
    lower_right = lower_left + 1
    for channel, pixels in enumerate(channels):
        upper = x_rest * pixels.take(upper_left)
        upper += x_share * pixels.take(upper_right)
        lower = x_rest * pixels.take(lower_left)
        lower += x_share * pixels.take(lower_right)
        upper *= y_rest
        lower *= y_share
        upper += lower
        chip[channel, strip] = upper.astype(np.uint8)


def _chip_positions(box: _Box) -> tuple[Floats, Floats]:
    """Where each of the chip's pixels, row by row, lies in the box's picture."""
    origin, right, below, _ = box.corners()
    step_x, step_y = (right - origin) / (CHIP_SIDE - 1), (below - origin) / (CHIP_SIDE - 1)
    steps = np.arange(CHIP_SIDE, dtype=np.float64)
    x = (step_x[0] * steps)[None, :] + (step_y[0] * steps)[:, None] + origin[0]
    y = (step_x[1] * steps)[None, :] + (step_y[1] * steps)[:, None] + origin[1]
    return x.ravel(), y.ravel()

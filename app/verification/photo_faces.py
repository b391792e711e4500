"""Finding the faces of a photo, also where they are small in it."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image

from liveness.landmarks import MOST_FACES, FaceMesh, StillFaceMesh

Rgb = npt.NDArray[np.uint8]
Window = tuple[int, int, int, int]  # top, left, bottom, right

DETAIL_SIDE_PX = 1280
"""Pictures are shrunk by whole steps until their longer side is below twice this. The landmark network sees
a face in 192 pixels, so more detail only costs time: 25 megapixels take 110 ms to read as they are."""

DETECTED_SHARE = 0.125
"""The detector looks at 128 pixels and misses faces below about this share of the longer side (ten
portraits shrunk into their own frames: all found at 0.15, eight of nine at 0.125, three
at 0.1)."""

TILE_SHARES = (2, 4)
"""So where a face worth telling of may have been missed, the picture is looked at again in overlapping
tiles of a half of its longer side, then of a quarter: nine, and at most 49 looks of about 2 ms. All ten
were found down to 0.05."""

SMALLEST_TILE_PX = 160
"""A face that only a smaller tile would show is too small to compare (facecore.quality)."""

PASSER_BY_SHARE = 0.4
"""A face smaller than this share of the largest belongs to the background: nobody doubts whose photo it is."""

CLEAR_SHARE = 0.2
"""A face smaller than this share of the picture, or one of several, is looked at again closely: the
landmarks of small faces gain by it (one was off by 5 % of its size, then by 0.2 %)."""

CLOSE_ROOMS = (0.5, 0.9)
MAX_DEVIATION = 0.04
"""Two such looks, with this much room on each side in face sizes, must agree to this share of the face's
size: all 246 looks at real faces did, within 0.03; eleven false faces (a tree in a painting, folds of cloth)
never showed in both."""


class PhotoFaces:
    """Reads the faces of unrelated photos; thread-safe, about 5 ms a photo, up to 0.2 s where its face is small."""

    def __init__(self, reader: StillFaceMesh) -> None:
        self._reader = reader

    def find(self, rgb: Rgb) -> tuple[FaceMesh, ...]:
        """The faces in `rgb`, uint8 (H, W, 3), in its own pixels, the largest first; empty when there is
        none.

        At most two faces are told of, and no passer-by in the background. Raises LandmarksError when the
        landmark engine fails; the next call starts anew.
        """
        height, width = rgb.shape[:2]
        factor = max(1, max(height, width) // DETAIL_SIDE_PX)
        small = np.asarray(Image.fromarray(rgb).reduce(factor)) if factor > 1 else rgb
        longer = max(small.shape[:2])
        found: list[FaceMesh] = []
        for share, tiles in _looks(small.shape[0], small.shape[1]):
            seen = [face for window in tiles for face in self._read(small, window)]
            is_clear = len(seen) == 1 and _extent(seen[0]) >= CLEAR_SHARE * longer
            for face in seen if is_clear else self._confirmed(small, seen):
                if not any(_is_same(face, other) for other in found):
                    found.append(face)
            found.sort(key=_extent, reverse=True)
            if found and PASSER_BY_SHARE * _extent(found[0]) >= DETECTED_SHARE * longer / share:
                break
        kept = [face for face in found if _extent(face) >= PASSER_BY_SHARE * _extent(found[0])]
        return tuple(_enlarged(face, factor, width, height) for face in kept[:MOST_FACES])

    def best(self, rgb: Rgb) -> FaceMesh | None:
        """The largest face in `rgb`; None when there is none. Raises as `find` does."""
        faces = self.find(rgb)
        return faces[0] if faces else None

    def _read(self, rgb: Rgb, window: Window) -> list[FaceMesh]:
        """The faces in a part of the picture, in the pixels of the whole."""
        top, left, bottom, right = window
        part = np.ascontiguousarray(rgb[top:bottom, left:right])
        meshes = self._reader.read(part)
        offset = np.array([left, top], np.float32)
        height, width = rgb.shape[:2]
        return [FaceMesh(points=mesh.points + offset, depth=mesh.depth, width=width, height=height) for mesh in meshes]

    def _confirmed(self, rgb: Rgb, faces: list[FaceMesh]) -> Iterator[FaceMesh]:
        """Those of the faces that are seen alike in two closer looks, as the first of them sees them."""
        done: list[FaceMesh] = []
        for face in faces:
            if any(_is_same(face, other) for other in done):
                continue
            first, second = (self._seen_closely(rgb, face, room) for room in CLOSE_ROOMS)
            if first is not None and second is not None and _deviation(first, second) < MAX_DEVIATION:
                done.append(first)
                yield first

    def _seen_closely(self, rgb: Rgb, face: FaceMesh, room: float) -> FaceMesh | None:
        """The face as read from its surroundings, `room` sizes on each side; None if it is not seen there."""
        margin = _extent(face) * room
        left, top = np.maximum(face.points.min(axis=0) - margin, 0).astype(int)
        right, bottom = np.maximum(face.points.max(axis=0) + margin, 0).astype(int) + 1
        window = (top, left, min(bottom, rgb.shape[0]), min(right, rgb.shape[1]))
        if window[0] >= window[2] or window[1] >= window[3]:
            return None
        return next((other for other in self._read(rgb, window) if _is_same(face, other)), None)


def _looks(height: int, width: int) -> Iterator[tuple[int, list[Window]]]:
    """Rounds of windows: the whole picture, then ever smaller tiles, with what they divide the longer side
    by.
    """
    yield 1, [(0, 0, height, width)]
    for share in TILE_SHARES:
        side = max(height, width) // share
        if side < SMALLEST_TILE_PX:
            return
        windows = [
            (top, left, min(top + side, height), min(left + side, width))
            for top in _starts(height, side)
            for left in _starts(width, side)
        ]
        yield share, windows


def _starts(length: int, side: int) -> list[int]:
    """Where tiles of `side` begin so that they cover `length`, each overlapping the next by half or more."""
    if length <= side:
        return [0]
    steps = -(-2 * (length - side) // side)
    return [round((length - side) * step / steps) for step in range(steps + 1)]


def _enlarged(face: FaceMesh, factor: int, width: int, height: int) -> FaceMesh:
    """A face of the shrunk picture in the pixels of the original."""
    if factor == 1:
        return face
    share = np.float32(factor)
    return FaceMesh(points=face.points * share, depth=face.depth * share, width=width, height=height)


def _extent(face: FaceMesh) -> float:
    return float(np.ptp(face.points, axis=0).max())


def _is_same(face: FaceMesh, other: FaceMesh) -> bool:
    """Whether two tiles saw one face: their middles are closer than half the larger one's size."""
    apart = np.abs(face.points.mean(axis=0) - other.points.mean(axis=0)).max()
    return bool(apart < max(_extent(face), _extent(other)) / 2)


def _deviation(face: FaceMesh, other: FaceMesh) -> float:
    """How far two readings of a face lie apart on average, in sizes of the face."""
    return float(np.abs(face.points - other.points).mean() / max(_extent(face), 1e-6))

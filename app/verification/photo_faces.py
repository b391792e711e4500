"""Finding the faces of a photo, also where they are small in it."""

import threading
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image

from liveness.landmarks import FaceMesh, FaceMeshGraph, LandmarksError

Rgb = npt.NDArray[np.uint8]
Window = tuple[int, int, int, int]  # top, left, bottom, right

MOST_FACES = 2
"""Two are enough to know that a photo shows several; each costs 3 ms."""

DETAIL_SIDE_PX = 1280
"""Pictures are shrunk by whole steps until their longer side is below twice this. The landmark network sees a face
in 192 pixels, so more detail only costs time: 25 megapixels take 60 ms to read as they are."""

TILE_SHARES = (2, 4)
"""The detector looks at the whole picture in 128 pixels and misses faces below about 1/8 of its longer side (measured
on ten portraits shrunk into their own frames: all found at 1/4, two of ten at 1/8). So if there is none the picture
is looked at again in overlapping tiles of a half, then of a quarter: nine, and at most 49 looks of about 2 ms."""

CLEAR_SHARE = 0.2
"""A face smaller than this share of the picture, or one of several, is looked at again closely. The landmarks of small
faces gain by it (one was off by 5 % of its size), and a tree in a painting that had passed for a second face did not
pass again."""

SMALLEST_TILE_PX = 160
"""A face that a smaller tile would show is too small to compare (facecore.quality, MIN_EYE_DISTANCE_PX)."""


class PhotoFaces:
    """Reads the faces of unrelated photos; thread-safe, one photo at a time (about 5 ms each)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._graph = FaceMeshGraph(still=True, max_faces=MOST_FACES)

    def find(self, rgb: Rgb) -> tuple[FaceMesh, ...]:
        """The faces in `rgb`, uint8 (H, W, 3), in its own pixels, the largest first; empty when there is none.

        At most two faces are told of. Raises LandmarksError when the landmark engine fails; the next call starts anew.
        """
        height, width = rgb.shape[:2]
        factor = max(1, max(height, width) // DETAIL_SIDE_PX)
        small = np.asarray(Image.fromarray(rgb).reduce(factor)) if factor > 1 else rgb
        for tiles in _looks(small.shape[0], small.shape[1]):
            found: list[FaceMesh] = []
            for window in tiles:
                for face in self._read(small, window):
                    if not any(_is_same(face, other) for other in found):
                        found.append(face)
            if len(found) > 1 or any(_extent(face) < CLEAR_SHARE * max(small.shape) for face in found):
                closer = [self._seen_closer(small, face) for face in found]
                found = [face for face in closer if face is not None]
            if found:
                largest = sorted(found, key=_extent, reverse=True)[:MOST_FACES]
                return tuple(_enlarged(face, factor, width, height) for face in largest)
        return ()

    def best(self, rgb: Rgb) -> FaceMesh | None:
        """The largest face in `rgb`; None when there is none. Raises as `find` does."""
        faces = self.find(rgb)
        return faces[0] if faces else None

    def close(self) -> None:
        """Frees the graph; further calls raise LandmarksError."""
        with self._lock:
            self._graph.close()

    def _read(self, rgb: Rgb, window: Window) -> list[FaceMesh]:
        """The faces in a part of the picture, in the pixels of the whole."""
        top, left, bottom, right = window
        part = np.ascontiguousarray(rgb[top:bottom, left:right])
        with self._lock:
            try:
                meshes = self._graph.read(part)
            except LandmarksError:
                self._graph.reset()
                raise
        offset = np.array([left, top], np.float32)
        height, width = rgb.shape[:2]
        return [FaceMesh(points=mesh.points + offset, depth=mesh.depth, width=width, height=height) for mesh in meshes]

    def _seen_closer(self, rgb: Rgb, face: FaceMesh) -> FaceMesh | None:
        """The face as read from its own surroundings; None if it is not seen there, for then it is none."""
        room = _extent(face) / 2
        left, top = np.maximum(face.points.min(axis=0) - room, 0).astype(int)
        right, bottom = np.maximum(face.points.max(axis=0) + room, 0).astype(int) + 1
        window = (top, left, min(bottom, rgb.shape[0]), min(right, rgb.shape[1]))
        if window[0] >= window[2] or window[1] >= window[3]:
            return None
        return next((other for other in self._read(rgb, window) if _is_same(face, other)), None)


def _looks(height: int, width: int) -> Iterator[list[Window]]:
    """Rounds of windows: the whole picture, then ever smaller tiles of it."""
    yield [(0, 0, height, width)]
    for share in TILE_SHARES:
        side = max(height, width) // share
        if side < SMALLEST_TILE_PX:
            return
        yield [
            (top, left, min(top + side, height), min(left + side, width))
            for top in _starts(height, side)
            for left in _starts(width, side)
        ]


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

"""Faces are found wherever they are in a photo, once each, in the photo's own pixels."""

import threading

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from app.verification.photo_faces import PhotoFaces
from liveness.landmarks import FaceMesh

Rgb = NDArray[np.uint8]


def set_in(rgb: Rgb, *, share: float, at: tuple[float, float]) -> tuple[Rgb, NDArray[np.float32]]:
    """The picture as `share` of a larger grey one; and where its corner lies."""
    height, width = (round(side / share) for side in rgb.shape[:2])
    top, left = round((height - rgb.shape[0]) * at[0]), round((width - rgb.shape[1]) * at[1])
    canvas = np.full((height, width, 3), 110, np.uint8)
    canvas[top : top + rgb.shape[0], left : left + rgb.shape[1]] = rgb
    return canvas, np.array([left, top], np.float32)


@pytest.mark.parametrize("share", [1.0, 0.6, 0.4, 0.25])
@pytest.mark.parametrize("at", [(0.5, 0.5), (0.0, 0.0), (1.0, 0.3)])
def test_small_faces_are_found_in_place(
    grace_hopper: Rgb, hopper_face: FaceMesh, photo_faces: PhotoFaces, share: float, at: tuple[float, float]
) -> None:
    """Somebody's full-length picture would be answered with "no face"."""
    canvas, corner = set_in(grace_hopper, share=share, at=at)
    (face,) = photo_faces.find(canvas)
    size = np.ptp(hopper_face.points, axis=0).max()
    assert np.abs(face.points - corner - hopper_face.points).mean() < 0.02 * size
    assert (face.height, face.width) == canvas.shape[:2]


def test_large_pictures_are_read_in_their_own_pixels(
    grace_hopper: Rgb, hopper_face: FaceMesh, photo_faces: PhotoFaces
) -> None:
    """A camera's picture would be cut beside the face."""
    large = np.asarray(Image.fromarray(grace_hopper).resize((512 * 6, 600 * 6), Image.Resampling.BICUBIC))
    face = photo_faces.best(large)
    assert face is not None
    assert np.abs(face.points / 6 - hopper_face.points).mean() < 2


def test_two_faces_are_told_largest_first(astronaut: Rgb, grace_hopper: Rgb, photo_faces: PhotoFaces) -> None:
    """A group picture would be compared with whoever happened to come first."""
    faces = photo_faces.find(np.concatenate([astronaut, grace_hopper[:512, :512]], axis=1))
    assert len(faces) == 2
    assert faces[0].points[:, 0].min() > 512


def test_nothing_is_no_face(photo_faces: PhotoFaces) -> None:
    """A landscape would get the template of nobody."""
    noise = np.random.default_rng(5).integers(0, 256, (900, 700, 3), dtype=np.uint8)
    for rgb in (noise, np.zeros((1, 1, 3), np.uint8), np.zeros((3, 900, 3), np.uint8)):
        assert photo_faces.find(rgb) == ()
        assert photo_faces.best(rgb) is None


def test_threads_share_it(grace_hopper: Rgb, hopper_face: FaceMesh, photo_faces: PhotoFaces) -> None:
    """Two uploads at once would get each other's landmarks."""
    blank = np.full_like(grace_hopper, 90)
    found: list[tuple[bool, FaceMesh | None]] = []

    def look(rgb: Rgb, has_face: bool) -> None:
        for _ in range(5):
            found.append((has_face, photo_faces.best(rgb)))

    threads = [threading.Thread(target=look, args=(rgb, rgb is grace_hopper)) for rgb in (grace_hopper, blank) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 20
    for has_face, face in found:
        assert (face is not None) == has_face
        if face is not None:
            assert np.abs(face.points - hopper_face.points).max() < 1

"""What a person is told about a photo."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from app.verification.photo_faces import PhotoFaces
from facecore.quality import PhotoFinding, photo_findings
from liveness.landmarks import FaceMesh

Rgb = NDArray[np.uint8]


def findings(rgb: Rgb, photo_faces: PhotoFaces) -> tuple[PhotoFinding, ...]:
    return photo_findings(rgb, photo_faces.find(rgb))


def test_good_portraits_have_no_findings(astronaut: Rgb, grace_hopper: Rgb, photo_faces: PhotoFaces) -> None:
    """Somebody with a good photo would be asked for another one."""
    assert findings(astronaut, photo_faces) == ()
    assert findings(grace_hopper, photo_faces) == ()


def test_no_face_and_several_faces(astronaut: Rgb, grace_hopper: Rgb, photo_faces: PhotoFaces) -> None:
    """A landscape or a group picture would be taken for a profile photo one can be verified by."""
    assert findings(np.full((400, 400, 3), 120, np.uint8), photo_faces) == (PhotoFinding.NO_FACE,)
    both = np.concatenate([astronaut, grace_hopper[:512, :512]], axis=1)
    assert findings(both, photo_faces) == (PhotoFinding.SEVERAL_FACES,)


def test_a_small_face(astronaut: Rgb, photo_faces: PhotoFaces) -> None:
    """The person would fail every check and never learn that the photo is too small."""
    small = np.asarray(Image.fromarray(astronaut).resize((200, 200), Image.Resampling.LANCZOS))
    assert PhotoFinding.FACE_TOO_SMALL in findings(small, photo_faces)


def test_a_dark_face(grace_hopper: Rgb, hopper_face: FaceMesh) -> None:
    """The person would fail every check and never learn that the photo is too dark."""
    assert photo_findings(grace_hopper // 5, [hopper_face]) == (PhotoFinding.TOO_DARK,)


def test_a_bright_face(grace_hopper: Rgb, hopper_face: FaceMesh) -> None:
    """The person would fail every check and never learn that the photo is burnt out."""
    burnt = np.minimum(grace_hopper.astype(int) * 3, 255).astype(np.uint8)
    assert photo_findings(burnt, [hopper_face]) == (PhotoFinding.TOO_BRIGHT,)


def test_a_blurred_face(grace_hopper: Rgb, photo_faces: PhotoFaces) -> None:
    """The person would fail every check and never learn that the photo is not sharp."""
    soft = np.asarray(Image.fromarray(grace_hopper).filter(ImageFilter.GaussianBlur(6)))
    assert findings(soft, photo_faces) == (PhotoFinding.BLURRED,)


@pytest.mark.parametrize("side", [-1, 1])
def test_a_face_that_looks_away(grace_hopper: Rgb, hopper_face: FaceMesh, side: int) -> None:
    """The person would fail every check and never learn that the photo shows a profile."""
    points = hopper_face.points.copy()
    points[1, 0] += side * 0.4 * np.ptp(points[[33, 263], 0])
    turned = FaceMesh(points=points, depth=hopper_face.depth, width=512, height=600)
    assert photo_findings(grace_hopper, [turned]) == (PhotoFinding.NOT_FRONTAL,)

"""The chip is dlib's chip, to the bit."""

import dlib
import numpy as np
import pytest
from numpy.typing import NDArray

from facecore.alignment import MESH_POINTS, aligned_chip, chip_from_five
from facecore.errors import FaceError
from liveness.landmarks import FaceMesh

Rgb = NDArray[np.uint8]
# The mean face's five points about its middle, for faces of any size, turn and place.
MEAN_FACE = np.array([(0.36, -0.29), (0.15, -0.27), (-0.38, -0.29), (-0.17, -0.27), (-0.01, 0.13)])


def dlibs_chip(rgb: Rgb, points: NDArray[np.float64]) -> Rgb:
    parts = [dlib.point(int(x), int(y)) for x, y in points]
    chip: Rgb = dlib.get_face_chip(rgb, dlib.full_object_detection(dlib.rectangle(0, 0, 9, 9), parts), 150, 0.25)
    return chip


def test_chips_of_real_faces_equal_dlibs(
    astronaut: Rgb, astronaut_face: FaceMesh, grace_hopper: Rgb, hopper_face: FaceMesh
) -> None:
    """A photo enrolled with dlib and one enrolled with us would lie apart although they are one."""
    for rgb, face in ((astronaut, astronaut_face), (grace_hopper, hopper_face)):
        points = np.rint(face.points.astype(np.float64))  # dlib's points are whole pixels
        assert (aligned_chip(rgb, points) == dlibs_chip(rgb, points[list(MESH_POINTS)])).all()


@pytest.mark.parametrize("seed", range(5))
def test_chips_of_any_size_turn_and_place_equal_dlibs(grace_hopper: Rgb, seed: int) -> None:
    """Large faces would alias, tilted ones shear, and faces at the picture's edge shift."""
    dice = np.random.default_rng(seed)
    height, width = grace_hopper.shape[:2]
    pyramids = outside = 0
    for _ in range(40):
        size, turn = dice.uniform(15, 900), dice.uniform(-np.pi, np.pi)
        middle = dice.uniform(0, 1, 2) * (width, height)
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        points = np.rint(size * MEAN_FACE @ rotation.T + middle + dice.normal(0, size / 50, (5, 2)))
        chip = chip_from_five(grace_hopper, points)
        assert (chip == dlibs_chip(grace_hopper, points)).all()
        pyramids += size > 450
        outside += bool((chip == 0).all(axis=2).any())
    assert pyramids > 5
    assert outside > 5


def test_a_face_beyond_the_picture_is_black(grace_hopper: Rgb) -> None:
    """Landmarks that run off a frame would crash the check."""
    for middle in ((-4000, 100), (100, -4000), (4000, 100), (100, 4000)):
        assert not chip_from_five(grace_hopper, 100 * MEAN_FACE + middle).any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (400, 1), (8, 8), (9, 9)])
def test_tiny_pictures_are_cut_like_any(shape: tuple[int, int]) -> None:
    """An odd picture would raise from deep inside."""
    rgb = np.full((*shape, 3), 200, np.uint8)
    assert chip_from_five(rgb, 1000 * MEAN_FACE + 4).shape == (150, 150, 3)


@pytest.mark.parametrize(
    ("rgb", "points"),
    [
        (np.zeros((50, 50, 3), np.float32), np.ones((468, 2))),
        (np.zeros((50, 50), np.uint8), np.ones((468, 2))),
        (np.zeros((0, 50, 3), np.uint8), np.ones((468, 2))),
        (np.zeros((50, 50, 3), np.uint8), np.ones((467, 2))),
        (np.zeros((50, 50, 3), np.uint8), np.ones((468, 3))),
        (np.zeros((50, 50, 3), np.uint8), np.full((468, 2), np.nan)),
        (np.zeros((50, 50, 3), np.uint8), np.full((468, 2), np.inf)),
        (np.zeros((50, 50, 3), np.uint8), np.full((468, 2), 7.0)),
    ],
    ids=["float", "grey", "empty", "few-points", "3d-points", "nan", "inf", "one-point"],
)
def test_nonsense_is_refused(rgb: Rgb, points: NDArray[np.float64]) -> None:
    """A fault in the landmarks would become a descriptor of nothing and be compared."""
    with pytest.raises(FaceError):
        aligned_chip(rgb, points)

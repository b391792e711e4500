"""A head model from a photo that the dependencies ship; one landmark graph for all tests of the folder."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from liveness.landmarks import FaceCounter, StillFaceMesh
from tests.unit.liveness.face_model import FaceModel
from tests.unit.liveness.recordings import read_rgb


@pytest.fixture(scope="session")
def reader() -> Iterator[StillFaceMesh]:
    reader = StillFaceMesh()
    yield reader
    reader.close()


@pytest.fixture(scope="session")
def counter() -> Iterator[FaceCounter]:
    counter = FaceCounter()
    yield counter
    counter.close()


@pytest.fixture(scope="session")
def astronaut(astronaut_path: Path) -> npt.NDArray[np.uint8]:
    return read_rgb(astronaut_path)


@pytest.fixture(scope="session")
def grace_hopper(grace_hopper_path: Path) -> npt.NDArray[np.uint8]:
    return read_rgb(grace_hopper_path)


@pytest.fixture(scope="session")
def model(astronaut: npt.NDArray[np.uint8], reader: StillFaceMesh) -> FaceModel:
    return FaceModel(reader.read(astronaut)[0])


@pytest.fixture(scope="session")
def other_model(grace_hopper: npt.NDArray[np.uint8], reader: StillFaceMesh) -> FaceModel:
    return FaceModel(reader.read(grace_hopper)[0])

"""A head model from a photo that the dependencies ship; one landmark graph for all tests of the folder."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from liveness.landmarks import FaceCounter, FaceMeshGraph
from tests.unit.liveness.face_model import FaceModel
from tests.unit.liveness.recordings import read_rgb


@pytest.fixture(scope="session")
def still_graph() -> Iterator[FaceMeshGraph]:
    graph = FaceMeshGraph(still=True)
    yield graph
    graph.close()


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
def model(astronaut: npt.NDArray[np.uint8], still_graph: FaceMeshGraph) -> FaceModel:
    return FaceModel(still_graph.read(astronaut)[0])


@pytest.fixture(scope="session")
def other_model(grace_hopper: npt.NDArray[np.uint8], still_graph: FaceMeshGraph) -> FaceModel:
    return FaceModel(still_graph.read(grace_hopper)[0])

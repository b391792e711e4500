"""Real engines, real landmarks and real portraits; converted once for the run."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from app.verification.photo_faces import PhotoFaces
from facecore.converter import cached_model
from facecore.engine import DlibEngine, OnnxEngine
from facecore.photos import decode
from liveness.landmarks import FaceMesh, StillFaceMesh


@pytest.fixture(scope="session")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cached_model(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def onnx_engine(model_path: Path) -> OnnxEngine:
    return OnnxEngine(model=model_path)


@pytest.fixture(scope="session")
def dlib_engine() -> DlibEngine:
    return DlibEngine()


@pytest.fixture(scope="session")
def photo_faces() -> Iterator[PhotoFaces]:
    with closing(StillFaceMesh()) as reader:
        yield PhotoFaces(reader)


@pytest.fixture(scope="session")
def astronaut(astronaut_path: Path) -> NDArray[np.uint8]:
    return decode(astronaut_path.read_bytes())


@pytest.fixture(scope="session")
def grace_hopper(grace_hopper_path: Path) -> NDArray[np.uint8]:
    return decode(grace_hopper_path.read_bytes())


@pytest.fixture(scope="session")
def astronaut_face(astronaut: NDArray[np.uint8], photo_faces: PhotoFaces) -> FaceMesh:
    face = photo_faces.best(astronaut)
    assert face is not None
    return face


@pytest.fixture(scope="session")
def hopper_face(grace_hopper: NDArray[np.uint8], photo_faces: PhotoFaces) -> FaceMesh:
    face = photo_faces.best(grace_hopper)
    assert face is not None
    return face

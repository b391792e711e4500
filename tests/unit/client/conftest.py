"""Portraits for the reference client, animated once for the whole run."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.client.animation import PhotoAnimator
from app.client.opening import animator_of, read_photo
from liveness.landmarks import FaceMesh, StillFaceMesh


@pytest.fixture(scope="session")
def reader() -> Iterator[StillFaceMesh]:
    reader = StillFaceMesh()
    yield reader
    reader.close()


@pytest.fixture(scope="session", params=["astronaut", "grace_hopper"])
def portrait(request: pytest.FixtureRequest) -> Path:
    """The two portraits that are at hand everywhere; one smiles with teeth, one wears glasses."""
    path: Path = request.getfixturevalue(f"{request.param}_path")
    return path


@pytest.fixture(scope="session")
def animator(portrait: Path) -> PhotoAnimator:
    return animator_of(read_photo(portrait))


@pytest.fixture(scope="session")
def read_face(reader: StillFaceMesh) -> Callable[[object], FaceMesh]:
    """The one face in a picture, read as the server does."""

    def read(picture: object) -> FaceMesh:
        (mesh,) = reader.read(picture)  # type: ignore[arg-type]  # any uint8 picture
        return mesh

    return read

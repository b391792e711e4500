"""A running server, and pictures to stream to it."""

from collections.abc import AsyncIterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.client.animation import PhotoAnimator
from app.client.opening import animator_of, read_photo
from app.client.sources import PhotoSource
from app.settings import Settings
from tests.running import RunningServer, running


@pytest.fixture
async def server(settings: Settings) -> AsyncIterator[RunningServer]:
    async with running(settings) as started:
        yield started


@pytest.fixture(scope="session")
def astronaut_at_rest(astronaut: PhotoAnimator) -> bytes:
    """One stream frame of a face that does nothing."""
    return PhotoSource(astronaut).frame(0)


@pytest.fixture(scope="session")
def astronaut(astronaut_path: Path) -> PhotoAnimator:
    """The astronaut, ready to be animated: a stand-in for a live person."""
    return animator_of(read_photo(astronaut_path))


@pytest.fixture(scope="session")
def empty_room() -> bytes:
    """A well-lit, structured picture without a face."""
    noise = np.random.default_rng(1).integers(90, 170, (30, 40, 3), dtype=np.uint8)
    done, jpeg = cv2.imencode(".jpg", cv2.resize(noise, (320, 240), interpolation=cv2.INTER_CUBIC))
    assert done
    return jpeg.tobytes()

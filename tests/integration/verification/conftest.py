"""A running server, and pictures to stream to it."""

from collections.abc import AsyncIterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.client.opening import animator_of, read_photo
from app.client.sources import AnimatedFrames, PhotoSource
from app.settings import Settings
from tests.running import RunningServer, running


@pytest.fixture
async def server(settings: Settings) -> AsyncIterator[RunningServer]:
    async with running(settings) as started:
        yield started


@pytest.fixture(scope="session")
def astronaut_at_rest(astronaut_path: Path) -> bytes:
    """One stream frame of a face that does nothing."""
    return PhotoSource(animator_of(read_photo(astronaut_path))).frame(0)


@pytest.fixture(scope="session")
def astronaut_frames(astronaut_path: Path) -> AnimatedFrames:
    """The astronaut's answers drawn ahead."""
    return AnimatedFrames.prerender(animator_of(read_photo(astronaut_path)))


@pytest.fixture(scope="session")
def empty_room() -> bytes:
    """A well-lit, structured picture without a face."""
    noise = np.random.default_rng(1).integers(90, 170, (30, 40, 3), dtype=np.uint8)
    done, jpeg = cv2.imencode(".jpg", cv2.resize(noise, (320, 240), interpolation=cv2.INTER_CUBIC))
    assert done
    return jpeg.tobytes()

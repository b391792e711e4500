"""Fixtures of the browser tests."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from app.settings import Settings
from tests.e2e.camera_people import CameraPeople, camera_people
from tests.e2e.site import Site, site

__all__ = ["camera_people"]


@pytest.fixture(autouse=True)
def what_the_server_wrote_down(caplog: pytest.LogCaptureFixture) -> None:
    """A failure tells it too: why a check was refused, say, which no page knows."""
    caplog.set_level(logging.INFO)


@pytest.fixture
async def here(settings: Settings) -> AsyncIterator[Site]:
    async with site(settings) as here:
        yield here


@pytest.fixture
def given(camera_people: CameraPeople, astronaut_path: Path) -> dict[str, Any]:
    """Who sits before the camera, and the photo of the profile."""
    return {
        "person": str(camera_people.astronaut),
        "other": str(camera_people.grace_hopper),
        "photo": str(astronaut_path),
    }

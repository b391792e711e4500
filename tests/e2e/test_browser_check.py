"""The check by the browser's own way, in a real browser, judged by the real server."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from app.settings import Settings
from tests.e2e.camera_people import CameraPeople
from tests.e2e.site import Site, missing, site, walk

pytestmark = [
    pytest.mark.skipif(missing() is not None, reason=f"browser tests: {missing()}"),
    pytest.mark.timeout(150),
]


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


async def test_a_person_earns_the_badge_by_the_browsers_own_way(here: Site, given: dict[str, Any]) -> None:
    """Nobody's browser could check by itself, and every check would cost the server a stream."""
    found = await walk(here, "engine:passes", **given)
    print(found)
    assert len(set(found["steps"])) == 3

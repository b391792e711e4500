"""A person with an account, two portraits to upload, and a look at what is written down."""

from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from PIL import Image

from app.wiring import Services
from tests.integration.profiles.photos import jpeg
from tests.serving import Visitor


@pytest.fixture
async def ada(transport: httpx.ASGITransport) -> Visitor:
    visitor = Visitor(transport)
    await visitor.signup("ada")
    return visitor


@pytest.fixture
def portrait(astronaut_path: Path) -> bytes:
    """A JPEG of a person whose face fills a fifth of the picture."""
    return jpeg(Image.open(astronaut_path))


@pytest.fixture
def other_portrait(grace_hopper_path: Path) -> bytes:
    return grace_hopper_path.read_bytes()


@pytest.fixture
async def sql(services: Services) -> Any:
    connection = await asyncpg.connect((services.settings.database_url or "").replace("+asyncpg", "", 1))
    yield connection
    await connection.close()

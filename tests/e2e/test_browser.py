"""The web client in a real browser, on the shipped server."""

from collections.abc import AsyncIterator

import pytest

from app.settings import Settings
from tests.e2e.site import Site, missing, site, walk

pytestmark = [
    pytest.mark.skipif(missing() is not None, reason=f"browser tests: {missing()}"),
    pytest.mark.timeout(150),
]


@pytest.fixture
async def here(settings: Settings) -> AsyncIterator[Site]:
    async with site(settings) as here:
        yield here


async def test_the_front_page_leads_on(here: Site) -> None:
    """A newcomer would stand before an empty page."""
    await walk(here, "entry:frontPage")

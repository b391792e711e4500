"""A visitor at the shipped application, on real PostgreSQL, Redis and models."""

from collections.abc import AsyncIterator

import httpx
import pytest

from app.settings import Settings
from app.wiring import Services
from tests.fakes import FixedClock, Mailbox
from tests.serving import Visitor, served


@pytest.fixture
async def site(
    settings: Settings, clock: FixedClock, mailbox: Mailbox
) -> AsyncIterator[tuple[Services, httpx.ASGITransport]]:
    async with served(settings, clock=clock, mailbox=mailbox) as site:
        yield site


@pytest.fixture
def services(site: tuple[Services, httpx.ASGITransport]) -> Services:
    return site[0]


@pytest.fixture
def transport(site: tuple[Services, httpx.ASGITransport]) -> httpx.ASGITransport:
    return site[1]


@pytest.fixture
def visitor(transport: httpx.ASGITransport) -> Visitor:
    return Visitor(transport)

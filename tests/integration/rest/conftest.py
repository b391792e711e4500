"""A visitor at the shipped application, on real PostgreSQL, Redis and models."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from app.edge.cookies import SessionCookies
from app.edge.rest.openapi import document
from app.edge.rest.routes import OPERATIONS
from app.settings import Settings
from app.wiring import Services
from tests.fakes import FixedClock, Mailbox
from tests.serving import HOME, Visitor, served


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Converted once for the whole run."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture
async def site(
    settings: Settings, clock: FixedClock, mailbox: Mailbox, models: Path
) -> AsyncIterator[tuple[Services, httpx.ASGITransport]]:
    async with served(settings, clock=clock, mailbox=mailbox, models=models) as site:
        yield site


@pytest.fixture
def services(site: tuple[Services, httpx.ASGITransport]) -> Services:
    return site[0]


@pytest.fixture
def transport(site: tuple[Services, httpx.ASGITransport]) -> httpx.ASGITransport:
    return site[1]


@pytest.fixture
def visitor(transport: httpx.ASGITransport) -> Visitor:
    """A visitor who holds each answer of the REST edge against what openapi.json says of it."""
    visitor = Visitor(transport)
    described = document(OPERATIONS, server_url=HOME, cookies=SessionCookies(secure=False))["paths"]

    async def is_described(response: httpx.Response) -> None:
        operation = described.get(response.request.url.path, {}).get(response.request.method.lower())
        assert operation is None or str(response.status_code) in operation["responses"], response.status_code

    visitor.http.event_hooks["response"].append(is_described)
    return visitor

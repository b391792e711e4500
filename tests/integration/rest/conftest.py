"""A visitor of the REST edge."""

import httpx
import pytest

from app.edge.cookies import SessionCookies
from app.edge.rest.openapi import document
from app.edge.rest.routes import OPERATIONS
from tests.serving import HOME, Visitor


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

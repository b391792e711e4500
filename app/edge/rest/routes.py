"""The REST edge as the application mounts it."""

import json
from functools import lru_cache
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.edge.cookies import SessionCookies
from app.edge.json_bodies import JSON
from app.edge.rest import auth, faces, profile, session
from app.edge.rest.openapi import document
from app.edge.rest.operations import routes_of
from app.edge.visit import Visits

if TYPE_CHECKING:
    from app.wiring import Services

OPERATIONS = (*auth.OPERATIONS, *session.OPERATIONS, *profile.OPERATIONS, *faces.OPERATIONS)


def routes(services: "Services") -> list[Route]:
    """Every REST operation, and GET /openapi.json that describes them."""
    text = _description(services.settings.public_url, services.settings.secure_cookies)

    async def openapi(_: Request) -> Response:
        return Response(text, media_type=JSON)

    return [*routes_of(OPERATIONS, Visits(services)), Route("/openapi.json", openapi, methods=["GET"])]


@lru_cache(maxsize=4)
def _description(server_url: str, secure_cookies: bool) -> bytes:
    described = document(OPERATIONS, server_url=server_url, cookies=SessionCookies(secure=secure_cookies))
    return json.dumps(described, ensure_ascii=False, indent=1).encode()

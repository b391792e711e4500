"""What other services read first: the token keys and the schema."""

from pathlib import Path
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

if TYPE_CHECKING:
    from app.wiring import Services

SCHEMA_PATH = Path(__file__).parents[2] / "schema.graphql"

JWKS_SECONDS = 300  # how long a verifier may keep the keys; a rotation keeps the old key published anyway


def routes(services: "Services") -> list[Route]:
    """GET /schema.graphql and /.well-known/jwks.json."""
    schema = SCHEMA_PATH.read_text(encoding="utf-8")

    async def schema_text(_: Request) -> PlainTextResponse:
        return PlainTextResponse(schema)

    async def jwks(_: Request) -> JSONResponse:
        headers = {"cache-control": f"public, max-age={JWKS_SECONDS}", "access-control-allow-origin": "*"}
        return JSONResponse(services.access_tokens.jwks(), headers=headers)

    return [
        Route("/schema.graphql", schema_text, methods=["GET"]),
        Route("/.well-known/jwks.json", jwks, methods=["GET"]),
    ]

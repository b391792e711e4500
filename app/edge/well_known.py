"""What other services and newcomers read first: the token keys, the schema, and a page that says what runs here."""

import base64
import hashlib
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse
from starlette.routing import Route

if TYPE_CHECKING:
    from app.wiring import Services

SCHEMA_PATH = Path(__file__).parents[2] / "schema.graphql"

JWKS_SECONDS = 300  # how long a verifier may keep the keys; a rotation keeps the old key published anyway

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 42rem; margin: 3rem auto; padding: 0 1rem }
code { font-size: .9em } dt { font-weight: 600; margin-top: .75rem } dd { margin: 0 }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_PAGE_POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'; base-uri 'none'"

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Bonafide</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>Bonafide</h1>
<p>An identity server that can prove a live person stands behind an account. It runs at <code>{public_url}</code>.</p>
<dl>
<dt><a href="/schema.graphql">schema.graphql</a></dt>
<dd>Every operation with its description. Send them to <code>POST /graphql</code> as JSON.</dd>
<dt><a href="/openapi.json">openapi.json</a></dt>
<dd>Campus registration, sign-in and the profile as plain HTTP.</dd>
<dt><code>WS /liveness/stream</code></dt>
<dd>The liveness check for clients that stream their camera; subprotocol <code>bonafide.liveness.v1</code>.</dd>
<dt><a href="/.well-known/jwks.json">/.well-known/jwks.json</a></dt>
<dd>The public keys of our access tokens, for services that verify them.</dd>
<dt><a href="/healthz">/healthz</a>, <a href="/readyz">/readyz</a></dt>
<dd>Whether the process answers, and whether everything that it needs does.</dd>
</dl>
<p>README.md beside the program has a two-minute tour, from signing up to the Verified badge.</p>
</main>
</body>
</html>
"""


def routes(services: "Services") -> list[Route]:
    """GET /, /schema.graphql and /.well-known/jwks.json."""
    page = _PAGE.format(style=_STYLE, public_url=escape(services.settings.public_url))
    schema = SCHEMA_PATH.read_text(encoding="utf-8")

    async def home(_: Request) -> HTMLResponse:
        return HTMLResponse(page, headers={"content-security-policy": _PAGE_POLICY})

    async def schema_text(_: Request) -> PlainTextResponse:
        return PlainTextResponse(schema)

    async def jwks(_: Request) -> JSONResponse:
        headers = {"cache-control": f"public, max-age={JWKS_SECONDS}", "access-control-allow-origin": "*"}
        return JSONResponse(services.access_tokens.jwks(), headers=headers)

    return [
        Route("/", home, methods=["GET"]),
        Route("/schema.graphql", schema_text, methods=["GET"]),
        Route("/.well-known/jwks.json", jwks, methods=["GET"]),
    ]

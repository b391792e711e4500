"""What our own small pages share: one style, and a policy that lets a page run its own script and nothing else."""

import base64
import hashlib

from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 34rem; margin: 3rem auto; padding: 0 1rem }
button, input { font: inherit; padding: .6rem 1.2rem; min-height: 2.75rem }
button { cursor: pointer }
label { display: block }
input { width: 100%; box-sizing: border-box }
button:focus-visible, input:focus-visible { outline: 3px solid; outline-offset: 2px }
"""


def page_route(path: str, *, title: str, main: str, script: str) -> Route:
    """GET `path`: a page that is the same for everybody; `main` and `script` are ours, never anybody's input."""
    page = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>{title}</h1>
{main}
</main>
<script>{script}</script>
</body>
</html>
"""
    headers = {"content-security-policy": _policy(script), "cache-control": "no-store"}

    async def answer(_: Request) -> HTMLResponse:
        return HTMLResponse(page, headers=headers)

    return Route(path, answer, methods=["GET"])


def _policy(script: str) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {_hash(script)}",
            f"style-src {_hash(_STYLE)}",
            "connect-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

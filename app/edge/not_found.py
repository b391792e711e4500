"""Paths at which nothing is: a program hears it as a problem, a person reads it as a page.

A slash too many at the end, which people type and clients build, leads on to the path without it. The router's own
redirect names the host and scheme of the request. Those are anybody's (the Host header), and behind a proxy that ends
TLS a password that was posted would follow it over plain http. Ours is relative.
"""

from html import escape
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Match
from starlette.types import ExceptionHandler

from app.edge.problems import answer_http

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>No such page – Bonafide</title></head>
<body><main><h1>There is no such page</h1><p>The address may have been mistyped, or is an old one.</p>
<p><a href="{start}">Go to the start page</a></p></main></body></html>
"""


def answer_not_found(public_url: str) -> ExceptionHandler:
    """For Starlette(exception_handlers={404: …})."""
    page = _PAGE.format(start=escape(urlsplit(public_url).path.rstrip("/") + "/"))

    async def answer(request: Request, error: Exception) -> Response:
        path: str = request.scope["path"]
        meant = path.removesuffix("/")
        if path != meant and _is_served(request, meant):
            query = request.url.query
            last = quote(meant.rpartition("/")[2], safe="")
            return RedirectResponse(f"../{last}{'?' if query else ''}{query}", status_code=307)
        if request.method in ("GET", "HEAD") and "text/html" in request.headers.get("accept", "").lower():
            return HTMLResponse(page, 404, headers={"cache-control": "no-store", "vary": "Accept"})
        return await answer_http(request, error)

    return answer


def _is_served(request: Request, path: str) -> bool:
    scope = {**request.scope, "path": path}
    return any(route.matches(scope)[0] is not Match.NONE for route in request.app.router.routes)

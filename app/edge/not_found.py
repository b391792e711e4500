"""Paths with a slash too many at their end, which people type and clients build: they lead to the path without it.

The router's own redirect names the host and scheme of the request. Those are anybody's (the Host header), and behind a
proxy that ends TLS a password that was posted would follow it over plain http. Ours is relative.
"""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match

from app.edge.problems import answer_http


async def answer_not_found(request: Request, error: Exception) -> Response:
    """For Starlette(exception_handlers={404: …}): the way to what was meant, or the problem that nothing is there."""
    path: str = request.scope["path"]
    meant = path.removesuffix("/")
    if path == meant or not _is_served(request, meant):
        return await answer_http(request, error)
    query = request.url.query
    last = quote(meant.rpartition("/")[2], safe="")
    return RedirectResponse(f"../{last}{'?' if query else ''}{query}", status_code=307)


def _is_served(request: Request, path: str) -> bool:
    scope = {**request.scope, "path": path}
    return any(route.matches(scope)[0] is not Match.NONE for route in request.app.router.routes)

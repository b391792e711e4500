"""Paths at which nothing is: a program hears it as a problem, a person reads it as a page.

A slash too many at the end, which people type and clients build, leads on to the path without it. The router's own
redirect names the host and scheme of the request. Those are anybody's (the Host header), and behind a proxy that ends
TLS a password that was posted would follow it over plain http. Ours is relative.
"""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match
from starlette.types import ExceptionHandler

from app.edge.missing_page import MissingPage, is_wanted
from app.edge.problems import answer_http


def answer_not_found(public_url: str) -> ExceptionHandler:
    """For Starlette(exception_handlers={404: …})."""
    page = MissingPage(public_url=public_url)

    async def answer(request: Request, error: Exception) -> Response:
        path: str = request.scope["path"]
        meant = path.removesuffix("/")
        if path != meant and _is_served(request, meant):
            query = request.url.query
            last = quote(meant.rpartition("/")[2], safe="")
            return RedirectResponse(f"../{last}{'?' if query else ''}{query}", status_code=307)
        if is_wanted(request):
            return page.answer()
        return await answer_http(request, error)

    return answer


def _is_served(request: Request, path: str) -> bool:
    scope = {**request.scope, "path": path}
    return any(route.matches(scope)[0] is not Match.NONE for route in request.app.router.routes)

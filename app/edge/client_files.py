"""The browser client's own files, as they are in app/web: no build step stands between."""

import hashlib
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

WEB = Path(__file__).parents[1] / "web"
PREFIX = "/client/"
FILES = ("session.js", "server.js", "surroundings.js", "tabs.js", "answers.js")
_HEADERS = {
    # Asked for anew each time, answered with 304 while it is the same: no tab runs yesterday's against today's server.
    "cache-control": "no-cache",
    "cross-origin-resource-policy": "same-origin",
}


def routes() -> list[Route]:
    """GET of each file, read once."""
    return [_route(name) for name in FILES]


def _route(name: str) -> Route:
    text = (WEB / name).read_bytes()
    headers = {**_HEADERS, "etag": f'"{hashlib.sha256(text).hexdigest()[:32]}"'}

    async def answer(request: Request) -> Response:
        known = request.headers.get("if-none-match", "").replace("W/", "")
        if headers["etag"] in (tag.strip() for tag in known.split(",")):
            return Response(status_code=304, headers=headers)
        return Response(text, headers=headers, media_type="text/javascript")

    return Route(PREFIX + name, answer, methods=["GET"])

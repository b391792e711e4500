"""GET /embed/…: the web component, for pages that are not ours.

Any page may load the files: they are the same for everybody, are asked for without credentials and hold no secret. What
the component then asks of this server, it asks as any client does: the API lets only pages of ALLOWED_ORIGINS read its
answers, and the liveness socket talks to no other.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.edge.web import DIST, Asset, answer_with, assets_in
from app.errors import Code, Problem

PREFIX = "/embed/"
ENTRY = "bonafide-liveness.js"
_FOR_ANYBODY: Mapping[str, str] = {
    "access-control-allow-origin": "*",
    "cross-origin-resource-policy": "cross-origin",
}
# What keeps its name is asked for anew each time, answered with 304 while it is the same. The names of all else hold
# a hash of what is in them.
_FRESH = "no-cache"
_KEPT = "public, max-age=31536000, immutable"
_SAME_NAME = (ENTRY, "licenses.md")


def routes(*, dist: Path = DIST) -> list[Route]:
    """GET of every file of the component's own bundle."""
    assets = {asset.path.name: asset for asset in assets_in(dist / "embed")}
    tags = {name: _tag(asset) for name, asset in assets.items()}

    async def answer(request: Request) -> Response:
        name = request.path_params["name"]
        found = assets.get(name)
        if found is None:
            raise Problem(Code.NOT_FOUND, "There is no such file.")
        headers = {**_FOR_ANYBODY, "cache-control": _FRESH if name in _SAME_NAME else _KEPT, "etag": tags[name]}
        known = request.headers.get("if-none-match", "").replace("W/", "")
        if tags[name] in (tag.strip() for tag in known.split(",")):
            return Response(status_code=304, headers={**headers, "vary": "accept-encoding"})
        return answer_with(found, accepted=request.headers.get("accept-encoding", ""), headers=headers)

    return [Route(f"{PREFIX}{{name}}", answer, methods=["GET"])]


def _tag(asset: Asset) -> str:
    name = asset.path.name
    same = hashlib.sha256(asset.path.read_bytes()).hexdigest()[:32] if name in _SAME_NAME else name
    return f'"{same}"'

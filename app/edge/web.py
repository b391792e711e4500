"""The web client: its pages and the files that they load, from what `make web` built into app/web/dist.

A page is index.html for every address of routes.json; the client shows what belongs there. Which files there are is
read once, at the start: a request names one of them or nothing, so no path leads out of the folder.
"""

import mimetypes
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from app.edge.page_list import PageRoute, page_routes
from app.edge.web_policy import page_headers
from app.errors import Code, Problem

if TYPE_CHECKING:
    from app.wiring import Services

WEB = Path(__file__).parents[1] / "web"
DIST = WEB / "dist"
ASSETS = "assets"  # the folder that the build fills; each name holds the hash of its content
_IMMUTABLE = "public, max-age=31536000, immutable"
_ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
_BASE = '<base href="/">'
_NOT_BUILT = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Bonafide</title></head>
<body><main><h1>The web client is not built</h1>
<p>Run <code>make web</code> beside the program, then start it again.</p></main></body></html>
"""


@dataclass(frozen=True, kw_only=True)
class Asset:
    """A built file, and its compressed forms by encoding."""

    path: Path
    media_type: str
    encoded: Mapping[str, Path]


def built_assets(dist: Path) -> Mapping[str, Asset]:
    """Every file below the build's assets folder by its name; empty where nothing is built."""
    return {asset.path.name: asset for asset in assets_in(dist / ASSETS)}


def routes(services: "Services", *, dist: Path = DIST) -> list[Route]:
    """GET of every page and of what pages load."""
    assets = built_assets(dist)
    page = _page(dist, public_url=services.settings.public_url)

    async def asset(request: Request) -> Response:
        found = assets.get(request.path_params["name"])
        if found is None:
            raise Problem(Code.NOT_FOUND, "There is no such file.")
        accepted = request.headers.get("accept-encoding", "")
        return answer_with(found, accepted=accepted, headers={"cache-control": _IMMUTABLE})

    return [
        Route(f"/{ASSETS}/{{name}}", asset, methods=["GET"]),
        *(_page_route(route, page, page_headers(services.settings, route.needs_camera)) for route in page_routes()),
    ]


def _page_route(route: PageRoute, page: str | None, headers: Mapping[str, str]) -> Route:
    async def answer(_: Request) -> Response:
        if page is None:
            return HTMLResponse(_NOT_BUILT, 503, headers={"cache-control": "no-store"})
        return HTMLResponse(page, headers=dict(headers))

    return Route(route.path, answer, methods=["GET"])


def _page(dist: Path, *, public_url: str) -> str | None:
    """index.html with the path that everything lies below, None where nothing is built."""
    try:
        text = (dist / "index.html").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    base = urlsplit(public_url).path.rstrip("/") + "/"
    if _BASE not in text or not re.fullmatch(r"[A-Za-z0-9/._~%-]+", base):
        raise ValueError(f"index.html has no {_BASE}, or PUBLIC_URL a path that a page cannot have: {base}")
    return text.replace(_BASE, f'<base href="{base}">', 1)


def assets_in(folder: Path) -> Iterator[Asset]:
    """The files of a folder that the build wrote, each with its compressed forms."""
    for path in sorted(folder.glob("*")):
        if path.suffix in dict(_ENCODINGS).values() or not path.is_file():
            continue
        encoded = {name: path.with_name(path.name + suffix) for name, suffix in _ENCODINGS}
        yield Asset(
            path=path,
            media_type=_media_type(path.name),
            encoded={name: file for name, file in encoded.items() if file.is_file()},
        )


def _media_type(name: str) -> str:
    """By the name; what the machine's own tables say of JavaScript differs from one to the next."""
    own = {".js": "text/javascript", ".wasm": "application/wasm", ".svg": "image/svg+xml", ".css": "text/css"}
    return own.get(Path(name).suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"


def answer_with(asset: Asset, *, accepted: str, headers: Mapping[str, str]) -> FileResponse:
    """The file in the best form that Accept-Encoding names."""
    headers = {**headers, "vary": "accept-encoding"}
    for name, file in asset.encoded.items():
        if _accepts(accepted, name):
            return FileResponse(file, media_type=asset.media_type, headers={**headers, "content-encoding": name})
    return FileResponse(asset.path, media_type=asset.media_type, headers=headers)


def _accepts(accepted: str, encoding: str) -> bool:
    """Whether Accept-Encoding names the encoding with another weight than 0 (RFC 9110, 12.5.3)."""
    for part in accepted.lower().split(","):
        name, _, weight = part.strip().partition(";")
        if name.strip() == encoding:
            return not re.fullmatch(r"\s*q=0(?:\.0*)?\s*", weight)
    return False

"""Which pages there are: app/web/routes.json, the one list that the server and the web client both read."""

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

ROUTES = Path(__file__).parents[1] / "web" / "routes.json"
_PART = re.compile(r"\\\{\w+\\\}")


class Access(StrEnum):
    """Who may see a page."""

    PUBLIC = "public"
    PROTECTED = "protected"


@dataclass(frozen=True, kw_only=True)
class PageRoute:
    """An address that the client shows a page for; a part in braces stands for one segment."""

    path: str
    needs_camera: bool
    access: Access

    def has(self, path: str) -> bool:
        """Whether the path, in its one form (app/edge/paths.py), is an address of this page."""
        return re.fullmatch(_PART.sub("[^/]+", re.escape(self.path)), path) is not None


@cache
def page_routes() -> tuple[PageRoute, ...]:
    """Every address, as it was when it was first asked for: the file comes with the program."""
    return tuple(
        PageRoute(
            path=entry["path"],
            needs_camera=entry.get("camera", False),
            access=Access.PROTECTED if entry["for"] == "signed-in" else Access.PUBLIC,
        )
        for entry in json.loads(ROUTES.read_text(encoding="utf-8"))
    )


def access_of(path: str) -> Access:
    """Who may see what is at the path; what is no page of ours is as good as protected (source D)."""
    return next((route.access for route in page_routes() if route.has(path)), Access.PROTECTED)

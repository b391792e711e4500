"""GET /dev/embed: the example of a page that uses the web component, for whoever tries it out in development.

The page is app/web/examples/embed.html as a site would have it, but for the server's address; its policy is the
strictest one that a site can have around the component, so that the example shows what it needs.
"""

import base64
import hashlib
import re
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from app.edge.web import WEB
from app.edge.web_policy import FACE_MESH, MARKUP

if TYPE_CHECKING:
    from app.wiring import Services

PATH = "/dev/embed"
EXAMPLE = WEB / "examples" / "embed.html"
_WRITTEN_FOR = "http://127.0.0.1:8000"


def routes(services: "Services") -> list[Route]:
    """The page in development; nothing in production."""
    settings = services.settings
    if settings.production:
        return []
    page = example_page(settings.public_url)
    headers = {
        "cache-control": "no-store",
        "content-security-policy": embedding_policy(page, settings.public_url),
        "permissions-policy": "camera=(self)",
    }

    async def answer(_: Request) -> HTMLResponse:
        return HTMLResponse(page, headers=headers)

    return [Route(PATH, answer, methods=["GET"])]


def example_page(server: str) -> str:
    """The example for a server at this address."""
    return EXAMPLE.read_text(encoding="utf-8").replace(_WRITTEN_FOR, server.rstrip("/"))


def embedding_policy(page: str, server: str) -> str:
    """What a page around the component of `server` must allow, and nothing more than its own code and style."""
    server = server.rstrip("/")
    socket = server.replace("http", "ws", 1)
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {server}/embed/ {_hashes(page, 'script')} 'wasm-unsafe-eval'",
            f"style-src {_hashes(page, 'style')}",
            f"connect-src {server}/ {socket}/",
            "require-trusted-types-for 'script'",
            f"trusted-types {MARKUP} {FACE_MESH}",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _hashes(page: str, tag: str) -> str:
    """The CSP sources of the code or style that stands in the page itself."""
    inline = re.findall(rf"<{tag}(?: type=\"module\")?>(.*?)</{tag}>", page, re.DOTALL)
    digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in inline)
    return " ".join(f"'sha256-{digest}'" for digest in digests)

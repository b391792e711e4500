"""What a person sees at an address that leads nowhere; programs get a problem document there."""

import base64
import hashlib
from html import escape
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 27rem; margin: 4rem auto; padding: 0 1rem; overflow-wrap: anywhere }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "content-security-policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'none'",
    "cache-control": "no-store",
    "vary": "accept",
}


def is_wanted(request: Request) -> bool:
    """Whether a browser goes there, and not a program: only the former asks for HTML by name."""
    return request.method in {"GET", "HEAD"} and "text/html" in request.headers.get("accept", "").lower()


class MissingPage:
    """The page, with a way to the front page of this server."""

    def __init__(self, *, public_url: str) -> None:
        home = escape(urlsplit(public_url).path.rstrip("/") + "/")
        self._html = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>There is nothing here · Bonafide</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>There is nothing here</h1>
<p>No page has this address. Look whether it is typed as it was meant, or begin at the front page.</p>
<p><a href="{home}">Go to the front page</a></p>
</main>
</body>
</html>
"""

    def answer(self) -> HTMLResponse:
        """The page, with the status that says that there is none."""
        return HTMLResponse(self._html, 404, headers=_HEADERS)

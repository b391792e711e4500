"""GET /dev/outbox: the letters of the local outbox, for whoever tries things out on one machine.

Letters hold links and codes that open accounts, so the page is there only in development, only where letters go into
the outbox folder at all, and only for this machine itself: a request that came through a proxy, or by a name that is
not the loopback's (a page elsewhere whose name was pointed at 127.0.0.1), is told that there is nothing.
"""

import asyncio
import base64
import hashlib
import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from app.edge.requests import is_from_this_machine
from app.errors import Code, Problem
from app.mail import LATEST
from app.settings import Settings, is_loopback

if TYPE_CHECKING:
    from app.wiring import Services

PATH = "/dev/outbox"
MOST = 50
_LINK = re.compile(r"https?://[^\s<>\"]+")
_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 42rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere }
article { border-top: 1px solid; padding: 1rem 0 }
pre { white-space: pre-wrap; font: inherit }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "content-security-policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'none'",
    "cache-control": "no-store",
}
_PAGE = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Letters sent</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>Letters sent</h1>
<p>Development only: without a mail server letters stay on this machine. The newest comes first.</p>
LETTERS
</main>
</body>
</html>
"""


@dataclass(frozen=True, kw_only=True)
class Letter:
    """A letter as its reader sees it."""

    to: str
    subject: str
    date: str
    text: str


def routes(services: "Services") -> list[Route]:
    """The page where it may be; nothing in production, with a mail server, or where others can reach the server."""
    settings = services.settings
    if not is_offered(settings):
        return []
    folder = settings.outbox_dir

    async def answer(request: Request) -> HTMLResponse:
        if not is_from_this_machine(request) or not _is_loopback_name(request.headers.get("host", "")):
            raise Problem(Code.NOT_FOUND, f"{request.method} {request.url.path} is not served.")
        letters = await asyncio.to_thread(newest_letters, folder)
        return HTMLResponse(_PAGE.replace("LETTERS", _shown(letters)), headers=_HEADERS)

    return [Route(PATH, answer, methods=["GET"])]


def _is_loopback_name(host: str) -> bool:
    try:
        return is_loopback(urlsplit(f"//{host}").hostname)
    except ValueError:
        return False


def is_offered(settings: Settings) -> bool:
    """Whether letters may be shown here at all."""
    alone = is_loopback(urlsplit(settings.public_url).hostname)
    return not settings.production and settings.smtp_url is None and alone


def newest_letters(folder: Path) -> list[Letter]:
    """The newest letters, the last one first."""
    names = sorted((path for path in folder.glob("[!.]*.eml") if path.name != LATEST), reverse=True)
    return [_read(path) for path in names[:MOST]]


def _read(path: Path) -> Letter:
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    body = message.get_body(("plain",))
    return Letter(
        to=str(message["to"]),
        subject=str(message["subject"]),
        date=str(message["date"]),
        text=body.get_content() if body is not None else "",
    )


def _shown(letters: list[Letter]) -> str:
    if not letters:
        return "<p>None yet. Sign up, and the first one is here when you reload this page.</p>"
    return "\n".join(
        f"<article><h2>{escape(letter.subject)}</h2><p>To {escape(letter.to)}, {escape(letter.date)}</p>"
        f"<pre>{_with_links(letter.text)}</pre></article>"
        for letter in letters
    )


def _with_links(text: str) -> str:
    """The text as markup; its addresses can be followed."""
    shown, at = [], 0
    for link in _LINK.finditer(text):
        shown += [escape(text[at : link.start()]), f'<a href="{escape(link[0])}">{escape(link[0])}</a>']
        at = link.end()
    return "".join((*shown, escape(text[at:])))

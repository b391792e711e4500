"""How a path is read before it is asked which page it is, and where whoever may not see that page goes (source D).

A path is put together anew from its parts before it is compared, so that the page that is asked about is the page that
a browser then opens, however it was written.
"""

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes, urlsplit

from app.edge.page_list import Access, access_of
from app.edge.return_to import MAX_CHARS, checked_return
from app.errors import Code, Problem

FACE_PAGE = "/realtime"
"""Where one is sent from a protected page when the face alone signs in (FACE_LOGIN=standalone)."""
SIGN_IN_PAGE = "/login"
"""The same otherwise; where faces are enrolled it leads to the face page too."""

_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROLS = frozenset(range(0x20)) | {0x7F}
# What may stand for itself in a segment (RFC 3986, 3.3).
_PLAIN = "-._~!$&'()*+,;=:@"


@dataclass(frozen=True, kw_only=True)
class PagePath:
    """A page of the shell: its path in the one form in which it is compared, and its query as it was given."""

    path: str
    query: str

    def __str__(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def access(self) -> Access:
        """Whether anybody may see it."""
        return access_of(self.path)

    def gate(self, *, by_face: bool) -> str:
        """Where whoever is not signed in is sent instead, and comes back from."""
        return f"{FACE_PAGE if by_face else SIGN_IN_PAGE}?return_to={quote(str(self), safe='')}"


def page_path(given: str, *, field: str) -> PagePath:
    """The page that `given` means; raises Problem(BAD_USER_INPUT, `field`) unless it is a path of our own.

    Dot segments are resolved, also when they are escaped, as browsers do; a slash at the end does not count. What
    different readers take for different paths is refused: an escaped slash or backslash, an empty segment, an escape
    of an escape, a control character.
    """
    checked_return(given, own_url="https://own.invalid", origins=(), field=field)
    if not given.startswith("/"):
        raise _refused(field)
    parts = urlsplit(given)
    segments: list[str] = []
    for segment in parts.path.removeprefix("/").removesuffix("/").split("/") if parts.path != "/" else ():
        read = _read(segment, field)
        if read == "..":
            del segments[-1:]
        elif read != ".":
            segments.append(quote(read, safe=_PLAIN))
    found = PagePath(path="/" + "/".join(segments), query=parts.query)
    if len(str(found)) > MAX_CHARS:
        raise _refused(field)
    return found


def _read(segment: str, field: str) -> str:
    """The segment without escapes."""
    raw = unquote_to_bytes(segment)
    if not raw or _ESCAPE.search(segment) or _CONTROLS.intersection(raw) or {0x25, 0x2F, 0x5C}.intersection(raw):
        raise _refused(field)
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise _refused(field) from error


def _refused(field: str) -> Problem:
    return Problem(
        Code.BAD_USER_INPUT, "Give the path of a page of this server, with its query if it has one.", field=field
    )

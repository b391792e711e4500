"""Where a browser may be sent back to with a token in its hands: our own pages and those of ALLOWED_ORIGINS.

What is let through is put together anew from the parts that were compared, so that no second reading of the same text,
a browser's for one, can find another host in it.
"""

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from app.errors import Code, Problem

MAX_CHARS = 2000
# The characters of a URL (RFC 3986) but the fragment's sign: no blanks or controls, which browsers drop, and no
# backslash, which they read as a slash.
_PLAIN = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+")


def checked_return(given: str, *, own_url: str, origins: Collection[str], field: str) -> str:
    """The absolute address that `given` means; raises Problem(BAD_USER_INPUT, `field`) unless it is one of ours.

    `given` is a path on the host of `own_url`, or an http(s) address whose origin is exactly one of `origins`.
    """
    if len(given) > MAX_CHARS or _PLAIN.fullmatch(given) is None:
        raise _refused(field)
    try:
        parts, own = urlsplit(given), urlsplit(own_url)
    except ValueError as error:  # brackets that hold no IPv6 address
        raise _refused(field) from error
    if given.startswith("/") and not given.startswith("//"):
        origin = f"{own.scheme}://{own.netloc}"
    else:
        origin = f"{parts.scheme}://{parts.netloc}".lower()
        if origin not in origins:
            raise _refused(field)
    query = f"?{parts.query}" if parts.query else ""
    return f"{origin}{parts.path or '/'}{query}"


def _refused(field: str) -> Problem:
    return Problem(
        Code.BAD_USER_INPUT,
        "Give a path of this server, or an address on one of ALLOWED_ORIGINS, without a fragment.",
        field=field,
        reason="ORIGIN_NOT_ALLOWED",
    )

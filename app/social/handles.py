"""Names for people who came through a provider: handles that read well, and display names within our rules."""

import re
import unicodedata
from collections.abc import Iterator

from app.accounts.rules import MAX_DISPLAY_NAME_CHARS, normalised_display_name, normalised_handle
from app.errors import Problem
from app.ids import Ids
from app.social.model import ProvedIdentity

# Room for a hyphen and digits within the 50 characters of a handle.
MAX_STEM_CHARS = 40
LAST_RESORT = "member"

_NOT_IN_HANDLE = re.compile(r"[^a-z0-9_]+")
_MAX_SOURCE_CHARS = 200


def handle_stem(identity: ProvedIdentity) -> str:
    """A handle made of the user name, the name or the address, in this order: the first that our rules allow."""
    local_part = (identity.email or "").partition("@")[0].partition("+")[0]
    for source in (identity.username, identity.name, local_part):
        stem = _reduced(source or "")
        try:
            return normalised_handle(stem)
        except Problem:  # too short, or a name of the house
            continue
    return LAST_RESORT


def handles_from(stem: str, ids: Ids) -> Iterator[str]:
    """The stem itself, then the stem with more and more random digits: counting up would be a race for the next one."""
    if stem != LAST_RESORT:
        yield stem
    for digits in (2, 3, 4, 5, 6, 8, 10):
        yield f"{stem}-{ids.below(9 * 10 ** (digits - 1)) + 10 ** (digits - 1)}"


def display_name_of(identity: ProvedIdentity, *, otherwise: str) -> str:
    """The provider's name for the person without what our rules refuse; `otherwise` when nothing readable is left."""
    shown = "".join(c if c.isprintable() else " " for c in (identity.name or "")[:_MAX_SOURCE_CHARS])
    composed = unicodedata.normalize("NFC", " ".join(shown.split()))
    try:
        return normalised_display_name(composed[:MAX_DISPLAY_NAME_CHARS])
    except Problem:
        return otherwise


def _reduced(text: str) -> str:
    """`José Núñez` as `jose-nunez`: letters without their marks, everything else a hyphen."""
    plain = unicodedata.normalize("NFKD", text[:_MAX_SOURCE_CHARS].replace("ß", "ss")).encode("ascii", "ignore")
    return _NOT_IN_HANDLE.sub("-", plain.decode().lower()).strip("-_")[:MAX_STEM_CHARS].strip("-_")

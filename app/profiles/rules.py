"""What the parts of a profile may be; one home for these rules, whoever asks."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import regex

from app.accounts.rules import LABEL, normalised_email, paragraphs, single_line
from app.errors import Code, Problem
from app.profiles.model import Visibility

MAX_BIO_CHARS = 500  # seed B
MAX_HEADLINE_CHARS = 200  # seeds C and E
MAX_LOCATION_CHARS = 100
MAX_CATEGORY_CHARS = 100
MAX_COMPANY_CHARS = 200
MAX_STATUS_CHARS = 120  # seed B cuts what is longer; we refuse it, so that nobody's last words go unseen
MAX_EMOJI_CODE_POINTS = 4  # seed B
MAX_CONTACT_LINKS = 10
MAX_URL_CHARS = 500
MAX_SKILLS = 30
MAX_QUERY_CHARS = 100

_KIND = re.compile(r"[a-z][a-z0-9_]{0,29}")
# A host by its name, with no user, password or port, then only what RFC 3986 lets stand in a URL: no blank, quote or
# angle bracket that could break out of a page, no look-alike letters (an internationalised host is in its xn-- form).
_HTTPS = re.compile(
    rf"(https://(?:{LABEL}\.)+(?!\d+(?:[/?#]|$)){LABEL})((?:[/?#][A-Za-z0-9._~:/?#@!$&'()*+,;=%\[\]-]*)?)",
    re.IGNORECASE | re.ASCII,
)
_MAILTO = "mailto:"

# UTS #51: a flag, a keycap, or pictures, each with its skin tone, joined by zero-width joiners.
_PICTURE = r"(?=\p{Emoji})\p{Extended_Pictographic}(?:\ufe0f|\p{Emoji_Modifier})?"
_EMOJI = regex.compile(rf"\p{{RI}}{{2}}|[0-9#*]\ufe0f?\u20e3|{_PICTURE}(?:\u200d{_PICTURE})*")


def bio(given: str) -> str:
    """The text in NFC, perhaps of several lines; raises Problem(BAD_USER_INPUT, field `bio`)."""
    return paragraphs(given, field="bio", max_chars=MAX_BIO_CHARS)


def status(given: Mapping[str, Any]) -> dict[str, str]:
    """The parts of the status that are given; None empties one. Raises Problem(BAD_USER_INPUT, field `status…`)."""
    settled = {}
    if "text" in given:
        settled["text"] = single_line(given["text"] or "", field="status.text", max_chars=MAX_STATUS_CHARS)
    if "emoji" in given:
        settled["emoji"] = _emoji(given["emoji"] or "")
    return settled


def privacy(given: Mapping[str, Any]) -> dict[str, str | bool]:
    """The parts of the privacy that are given; raises Problem(BAD_USER_INPUT, field `privacy…`)."""
    settled: dict[str, str | bool] = {}
    if "visibility" in given:
        if given["visibility"] not in set(Visibility):
            raise _refused("privacy.visibility", f"Choose one of {', '.join(Visibility)}.")
        settled["visibility"] = str(given["visibility"])
    if "ghost_mode" in given:
        if not isinstance(given["ghost_mode"], bool):
            raise _refused("privacy.ghostMode", "Say true or false.")
        settled["ghost_mode"] = given["ghost_mode"]
    return settled


def contact_links(given: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Addresses by their kind; raises Problem(BAD_USER_INPUT, field `contactLinks`)."""
    if len(given) > MAX_CONTACT_LINKS:
        raise _refused("contactLinks", f"Give at most {MAX_CONTACT_LINKS} links.")
    links: dict[str, str] = {}
    for link in given:
        kind = link["kind"].lower()
        if _KIND.fullmatch(kind) is None:
            raise _refused("contactLinks", "A kind of link is a word of a-z, 0-9 and _ with at most 30 characters.")
        if kind in links:
            raise _refused("contactLinks", f"There is more than one link of the kind {kind}.")
        links[kind] = _address(link["url"].strip())
    return links


def skill_ids(given: Sequence[str | UUID]) -> tuple[UUID, ...]:
    """The identifiers, each once; raises Problem(BAD_USER_INPUT, field `skillIds`)."""
    if len(given) > MAX_SKILLS:
        raise _refused("skillIds", f"Choose at most {MAX_SKILLS} skills.")
    try:
        return tuple(dict.fromkeys(UUID(str(each)) for each in given))
    except ValueError as error:
        raise unknown_skill() from error


def unknown_skill() -> Problem:
    """What an identifier that no skill has is answered with."""
    return _refused("skillIds", "There is no such skill.", reason="SKILL_UNKNOWN")


def search_text(given: str, *, field: str) -> str:
    """What somebody looks for; raises Problem(BAD_USER_INPUT) naming `field`."""
    return single_line(given, field=field, max_chars=MAX_QUERY_CHARS)


def _emoji(given: str) -> str:
    emoji = given.strip() if len(given) <= 2 * MAX_EMOJI_CODE_POINTS else given
    if emoji and (len(emoji) > MAX_EMOJI_CODE_POINTS or _EMOJI.fullmatch(emoji) is None):
        raise _refused("status.emoji", f"Choose one emoji, of at most {MAX_EMOJI_CODE_POINTS} code points.")
    return emoji


def _address(given: str) -> str:
    if len(given) > MAX_URL_CHARS:
        raise _refused("contactLinks", f"A link has at most {MAX_URL_CHARS} characters.")
    if match := _HTTPS.fullmatch(given):
        return match[1].lower() + match[2]
    if given.lower().startswith(_MAILTO):
        return _MAILTO + normalised_email(given[len(_MAILTO) :], field="contactLinks")
    raise _refused("contactLinks", "A link begins with https:// and a host's name, or is mailto: and an address.")


def _refused(field: str, detail: str, *, reason: str | None = None) -> Problem:
    return Problem(Code.BAD_USER_INPUT, detail, field=field, reason=reason)

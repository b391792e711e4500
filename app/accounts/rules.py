"""What an e-mail address, a handle and a display name may be; one home for these rules, whoever asks."""

import re
import unicodedata

import regex

from app.errors import Code, Problem

MAX_EMAIL_CHARS = 255  # seeds C and E; RFC 5321 4.5.3.1 ends at 254 octets with the brackets, columns at 255
MAX_LOCAL_PART_CHARS = 64  # RFC 5321 4.5.3.1.1
MAX_DISPLAY_NAME_CHARS = 100  # seed C
MAX_CAMPUS_DISPLAY_NAME_CHARS = 80  # seed B

# RFC 5322 dot-atom before the @, LDH labels after it, at least two, the last not a number. ASCII only: look-alike
# letters would let one address pass for another. An internationalised domain is written in its xn-- form.
_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_EMAIL = re.compile(rf"(?P<local>{_ATOM}(?:\.{_ATOM})*)@(?:{LABEL}\.)+(?!\d+$){LABEL}")

MAX_HANDLE_CHARS = 50
MAX_CAMPUS_HANDLE_CHARS = 20
# Whole, as a page checks them too: the hyphen is escaped for JavaScript's `v` flag, which a form's `pattern` has.
HANDLE_PATTERN = rf"[A-Za-z0-9_\-]{{3,{MAX_HANDLE_CHARS}}}"
CAMPUS_HANDLE_PATTERN = rf"[A-Za-z0-9_]{{3,{MAX_CAMPUS_HANDLE_CHARS}}}"
_HANDLE = re.compile(HANDLE_PATTERN)
_CAMPUS_HANDLE = re.compile(CAMPUS_HANDLE_PATTERN)

# Names that would let a person pass for the house, or that collide with its paths. Compared without hyphens and
# underscores, so `ad-min` is `admin`.
_BLOCKED = """
about abuse account accounts admin administrator administrators admins anonymous api app assets auth avatar
avatars billing blog bonafide bot campus campuses careers ceo cofounder contact copyright cto deleted dev
developer developers dmca docs everyone faq feedback founder graphql guest healthz help helpdesk home
hostmaster info jobs kyc legal liveness login logout mail mailerdaemon metrics mod moderator moderators mods
news noreply notifications null oauth official onboarding operator owner password passwordreset payments
payroll postmaster press privacy profile readyz refresh register reset root sales search security self
service session sessions settings signin signout signup staff status subscription superuser support sysadmin
system team terms trust trustandsafety undefined user username users verification verified verify webhook
webmaster wellknown www
"""
BLOCKED_HANDLES = frozenset(_BLOCKED.split())

# Directional overrides and isolates can make a name read as another one (Unicode TR #36, 2.6).
_BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Without width and without meaning in a name, where they make two names look like one: whatever Unicode calls ignorable
# (Hangul's fillers are letters to it, and nothing to the eye) and the marks of annotations. The joiners and variation
# selectors stay, because Persian, emoji and Han names are written with them, but not where they shape nothing; so do
# the tags of a flag.
_SHAPERS = r"\u200c\u200d\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"
# England, Scotland and Wales: of the flags that are spelled in tags, the ones that fonts draw.
_FLAG = regex.compile(
    "\U0001f3f4\U000e0067\U000e0062"
    "(?:\U000e0065\U000e006e\U000e0067|\U000e0073\U000e0063\U000e0074|\U000e0077\U000e006c\U000e0073)\U000e007f"
)
_INVISIBLE = regex.compile(
    rf"[[\p{{Default_Ignorable_Code_Point}}\ufff9-\ufffb]--[{_SHAPERS}]]"
    rf"|(?<=^|[\s\p{{Latin}}\p{{Greek}}\p{{Cyrillic}}])[{_SHAPERS}]",
    regex.VERSION1,
)
_BLANK_SYMBOLS = frozenset("\u2800\U0001d159")


def normalised_email(given: str, *, field: str = "email") -> str:
    """The address in lower case without surrounding blanks; raises Problem(BAD_USER_INPUT) naming `field`."""
    email = given.strip() if len(given) <= 2 * MAX_EMAIL_CHARS else given
    if len(email) > MAX_EMAIL_CHARS:
        raise _refused(field, f"An e-mail address has at most {MAX_EMAIL_CHARS} characters.")
    match = _EMAIL.fullmatch(email.lower()) if email.isascii() else None
    if match is None or len(match["local"]) > MAX_LOCAL_PART_CHARS:
        raise _refused(field, "This is not a valid e-mail address.")
    return match[0]


def normalised_handle(given: str, *, field: str = "handle") -> str:
    """The handle in lower case; raises Problem(BAD_USER_INPUT), naming the rule it breaks and the caller's `field`."""
    if _HANDLE.fullmatch(given) is None:
        raise _refused(field, f"Use 3 to {MAX_HANDLE_CHARS} letters a-z, digits, hyphens or underscores.")
    handle = given.lower()
    if is_blocked(handle):
        raise _refused(field, "This name is reserved.", reason="HANDLE_BLOCKED")
    return handle


def normalised_campus_handle(given: str, *, field: str = "handle") -> str:
    """The same for an account of a campus (seed B), whose handles are shorter and have no hyphen."""
    if _CAMPUS_HANDLE.fullmatch(given) is None:
        raise _refused(field, f"Use 3 to {MAX_CAMPUS_HANDLE_CHARS} letters a-z, digits or underscores.")
    return normalised_handle(given, field=field)


def is_blocked(handle: str) -> bool:
    """Whether a handle, in lower case, belongs to the house."""
    return handle.translate({ord("-"): None, ord("_"): None}) in BLOCKED_HANDLES


def normalised_display_name(given: str, *, of_campus: bool = False) -> str:
    """The name in NFC without surrounding blanks; raises Problem(BAD_USER_INPUT, field `displayName`)."""
    max_chars = MAX_CAMPUS_DISPLAY_NAME_CHARS if of_campus else MAX_DISPLAY_NAME_CHARS
    name = single_line(given, field="displayName", max_chars=max_chars)
    if not any(unicodedata.category(c)[0] in "LNPS" and c not in _BLANK_SYMBOLS for c in name):
        raise _refused("displayName", "A name needs at least one visible character.")
    return name


def single_line(given: str, *, field: str, max_chars: int) -> str:
    """The text in NFC without surrounding blanks, perhaps empty; raises Problem(BAD_USER_INPUT) naming `field`."""
    text = _bounded(given, field=field, max_chars=max_chars)
    if _misleads(text) or _INVISIBLE.search(_FLAG.sub("", text)):
        raise _refused(field, "Line breaks, control, invisible and direction-changing characters cannot stand here.")
    return text


def paragraphs(given: str, *, field: str, max_chars: int) -> str:
    """The same for text of several lines, which end in \\n whatever they ended in before."""
    text = _bounded(given.replace("\r\n", "\n").replace("\r", "\n"), field=field, max_chars=max_chars)
    if _misleads(text.replace("\n", "")):
        raise _refused(field, "Control and direction-changing characters cannot stand here.")
    return text


def _bounded(given: str, *, field: str, max_chars: int) -> str:
    # What is four times too long is too long in NFC as well, and not worth normalising.
    text = unicodedata.normalize("NFC", given).strip() if len(given) <= 4 * max_chars else given
    if len(text) > max_chars:
        raise _refused(field, f"Use at most {max_chars} characters.")
    return text


def _misleads(text: str) -> bool:
    return any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or c in _BIDI_CONTROLS for c in text)


def _refused(field: str, detail: str, *, reason: str | None = None) -> Problem:
    return Problem(Code.BAD_USER_INPUT, detail, field=field, reason=reason)

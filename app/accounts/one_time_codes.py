"""The codes of a second factor, pure: time-based one-time passwords (RFC 6238) and backup codes."""

import base64
import re
from datetime import datetime

import pyotp
import segno

from app.errors import Code, Problem
from app.ids import Ids

SECRET_BYTES = 20  # RFC 4226, section 4, R6: 160 bits recommended
STEP_S = 30
DIGITS = 6
SKEW_STEPS = 1  # RFC 6238, section 5.2: at most one step back, and one ahead for a fast clock

BACKUP_CODES = 10
_BACKUP_BYTES = 10  # 80 bits: sixteen characters of five
_BACKUP_CHARS = 16
_GROUP_CHARS = 4
# Crockford's alphabet: nobody has to tell 0 from O or 1 from l and I, so all of them are read as the digit.
_RFC4648 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_ENCODED = str.maketrans(_RFC4648, _CROCKFORD)
_READ_AS = str.maketrans("oil", "011")

_MAX_CHARS = 64
_TOTP = re.compile(rf"[0-9]{{{DIGITS}}}")
_BACKUP = re.compile(rf"[{_CROCKFORD}]{{{_BACKUP_CHARS}}}")


def new_secret(ids: Ids) -> bytes:
    """A secret to share with an authenticator app."""
    return ids.bytes(SECRET_BYTES)


def otpauth_url(secret: bytes, *, issuer: str, name: str) -> str:
    """What an authenticator app reads to learn the secret and what it belongs to."""
    return _totp(secret).provisioning_uri(name=name, issuer_name=issuer)


def qr_code(text: str) -> str:
    """The text as a QR code: a data: URL of an SVG that scales, dark on its own white ground on any page."""
    return segno.make_qr(text, error="m").svg_data_uri(dark="#000", light="#fff", omitsize=True)


def normalised_code(code: str) -> str:
    """Six digits, or the sixteen characters of a backup code; however it was grouped or capitalised.

    Raises Problem(BAD_USER_INPUT, field="code") for what can be neither; digits of other scripts are none.
    """
    plain = "".join(code[:_MAX_CHARS].split()).replace("-", "").lower()
    if len(code) <= _MAX_CHARS:
        if is_totp(plain):
            return plain
        plain = plain.translate(_READ_AS)
        if _BACKUP.fullmatch(plain):
            return plain
    raise Problem(
        Code.BAD_USER_INPUT,
        f"Give the {DIGITS} digits of the authenticator app, or a backup code of {_BACKUP_CHARS} characters.",
        field="code",
    )


def is_totp(code: str) -> bool:
    """Whether a code is of the authenticator app's kind, not a backup code."""
    return _TOTP.fullmatch(code) is not None


def matching_step(secret: bytes, code: str, now: datetime) -> int | None:
    """The time step that the code belongs to; None when it is of none near `now`."""
    try:
        return _totp(secret).verify_and_get_timecode(code, for_time=now, valid_window=SKEW_STEPS)
    except pyotp.OTPVerificationError:
        return None


def new_backup_codes(ids: Ids) -> tuple[str, ...]:
    """Ten codes as a person writes them down: `7k2m-9qxa-04tz-c8hw`."""
    return tuple(_grouped(_backup_code(ids)) for _ in range(BACKUP_CODES))


def _backup_code(ids: Ids) -> str:
    return base64.b32encode(ids.bytes(_BACKUP_BYTES)).decode().translate(_ENCODED)


def _grouped(code: str) -> str:
    return "-".join(code[start : start + _GROUP_CHARS] for start in range(0, len(code), _GROUP_CHARS))


def _totp(secret: bytes) -> pyotp.TOTP:
    return pyotp.TOTP(base64.b32encode(secret).decode(), digits=DIGITS, interval=STEP_S)

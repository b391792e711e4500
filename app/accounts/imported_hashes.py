"""bcrypt hashes that came along from another system; each verifies until its owner signs in, and is then replaced.

What is particular to them, and told in the README:
- bcrypt reads 72 bytes. Systems that cut longer passwords silently hashed the first 72, so the first 72 are compared;
  the Argon2id hash that replaces it covers all that was typed.
- bcrypt in C stops at NUL, where `a\\0b` would pass for `a\\0c`: a password with NUL matches no imported hash.
- The other system hashed what it was sent, so the password is compared as it was typed, not in NFC.
- bcrypt takes its own time (cost 12: some ten times our Argon2id), which nothing shortens: until its owner has signed
  in once, the time of a wrong guess tells that an address was imported.
"""

import re

import bcrypt

MAX_BYTES = 72
# Each step doubles the time; at 14 a guess holds one core for about two seconds.
MAX_COST = 14

# `$2x$` marks hashes of an implementation that mixed up passwords with umlauts (CVE-2011-2483): they stay refused.
_BCRYPT = re.compile(r"\$2[aby]\$(?P<cost>[0-9]{2})\$[./A-Za-z0-9]{53}")


def is_imported(stored: str | None) -> bool:
    """Whether this is a bcrypt hash that can be verified in bearable time."""
    match = _BCRYPT.fullmatch(stored or "")
    return match is not None and 4 <= int(match["cost"]) <= MAX_COST


def matches(stored: str, password: str) -> bool:
    """Whether the password is that of an imported hash; takes as long as its cost says."""
    typed = password.encode()
    try:
        is_right = bcrypt.checkpw(typed[:MAX_BYTES], stored.encode())
    except ValueError:  # its salt or its end is not what base64 can give
        return False
    return is_right and b"\0" not in typed

"""Cross-site request forgery: a signed double submit and an origin check on whatever a cookie authenticates.

The token is `nonce.HMAC-SHA256(key, session id | nonce)` (OWASP, signed double-submit cookie). A script of ours reads
it from its cookie and repeats it in X-CSRF-Token; another site can do neither, and a token planted by a neighbouring
sub-domain belongs to another session.
"""

import hashlib
import hmac
from collections.abc import Sequence
from uuid import UUID

from app.edge.requests import Caller
from app.errors import Code, Problem
from app.ids import Ids
from app.origins import allowed_origins, own_origins
from app.secrets import derive_key
from app.settings import Settings

_NONCE_BYTES = 16
_MAX_TOKEN_CHARS = 256


class Csrf:
    """Issues and checks tokens; the first key signs, every key verifies."""

    def __init__(
        self, *, keys: Sequence[bytes], origins: frozenset[str], own: frozenset[str] = frozenset(), ids: Ids
    ) -> None:
        self._keys = tuple(keys)
        self._origins = origins
        self._own = own
        self._ids = ids

    @classmethod
    def of(cls, settings: Settings, ids: Ids) -> "Csrf":
        """With keys derived from SECRET_KEY."""
        keys = [derive_key(secret, purpose="csrf") for secret in settings.secret_keys]
        return cls(keys=keys, origins=allowed_origins(settings), own=own_origins(settings), ids=ids)

    def issue(self, session_id: UUID) -> str:
        """A token that is good for this session only."""
        nonce = self._ids.token(_NONCE_BYTES)
        return f"{nonce}.{_mac(self._keys[0], session_id, nonce)}"

    def check(self, caller: Caller, *, session_id: UUID, cookie_token: str | None) -> None:
        """Raises Problem(FORBIDDEN) unless a page of ours sent this with the session's own token in the header."""
        self.check_origin(caller)
        given = caller.csrf_token or ""
        if cookie_token is None or not _same(given, cookie_token) or not self._is_ours(given, session_id):
            raise Problem(
                Code.FORBIDDEN,
                "Repeat the value of the CSRF cookie in the X-CSRF-Token header.",
                reason="CSRF_TOKEN_WRONG",
            )

    def check_origin(self, caller: Caller) -> None:
        """Raises Problem(FORBIDDEN) unless a page of ours sent this."""
        if caller.origin is None or caller.origin.lower() not in self._origins:
            detail = (
                "What a cookie authenticates needs the Origin header of the page that sends it."
                if caller.origin is None
                else "The page that sent this is not listed in ALLOWED_ORIGINS."
            )
            raise Problem(Code.FORBIDDEN, detail, reason="ORIGIN_NOT_ALLOWED")

    def is_same_origin(self, caller: Caller) -> bool:
        """Whether a page of this very origin asks: for what a cookie reveals, where nothing is changed.

        Browsers say so in Sec-Fetch-Site, which no script can set; one that does not yet say it shows an Origin.
        """
        if caller.fetch_site is not None:
            return caller.fetch_site == "same-origin"
        return caller.origin is not None and caller.origin.lower() in self._own

    def _is_ours(self, token: str, session_id: UUID) -> bool:
        nonce, _, mac = token.partition(".")
        if not nonce or len(token) > _MAX_TOKEN_CHARS:
            return False
        return any(_same(mac, _mac(key, session_id, nonce)) for key in self._keys)


def _mac(key: bytes, session_id: UUID, nonce: str) -> str:
    return hmac.new(key, session_id.bytes + nonce.encode(), hashlib.sha256).hexdigest()


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())

"""The two cookies of a browser session: the refresh token, and the CSRF token that a script may read; the mark of a
browser that is away at a provider; and the id by which a browser is known again.

The refresh cookie holds `session id.refresh token`: the id is what the CSRF token is bound to, so forgery is refused
before the refresh token is looked at. A refused refresh never clears the cookies, because another tab may just have
been given the live successor under the same name; only signing out does.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from app.social.departures import STATE_TTL
from app.social.model import Provider

_REFRESH = "bonafide_refresh"
_CSRF = "bonafide_csrf"
_AWAY = "bonafide_"
_DEVICE = "bonafide_device"
_HOST_PREFIX = "__Host-"
_MAX_COOKIE_CHARS = 1024
DEVICE_BYTES = 32
_DEVICE_ID = re.compile(r"[A-Za-z0-9_-]{43}")  # DEVICE_BYTES in base64url
_DEVICE_DAYS = 400  # RFC 6265bis, 5.5: no cookie lives longer


@dataclass(frozen=True, kw_only=True)
class BrowserSession:
    """What a browser's cookies claim; nothing here is proved."""

    session_id: UUID
    refresh_token: str = field(repr=False)
    csrf_token: str | None = field(repr=False)


class SessionCookies:
    """Reads and writes the cookies; `secure` is false only for plain http on loopback in development."""

    def __init__(self, *, secure: bool) -> None:
        self._secure = secure
        prefix = _HOST_PREFIX if secure else ""
        self.refresh_name = prefix + _REFRESH
        self.csrf_name = prefix + _CSRF

    def read(self, cookies: Mapping[str, str]) -> BrowserSession | None:
        """The session that the cookies name, or None when there is none or it is not of our making."""
        value = cookies.get(self.refresh_name, "")
        identifier, dot, token = value.partition(".")
        if not dot or not token or len(value) > _MAX_COOKIE_CHARS:
            return None
        try:
            session_id = UUID(identifier)
        except ValueError:
            return None
        return BrowserSession(session_id=session_id, refresh_token=token, csrf_token=cookies.get(self.csrf_name))

    def write(
        self, *, session_id: UUID, refresh_token: str, csrf_token: str, now: datetime, expires_at: datetime
    ) -> list[str]:
        """Set-Cookie values that keep the session until its refresh token expires."""
        max_age_s = max(0, math.ceil((expires_at - now).total_seconds()))
        return [
            self._cookie(self.refresh_name, f"{session_id}.{refresh_token}", max_age_s, http_only=True),
            self._cookie(self.csrf_name, csrf_token, max_age_s, http_only=False),
        ]

    def clear(self) -> list[str]:
        """Set-Cookie values that end it."""
        return [
            self._cookie(self.refresh_name, "", 0, http_only=True),
            self._cookie(self.csrf_name, "", 0, http_only=False),
        ]

    def _cookie(self, name: str, value: str, max_age_s: int, *, http_only: bool) -> str:
        return _set_cookie(name, value, max_age_s, http_only=http_only, secure=self._secure)


class AwayCookie:
    """The mark by which a browser is known again when it comes back from a provider, one for each, so that it can be
    away at two; `secure` as for SessionCookies."""

    def __init__(self, provider: Provider, *, secure: bool) -> None:
        self._secure = secure
        self.name = (_HOST_PREFIX if secure else "") + _AWAY + provider.value.lower()

    def read(self, cookies: Mapping[str, str]) -> str | None:
        """The mark, or None for a browser that is not away."""
        return cookies.get(self.name) or None

    def write(self, mark: str) -> str:
        """The Set-Cookie value that marks it."""
        return _set_cookie(self.name, mark, int(STATE_TTL.total_seconds()), http_only=True, secure=self._secure)

    def clear(self) -> str:
        """The Set-Cookie value that forgets it."""
        return _set_cookie(self.name, "", 0, http_only=True, secure=self._secure)


class DeviceCookie:
    """The id of a browser: drawn by us, told to nobody else, gone with its cookies; `secure` as for SessionCookies.

    It says whether somebody signed in here before, and ties what a browser began without an account to that browser.
    It is no fingerprint: whoever clears the cookie is a new device.
    """

    def __init__(self, *, secure: bool) -> None:
        self._secure = secure
        self.name = (_HOST_PREFIX if secure else "") + _DEVICE

    def read(self, cookies: Mapping[str, str]) -> str | None:
        """The id, or None for a browser that has none of our making."""
        found = cookies.get(self.name, "")
        return found if _DEVICE_ID.fullmatch(found) else None

    def write(self, device: str) -> str:
        """The Set-Cookie value that keeps it for as long as browsers keep any."""
        return _set_cookie(self.name, device, _DEVICE_DAYS * 24 * 3600, http_only=True, secure=self._secure)


def _set_cookie(name: str, value: str, max_age_s: int, *, http_only: bool, secure: bool) -> str:
    attributes = [f"{name}={value}", "Path=/", f"Max-Age={max_age_s}", "SameSite=Lax"]
    attributes += ["HttpOnly"] if http_only else []
    attributes += ["Secure"] if secure else []
    return "; ".join(attributes)

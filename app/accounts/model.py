"""What the accounts slice speaks of: frozen values, no I/O."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, TypeAlias
from uuid import UUID

from app.secrets import digest

MAX_USER_AGENT_CHARS = 400


class SignInMethod(StrEnum):
    """How a session began."""

    SIGNUP = "signup"
    PASSWORD = "password"  # noqa: S105 - the name of a method, not a secret
    SOCIAL = "social"
    FIREBASE = "firebase"
    GITHUB = "github"
    FACE = "face"
    PASSKEY = "passkey"


class Factor(StrEnum):
    """What a second factor was proved by."""

    TOTP = "totp"
    BACKUP_CODE = "backup_code"
    MAILED_CODE = "mailed_code"
    PASSKEY = "passkey"


class Proof(StrEnum):
    """By what a person shows once more, inside a session, that they are its account's owner."""

    PASSWORD = "password"  # noqa: S105 - the name of a proof, not a secret
    CODE = "code"
    PASSKEY = "passkey"
    FACE = "face"


class RefreshRefusal(StrEnum):
    """Why a refresh token was not taken: `Problem.reason` of an UNAUTHENTICATED refresh.

    None of them tells a browser to drop its cookie: another tab may hold the live successor under the same name.
    """

    UNKNOWN = "REFRESH_UNKNOWN"  # no such token, or the account is gone
    EXPIRED = "REFRESH_EXPIRED"  # the token or the whole session outlived its time
    REVOKED = "REFRESH_REVOKED"  # the session was ended before
    REUSED = "REFRESH_REUSED"  # an old token came back: the session has just been ended for safety


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a request came from, as the edge saw it.

    `device` is what the browser's own cookie says, which only that browser knows: never stored, only its hash.
    `device_is_fresh` says that the id was drawn for this very request, which brought none.
    """

    ip: str | None = None
    user_agent: str | None = None
    device: str | None = field(default=None, repr=False)
    device_is_fresh: bool = False

    @cached_property
    def device_hash(self) -> bytes | None:
        """The form in which the browser is remembered."""
        return None if self.device is None else digest(self.device)

    @cached_property
    def network(self) -> str:
        """The key for limits per address: IPv4 as it is, IPv6 by its /64, which one subscriber holds whole."""
        try:
            address = ipaddress.ip_address((self.ip or "").partition("%")[0])
        except ValueError:
            return "unknown"
        if isinstance(address, ipaddress.IPv6Address):
            if address.ipv4_mapped is not None:
                return str(address.ipv4_mapped)
            return str(ipaddress.ip_network((address, 64), strict=False))
        return str(address)

    @cached_property
    def shown_ip(self) -> str:
        """The address as the list of sessions shows it; empty when it is none."""
        return "" if self.network == "unknown" else self.ip or ""

    @cached_property
    def shown_user_agent(self) -> str:
        """The browser's own name for itself, printable and bounded."""
        return "".join(c for c in (self.user_agent or "")[:MAX_USER_AGENT_CHARS] if c.isprintable())


@dataclass(frozen=True, kw_only=True)
class Viewer:
    """Who is asking: a live session, its account and its profile, read together so that `me` needs no second query."""

    account_id: UUID
    session_id: UUID
    signed_in_by: SignInMethod
    signed_in_at: datetime
    proved_at: datetime | None
    email: str | None
    email_verified_at: datetime | None
    has_password: bool
    two_factor_enabled: bool
    has_passkeys: bool
    has_faces: bool
    verified_at: datetime | None
    created_at: datetime
    updated_at: datetime
    handle: str
    display_name: str
    bio: str
    avatar_key: str | None
    avatar_mime: str | None
    face_findings: tuple[str, ...]
    privacy: Mapping[str, Any]
    status: Mapping[str, Any]
    campus_id: UUID | None
    persona: str | None
    onboarded_at: datetime | None
    headline: str
    primary_role: str | None
    availability: str | None
    timezone: str | None
    location: str
    primary_category: str
    industry_role: str
    company_name: str
    contact_links: Mapping[str, str]
    handle_changed_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Session:
    """One device that is signed in, as the account's owner sees it."""

    id: UUID
    current: bool
    method: SignInMethod
    user_agent: str
    ip: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class SignedIn:
    """A session with its newest pair of tokens; `repr` shows neither."""

    viewer: Viewer
    access_token: str = field(repr=False)
    access_expires_at: datetime
    refresh_token: str = field(repr=False)
    refresh_expires_at: datetime
    is_new: bool = False


@dataclass(frozen=True, kw_only=True)
class SecondFactorNeeded:
    """The first factor was right; what opens the session is a code given together with `temp_token`."""

    temp_token: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class SecondFactorSetup:
    """What a person needs once to set up their authenticator app, and the codes for the day they lose it."""

    otpauth_url: str = field(repr=False)
    qr_code: str = field(repr=False)
    backup_codes: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Passkey:
    """A passkey as its owner sees it; `synced`: its provider keeps copies for the owner's other devices."""

    id: UUID
    name: str
    synced: bool
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class PasskeyOptions:
    """What a browser asks a device, and the name under which the answer comes back."""

    challenge_id: str
    options: str = field(repr=False)


Admission: TypeAlias = SignedIn | SecondFactorNeeded
"""What comes of a first factor that was right."""


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What signing in by password needs to know of an account."""

    account_id: UUID
    password_hash: str | None = field(repr=False)
    reset_required: bool = False
    """Whether the password opens nothing until its owner has chosen another by a mailed link."""

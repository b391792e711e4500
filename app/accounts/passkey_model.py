"""What a ceremony of WebAuthn begins with and what it ends with."""

from dataclasses import dataclass, field
from uuid import UUID

USER_HANDLE_BYTES = 64  # Level 3, 14.6.1


class NotProved(Exception):
    """Raised when an answer is well-formed and does not prove what it should."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What an answer must be for."""

    challenge: bytes = field(repr=False)
    rp_id: str
    origins: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Person:
    """To whom a new passkey shall belong, as their device shows it."""

    handle: bytes = field(repr=False)
    name: str
    display_name: str


@dataclass(frozen=True, kw_only=True)
class Known:
    """A credential that exists, and the ways in which its device can be reached."""

    credential_id: bytes
    transports: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class NewKey:
    """A key that a device made for us."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    transports: tuple[str, ...]
    aaguid: UUID
    backup_eligible: bool
    backed_up: bool


@dataclass(frozen=True, kw_only=True)
class Use:
    """What a device said when it signed; the signature is right."""

    sign_count: int
    user_verified: bool
    backup_eligible: bool
    backed_up: bool

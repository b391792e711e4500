"""What the social slice speaks of: frozen values, no I/O."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Provider(StrEnum):
    """Who vouches for a person; clients read and send these words."""

    GOOGLE = "GOOGLE"
    FACEBOOK = "FACEBOOK"
    LINKEDIN = "LINKEDIN"
    GITHUB = "GITHUB"
    FIREBASE = "FIREBASE"
    AUTH0 = "AUTH0"

    @property
    def shown(self) -> str:
        """The name as its owner writes it."""
        return {"LINKEDIN": "LinkedIn", "GITHUB": "GitHub"}.get(self.value, self.value.title())


@dataclass(frozen=True, kw_only=True)
class ProvedIdentity:
    """Somebody a provider has just vouched for: the token or code was checked, nothing here is the client's word.

    `issuer` and `subject` name the person for good; the address is only what the provider knows of them today.
    `token_sealed` is an access token of the provider, sealed with ENCRYPTION_KEYS, where one is kept.
    """

    provider: Provider
    issuer: str
    subject: str
    email: str | None = None
    email_verified: bool = False
    name: str | None = None
    username: str | None = None
    token_sealed: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class LinkedIdentity:
    """A way in through a provider, as its owner sees it."""

    provider: Provider
    email: str | None
    username: str | None
    linked_at: datetime

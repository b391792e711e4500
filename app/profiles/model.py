"""What the profiles slice speaks of: frozen values, no I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Any, Final, TypeAlias
from uuid import UUID

from app.accounts.campuses import Campus


class AvatarSize(StrEnum):
    """In which size a profile photo is fetched."""

    SMALL = "SMALL"
    MEDIUM = "MEDIUM"
    LARGE = "LARGE"


MAX_SIDE_OF: Mapping[AvatarSize, int] = MappingProxyType(
    {AvatarSize.SMALL: 96, AvatarSize.MEDIUM: 320, AvatarSize.LARGE: 2048}
)
"""The longest side in pixels: a list entry and a card at twice their CSS size, and what the face is read from."""


def photo_key(avatar_key: str, size: AvatarSize) -> str:
    """Where the copy of this size lies; the largest under the photo's own key."""
    return avatar_key if size is AvatarSize.LARGE else f"{avatar_key}-{MAX_SIDE_OF[size]}"


@dataclass(frozen=True, kw_only=True)
class UploadHeader:
    """A header that an upload must carry exactly."""

    name: str
    value: str


@dataclass(frozen=True, kw_only=True)
class PhotoUpload:
    """Where and how one photo may be uploaded."""

    key: str
    url: str
    headers: tuple[UploadHeader, ...]
    expires_s: int


@dataclass(frozen=True, kw_only=True)
class AnnouncedPhoto:
    """What a person said they would upload; the stored bytes are held against it."""

    mime: str
    length_bytes: int


class Visibility(StrEnum):
    """Whom a profile shows itself to. Nobody has friends here yet, so for FRIENDS it is as for NONE."""

    EVERYONE = "everyone"
    FRIENDS = "friends"
    NONE = "none"


class HandleRefusal(StrEnum):
    """Why somebody cannot have a handle."""

    INVALID = "INVALID"
    BLOCKED = "BLOCKED"
    TAKEN = "TAKEN"
    HELD = "HELD"  # given up a while ago, and kept for its former owner
    RESERVED = "RESERVED"  # somebody is registering with it right now


@dataclass(frozen=True, kw_only=True)
class HandleAvailability:
    """Whether somebody can have a handle, and what else they could have."""

    available: bool
    reason: HandleRefusal | None = None
    suggestions: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Skill:
    """Something a person can do, as the taxonomy names it."""

    id: UUID
    name: str
    category: str


@dataclass(frozen=True, kw_only=True)
class Status:
    """What a person says they are doing."""

    text: str
    emoji: str
    updated_at: datetime | None

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Status":
        """The status as the profile's column holds it."""
        said_at = stored.get("updated_at")
        return cls(
            text=stored["text"],
            emoji=stored["emoji"],
            updated_at=None if said_at is None else datetime.fromisoformat(said_at),
        )


@dataclass(frozen=True, kw_only=True)
class Privacy:
    """Who sees a profile, and whether it can be found."""

    visibility: Visibility
    ghost_mode: bool

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Privacy":
        """The privacy as the profile's column holds it."""
        return cls(visibility=Visibility(stored["visibility"]), ghost_mode=stored["ghost_mode"])


@dataclass(frozen=True, kw_only=True)
class ContactLink:
    """An address elsewhere and what kind of place it is."""

    kind: str
    url: str

    @classmethod
    def all_of(cls, stored: Mapping[str, str]) -> "tuple[ContactLink, ...]":
        """The links as the profile's column holds them, by kind."""
        return tuple(cls(kind=kind, url=url) for kind, url in sorted(stored.items()))


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A person as others see them."""

    account_id: UUID
    handle: str
    display_name: str
    bio: str
    headline: str
    location: str
    timezone: str | None
    availability: str | None
    persona: str | None
    primary_role: str | None
    primary_category: str
    industry_role: str
    company_name: str
    avatar_key: str | None
    verified_at: datetime | None
    status: Status | None
    campus: Campus | None
    contact_links: tuple[ContactLink, ...]
    skills: tuple[Skill, ...]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What an onboarding left: columns of the profile, and whether the person has just become a builder."""

    columns: Mapping[str, Any]
    joins_builders: bool


class Unset(Enum):
    """The type of what a caller left out."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET
Text: TypeAlias = str | Unset | None


@dataclass(frozen=True, kw_only=True)
class ProfilePatch:
    """What should change. UNSET stays as it is; None empties a field, where it may be empty."""

    display_name: Text = UNSET
    handle: Text = UNSET
    bio: Text = UNSET
    headline: Text = UNSET
    location: Text = UNSET
    timezone: Text = UNSET
    availability: Text = UNSET
    primary_role: Text = UNSET
    primary_category: Text = UNSET
    industry_role: Text = UNSET
    company_name: Text = UNSET
    contact_links: Sequence[Mapping[str, str]] | Unset | None = UNSET
    skill_ids: Sequence[str | UUID] | Unset | None = UNSET
    status: Mapping[str, Any] | Unset | None = UNSET
    privacy: Mapping[str, Any] | Unset | None = UNSET

"""What the profiles slice speaks of: frozen values, no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


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

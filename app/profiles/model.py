"""What the profiles slice speaks of: frozen values, no I/O."""

from dataclasses import dataclass


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

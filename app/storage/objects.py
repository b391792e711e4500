"""What an object store promises, whichever one it is.

StorageError
├── StorageUnavailable     the store is away, full or refuses us; trying later may help
├── StoredObjectMissing    there is nothing under this key
├── StoredObjectTooLarge   there is more than the caller wants to read
└── UploadRefused          a signed upload was altered, has expired or does not match (local store only)
"""

import re
from dataclasses import dataclass
from typing import Protocol

# Segments never begin with a dot: no "..", and no clash with unfinished files. S3 takes 1,024 bytes of key.
_KEY = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}/){0,6}[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")
# What people upload waits here, where nobody can read it, until a clean copy of it is made.
UPLOADS = "uploads/"

_MIME = re.compile(r"[a-z0-9][a-z0-9.+-]{0,63}/[a-z0-9][a-z0-9.+-]{0,63}")


class StorageError(Exception):
    """Raised when the store cannot do what was asked; carries no secret."""


class StorageUnavailable(StorageError):
    """Raised when the store is away, full or refuses us."""


class StoredObjectMissing(StorageError):
    """Raised when there is nothing under a key."""


class StoredObjectTooLarge(StorageError):
    """Raised when an object is larger than the caller is willing to read."""


class UploadRefused(StorageError):
    """Raised when a signed upload was altered, has expired, or does not match what was signed."""


@dataclass(frozen=True)
class PresignedUpload:
    """One PUT that a client may make without signing in: to `url`, with exactly these `headers`."""

    url: str
    headers: dict[str, str]
    expires_s: int


class ObjectStore(Protocol):
    """Keeps whole objects under keys of the form `folder/owner/name`."""

    async def open(self) -> None:
        """Get ready; does not need the store to be there."""
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...

    async def presign_put(self, *, key: str, mime: str, length_bytes: int, expires_s: int) -> PresignedUpload:
        """Sign one upload; the store refuses any other type, length, key or a later time."""
        ...

    async def read(self, key: str, *, max_bytes: int) -> bytes:
        """The whole object; raises StoredObjectMissing, StoredObjectTooLarge (unread) or StorageUnavailable."""
        ...

    async def write(self, key: str, data: bytes, *, mime: str) -> None:
        """Store the object, whole or not at all, over what was there."""
        ...

    async def delete(self, key: str) -> None:
        """Remove the object; no error when there is none."""
        ...

    async def keys(self, folder: str) -> list[str]:
        """The keys of every object in the folder and below it; raises StorageUnavailable."""
        ...

    async def sweep_uploads(self, *, older_than_s: float) -> None:
        """Remove some of what waits under UPLOADS for longer; cheap enough to call with every upload."""
        ...

    def public_url(self, key: str) -> str:
        """Where anybody may GET the object."""
        ...

    async def check(self) -> None:
        """Raise StorageUnavailable unless the store answers."""
        ...


def demand_key(key: str) -> str:
    """The key itself; raises ValueError unless it is safe as a path, in a URL and in S3."""
    if not _KEY.fullmatch(key):
        raise ValueError("a storage key has up to seven segments of letters, digits, '_', '-' and '.'")
    return key


def demand_mime(mime: str) -> str:
    """The type itself; raises ValueError unless it is a bare lower-case media type."""
    if not _MIME.fullmatch(mime):
        raise ValueError("this is not a media type")
    return mime

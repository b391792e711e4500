"""Profile photos in PostgreSQL, and announced uploads in Redis."""

import json
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.database import Transaction
from app.errors import Code, Problem
from app.profiles.model import AnnouncedPhoto
from app.queries import Queries


class PhotoStore:
    """Reads and writes the photo of a profile, within the caller's transaction."""

    def __init__(self, *, queries: Queries) -> None:
        self._queries = queries

    async def lock_photo(self, tx: Transaction, account_id: UUID) -> str | None:
        """Holds the profile until the transaction ends, and gives the key of its photo, None without one.

        Raises Problem(NOT_FOUND) when the account is gone.
        """
        row = await tx.one(self._queries.profile_photo_locked, account_id=account_id)
        if row is None:
            raise Problem(Code.NOT_FOUND, "This account no longer exists.")
        key: str | None = row["avatar_key"]
        return key

    async def replace_photo(
        self, tx: Transaction, account_id: UUID, *, key: str, mime: str, findings: Sequence[str], now: datetime
    ) -> None:
        """Writes the new photo and what was found on it."""
        await tx.run(
            self._queries.profile_photo_replace,
            account_id=account_id,
            avatar_key=key,
            avatar_mime=mime,
            face_findings=list(findings),
            now=now,
        )


class UploadBook:
    """What was announced for each open upload; a line is forgotten after `kept_s`."""

    def __init__(self, *, redis: Redis, kept_s: int) -> None:
        self._redis = redis
        self._kept_s = kept_s

    async def announce(self, key: str, photo: AnnouncedPhoto) -> None:
        """Writes the line; raises Problem(BUSY) when Redis is away."""
        line = json.dumps({"mime": photo.mime, "length_bytes": photo.length_bytes})
        try:
            await self._redis.set(_name(key), line, ex=self._kept_s)
        except (RedisError, OSError) as error:
            raise _away() from error

    async def announced(self, key: str) -> AnnouncedPhoto | None:
        """The line, None when there was none or it was closed; raises Problem(BUSY) when Redis is away."""
        try:
            line = await self._redis.get(_name(key))
        except (RedisError, OSError) as error:
            raise _away() from error
        return None if line is None else AnnouncedPhoto(**json.loads(line))

    async def close(self, key: str) -> None:
        """Strikes the line out; left standing when Redis is away, it ends by itself."""
        try:
            await self._redis.delete(_name(key))
        except (RedisError, OSError):
            return


def _name(key: str) -> str:
    return f"upload:{key}"


def _away() -> Problem:
    return Problem(Code.BUSY, "Uploads cannot be looked up right now. Try again shortly.", retry_after_s=5)

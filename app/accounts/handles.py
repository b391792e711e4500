"""Handles: who may take which.

Whoever is about to take one reserves it first, in Redis, for as long as a form is filled in. PostgreSQL still has the
last word: a reservation spares two people the race, it does not decide it.
"""

import logging
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.accounts.rules import MAX_HANDLE_CHARS, is_blocked
from app.clock import Clock
from app.database import Database
from app.errors import Code, Problem
from app.ids import Ids

log = logging.getLogger(__name__)

RESERVATION_S = 900  # seed B, section 2
SUGGESTIONS = 3
_CANDIDATES = 12

_RESERVE = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
"""
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"


class HandleReservations:
    """Reserves handles, and says which are out of reach."""

    def __init__(self, *, database: Database, redis: Redis, clock: Clock, ids: Ids) -> None:
        self._database = database
        self._queries = database.queries
        self._redis = redis
        self._reserve = redis.register_script(_RESERVE)
        self._release = redis.register_script(_RELEASE)
        self._clock = clock
        self._ids = ids

    async def reserve(
        self, handle: str, account_id: UUID, *, field: str = "handle", max_chars: int = MAX_HANDLE_CHARS
    ) -> None:
        """Keeps a normalised handle for the account for 15 minutes; doing so again begins them anew.

        Raises Problem: CONFLICT on `field` with free suggestions when somebody else has, holds or reserved it; BUSY
        while Redis is away.
        """
        try:
            is_reserved = await self._reserve(keys=[_key(handle)], args=[str(account_id), RESERVATION_S])
        except (RedisError, OSError) as error:
            raise _away() from error
        if not is_reserved:
            raise await self.conflict(handle, field=field, max_chars=max_chars)
        is_free = False
        try:
            is_free = not await self._registered([handle], account_id)
        finally:
            if not is_free:  # or nobody can tell: who tries again shall not find the name taken by their own failed try
                await self.release(handle, account_id)
        if not is_free:
            raise await self.conflict(handle, field=field, max_chars=max_chars)

    async def release(self, handle: str, account_id: UUID) -> None:
        """Lets go of the handle if it is the account that reserved it; while Redis is away it lets go by itself."""
        try:
            await self._release(keys=[_key(handle)], args=[str(account_id)])
        except (RedisError, OSError) as error:
            log.warning("redis away while releasing a handle: %s", type(error).__name__)

    async def holder(self, handle: str) -> UUID | None:
        """Who reserved the handle, if anybody; raises Problem(BUSY) while Redis is away."""
        try:
            holder = await self._redis.get(_key(handle))
        except (RedisError, OSError) as error:
            raise _away() from error
        return UUID(holder.decode()) if isinstance(holder, bytes) else None

    @asynccontextmanager
    async def reserved(
        self, handle: str, account_id: UUID, *, field: str = "handle", max_chars: int = MAX_HANDLE_CHARS
    ) -> AsyncIterator[None]:
        """Reserves; lets go when the block fails. After success the reservation runs out by itself."""
        await self.reserve(handle, account_id, field=field, max_chars=max_chars)
        try:
            yield
        except BaseException:
            await self.release(handle, account_id)
            raise

    async def taken(self, handles: Collection[str], *, account_id: UUID | None = None) -> set[str]:
        """Those that somebody other than the account has, holds or reserved; raises Problem(BUSY)."""
        wanted = list(handles)
        try:
            holders = await self._redis.mget([_key(handle) for handle in wanted])
        except (RedisError, OSError) as error:
            raise _away() from error
        own = None if account_id is None else str(account_id).encode()
        reserved = {handle for handle, holder in zip(wanted, holders, strict=True) if holder not in (None, own)}
        return reserved | await self._registered(wanted, account_id)

    async def conflict(self, handle: str, *, field: str, max_chars: int = MAX_HANDLE_CHARS) -> Problem:
        """What to tell whoever cannot have the handle: names near it that are free."""
        stem = handle[: max_chars - 4]
        drawn = [f"{stem}{self._ids.below(10**digits)}" for digits in (2, 3, 4) for _ in range(_CANDIDATES // 3)]
        candidates = [name for name in dict.fromkeys(drawn) if not is_blocked(name)]
        taken = await self.taken(candidates)
        free = tuple(name for name in candidates if name not in taken)[:SUGGESTIONS]
        return Problem(Code.CONFLICT, "This name is taken.", field=field, suggestions=free)

    async def _registered(self, handles: Collection[str], account_id: UUID | None) -> set[str]:
        rows = await self._database.many(
            self._queries.handles_taken, handles=list(handles), account_id=account_id, now=self._clock.now()
        )
        return {row["handle"] for row in rows}


def _key(handle: str) -> str:
    return f"reserved:handle:{handle}"


def _away() -> Problem:
    return Problem(Code.BUSY, "Names cannot be reserved right now. Try again shortly.", retry_after_s=5)

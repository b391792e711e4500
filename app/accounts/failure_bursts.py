"""Failed sign-ins of one account, counted in Redis over a window that slides: ten within an hour are a burst.

A burst is told once a day, however long it goes on: whoever guesses must not be able to fill the owner's mailbox.
"""

import logging
from datetime import UTC, datetime, timedelta
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.clock import Clock

log = logging.getLogger(__name__)

BURST = 10
WINDOW = timedelta(hours=1)
TOLD_AGAIN_AFTER = timedelta(days=1)

# Of each account the newest ten moments; the tenth is the first of the burst.
_COUNT = """
redis.call('LPUSH', KEYS[1], ARGV[1])
redis.call('LTRIM', KEYS[1], 0, ARGV[2] - 1)
redis.call('EXPIRE', KEYS[1], ARGV[3])
local first = redis.call('LINDEX', KEYS[1], ARGV[2] - 1)
if not first or tonumber(ARGV[1]) - tonumber(first) > tonumber(ARGV[3]) then return false end
local told = redis.call('GET', KEYS[2])
if told and tonumber(ARGV[1]) - tonumber(told) < tonumber(ARGV[4]) then return false end
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[4])
return first
"""


class FailureBursts:
    """Counts."""

    def __init__(self, *, redis: Redis, clock: Clock) -> None:
        self._count = redis.register_script(_COUNT)
        self._clock = clock

    async def count(self, account_id: UUID) -> datetime | None:
        """Counts one more; when a burst began that is to be told now, else None. With Redis away nothing is counted."""
        # Erasure finds the keys by the account's id.
        keys = [f"failures:{account_id}", f"failures:told:{account_id}"]
        args = [
            self._clock.now().timestamp(),
            BURST,
            int(WINDOW.total_seconds()),
            int(TOLD_AGAIN_AFTER.total_seconds()),
        ]
        try:
            first = await self._count(keys=keys, args=args)
        except (RedisError, OSError) as error:
            log.warning("redis away while counting a failed sign-in: %s", type(error).__name__)
            return None
        return None if first is None else datetime.fromtimestamp(float(first), tz=UTC)

"""Limits as named data, counted by one atomic script in Redis; services spend them, whatever the edge.

A window is fixed and starts with its first attempt. When Redis is away each limit says what happens: sign-in and
face attempts are denied, reading is allowed.
"""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.errors import Code, Problem

log = logging.getLogger(__name__)

# Counts first and refuses after, in one step: parallel callers can never pass the limit together. Of several limits
# those before the one that refuses stay spent, as if each had been asked for by itself.
_SPEND = """
for number, key in ipairs(KEYS) do
  local amount, window_ms, cost = ARGV[3 * number - 2], ARGV[3 * number - 1], ARGV[3 * number]
  local count = redis.call('INCRBY', key, cost)
  if count == tonumber(cost) then redis.call('PEXPIRE', key, window_ms) end
  if count > tonumber(amount) then
    redis.call('DECRBY', key, cost)
    return {number, redis.call('PTTL', key)}
  end
end
return {0, 0}
"""

# Of a window that has ended meanwhile there is nothing to give back.
_GIVE_BACK = """
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('DECRBY', KEYS[1], ARGV[1]) end
"""


@dataclass(frozen=True)
class Limit:
    """At most `amount` in `window_s` seconds for one key; `name` is `<what is counted by>.<deed>`."""

    name: str
    amount: int
    window_s: int
    when_redis_is_away: Literal["deny", "allow"]


class RateLimits:
    """Spends attempts."""

    def __init__(self, *, redis: "Redis") -> None:
        self._redis = redis
        self._script = redis.register_script(_SPEND)
        self._give_back = redis.register_script(_GIVE_BACK)

    async def spend(self, limit: Limit, key: str, *, cost: int = 1) -> None:
        """Takes `cost` from the limit; raises Problem(RATE_LIMITED) with the seconds to wait when it is used up."""
        await self._spend([(limit, key)], cost)

    async def spend_each(self, *spent: tuple[Limit, str]) -> None:
        """Takes one from each limit, in order, in one step; raises as `spend` does for the first that is used up."""
        await self._spend(spent, 1)

    async def _spend(self, spent: Sequence[tuple[Limit, str]], cost: int) -> None:
        keys = [_name(limit, key) for limit, key in spent]
        args = [word for limit, _ in spent for word in (limit.amount, limit.window_s * 1000, cost)]
        try:
            number, wait_ms = await self._script(keys=keys, args=args)
        except (RedisError, OSError) as error:
            named = ", ".join(limit.name for limit, _ in spent)
            log.warning("redis away while spending %s: %s", named, type(error).__name__)
            if all(limit.when_redis_is_away == "allow" for limit, _ in spent):
                return
            raise Problem(
                Code.BUSY, "Attempts cannot be counted right now. Try again shortly.", retry_after_s=5
            ) from error
        if number > 0:
            wait_s = max(1, -(-wait_ms // 1000))
            raise Problem(
                Code.RATE_LIMITED,
                f"Too many attempts. Wait {wait_s} seconds.",
                retry_after_s=wait_s,
                reason=spent[number - 1][0].name,
            )

    async def give_back(self, limit: Limit, key: str, *, cost: int = 1) -> None:
        """Returns what was spent on an attempt that turned out right, where only wrong ones shall count."""
        try:
            await self._give_back(keys=[_name(limit, key)], args=[cost])
        except (RedisError, OSError) as error:
            # The deed stands; the window merely counts one attempt too many.
            log.warning("redis away while giving back %s: %s", limit.name, type(error).__name__)


def _name(limit: Limit, key: str) -> str:
    """Redis holds no e-mail address or IP in clear."""
    return f"limit:{limit.name}:{hashlib.sha256(key.encode()).hexdigest()[:32]}"

"""How often a person may try, and how long a row of failures blocks them.

Five failures in a row block further attempts for 30 s, then 60, 120 … up to an hour (ISO/IEC 30107-3 rates assume
that an attacker cannot try without end). Only liveness and face attempts are blocked, never the rest of the account.
"""

import logging
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.errors import Code, Problem
from app.rate_limits import Limit

log = logging.getLogger(__name__)

CREATE_CHALLENGE = Limit("account.liveness_challenge", amount=30, window_s=3600, when_redis_is_away="deny")
# An honest page claims once; a broken upload does not use the challenge up, but its pictures were decoded.
CLAIMS_PER_CHALLENGE = Limit("challenge.liveness_claim", amount=20, window_s=300, when_redis_is_away="deny")
# A person shows a code, perhaps once more; each makes the one before void.
HANDOFF_PER_ACCOUNT = Limit("account.handoff", amount=20, window_s=3600, when_redis_is_away="deny")
# A link cannot be guessed; each try costs us a look.
HANDOFF_PER_NETWORK = Limit("ip.handoff", amount=60, window_s=60, when_redis_is_away="deny")

FAILURES_IN_A_ROW = 5
FIRST_BLOCK_S = 30
LONGEST_BLOCK_S = 3600
_FORGET_AFTER_S = 24 * 3600

_RECORD_FAILURE = """
local failures = redis.call('INCR', KEYS[1])
redis.call('EXPIRE', KEYS[1], ARGV[1])
local over = failures - tonumber(ARGV[2])
if over >= 0 then
  local block = math.min(tonumber(ARGV[3]) * 2 ^ over, tonumber(ARGV[4]))
  redis.call('SET', KEYS[2], '1', 'EX', block)
end
return failures
"""


@dataclass(frozen=True)
class FailureRow:
    """Whose failures are counted, and how many in a row are forgiven: an account's, a browser's, a network's."""

    subject: str
    most: int = FAILURES_IN_A_ROW


class FailureStreaks:
    """Counts failed attempts since the last success; an attempt may stand in several rows."""

    def __init__(self, *, redis: Redis) -> None:
        self._redis = redis
        self._record = redis.register_script(_RECORD_FAILURE)

    async def blocked_for_s(self, *rows: FailureRow) -> int | None:
        """Seconds until the next attempt is allowed, None when it is allowed now; denies when Redis is away."""
        try:
            waits_s = [int(await self._redis.ttl(_block(row))) for row in rows]
        except (RedisError, OSError) as error:
            raise counting_unavailable() from error
        wait_s = max(waits_s, default=0)
        return wait_s if wait_s > 0 else None

    async def failed(self, *rows: FailureRow) -> None:
        """Counts one failure in each row; from the last that is forgiven on, each blocks for twice as long."""
        try:
            for row in rows:
                arguments = [_FORGET_AFTER_S, row.most, FIRST_BLOCK_S, LONGEST_BLOCK_S]
                await self._record(keys=[_streak(row), _block(row)], args=arguments)
        except (RedisError, OSError) as error:
            raise counting_unavailable() from error

    async def succeeded(self, *rows: FailureRow) -> None:
        """Ends the rows."""
        try:
            await self._redis.delete(*(key for row in rows for key in (_streak(row), _block(row))))
        except (RedisError, OSError) as error:
            # The success stands; the row merely ends later by itself.
            log.warning("redis away while ending a row of failures: %s", type(error).__name__)


def counting_unavailable() -> Problem:
    """What an attempt is told while Redis is away: denied, with when to try again."""
    return Problem(Code.BUSY, "Attempts cannot be counted right now. Try again shortly.", retry_after_s=5)


def _streak(row: FailureRow) -> str:
    return f"liveness:failures:{row.subject}"


def _block(row: FailureRow) -> str:
    return f"liveness:blocked:{row.subject}"

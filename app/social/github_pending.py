"""What is remembered of a browser while it is away at GitHub: bound to that browser, taken once, for ten minutes."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.clock import Clock
from app.errors import Code, Problem

STATE_TTL = timedelta(minutes=10)  # as long as GitHub's codes live
_MAX_CHARS = 100


@dataclass(frozen=True, kw_only=True)
class Pending:
    """What was decided when the browser left."""

    verifier: str = field(repr=False)
    redirect_uri: str
    return_to: str


class PendingSignIns:
    """Keeps them in Redis, under a digest of state and browser together.

    A state alone finds nothing: neither the state of another browser nor one that leaked through a log or a Referer
    is good for anything, and trying it takes nothing from its owner.
    """

    def __init__(self, *, redis: Redis, clock: Clock) -> None:
        self._redis = redis
        self._clock = clock

    async def keep(self, pending: Pending, *, state: str, browser: str) -> None:
        """Remembers; raises Problem(BUSY) when Redis is away."""
        kept = json.dumps({**asdict(pending), "created_at": self._clock.now().isoformat()})
        try:
            await self._redis.set(_key(state, browser), kept, ex=STATE_TTL)
        except (RedisError, OSError) as error:
            raise _away() from error

    async def take(self, *, state: str, browser: str) -> Pending | None:
        """What was kept, to one caller only; None when it was taken, is too old, or is another browser's."""
        if not (state + browser).isascii() or max(len(state), len(browser)) > _MAX_CHARS:
            return None
        try:
            kept = await self._redis.getdel(_key(state, browser))
        except (RedisError, OSError) as error:
            raise _away() from error
        if kept is None:
            return None
        values = json.loads(kept)
        created_at = datetime.fromisoformat(values.pop("created_at"))
        return Pending(**values) if self._clock.now() - created_at < STATE_TTL else None


def _key(state: str, browser: str) -> str:
    return f"github:pending:{hashlib.sha256(f'{state} {browser}'.encode()).hexdigest()}"


def _away() -> Problem:
    return Problem(Code.BUSY, "Sign-ins cannot be remembered right now.", retry_after_s=5)

"""What is remembered of a browser while it is away at a provider: bound to it, taken once, for ten minutes."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.accounts.model import Origin
from app.clock import Clock
from app.errors import Code, Problem
from app.ids import Ids
from app.rate_limits import Limit, RateLimits

STATE_TTL = timedelta(minutes=10)  # as long as GitHub's codes live; LinkedIn's live half an hour
SECRET_BYTES = 32  # 43 characters, what PKCE asks of a verifier at least (RFC 7636, 4.1)
_MAX_CHARS = 100


@dataclass(frozen=True, kw_only=True)
class Pending:
    """What was decided when the browser left."""

    verifier: str = field(repr=False)
    redirect_uri: str
    return_to: str


@dataclass(frozen=True, kw_only=True)
class Departure:
    """Where to send the browser, and the mark by which it is known again."""

    url: str = field(repr=False)
    browser: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Leaving:
    """A browser about to leave, remembered already."""

    state: str = field(repr=False)
    browser: str = field(repr=False)
    pending: Pending

    def to(self, url: str) -> Departure:
        """The departure, once the client of the provider has said where it leads."""
        return Departure(url=url, browser=self.browser)


class PendingSignIns:
    """Keeps them in Redis, under a digest of state and browser together; `name` keeps those of one provider apart.

    A state alone finds nothing: neither the state of another browser nor one that leaked through a log or a Referer
    is good for anything, and trying it takes nothing from its owner.
    """

    def __init__(self, *, redis: Redis, clock: Clock, name: str) -> None:
        self._redis = redis
        self._clock = clock
        self._name = name

    async def keep(self, pending: Pending, *, state: str, browser: str) -> None:
        """Remembers; raises Problem(BUSY) when Redis is away."""
        kept = json.dumps({**asdict(pending), "created_at": self._clock.now().isoformat()})
        try:
            await self._redis.set(self._key(state, browser), kept, ex=STATE_TTL)
        except (RedisError, OSError) as error:
            raise _away() from error

    async def take(self, *, state: str, browser: str) -> Pending | None:
        """What was kept, to one caller only; None when it was taken, is too old, or is another browser's."""
        if not (state + browser).isascii() or max(len(state), len(browser)) > _MAX_CHARS:
            return None
        try:
            kept = await self._redis.getdel(self._key(state, browser))
        except (RedisError, OSError) as error:
            raise _away() from error
        if kept is None:
            return None
        values = json.loads(kept)
        created_at = datetime.fromisoformat(values.pop("created_at"))
        return Pending(**values) if self._clock.now() - created_at < STATE_TTL else None

    def _key(self, state: str, browser: str) -> str:
        return f"{self._name}:pending:{hashlib.sha256(f'{state} {browser}'.encode()).hexdigest()}"


class Departures:
    """Lets browsers go to one provider and knows them again, within limits of its own."""

    def __init__(
        self, *, pending: PendingSignIns, limits: RateLimits, ids: Ids, begin: Limit, finish: Limit, unknown: str
    ) -> None:
        self._pending = pending
        self._limits = limits
        self._ids = ids
        self._begin = begin
        self._finish = finish
        self._unknown = unknown

    async def leave(self, *, redirect_uri: str, return_to: str, origin: Origin) -> Leaving:
        """Remembers the browser; raises Problem: RATE_LIMITED, BUSY."""
        await self._limits.spend(self._begin, origin.network)
        state, browser, verifier = (self._ids.token(SECRET_BYTES) for _ in range(3))
        pending = Pending(verifier=verifier, redirect_uri=redirect_uri, return_to=return_to)
        await self._pending.keep(pending, state=state, browser=browser)
        return Leaving(state=state, browser=browser, pending=pending)

    async def come_back(self, *, state: str, browser: str | None, origin: Origin) -> Pending:
        """What was decided when this browser left, once.

        Raises Problem: GONE with the reason `unknown` for a state that is unknown, used, too old or another browser's,
        all alike; RATE_LIMITED; BUSY.
        """
        await self._limits.spend(self._finish, origin.network)
        pending = None if browser is None else await self._pending.take(state=state, browser=browser)
        if pending is None:
            raise Problem(
                Code.GONE,
                "This sign-in was begun in another browser, is finished already, or took longer than ten minutes. "
                "Start again.",
                field="state",
                reason=self._unknown,
            )
        return pending


def _away() -> Problem:
    return Problem(Code.BUSY, "Sign-ins cannot be remembered right now.", retry_after_s=5)

"""Handing a check over to a phone: a link, shown as a QR code, for somebody whose camera is elsewhere.

The link is no session. Whoever opens it first gets, in that browser alone and for ten minutes, at most four attempts
at the badge of one account, and each must still match its profile photo; its failures count as the account's own.
Nothing can be read with it but the name of whose check it is, so that nobody gives their face for a stranger's account
unaware. It ends with the session that made it, with the next link of the account, and with the badge.

Redis holds the link as its SHA-256 and what was handed over under the account; while Redis is away nothing is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.accounts.model import Origin, Viewer
from app.accounts.sessions import SessionService
from app.audit import AuditEvent, AuditLog
from app.clock import Clock
from app.errors import Code, Problem
from app.ids import Ids
from app.rate_limits import RateLimits
from app.secrets import digest
from app.verification.attempts import Aim, AttemptRules
from app.verification.limits import HANDOFF_PER_ACCOUNT, HANDOFF_PER_NETWORK, counting_unavailable
from app.verification.model import Descriptor, Outcome, VerificationError
from app.verification.service import VerificationService

LINK_LIVES = timedelta(minutes=5)
OPENED_LIVES = timedelta(minutes=10)
"""Long enough for several attempts, five minutes being the life of each challenge."""
ATTEMPTS = 4
"""The three that the page makes, and one for a gesture that somebody cannot make; fewer than block an account, so a
stolen link does not even do that."""
_TOKEN_BYTES = 24

# A newer link replaces what was handed over before, opened or not.
_BEGIN = """
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'link', ARGV[1], 'session', ARGV[2], 'until', ARGV[3], 'left', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
redis.call('SET', KEYS[2], ARGV[6], 'PX', ARGV[5])
"""
# The first who opens it has it: the link stands for nothing from then on.
_OPEN = """
if redis.call('HGET', KEYS[1], 'link') ~= ARGV[1] then return false end
redis.call('HDEL', KEYS[1], 'link')
redis.call('HSET', KEYS[1], 'browser', ARGV[2], 'until', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('SET', KEYS[2], ARGV[5], 'PX', ARGV[4])
return redis.call('HGET', KEYS[1], 'session')
"""
# Counted before the challenge is drawn: fifty who ask at once get four.
_DRAW = """
if redis.call('HGET', KEYS[1], 'browser') ~= ARGV[1] then return -1 end
return redis.call('HINCRBY', KEYS[1], 'left', -1)
"""


@dataclass(frozen=True, kw_only=True)
class Handoff:
    """A link that was just made."""

    token: str
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class HandoffTask:
    """Whose check the browser may make, and how often it may still try."""

    handle: str
    display_name: str
    attempts_left: int
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class _Opened:
    account_id: UUID
    session_id: UUID
    left: int
    until: datetime


class Handoffs:
    """Makes links, takes each once, and lets the browser that took one try."""

    def __init__(
        self,
        *,
        redis: Redis,
        sessions: SessionService,
        verification: VerificationService,
        limits: RateLimits,
        audit: AuditLog,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._redis = redis
        self._begin, self._open, self._draw = (redis.register_script(text) for text in (_BEGIN, _OPEN, _DRAW))
        self._sessions = sessions
        self._verification = verification
        self._limits = limits
        self._audit = audit
        self._clock = clock
        self._ids = ids

    async def begin(self, viewer: Viewer) -> Handoff:
        """A link for the viewer's check; earlier ones end. Raises Problem: RATE_LIMITED, BUSY."""
        account = str(viewer.account_id)
        await self._limits.spend(HANDOFF_PER_ACCOUNT, account)
        token, until = self._ids.token(_TOKEN_BYTES), self._clock.now() + LINK_LIVES
        link = digest(token).hex()
        args: list[str | int] = [link, str(viewer.session_id), _ms(until), ATTEMPTS, _ms_of(LINK_LIVES), account]
        try:
            await self._begin(keys=[_of_account(account), _of_link(link)], args=args)
        except (RedisError, OSError) as error:
            raise counting_unavailable() from error
        return Handoff(token=token, expires_at=until)

    async def open(self, token: str | None, *, origin: Origin) -> HandoffTask:
        """Whose check it is; the browser of `origin` may make it from here on. Without a token: what it opened before.

        Raises Problem: GONE with the reason HANDOFF_OVER for a link that was used, replaced, is too old or none, and
        where its session has ended; RATE_LIMITED, BUSY.
        """
        await self._limits.spend(HANDOFF_PER_NETWORK, origin.network)
        if token is not None:
            await self._take(token, origin)
        opened = await self._opened(origin)
        viewer = None if opened is None else await self._viewer(opened)
        if opened is None or viewer is None:
            raise _over()
        if token is not None:
            await self._audit.record(AuditEvent.HANDOFF_OPENED, account_id=viewer.account_id, origin=origin)
        return HandoffTask(
            handle=viewer.handle, display_name=viewer.display_name, attempts_left=opened.left, expires_at=opened.until
        )

    async def draw(self, *, origin: Origin) -> Aim:
        """The aim to draw a challenge for, one of the few that the browser has; raises Problem(GONE), BUSY."""
        aim = await self.aim(origin)
        if aim is None:
            raise _over()
        try:
            left = await self._draw(keys=[_of_account(aim.subject)], args=[_browser(origin)])
        except (RedisError, OSError) as error:
            raise counting_unavailable() from error
        if int(left) < 0:
            raise _over()
        return aim

    async def aim(self, origin: Origin) -> Aim | None:
        """What the browser of `origin` may attempt; None where nothing was handed over to it, or not any more.

        The challenge is the account's own, so that of all its devices only one has one open.
        """
        opened = await self._opened(origin)
        viewer = None if opened is None else await self._viewer(opened)
        if viewer is None:
            return None
        aim = self._verification.aim(viewer)
        return replace(aim, open=partial(self._rules, aim))

    async def demanded_aim(self, origin: Origin) -> Aim:
        """The same; raises Problem(GONE) where there is none."""
        aim = await self.aim(origin)
        if aim is None:
            raise _over()
        return aim

    async def finish(self, account_id: str) -> None:
        """Takes back what was handed over."""
        try:
            await self._redis.delete(_of_account(account_id))
        except (RedisError, OSError) as error:
            raise counting_unavailable() from error

    async def _take(self, token: str, origin: Origin) -> None:
        link, until = digest(token).hex(), self._clock.now() + OPENED_LIVES
        try:
            account, found = await self._held(await self._redis.get(_of_link(link)))
            if _until(found) <= self._clock.now():
                raise _over()
            args: list[str | int] = [link, _browser(origin), _ms(until), _ms_of(OPENED_LIVES), account]
            session = await self._open(keys=[_of_account(account), _of_browser(origin)], args=args)
        except (RedisError, OSError) as error:
            raise counting_unavailable() from error
        if session is None:
            raise _over()

    async def _opened(self, origin: Origin) -> _Opened | None:
        if origin.device_hash is None:
            return None
        try:
            account, found = await self._held(await self._redis.get(_of_browser(origin)))
        except (RedisError, OSError) as error:
            raise counting_unavailable() from error
        until = _until(found)
        if found.get("browser") != _browser(origin) or until <= self._clock.now():
            return None
        return _Opened(
            account_id=UUID(account),
            session_id=UUID(found["session"]),
            left=max(0, int(found["left"])),
            until=until,
        )

    async def _held(self, account: bytes | str | None) -> tuple[str, Mapping[str, str]]:
        """The account that a link or a browser stands for, and what was handed over; nothing where there is none."""
        if account is None:
            return "", {}
        held = await self._redis.hgetall(_of_account(_text(account)))
        return _text(account), {_text(name): _text(value) for name, value in held.items()}

    async def _viewer(self, opened: _Opened) -> Viewer | None:
        return await self._sessions.living(opened.session_id, account_id=opened.account_id)

    async def _rules(self, aim: Aim) -> AttemptRules | VerificationError:
        rules = await aim.open()
        return rules if isinstance(rules, VerificationError) else _HandedOver(self, aim.subject, rules)


@dataclass(frozen=True, eq=False)
class _HandedOver:
    """An attempt of the phone: as any other at the badge, and the last one when it succeeds."""

    handoffs: Handoffs
    account_id: str
    rules: AttemptRules

    async def earn(self, face: Descriptor) -> Outcome:
        outcome = await self.rules.earn(face)
        if outcome.success:
            await self.handoffs.finish(self.account_id)
        return outcome

    async def refused(self, outcome: Outcome) -> None:
        await self.rules.refused(outcome)

    async def still_wanted(self) -> bool:
        return await self.rules.still_wanted()


def _over() -> Problem:
    """The same for a link that never was, was opened already, was replaced, has expired, or whose session has ended."""
    return Problem(
        Code.GONE,
        "This link does not work any more. Show a new code on your computer.",
        field="token",
        reason="HANDOFF_OVER",
    )


def _until(found: Mapping[str, str]) -> datetime:
    return datetime.fromtimestamp(int(found.get("until", 0)) / 1000, tz=UTC)


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode()


def _browser(origin: Origin) -> str:
    assert origin.device_hash is not None, "the browser was given an id when it opened the link"
    return origin.device_hash.hex()


def _of_account(account_id: str) -> str:
    return f"handoff:{account_id}"


def _of_link(link: str) -> str:
    return f"handoff:link:{link}"


def _of_browser(origin: Origin) -> str:
    return f"handoff:browser:{_browser(origin)}"


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _ms_of(span: timedelta) -> int:
    return int(span.total_seconds() * 1000)

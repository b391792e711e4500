"""The second step of a sign-in: a temp token stands for a first factor that was right, until a code completes it.

What completes it is the account's own second factor, or a code that was mailed for this one step. It lives in Redis,
under its SHA-256, bound to the account, and to the password, the address and the factor as they were: when one changes,
or the account is deleted, nothing can be completed any more. Of a mailed code there is SHA-256 of the token with it:
the token is nowhere, so the million codes cannot be tried on what Redis holds.
"""

import hmac
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.accounts.model import SignInMethod
from app.clock import Clock
from app.database import Transaction
from app.errors import Code, Problem
from app.ids import Ids
from app.queries import Queries
from app.secrets import could_be_token, digest

SECOND_STEP_TTL = timedelta(minutes=5)
CODES_PER_STEP = 5
_TOKEN_BYTES = 32

_BEGIN = """
redis.call('HSET', KEYS[1], 'account', ARGV[1], 'method', ARGV[2], 'fingerprint', ARGV[3], 'expires_at', ARGV[4],
  'code', ARGV[5])
redis.call('EXPIRE', KEYS[1], ARGV[6])
"""
# Counts first and answers after, in one step: parallel tries can never pass the limit together.
_TRY = """
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
local tries = redis.call('HINCRBY', KEYS[1], 'tries', 1)
if tries > tonumber(ARGV[1]) then return false end
local step = redis.call('HMGET', KEYS[1], 'account', 'method', 'fingerprint', 'expires_at', 'code')
step[6] = tries
return step
"""
_ACCOUNT = """
local step = redis.call('HMGET', KEYS[1], 'account', 'expires_at', 'tries')
if not step[1] or tonumber(step[3] or '0') >= tonumber(ARGV[1]) then return false end
return {step[1], step[2]}
"""


@dataclass(frozen=True, kw_only=True)
class SecondStep:
    """A first factor that was right, and one of the tries that it allows.

    `mailed_code` is the SHA-256 of the code that completes it, None where that is the account's second factor.
    """

    account_id: UUID
    method: SignInMethod
    fingerprint: str
    mailed_code: str | None = field(default=None, repr=False)
    is_last_try: bool


class SecondSteps:
    """Issues temp tokens, counts the tries of each, and lets one try complete it."""

    def __init__(self, *, redis: Redis, queries: Queries, clock: Clock, ids: Ids) -> None:
        self._redis = redis
        self._queries = queries
        self._clock = clock
        self._ids = ids
        self._begin = redis.register_script(_BEGIN)
        self._try = redis.register_script(_TRY)
        self._account = redis.register_script(_ACCOUNT)

    async def begin(
        self, tx: Transaction, account_id: UUID, *, method: SignInMethod, mailed_code: str | None = None
    ) -> str:
        """A new temp token; `tx` must hold the account's row. Raises Problem(BUSY) when Redis is away.

        With `mailed_code` that code completes it, as long as the account has no second factor.
        """
        token = self._ids.token(_TOKEN_BYTES)
        fingerprint = await tx.scalar(self._queries.second_factor_fingerprint, account_id=account_id)
        expires_at = (self._clock.now() + SECOND_STEP_TTL).timestamp()
        ttl_s = int(SECOND_STEP_TTL.total_seconds())
        code = "" if mailed_code is None else _code(token, mailed_code)
        try:
            await self._begin(
                keys=[_key(token)], args=[str(account_id), method.value, fingerprint, expires_at, code, ttl_s]
            )
        except (RedisError, OSError) as error:
            raise _redis_away() from error
        return token

    async def count_try(self, token: str) -> SecondStep | None:
        """Takes one of the token's tries; None when it is unknown, used, expired or tried too often."""
        if not could_be_token(token):
            return None
        try:
            found = await self._try(keys=[_key(token)], args=[CODES_PER_STEP])
        except (RedisError, OSError) as error:
            raise _redis_away() from error
        if found is None:
            return None
        account_id, method, fingerprint, expires_at, code, tries = found
        if self._clock.now().timestamp() >= float(expires_at):
            return None
        return SecondStep(
            account_id=UUID(account_id.decode()),
            method=SignInMethod(method.decode()),
            fingerprint=fingerprint.decode(),
            mailed_code=(code or b"").decode() or None,  # a step of the release before has no such field
            is_last_try=tries == CODES_PER_STEP,
        )

    def is_mailed_code(self, token: str, step: SecondStep, code: str) -> bool:
        """Whether it is the code that was mailed for this very step."""
        return step.mailed_code is not None and hmac.compare_digest(step.mailed_code, _code(token, code))

    async def account_of(self, token: str) -> UUID | None:
        """Whose first factor was right, without taking a try; None when the token has none left, as in `count_try`."""
        if not could_be_token(token):
            return None
        try:
            found = await self._account(keys=[_key(token)], args=[CODES_PER_STEP])
        except (RedisError, OSError) as error:
            raise _redis_away() from error
        if found is None or self._clock.now().timestamp() >= float(found[1]):
            return None
        return UUID(found[0].decode())

    async def complete(self, tx: Transaction, token: str, step: SecondStep) -> bool:
        """Uses the token up; False when the account has changed since, or somebody has used it before."""
        now = await tx.scalar(self._queries.second_factor_fingerprint, account_id=step.account_id)
        if now is None or not hmac.compare_digest(now, step.fingerprint):
            return False
        try:
            return await self._redis.delete(_key(token)) == 1
        except (RedisError, OSError) as error:
            raise _redis_away() from error


def _key(token: str) -> str:
    return f"second-step:{digest(token).hex()}"


def _code(token: str, code: str) -> str:
    return digest(f"{token} {code}").hex()


def _redis_away() -> Problem:
    return Problem(Code.BUSY, "Sign-in cannot go on right now. Try again shortly.", retry_after_s=5)

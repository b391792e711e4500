"""Taking a code of a second factor: counted, used up once, and told to the owner where it was a backup code."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from app.accounts import second_factor_letters as letters
from app.accounts.alarms import Alarms
from app.accounts.limits import BACKUP_CODES_PER_ACCOUNT, CODES_PER_ACCOUNT_DAILY, CODES_PER_ACCOUNT_HOURLY
from app.accounts.model import Factor, Origin
from app.accounts.one_time_codes import is_totp, matching_step, normalised_code
from app.accounts.second_factor_store import SecondFactorStore, StoredFactor
from app.audit import AuditEvent, AuditLog
from app.background import Post
from app.clock import Clock
from app.database import Database, Transaction
from app.errors import Code, Problem
from app.rate_limits import RateLimits

T = TypeVar("T")


class CodeRefusal(StrEnum):
    """Why a code proved nothing: `Problem.reason`."""

    WRONG = "WRONG_CODE"  # or used before, or of another time
    OFF = "SECOND_FACTOR_OFF"  # there is nothing to prove


class SecondFactorCodes:
    """The one place where a code is compared, whatever it is given for."""

    def __init__(
        self,
        *,
        database: Database,
        store: SecondFactorStore,
        audit: AuditLog,
        alarms: Alarms,
        limits: RateLimits,
        post: Post,
        clock: Clock,
    ) -> None:
        self._database = database
        self._store = store
        self._audit = audit
        self._alarms = alarms
        self._limits = limits
        self._post = post
        self._clock = clock

    async def use(
        self, account_id: UUID, code: str, *, origin: Origin, deed: Callable[[Transaction, Factor], Awaitable[T]]
    ) -> T:
        """Uses the code up and does the deed in one transaction, the account's row held.

        Raises Problem: BAD_USER_INPUT for a code that is wrong (WRONG_CODE) or can be none, GONE (SECOND_FACTOR_OFF),
        RATE_LIMITED, BUSY, or the deed's own.
        """
        code = normalised_code(code)
        await self.count(account_id)
        if not is_totp(code):
            await self._limits.spend(BACKUP_CODES_PER_ACCOUNT, str(account_id))

        async def work(tx: Transaction) -> tuple[T, Factor, int, str | None]:
            stored = await self._store.hold(tx, account_id)
            if stored is None or stored.enabled_at is None:
                raise Problem(Code.GONE, "Two-factor sign-in is not switched on.", reason=CodeRefusal.OFF)
            factor = await self._use(tx, account_id, stored, code)
            if factor is None:
                raise wrong_code(Code.BAD_USER_INPUT)
            left = await self._store.backup_codes_left(tx, account_id)
            if factor is Factor.BACKUP_CODE:
                await self._audit.record(
                    AuditEvent.BACKUP_CODE_USED, account_id=account_id, origin=origin, detail={"left": left}, tx=tx
                )
            return await deed(tx, factor), factor, left, stored.email

        try:
            done, factor, left, email = await self._database.transact(work)
        except Problem as problem:
            if problem.reason == CodeRefusal.WRONG:
                await self._audit.record(AuditEvent.SECOND_FACTOR_FAILED, account_id=account_id, origin=origin)
                self._alarms.failed(account_id, origin=origin)
            raise
        await self.give_back(account_id)
        if factor is Factor.BACKUP_CODE and email is not None:
            self._post.send(letters.backup_code_used(email, left=left), account_id=account_id)
        return done

    async def prove(self, account_id: UUID, code: str, *, origin: Origin) -> None:
        """Uses the code up and does nothing else; raises as `use` does."""
        await self.use(account_id, code, origin=origin, deed=_nothing)

    async def count(self, account_id: UUID) -> None:
        """Spends one of the account's tries; raises Problem(RATE_LIMITED or BUSY)."""
        await self._limits.spend(CODES_PER_ACCOUNT_HOURLY, str(account_id))
        await self._limits.spend(CODES_PER_ACCOUNT_DAILY, str(account_id))

    async def give_back(self, account_id: UUID) -> None:
        """Returns the try of a code that was right."""
        await self._limits.give_back(CODES_PER_ACCOUNT_HOURLY, str(account_id))
        await self._limits.give_back(CODES_PER_ACCOUNT_DAILY, str(account_id))

    async def _use(self, tx: Transaction, account_id: UUID, stored: StoredFactor, code: str) -> Factor | None:
        now = self._clock.now()
        if not is_totp(code):
            used = await self._store.use_backup_code(tx, account_id, code, now=now)
            return Factor.BACKUP_CODE if used else None
        step = matching_step(self._store.secret(account_id, stored), code, now)
        used = step is not None and await self._store.use_step(tx, account_id, step)
        return Factor.TOTP if used else None


def wrong_code(code: Code) -> Problem:
    """The same words for every wrong code: UNAUTHENTICATED to whoever signs in, BAD_USER_INPUT to whoever has."""
    return Problem(code, "This code is wrong or was used already.", field="code", reason=CodeRefusal.WRONG)


async def _nothing(_: Transaction, __: Factor) -> None:
    """The deed of a caller who only wants to know."""

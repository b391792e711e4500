"""Two-factor sign-in: switched on and off by its owner, and asked for at every sign-in in between."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlsplit
from uuid import UUID

from app.accounts import second_factor_letters as letters
from app.accounts.alarms import Alarms
from app.accounts.entry import Entry
from app.accounts.limits import SECOND_FACTOR_SETUPS
from app.accounts.model import Factor, Origin, SecondFactorSetup, SignedIn, Viewer
from app.accounts.one_time_codes import (
    is_totp,
    matching_step,
    new_backup_codes,
    new_secret,
    normalised_code,
    otpauth_url,
    qr_code,
)
from app.accounts.proofs import SensitiveDeed
from app.accounts.reauthentication import Reauthentication
from app.accounts.second_factor_codes import CodeRefusal, SecondFactorCodes, wrong_code
from app.accounts.second_factor_store import SecondFactorStore
from app.accounts.second_steps import SecondStep, SecondSteps
from app.accounts.sessions import SessionService
from app.audit import AuditEvent, AuditLog
from app.background import Post
from app.clock import Clock
from app.database import Database, Transaction
from app.errors import Code, Problem
from app.ids import Ids
from app.mail import Mail
from app.metrics import Deed, Metrics, counted
from app.rate_limits import RateLimits

SETUP_TTL = timedelta(hours=1)
"""How long a secret that was shown waits to be confirmed."""


class SecondFactors:
    """What an owner does with their second factor, and the second step of a sign-in."""

    def __init__(
        self,
        *,
        database: Database,
        store: SecondFactorStore,
        codes: SecondFactorCodes,
        steps: SecondSteps,
        entry: Entry,
        sessions: SessionService,
        reauthentication: Reauthentication,
        audit: AuditLog,
        alarms: Alarms,
        limits: RateLimits,
        metrics: Metrics,
        post: Post,
        clock: Clock,
        ids: Ids,
        public_url: str,
    ) -> None:
        self._database = database
        self._store = store
        self._codes = codes
        self._steps = steps
        self._entry = entry
        self._sessions = sessions
        self._reauthentication = reauthentication
        self._audit = audit
        self._alarms = alarms
        self._limits = limits
        self._metrics = metrics
        self._post = post
        self._clock = clock
        self._ids = ids
        self._issuer = urlsplit(public_url).hostname or "Bonafide"

    async def enable(self, viewer: Viewer, *, password: str | None = None, origin: Origin) -> SecondFactorSetup:
        """Shows a new secret and new backup codes; nothing is asked for until `verify` confirms them.

        Raises Problem: FORBIDDEN with the reason REAUTHENTICATION_NEEDED without the password, where neither sign-in
        nor proof is of the last five minutes; CONFLICT when a second factor is on already, RATE_LIMITED, BUSY.
        """
        account_id = viewer.account_id
        # Whoever finds an unlocked device, or steals a cookie, could lock the owner out for good.
        await self._reauthentication.demand(
            viewer, SensitiveDeed.ENABLE_SECOND_FACTOR, password=password, origin=origin
        )
        await self._limits.spend(SECOND_FACTOR_SETUPS, str(account_id))
        secret, backup_codes = new_secret(self._ids), new_backup_codes(self._ids)

        async def work(tx: Transaction) -> None:
            await self._sessions.hold(tx, viewer)
            if not await self._store.begin(tx, account_id, secret=secret, now=self._clock.now()):
                raise _already_on()
            await self._replace_backup_codes(tx, account_id, backup_codes)

        await self._database.transact(work)
        url = otpauth_url(secret, issuer=self._issuer, name=viewer.email or viewer.handle)
        return SecondFactorSetup(
            otpauth_url=url, qr_code=await asyncio.to_thread(qr_code, url), backup_codes=backup_codes
        )

    async def verify(self, viewer: Viewer, code: str, *, origin: Origin) -> None:
        """Switches the second factor on, once a code shows that the app has the secret.

        Raises Problem: BAD_USER_INPUT with the field, CONFLICT when it is on already, GONE without a set-up of the
        last hour, RATE_LIMITED, BUSY.
        """
        account_id, code = viewer.account_id, normalised_code(code)
        await self._codes.count(account_id)

        async def work(tx: Transaction) -> None:
            await self._sessions.hold(tx, viewer)
            stored, now = await self._store.read(tx, account_id), self._clock.now()
            if stored is not None and stored.enabled_at is not None:
                raise _already_on()
            if stored is None or now - stored.begun_at > SETUP_TTL:
                raise Problem(Code.GONE, "There is no set-up to confirm. Begin again.", reason="NO_SETUP")
            # A backup code shows that it was read, not that the app has the secret.
            secret = self._store.secret(account_id, stored)
            step = matching_step(secret, code, now) if is_totp(code) else None
            if step is None:
                raise wrong_code(Code.BAD_USER_INPUT)
            await self._store.enable(tx, account_id, step=step, now=now)
            await self._sessions.drop_other_proofs(tx, viewer)
            await self._audit.record(AuditEvent.SECOND_FACTOR_ENABLED, account_id=account_id, origin=origin, tx=tx)

        await self._database.transact(work)
        await self._codes.give_back(account_id)
        self._tell(viewer, letters.enabled)

    async def disable(self, viewer: Viewer, code: str, *, origin: Origin) -> None:
        """Switches the second factor off and forgets the secret; takes a code of the app or a backup code.

        Raises Problem: BAD_USER_INPUT with the field, GONE when none is on, RATE_LIMITED, BUSY.
        """

        async def remove(tx: Transaction, _: Factor) -> None:
            await self._sessions.hold(tx, viewer)
            await self._store.remove(tx, viewer.account_id)
            await self._audit.record(
                AuditEvent.SECOND_FACTOR_DISABLED, account_id=viewer.account_id, origin=origin, tx=tx
            )

        await self._codes.use(viewer.account_id, code, origin=origin, deed=remove)
        self._tell(viewer, letters.disabled)

    async def regenerate_backup_codes(self, viewer: Viewer, code: str, *, origin: Origin) -> tuple[str, ...]:
        """Ten new backup codes in place of the old ones; raises as `disable` does."""
        await self._limits.spend(SECOND_FACTOR_SETUPS, str(viewer.account_id))
        backup_codes = new_backup_codes(self._ids)

        async def replace(tx: Transaction, _: Factor) -> None:
            await self._sessions.hold(tx, viewer)
            await self._replace_backup_codes(tx, viewer.account_id, backup_codes)
            await self._audit.record(
                AuditEvent.BACKUP_CODES_REPLACED, account_id=viewer.account_id, origin=origin, tx=tx
            )

        await self._codes.use(viewer.account_id, code, origin=origin, deed=replace)
        self._tell(viewer, letters.backup_codes_replaced)
        return backup_codes

    async def backup_codes_left(self, viewer: Viewer) -> int | None:
        """How many backup codes are unused; None without a second factor."""
        if not viewer.two_factor_enabled:
            return None
        return await self._store.backup_codes_left(self._database, viewer.account_id)

    @counted(Deed.LOGIN)
    async def verify_login(self, *, temp_token: str, code: str, origin: Origin) -> SignedIn:
        """Opens the session that a right first factor asked for.

        Raises Problem: UNAUTHENTICATED with the reason WRONG_CODE while another try is left, SECOND_STEP_OVER when
        the person must begin again; BAD_USER_INPUT for what can be no code; RATE_LIMITED; BUSY.
        """
        code = normalised_code(code)
        step = await self._steps.count_try(temp_token)
        if step is None:
            raise second_step_over()
        if step.mailed_code is not None:
            return await self._enter_by_mailed_code(step, temp_token, code, origin)

        async def enter(tx: Transaction, factor: Factor) -> SignedIn:
            if not await self._steps.complete(tx, temp_token, step):
                raise second_step_over()
            return await self._entry.admit_after(factor, tx, step.account_id, method=step.method, origin=origin)

        try:
            return await self._codes.use(step.account_id, code, origin=origin, deed=enter)
        except Problem as problem:
            if problem.reason == CodeRefusal.OFF:
                raise second_step_over() from problem
            if problem.reason == CodeRefusal.WRONG:
                raise await self._after_wrong_code(step) from problem
            raise

    async def _enter_by_mailed_code(self, step: SecondStep, temp_token: str, code: str, origin: Origin) -> SignedIn:
        """The same for an account that has no second factor, whose code went to its address."""
        await self._codes.count(step.account_id)
        if not self._steps.is_mailed_code(temp_token, step, code):
            await self._audit.record(AuditEvent.SECOND_FACTOR_FAILED, account_id=step.account_id, origin=origin)
            self._alarms.failed(step.account_id, origin=origin)
            raise second_step_over() if step.is_last_try else wrong_code(Code.UNAUTHENTICATED)

        async def enter(tx: Transaction) -> SignedIn:
            # One switched on meanwhile changed the fingerprint: a mailed code never stands in for it.
            await self._store.hold(tx, step.account_id)
            if not await self._steps.complete(tx, temp_token, step):
                raise second_step_over()
            return await self._entry.admit_after(
                Factor.MAILED_CODE, tx, step.account_id, method=step.method, origin=origin
            )

        signed_in = await self._database.transact(enter)
        await self._codes.give_back(step.account_id)
        return signed_in

    async def _after_wrong_code(self, step: SecondStep) -> Problem:
        """What the person is told; the owner learns when nothing but wrong codes came."""
        if not step.is_last_try:
            return wrong_code(Code.UNAUTHENTICATED)
        stored = await self._store.read(self._database, step.account_id)
        if stored is not None and stored.email is not None:
            self._post.send(letters.wrong_codes(stored.email), account_id=step.account_id)
        return second_step_over()

    async def _replace_backup_codes(self, tx: Transaction, account_id: UUID, codes: tuple[str, ...]) -> None:
        await self._store.replace_backup_codes(tx, account_id, [normalised_code(code) for code in codes])

    def _tell(self, viewer: Viewer, letter: Callable[[str], Mail]) -> None:
        if viewer.email is not None:
            self._post.send(letter(viewer.email), account_id=viewer.account_id)


def _already_on() -> Problem:
    return Problem(Code.CONFLICT, "Two-factor sign-in is on already. Switch it off first.", reason="SECOND_FACTOR_ON")


def second_step_over() -> Problem:
    """The same for a temp token that never was, is used, has expired or was tried too often."""
    return Problem(
        Code.UNAUTHENTICATED, "This sign-in is over. Begin again.", field="tempToken", reason="SECOND_STEP_OVER"
    )

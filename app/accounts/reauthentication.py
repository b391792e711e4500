"""Re-authentication: whoever changes what opens an account shows once more that it is theirs (ASVS 5.0, 7.5.1).

A session alone does not do: it may be a borrowed phone or a stolen cookie. Which proof does stands in
app/accounts/proofs.py.
"""

from collections.abc import Awaitable
from functools import partial

from app.accounts.alarms import Alarms
from app.accounts.credential_store import CredentialStore
from app.accounts.limits import REAUTHENTICATE_PER_ACCOUNT
from app.accounts.model import Credentials, Factor, Origin, Proof, Viewer
from app.accounts.passwords import Passwords
from app.accounts.proofs import (
    DEMANDS,
    SensitiveDeed,
    believed_for_sign_in,
    confirmed_until,
    demand_enough,
    held,
    needed,
)
from app.accounts.second_factor_codes import CodeRefusal, SecondFactorCodes
from app.accounts.sessions import SessionService
from app.audit import AuditEvent, AuditLog
from app.clock import Clock
from app.database import Database, Transaction
from app.errors import Code, Problem
from app.rate_limits import RateLimits


class Reauthentication:
    """Demands a proof, and takes one for the five minutes to come."""

    def __init__(
        self,
        *,
        database: Database,
        sessions: SessionService,
        passwords: Passwords,
        codes: SecondFactorCodes,
        audit: AuditLog,
        alarms: Alarms,
        limits: RateLimits,
        clock: Clock,
    ) -> None:
        self._database = database
        self._store = CredentialStore(queries=database.queries)
        self._sessions = sessions
        self._passwords = passwords
        self._codes = codes
        self._audit = audit
        self._alarms = alarms
        self._limits = limits
        self._clock = clock

    async def demand(
        self,
        viewer: Viewer,
        deed: SensitiveDeed,
        *,
        password: str | None = None,
        code: str | None = None,
        origin: Origin,
        given_as: str = "password",
    ) -> None:
        """Returns if the password is right, or else the code, or where neither is given the session proved enough.

        What is given is checked, however fresh the session. Raises Problem: FORBIDDEN with the reason
        REAUTHENTICATION_NEEDED, and with the field when what was given is wrong; RATE_LIMITED, BUSY.

        The deed's own transaction begins with `SessionService.hold`, so that a password changed meanwhile counts.
        """
        rule, now = DEMANDS[deed], self._clock.now()
        if password is not None:
            if rule.as_second_factor and viewer.two_factor_enabled:
                raise needed("Confirm this with a code: a password is not enough where a second factor is on.")
            await self._right_password(viewer, password, given_as, origin)
        elif code is not None:
            await _right_code(self._codes.prove(viewer.account_id, code, origin=origin))
        elif confirmed_until(viewer, now) is None and not believed_for_sign_in(viewer, rule, now):
            raise needed("Confirm first that it is you." if held(viewer) else "Sign in again to confirm this.")

    async def confirm(
        self, viewer: Viewer, *, password: str | None = None, code: str | None = None, origin: Origin
    ) -> None:
        """Takes password or code as the proof of this session, good for `FRESH`; of both, both must be right.

        Raises Problem: BAD_USER_INPUT without either; FORBIDDEN with the reason REAUTHENTICATION_NEEDED for one that is
        wrong, or for a password alone where a second factor is on; UNAUTHENTICATED when the session was ended
        meanwhile; RATE_LIMITED; BUSY.
        """
        if password is None and code is None:
            raise Problem(Code.BAD_USER_INPUT, "Give your password or a code.", field="password")
        if code is None:
            demand_enough(Proof.PASSWORD, viewer)
        compared = None if password is None else await self._right_password(viewer, password, "password", origin)
        if code is None:
            await self._database.transact(partial(self._mark_by_password, viewer, compared, origin))
            return

        async def mark(tx: Transaction, _: Factor) -> None:
            await self._sessions.mark_proved(tx, viewer, by=Proof.CODE, origin=origin)

        await _right_code(self._codes.use(viewer.account_id, code, origin=origin, deed=mark))

    async def _right_password(self, viewer: Viewer, password: str, field: str, origin: Origin) -> Credentials | None:
        """What the password was compared with."""
        await self._limits.spend(REAUTHENTICATE_PER_ACCOUNT, str(viewer.account_id))
        credentials = await self._store.credentials(self._database, viewer.account_id)
        stored = None if credentials is None else credentials.password_hash
        if not (await self._passwords.verify(stored, password)).is_right:
            await self._audit.record(
                AuditEvent.SIGN_IN_FAILED,
                account_id=viewer.account_id,
                origin=origin,
                detail={"method": "reauthentication"},
            )
            self._alarms.failed(viewer.account_id, origin=origin)
            raise needed("This is not your password.", field=field)
        return credentials

    async def _mark_by_password(
        self, viewer: Viewer, compared: Credentials | None, origin: Origin, tx: Transaction
    ) -> None:
        await self._sessions.mark_proved(tx, viewer, by=Proof.PASSWORD, origin=origin)
        # Compared before this transaction: an old password must prove nothing once there is a new one.
        if await self._store.credentials(tx, viewer.account_id) != compared:
            raise needed("Your password was changed just now. Give the new one.", field="password")


async def _right_code(taken: Awaitable[None]) -> None:
    try:
        await taken
    except Problem as problem:
        if problem.reason in (CodeRefusal.WRONG, CodeRefusal.OFF):
            raise needed(problem.detail, field="code") from problem
        raise

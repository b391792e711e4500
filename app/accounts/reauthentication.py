"""Re-authentication: whoever changes what opens an account shows once more that it is theirs (ASVS 5.0, 7.5.1).

A session alone does not do: it may be a borrowed phone or a stolen cookie.
"""

from datetime import timedelta

from app.accounts.alarms import Alarms
from app.accounts.credential_store import CredentialStore
from app.accounts.limits import REAUTHENTICATE_PER_ACCOUNT
from app.accounts.model import Origin, Viewer
from app.accounts.passwords import Passwords
from app.accounts.second_factor_codes import CodeRefusal, SecondFactorCodes
from app.audit import AuditEvent, AuditLog
from app.clock import Clock
from app.database import Database
from app.errors import Code, Problem
from app.rate_limits import RateLimits

FRESH = timedelta(minutes=5)
REASON = "REAUTHENTICATION_NEEDED"


class Reauthentication:
    """Demands it."""

    def __init__(
        self,
        *,
        database: Database,
        passwords: Passwords,
        codes: SecondFactorCodes,
        audit: AuditLog,
        alarms: Alarms,
        limits: RateLimits,
        clock: Clock,
    ) -> None:
        self._database = database
        self._store = CredentialStore(queries=database.queries)
        self._passwords = passwords
        self._codes = codes
        self._audit = audit
        self._alarms = alarms
        self._limits = limits
        self._clock = clock

    async def demand(
        self,
        viewer: Viewer,
        *,
        password: str | None = None,
        code: str | None = None,
        origin: Origin,
        given_as: str = "password",
    ) -> None:
        """Returns if the password is right, or else the code where no password is given.

        An account that has neither is believed for five minutes after it signed in. Raises Problem: FORBIDDEN with the
        reason REAUTHENTICATION_NEEDED, and with the field when what was given is wrong; RATE_LIMITED, BUSY.

        The deed's own transaction begins with `SessionService.hold`, so that a password changed meanwhile counts.
        """
        if password is not None:
            await self._demand_password(viewer, password, given_as, origin)
        elif code is not None:
            await self._demand_code(viewer, code, origin)
        elif viewer.has_password or viewer.two_factor_enabled:
            raise _needed("Confirm this with your password or a code.")
        elif self._clock.now() - viewer.signed_in_at > FRESH:
            raise _needed("Sign in again to confirm this.")

    async def demand_unless_fresh(
        self, viewer: Viewer, *, password: str | None = None, code: str | None = None, origin: Origin
    ) -> None:
        """The same, but whoever signed in within the last five minutes has just shown it: for adding ways in."""
        if password is not None or code is not None or self._clock.now() - viewer.signed_in_at > FRESH:
            await self.demand(viewer, password=password, code=code, origin=origin)

    async def _demand_password(self, viewer: Viewer, password: str, field: str, origin: Origin) -> None:
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
            raise _needed("This is not your password.", field=field)

    async def _demand_code(self, viewer: Viewer, code: str, origin: Origin) -> None:
        try:
            await self._codes.prove(viewer.account_id, code, origin=origin)
        except Problem as problem:
            if problem.reason in (CodeRefusal.WRONG, CodeRefusal.OFF):
                raise _needed(problem.detail, field="code") from problem
            raise


def _needed(detail: str, *, field: str | None = None) -> Problem:
    return Problem(Code.FORBIDDEN, detail, field=field, reason=REASON)

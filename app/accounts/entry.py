"""The one door: whatever first factor was right, a session is opened here or not at all."""

from uuid import UUID

from app.accounts.model import Admission, Factor, Origin, SecondFactorNeeded, SignedIn, SignInMethod
from app.accounts.second_steps import SecondSteps
from app.accounts.sessions import OpenedSession, SessionService
from app.accounts.sightings import Sightings
from app.audit import AuditEvent
from app.database import Transaction


class Entry:
    """Turns a first factor that was right into a session, or into the question for the second."""

    def __init__(self, *, sessions: SessionService, steps: SecondSteps, sightings: Sightings) -> None:
        self._sessions = sessions
        self._sightings = sightings
        self._steps = steps

    async def admit(
        self, tx: Transaction, account_id: UUID, *, method: SignInMethod, origin: Origin, is_new: bool = False
    ) -> Admission:
        """Opens the session and writes it into the audit log, unless the account has a second factor to ask for.

        `tx` must hold the account's row, as whoever proved a factor of it does.
        """
        opened = await self._sessions.open(
            tx,
            account_id=account_id,
            method=method,
            origin=origin,
            second_factor_proved=False,
            device_proved=is_new,
        )
        if opened is None:
            return SecondFactorNeeded(temp_token=await self._steps.begin(tx, account_id, method=method))
        return await self._enter(tx, account_id, opened, method=method, origin=origin, is_new=is_new)

    async def admit_after(
        self, factor: Factor, tx: Transaction, account_id: UUID, *, method: SignInMethod, origin: Origin
    ) -> SignedIn:
        """The same for an account whose second factor was proved in this transaction."""
        opened = await self._sessions.open(
            tx, account_id=account_id, method=method, origin=origin, second_factor_proved=True, device_proved=True
        )
        assert opened is not None, "a factor that was proved is not asked for"
        return await self._enter(tx, account_id, opened, method=method, origin=origin, factor=factor)

    async def _enter(
        self,
        tx: Transaction,
        account_id: UUID,
        opened: OpenedSession,
        *,
        method: SignInMethod,
        origin: Origin,
        is_new: bool = False,
        factor: Factor | None = None,
    ) -> SignedIn:
        event = AuditEvent.SIGNED_UP if is_new else AuditEvent.SIGNED_IN
        detail = {"method": method.value} | ({} if factor is None else {"second_factor": factor.value})
        await self._sightings.note(
            tx, event, account_id=account_id, session_id=opened.viewer.session_id, origin=origin, detail=detail
        )
        return self._sessions.signed_in(opened, is_new=is_new)

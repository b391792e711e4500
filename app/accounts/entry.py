"""The one door: whatever first factor was right, a session is opened here or not at all."""

from uuid import UUID

from app.accounts.model import Admission, Factor, Origin, SecondFactorNeeded, SignedIn, SignInMethod
from app.accounts.second_steps import SecondSteps
from app.accounts.sessions import SessionService
from app.audit import AuditEvent
from app.database import Transaction


class Entry:
    """Turns a first factor that was right into a session, or into the question for the second."""

    def __init__(self, *, sessions: SessionService, steps: SecondSteps) -> None:
        self._sessions = sessions
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
            event=AuditEvent.SIGNED_UP if is_new else AuditEvent.SIGNED_IN,
            second_factor_proved=False,
            device_proved=is_new,
        )
        if opened is None:
            return SecondFactorNeeded(temp_token=await self._steps.begin(tx, account_id, method=method))
        return self._sessions.signed_in(opened, is_new=is_new)

    async def admit_as_usual(self, account_id: UUID, *, password_hash: str, origin: Origin) -> SignedIn | None:
        """The same in one trip to the database, for a password that was compared with `password_hash`.

        None, and nothing is written, where it is not the account's any more, where a second factor is to be asked for,
        and where the device or the place is new to the account, so that there is an alarm to raise.
        """
        opened = await self._sessions.open_as_usual(
            account_id=account_id,
            method=SignInMethod.PASSWORD,
            origin=origin,
            event=AuditEvent.SIGNED_IN,
            password_hash=password_hash,
        )
        return None if opened is None else self._sessions.signed_in(opened)

    async def admit_after(
        self, factor: Factor, tx: Transaction, account_id: UUID, *, method: SignInMethod, origin: Origin
    ) -> SignedIn:
        """The same for an account whose second factor was proved in this transaction."""
        opened = await self._sessions.open(
            tx,
            account_id=account_id,
            method=method,
            origin=origin,
            event=AuditEvent.SIGNED_IN,
            second_factor=factor,
            second_factor_proved=True,
            device_proved=True,
        )
        assert opened is not None, "a factor that was proved is not asked for"
        return self._sessions.signed_in(opened)

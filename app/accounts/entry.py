"""The one door: whatever first factor was right, a session is opened here or not at all."""

from uuid import UUID

from app.accounts.model import Admission, Origin, SignInMethod
from app.accounts.sessions import SessionService
from app.audit import AuditEvent, AuditLog
from app.database import Transaction


class Entry:
    """Turns a first factor that was right into a session."""

    def __init__(self, *, sessions: SessionService, audit: AuditLog) -> None:
        self._sessions = sessions
        self._audit = audit

    async def admit(
        self, tx: Transaction, account_id: UUID, *, method: SignInMethod, origin: Origin, is_new: bool = False
    ) -> Admission:
        """Opens the session and writes it into the audit log; `tx` must hold or have written the account's row."""
        opened = await self._sessions.open(tx, account_id=account_id, method=method, origin=origin)
        event = AuditEvent.SIGNED_UP if is_new else AuditEvent.SIGNED_IN
        await self._audit.record(event, account_id=account_id, origin=origin, detail={"method": method.value}, tx=tx)
        viewer = await self._sessions.viewer_of(tx, account_id=account_id, session_id=opened.session_id)
        return self._sessions.signed_in(viewer, opened, is_new=is_new)

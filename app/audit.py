"""The audit log: every security event of an account, append-only, readable by its owner."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from app.accounts.model import Origin
from app.clock import Clock
from app.database import Database, Transaction
from app.ids import Ids


class AuditEvent(StrEnum):
    """What can happen to an account's security; clients read these words."""

    SIGNED_UP = "SIGNED_UP"
    SIGNED_IN = "SIGNED_IN"
    SIGN_IN_FAILED = "SIGN_IN_FAILED"
    EMAIL_PROVED = "EMAIL_PROVED"
    EMAIL_CHANGE_REQUESTED = "EMAIL_CHANGE_REQUESTED"
    EMAIL_CHANGED = "EMAIL_CHANGED"
    PASSWORD_CHANGED = "PASSWORD_CHANGED"  # noqa: S105 - the name of an event
    PASSWORD_RESET_REQUESTED = "PASSWORD_RESET_REQUESTED"  # noqa: S105
    PASSWORD_RESET = "PASSWORD_RESET"  # noqa: S105
    SECOND_FACTOR_ENABLED = "SECOND_FACTOR_ENABLED"
    SECOND_FACTOR_DISABLED = "SECOND_FACTOR_DISABLED"
    SECOND_FACTOR_FAILED = "SECOND_FACTOR_FAILED"
    BACKUP_CODE_USED = "BACKUP_CODE_USED"
    IDENTITY_LINKED = "IDENTITY_LINKED"
    IDENTITY_UNLINKED = "IDENTITY_UNLINKED"
    SESSION_REVOKED = "SESSION_REVOKED"
    REFRESH_REUSED = "REFRESH_REUSED"
    HANDLE_CHANGED = "HANDLE_CHANGED"
    BADGE_EARNED = "BADGE_EARNED"
    BADGE_REFUSED = "BADGE_REFUSED"
    BADGE_LOST = "BADGE_LOST"
    DATA_EXPORTED = "DATA_EXPORTED"
    ACCOUNT_DELETED = "ACCOUNT_DELETED"


NOBODY = Origin()
"""The origin of what no request caused, or whose request is not known at that place."""


class AuditLog:
    """Writes events; the transaction of the deed where there is one, so that neither stands without the other."""

    def __init__(self, *, database: Database, clock: Clock, ids: Ids) -> None:
        self._queries = database.queries
        self._database = database
        self._clock = clock
        self._ids = ids

    async def record(
        self,
        event: AuditEvent,
        *,
        account_id: UUID,
        origin: Origin = NOBODY,
        detail: Mapping[str, object] | None = None,
        tx: Transaction | None = None,
        now: datetime | None = None,
    ) -> None:
        """Adds one event; `detail` holds words and numbers, never a secret, an address or a picture."""
        on = tx or self._database
        await on.run(
            self._queries.audit_event_add,
            event_id=self._ids.uuid7(),
            account_id=account_id,
            event=event.value,
            now=now or self._clock.now(),
            ip=origin.shown_ip,
            user_agent=origin.shown_user_agent,
            detail=dict(detail or {}),
        )

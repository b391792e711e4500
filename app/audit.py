"""The audit log: every security event of an account, append-only, readable by its owner."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from app.accounts.model import Origin
from app.clock import Clock
from app.database import Database, Row, Transaction
from app.ids import Ids
from app.pages import Connection, connection, demand_first, keys_of, not_a_cursor


class AuditEvent(StrEnum):
    """What can happen to an account's security; clients read these words."""

    SIGNED_UP = "SIGNED_UP"
    REGISTRATION_REPEATED = "REGISTRATION_REPEATED"
    SIGNED_IN = "SIGNED_IN"
    SIGN_IN_FAILED = "SIGN_IN_FAILED"
    IDENTITY_CONFIRMED = "IDENTITY_CONFIRMED"
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
    BACKUP_CODES_REPLACED = "BACKUP_CODES_REPLACED"
    IDENTITY_LINKED = "IDENTITY_LINKED"
    IDENTITY_UNLINKED = "IDENTITY_UNLINKED"
    PASSKEY_ADDED = "PASSKEY_ADDED"
    PASSKEY_REMOVED = "PASSKEY_REMOVED"
    PASSKEY_COPY_SUSPECTED = "PASSKEY_COPY_SUSPECTED"
    SIGNED_OUT = "SIGNED_OUT"
    SESSION_REVOKED = "SESSION_REVOKED"
    NEW_DEVICE = "NEW_DEVICE"
    NEW_COUNTRY = "NEW_COUNTRY"
    IMPOSSIBLE_TRAVEL = "IMPOSSIBLE_TRAVEL"
    FAILURE_BURST = "FAILURE_BURST"
    REFRESH_REUSED = "REFRESH_REUSED"
    NOT_ME_REPORTED = "NOT_ME_REPORTED"
    HANDLE_CHANGED = "HANDLE_CHANGED"
    BADGE_EARNED = "BADGE_EARNED"
    BADGE_REFUSED = "BADGE_REFUSED"
    BADGE_LOST = "BADGE_LOST"
    HANDOFF_OPENED = "HANDOFF_OPENED"
    FACE_ENROLLED = "FACE_ENROLLED"
    FACE_REFUSED = "FACE_REFUSED"
    FACE_AMBIGUOUS = "FACE_AMBIGUOUS"
    FACE_FORGOTTEN = "FACE_FORGOTTEN"
    DATA_EXPORTED = "DATA_EXPORTED"
    ACCOUNT_DELETED = "ACCOUNT_DELETED"


NOBODY = Origin()
"""The origin of what no request caused, or whose request is not known at that place."""


@dataclass(frozen=True, kw_only=True)
class AuditDetail:
    """One word more about an event."""

    name: str
    value: str


@dataclass(frozen=True, kw_only=True)
class AuditEntry:
    """One event as its owner reads it."""

    id: UUID
    event: AuditEvent
    at: datetime
    ip: str
    user_agent: str
    details: tuple[AuditDetail, ...]


class AuditLog:
    """Writes events, in the transaction of the deed where there is one: neither stands without the other."""

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
        values = self.values(event, account_id=account_id, origin=origin, detail=detail, now=now)
        await on.run(self._queries.audit_event_add, **values)

    def values(
        self,
        event: AuditEvent,
        *,
        account_id: UUID,
        origin: Origin,
        detail: Mapping[str, object] | None = None,
        now: datetime | None = None,
    ) -> dict[str, object]:
        """What `record` would write, for a statement that writes more than it."""
        return {
            "event_id": self._ids.uuid7(),
            "account_id": account_id,
            "event": event.value,
            "now": now or self._clock.now(),
            "ip": origin.shown_ip,
            "user_agent": origin.shown_user_agent,
            "detail": dict(detail or {}),
        }

    async def page(self, account_id: UUID, *, first: int, after: str | None) -> Connection[AuditEntry]:
        """The account's events, newest first; raises Problem(BAD_USER_INPUT) for `first` or `after`."""
        rows = await self._database.many(
            self._queries.audit_events_of,
            account_id=account_id,
            before=None if after is None else _event_id(after),
            amount=demand_first(first) + 1,
        )
        return connection([_entry(row) for row in rows], first=first, after=after, keys=lambda entry: [str(entry.id)])


def _event_id(cursor: str) -> UUID:
    match keys_of(cursor):
        case [str(text)]:
            try:
                return UUID(text)
            except ValueError:
                pass
    raise not_a_cursor()


def _entry(row: Row) -> AuditEntry:
    return AuditEntry(
        id=row["id"],
        event=AuditEvent(row["event"]),
        at=row["at"],
        ip=row["ip"],
        user_agent=row["user_agent"],
        details=tuple(AuditDetail(name=name, value=str(value)) for name, value in row["detail"].items()),
    )

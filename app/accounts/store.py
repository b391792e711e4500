"""Named SQL of the accounts slice, in and out of its model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from app.accounts.model import Credentials, Origin, Session, SignInMethod, Viewer
from app.database import Database, Row, Transaction
from app.queries import Queries

Runner: TypeAlias = Database | Transaction


@dataclass(frozen=True, kw_only=True)
class NewToken:
    """A refresh token as it is stored: never the token itself."""

    token_id: UUID
    token_hash: bytes
    salt: bytes
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class LockedSession:
    """A session whose row this transaction holds."""

    viewer: Viewer
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class StoredToken:
    """A refresh token and, once it was used, its one successor."""

    token_id: UUID
    salt: bytes = field(repr=False)
    expires_at: datetime
    used_at: datetime | None
    successor_hash: bytes | None
    successor_expires_at: datetime | None
    successor_used_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class NewSession:
    """A session that is about to begin, with its first token unless it lives by somebody else's."""

    session_id: UUID
    account_id: UUID
    method: SignInMethod
    device_hash: bytes | None = None
    device_proved: bool = False
    second_factor_proved: bool = False
    password_hash: str | None = field(default=None, repr=False)
    token: NewToken | None = None
    began_at: datetime
    expires_at: datetime


class SessionStore:
    """Reads and writes sessions and refresh tokens; `on` is the database or a transaction."""

    def __init__(self, *, queries: Queries) -> None:
        self._queries = queries

    async def open_session(
        self, on: Runner, session: NewSession, *, beside: Mapping[str, object], only_if_usual: bool = False
    ) -> tuple[Viewer, Row] | None:
        """Holds the account's row, and writes the session, its first token, and `beside`, the values of audit event and
        sighting. Gives back the viewer, and what was known before; None, and nothing is written, while the account's
        second factor is still asked for, where its password is not `password_hash` any more, where the session is there
        or was erased, and with `only_if_usual` where the device or the place is new to the account."""
        token = session.token
        row = await on.one(
            self._queries.session_open,
            **beside,
            only_if_usual=only_if_usual,
            session_id=session.session_id,
            method=session.method.value,
            device_hash=session.device_hash,
            device_proved=session.device_proved,
            second_factor_proved=session.second_factor_proved,
            password_hash=session.password_hash,
            token_id=None if token is None else token.token_id,
            token_hash=None if token is None else token.token_hash,
            salt=None if token is None else token.salt,
            began_at=session.began_at,
            expires_at=session.expires_at,
        )
        return None if row is None else (_viewer(row), row)

    async def viewer(self, on: Runner, *, session_id: UUID, account_id: UUID | None, now: datetime) -> Viewer | None:
        """The viewer of a live session; None when it is revoked, expired, gone or not of the account given."""
        row = await on.one(self._queries.viewer_by_session, session_id=session_id, account_id=account_id, now=now)
        return None if row is None else _viewer(row)

    async def viewer_of_token(
        self, on: Runner, *, token_hash: bytes, session_id: UUID, used_since: datetime, now: datetime
    ) -> Viewer | None:
        """The viewer of a live session whose newest refresh token this is, or was until `used_since`."""
        row = await on.one(
            self._queries.viewer_by_refresh_token,
            token_hash=token_hash,
            session_id=session_id,
            used_since=used_since,
            now=now,
        )
        return None if row is None else _viewer(row)

    async def ends_at(self, on: Runner, session_id: UUID) -> datetime | None:
        """When the session ends unless it is carried on; None when it is gone."""
        found: datetime | None = await on.scalar(self._queries.session_ends_at, session_id=session_id)
        return found

    async def lock_by_token(self, tx: Transaction, token_hash: bytes) -> LockedSession | None:
        """Holds the session's row until the transaction ends, then says what it is."""
        row = await tx.one(self._queries.session_locked_by_token, token_hash=token_hash)
        if row is None:
            return None
        return LockedSession(
            viewer=_viewer(row),
            created_at=row["session_created_at"],
            expires_at=row["session_expires_at"],
            revoked_at=row["revoked_at"],
        )

    async def token(self, tx: Transaction, token_hash: bytes) -> StoredToken | None:
        """The token as it stands now; read after `lock_by_token`."""
        row = await tx.one(self._queries.refresh_token_with_successor, token_hash=token_hash)
        if row is None:
            return None
        return StoredToken(
            token_id=row["id"],
            salt=row["salt"],
            expires_at=row["expires_at"],
            used_at=row["used_at"],
            successor_hash=row["successor_hash"],
            successor_expires_at=row["successor_expires_at"],
            successor_used_at=row["successor_used_at"],
        )

    async def rotate(
        self, tx: Transaction, *, session_id: UUID, parent_id: UUID, successor: NewToken, origin: Origin, now: datetime
    ) -> None:
        """Marks the parent used, writes its successor and moves the session's expiry to the successor's."""
        await tx.run(
            self._queries.refresh_token_rotate,
            session_id=session_id,
            parent_id=parent_id,
            token_id=successor.token_id,
            token_hash=successor.token_hash,
            salt=successor.salt,
            expires_at=successor.expires_at,
            user_agent=origin.shown_user_agent,
            ip=origin.shown_ip,
            now=now,
        )

    async def revoke(self, on: Runner, *, session_id: UUID, account_id: UUID, now: datetime) -> bool:
        """Ends one session of the account; False when it is not theirs or has ended already."""
        return (
            await on.scalar(self._queries.session_revoke, session_id=session_id, account_id=account_id, now=now)
            is not None
        )

    async def of_token(self, on: Runner, *, token_hash: bytes) -> tuple[UUID, UUID] | None:
        """The account and the session, over or not, that a refresh token, even a used one, belongs to."""
        row = await on.one(self._queries.session_of_token, token_hash=token_hash)
        return None if row is None else (row["account_id"], row["id"])

    async def prove(self, tx: Transaction, *, session_id: UUID, account_id: UUID, now: datetime) -> bool:
        """Notes that the session's owner has just shown who they are; False when the session has ended."""
        return (
            await tx.scalar(self._queries.session_prove, session_id=session_id, account_id=account_id, now=now)
            is not None
        )

    async def drop_proofs(self, tx: Transaction, account_id: UUID, *, kept_id: UUID) -> None:
        """Forgets the proofs given in every session of the account but `kept_id`."""
        await tx.run(self._queries.session_proofs_drop, account_id=account_id, kept_id=kept_id)

    async def hold_account(self, tx: Transaction, account_id: UUID) -> bool:
        """Holds the account's row until the transaction ends; False when it is gone."""
        return await tx.scalar(self._queries.account_lock, account_id=account_id) is not None

    async def live(
        self, on: Runner, *, account_id: UUID, current_id: UUID, most: int, now: datetime
    ) -> tuple[Session, ...]:
        """The account's live sessions, the one last seen first, `most` of them with the current one."""
        rows = await on.many(
            self._queries.sessions_live, account_id=account_id, current_id=current_id, most=most, now=now
        )
        return tuple(_session(row, current_id) for row in rows)

    async def revoke_except(
        self, tx: Transaction, *, account_id: UUID, kept_id: UUID | None, now: datetime
    ) -> list[UUID]:
        """Ends every live session of the account but `kept_id`; gives back which."""
        # The account's row first: two devices doing this at once would otherwise wait for each other.
        await self.hold_account(tx, account_id)
        rows = await tx.many(self._queries.sessions_revoke_except, account_id=account_id, kept_id=kept_id, now=now)
        return [row["id"] for row in rows]

    async def distrust(self, tx: Transaction, *, account_id: UUID, ended_ids: Sequence[UUID], kept_id: UUID) -> None:
        """Forgets which browsers the ended sessions lived in, but that of `kept_id`; the account's row is held."""
        await tx.run(self._queries.sessions_distrust, account_id=account_id, ended_ids=list(ended_ids), kept_id=kept_id)

    async def distrust_browsers(self, tx: Transaction, account_id: UUID, *, kept_hash: bytes | None) -> None:
        """Forgets in which browsers the account was signed in, but the one of this hash; the account's row is held."""
        await tx.run(self._queries.browsers_distrust, account_id=account_id, kept_hash=kept_hash)


class AccountStore:
    """Reads and writes accounts."""

    def __init__(self, *, queries: Queries) -> None:
        self._queries = queries

    async def add(
        self,
        tx: Transaction,
        *,
        account_id: UUID,
        email: str,
        password_hash: str,
        handle: str,
        display_name: str,
        now: datetime,
        campus_id: UUID | None = None,
    ) -> None:
        """Writes account and profile; the transaction raises UniqueViolation when e-mail or handle is taken."""
        await tx.run(
            self._queries.account_add,
            account_id=account_id,
            email=email,
            password_hash=password_hash,
            handle=handle,
            display_name=display_name,
            campus_id=campus_id,
            now=now,
        )

    async def credentials(self, on: Runner, email: str) -> Credentials | None:
        """What a sign-in needs of the account with this address."""
        return _credentials(await on.one(self._queries.credentials_by_email, email=email))

    async def lock_credentials(self, tx: Transaction, account_id: UUID) -> Credentials | None:
        """The same, read anew with the account's row held until the transaction ends."""
        return _credentials(await tx.one(self._queries.credentials_locked, account_id=account_id))

    async def rehash(self, tx: Transaction, account_id: UUID, password_hash: str) -> None:
        """Stores the same password under today's parameters."""
        await tx.run(self._queries.password_rehash, account_id=account_id, password_hash=password_hash)


def _credentials(row: Row | None) -> Credentials | None:
    if row is None:
        return None
    return Credentials(
        account_id=row["account_id"], password_hash=row["password_hash"], reset_required=row["reset_required"]
    )


def _session(row: Row, current_id: UUID) -> Session:
    return Session(
        id=row["id"],
        current=row["id"] == current_id,
        method=SignInMethod(row["method"]),
        user_agent=row["user_agent"],
        ip=row["ip"],
        created_at=row["created_at"],
        last_seen_at=row["last_seen_at"],
        expires_at=row["expires_at"],
    )


def _viewer(row: Row) -> Viewer:
    return Viewer(
        account_id=row["account_id"],
        session_id=row["session_id"],
        signed_in_by=SignInMethod(row["method"]),
        signed_in_at=row["session_created_at"],
        proved_at=row["proved_at"],
        email=row["email"],
        email_verified_at=row["email_verified_at"],
        has_password=row["has_password"],
        two_factor_enabled=row["two_factor_enabled"],
        has_passkeys=row["has_passkeys"],
        has_faces=row["has_faces"],
        verified_at=row["verified_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        handle=row["handle"],
        display_name=row["display_name"],
        bio=row["bio"],
        avatar_key=row["avatar_key"],
        avatar_mime=row["avatar_mime"],
        face_findings=tuple(row["face_findings"]),
        privacy=row["privacy"],
        status=row["status"],
        campus_id=row["campus_id"],
        persona=row["persona"],
        onboarded_at=row["onboarded_at"],
        headline=row["headline"],
        primary_role=row["primary_role"],
        availability=row["availability"],
        timezone=row["timezone"],
        location=row["location"],
        primary_category=row["primary_category"],
        industry_role=row["industry_role"],
        company_name=row["company_name"],
        contact_links=row["contact_links"],
        handle_changed_at=row["handle_changed_at"],
    )

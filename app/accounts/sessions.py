"""Sessions: opened at sign-in, carried on by rotating refresh tokens, ended at once everywhere.

Rotation (RFC 9700, 4.14.2). A refresh token is used once. Its successor is not drawn but derived from it, a salt
stored with it and a key of the server, so every caller of a race (two tabs, a retry after a lost answer) computes
the same successor within `ROTATION_GRACE`, and one row is written. A token that comes back later, or whose
successor was used already, may be stolen: the whole session ends. Only SHA-256 of a token is stored.
"""

import base64
import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from app.accounts.alarms import Alarms, Suspicion
from app.accounts.model import Factor, Origin, Proof, RefreshRefusal, Session, SignedIn, SignInMethod, Viewer
from app.accounts.proofs import demand_enough
from app.accounts.sightings import Sightings
from app.accounts.store import LockedSession, NewSession, NewToken, SessionStore, StoredToken
from app.audit import AuditEvent, AuditLog
from app.clock import Clock
from app.database import Database, Transaction
from app.errors import Code, Problem
from app.ids import Ids
from app.secrets import derive_key, digest
from app.tokens import AccessTokens

REFRESH_TTL = timedelta(days=7)
ROTATION_GRACE = timedelta(seconds=10)
# However often it is refreshed, a session ends: a person signs in again every quarter (ASVS 5.0, 7.3.2).
SESSION_MAX_AGE = timedelta(days=90)
TOKEN_BYTES = 32
SALT_BYTES = 16
MAX_TOKEN_CHARS = 200

_DETAILS = {
    RefreshRefusal.UNKNOWN: "Sign in again.",
    RefreshRefusal.EXPIRED: "You were away for long. Sign in again.",
    RefreshRefusal.REVOKED: "This session was ended. Sign in again.",
    RefreshRefusal.REUSED: "This session was ended because an old key to it came back. Sign in again.",
}


@dataclass(frozen=True, kw_only=True)
class OpenedSession:
    """A session that was written, and its first refresh token."""

    viewer: Viewer
    refresh_token: str = field(repr=False)
    refresh_expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class _Rotated:
    viewer: Viewer
    refresh_token: str = field(repr=False)
    refresh_expires_at: datetime


class SessionService:
    """Opens, refreshes, checks and ends sessions."""

    def __init__(
        self,
        *,
        database: Database,
        access_tokens: AccessTokens,
        secret_keys: tuple[str, ...],
        audit: AuditLog,
        alarms: Alarms,
        sightings: Sightings,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._database = database
        self._store = SessionStore(queries=database.queries)
        self._access_tokens = access_tokens
        self._audit = audit
        self._alarms = alarms
        self._sightings = sightings
        self._clock = clock
        self._ids = ids
        # The first key derives; the others let a race that straddles a rotation of SECRET_KEY end well.
        self._successor_keys = tuple(derive_key(secret, purpose="refresh-successor") for secret in secret_keys)

    async def authenticate(self, access_token: str) -> Viewer:
        """Who holds the token, in one query; raises Problem(UNAUTHENTICATED) as soon as the session has ended."""
        claims = self._access_tokens.verify(access_token)
        viewer = await self._store.viewer(
            self._database, session_id=claims.session_id, account_id=claims.account_id, now=self._clock.now()
        )
        if viewer is None:
            raise _ended()
        return viewer

    async def hold(self, tx: Transaction, viewer: Viewer) -> Viewer:
        """Holds the viewer's account until the transaction ends, and gives the viewer as they are now.

        Whoever changes what opens the account does this first: a session that was ended since it asked, by a new
        password say, raises Problem(UNAUTHENTICATED).
        """
        held = await self._store.hold_account(tx, viewer.account_id)
        now = self._clock.now()
        current = await self._store.viewer(tx, session_id=viewer.session_id, account_id=viewer.account_id, now=now)
        if not held or current is None:
            raise _ended()
        return current

    async def mark_proved(self, tx: Transaction, viewer: Viewer, *, by: Proof, origin: Origin) -> None:
        """Notes in the viewer's session, and in the audit log, that its owner has just shown who they are.

        For five minutes the session may then do what asks for a proof. Holds the account's row. Raises
        Problem: UNAUTHENTICATED when the session was ended meanwhile; FORBIDDEN with the reason
        REAUTHENTICATION_NEEDED when the proof is weaker than what it would open (app/accounts/proofs.py).
        """
        demand_enough(by, await self.hold(tx, viewer))
        account_id, now = viewer.account_id, self._clock.now()
        if not await self._store.prove(tx, session_id=viewer.session_id, account_id=account_id, now=now):
            raise _ended()
        await self._audit.record(
            AuditEvent.IDENTITY_CONFIRMED, account_id=account_id, origin=origin, detail={"by": by.value}, tx=tx
        )

    async def drop_other_proofs(self, tx: Transaction, viewer: Viewer) -> None:
        """Forgets what was proved in the account's other sessions: each of them proves anew before it may do more."""
        await self._store.drop_proofs(tx, viewer.account_id, kept_id=viewer.session_id)

    async def open(
        self,
        tx: Transaction,
        *,
        account_id: UUID,
        method: SignInMethod,
        origin: Origin,
        event: AuditEvent,
        second_factor: Factor | None = None,
        second_factor_proved: bool,
        device_proved: bool = False,
    ) -> OpenedSession | None:
        """Holds the account's row, and writes a session with its first refresh token, and `event` into the log.

        Switching a second factor on holds the row too: whichever comes second sees what the other did. None, and
        nothing is written, when the account has a second factor that was not proved. `device_proved`: more than the
        first factor spoke for the browser, or nobody else can have had the account before.
        """
        now = self._clock.now()
        raw, session = self._new_session(
            account_id=account_id,
            method=method,
            origin=origin,
            device_proved=device_proved,
            second_factor_proved=second_factor_proved,
            now=now,
        )
        viewer = await self._begin(tx, session, event, second_factor=second_factor, origin=origin, now=now)
        return None if viewer is None else _opened(viewer, session, raw)

    async def open_as_usual(
        self, *, account_id: UUID, method: SignInMethod, origin: Origin, event: AuditEvent, password_hash: str
    ) -> OpenedSession | None:
        """The same in a transaction of its own, without a second factor; None also when the account's password is not
        that of `password_hash` any more, or the device or the place is new to it: then there is an alarm to raise."""
        now = self._clock.now()
        raw, session = self._new_session(
            account_id=account_id, method=method, origin=origin, password_hash=password_hash, now=now
        )
        beside = self._beside(session, event, origin=origin, now=now)
        opened = await self._store.open_session(self._database, session, beside=beside, only_if_usual=True)
        return None if opened is None else _opened(opened[0], session, raw)

    async def open_foreign(
        self,
        tx: Transaction,
        *,
        session_id: UUID,
        account_id: UUID,
        method: SignInMethod,
        origin: Origin,
        event: AuditEvent,
        began_at: datetime,
        expires_at: datetime,
    ) -> Viewer | None:
        """The same for a session that lives by somebody else's token; None also where it began before."""
        session = NewSession(
            session_id=session_id,
            account_id=account_id,
            method=method,
            began_at=began_at,
            expires_at=expires_at,
        )
        return await self._begin(tx, session, event, second_factor=None, origin=origin, now=self._clock.now())

    async def viewer_of(self, tx: Transaction, *, account_id: UUID, session_id: UUID) -> Viewer:
        """The viewer of a session that this transaction has opened or holds."""
        viewer = await self._store.viewer(tx, session_id=session_id, account_id=account_id, now=self._clock.now())
        assert viewer is not None, "the session lives in this transaction"
        return viewer

    def signed_in(self, opened: OpenedSession, *, is_new: bool = False) -> SignedIn:
        """The pair of tokens for a session that was opened."""
        return self._pair(opened.viewer, opened.refresh_token, opened.refresh_expires_at, is_new=is_new)

    async def refresh(self, token: str, *, origin: Origin) -> SignedIn:
        """Swaps a refresh token for its successor and a new access token.

        Raises Problem(UNAUTHENTICATED) with a `RefreshRefusal` as its reason; no refusal is a cause to clear a cookie.
        """
        token_hash = _hash(token)
        if token_hash is None:
            raise _refused(RefreshRefusal.UNKNOWN)

        async def swap(tx: Transaction) -> _Rotated | RefreshRefusal:
            session = await self._store.lock_by_token(tx, token_hash)
            stored = None if session is None else await self._store.token(tx, token_hash)
            if session is None or stored is None:
                return RefreshRefusal.UNKNOWN
            return await self._swap(tx, token, stored, session, origin)

        # A refusal is returned, not raised, so that the revocation of a reused family commits.
        outcome = await self._database.transact(swap)
        if isinstance(outcome, RefreshRefusal):
            raise _refused(outcome)
        return self._pair(outcome.viewer, outcome.refresh_token, outcome.refresh_expires_at)

    async def looked_up(self, token: str, *, session_id: UUID) -> Viewer | None:
        """Whose session the refresh token would carry on; only looks, and None for every token that would not do."""
        token_hash, now = _hash(token), self._clock.now()
        if token_hash is None:
            return None
        return await self._store.viewer_of_token(
            self._database, token_hash=token_hash, session_id=session_id, used_since=now - ROTATION_GRACE, now=now
        )

    async def living(self, session_id: UUID, *, account_id: UUID) -> Viewer | None:
        """The viewer of a session of the account; None when it was ended, is outlived or never was."""
        return await self._store.viewer(
            self._database, session_id=session_id, account_id=account_id, now=self._clock.now()
        )

    async def ends_at(self, viewer: Viewer) -> datetime | None:
        """When the viewer's session ends unless it is carried on; None when it has gone with its account."""
        return await self._store.ends_at(self._database, viewer.session_id)

    async def revoke(self, *, account_id: UUID, session_id: UUID) -> bool:
        """Ends one session of the account; False when it is not theirs or has ended already."""
        return await self._store.revoke(
            self._database, session_id=session_id, account_id=account_id, now=self._clock.now()
        )

    async def revoke_by_token(self, token: str) -> bool:
        """Ends the session that a refresh token, even a used one, belongs to; False when there is none."""
        token_hash = _hash(token)
        if token_hash is None:
            return False
        return await self._store.revoke_by_token(self._database, token_hash=token_hash, now=self._clock.now())

    async def live(self, viewer: Viewer) -> tuple[Session, ...]:
        """Every device on which the viewer is signed in, the one last seen first."""
        return await self._store.live(
            self._database, account_id=viewer.account_id, current_id=viewer.session_id, now=self._clock.now()
        )

    async def end(self, viewer: Viewer, session_id: UUID, *, origin: Origin) -> None:
        """Ends one of the viewer's sessions; raises Problem(NOT_FOUND) for one that is not theirs or has ended."""

        async def work(tx: Transaction) -> None:
            account_id = viewer.account_id
            if not await self._store.revoke(tx, session_id=session_id, account_id=account_id, now=self._clock.now()):
                raise Problem(Code.NOT_FOUND, "There is no such session, or it has ended already.", field="id")
            await self._audit.record(AuditEvent.SESSION_REVOKED, account_id=account_id, origin=origin, tx=tx)

        await self._database.transact(work)

    async def end_others(self, viewer: Viewer, *, origin: Origin) -> int:
        """Ends every session of the viewer's account but the one asking; gives back how many."""

        async def work(tx: Transaction) -> int:
            ended = await self.end_all(tx, viewer.account_id, kept_id=viewer.session_id)
            if ended:
                await self._audit.record(
                    AuditEvent.SESSION_REVOKED,
                    account_id=viewer.account_id,
                    origin=origin,
                    detail={"sessions": ended},
                    tx=tx,
                )
            return ended

        return await self._database.transact(work)

    async def end_all(self, tx: Transaction, account_id: UUID, *, kept_id: UUID | None = None) -> int:
        """Ends every session of the account but `kept_id`; gives back how many."""
        return len(await self._store.revoke_except(tx, account_id=account_id, kept_id=kept_id, now=self._clock.now()))

    async def _begin(
        self,
        tx: Transaction,
        session: NewSession,
        event: AuditEvent,
        *,
        second_factor: Factor | None,
        origin: Origin,
        now: datetime,
    ) -> Viewer | None:
        """One statement opens the session, and writes into the audit log and the memory of devices that it did."""
        beside = self._beside(session, event, second_factor=second_factor, origin=origin, now=now)
        opened = await self._store.open_session(tx, session, beside=beside)
        if opened is None:
            return None
        viewer, seen = opened
        await self._sightings.judge(tx, session.account_id, seen, origin=origin)
        return viewer

    def _beside(
        self,
        session: NewSession,
        event: AuditEvent,
        *,
        second_factor: Factor | None = None,
        origin: Origin,
        now: datetime,
    ) -> dict[str, object]:
        """What is written with the session: the event, and where it was seen."""
        detail = {"method": session.method.value} | (
            {} if second_factor is None else {"second_factor": second_factor.value}
        )
        audited = self._audit.values(event, account_id=session.account_id, origin=origin, detail=detail, now=now)
        return {**audited, **self._sightings.values(origin, now=now)}

    def _new_session(
        self,
        *,
        account_id: UUID,
        method: SignInMethod,
        origin: Origin,
        device_proved: bool = False,
        second_factor_proved: bool = False,
        password_hash: str | None = None,
        now: datetime,
    ) -> tuple[str, NewSession]:
        """Its first refresh token, and the session."""
        raw, token = self._new_token(self._ids.token(TOKEN_BYTES), expires_at=now + REFRESH_TTL)
        session = NewSession(
            session_id=self._ids.uuid7(),
            account_id=account_id,
            method=method,
            device_hash=origin.device_hash,
            device_proved=device_proved,
            second_factor_proved=second_factor_proved,
            password_hash=password_hash,
            token=token,
            began_at=now,
            expires_at=token.expires_at,
        )
        return raw, session

    async def _swap(
        self, tx: Transaction, token: str, stored: StoredToken, session: LockedSession, origin: Origin
    ) -> _Rotated | RefreshRefusal:
        now = self._clock.now()
        if session.revoked_at is not None:
            return RefreshRefusal.REVOKED
        if session.expires_at <= now:
            return RefreshRefusal.EXPIRED
        if stored.used_at is not None:
            return await self._same_successor(tx, token, stored, session, origin, now)
        if stored.expires_at <= now:
            return RefreshRefusal.EXPIRED
        raw, successor = self._new_token(
            _successor(self._successor_keys[0], token, stored.salt),
            expires_at=min(now + REFRESH_TTL, session.created_at + SESSION_MAX_AGE),
        )
        await self._store.rotate(
            tx,
            session_id=session.viewer.session_id,
            parent_id=stored.token_id,
            successor=successor,
            origin=origin,
            now=now,
        )
        return _Rotated(viewer=session.viewer, refresh_token=raw, refresh_expires_at=successor.expires_at)

    async def _same_successor(
        self,
        tx: Transaction,
        token: str,
        stored: StoredToken,
        session: LockedSession,
        origin: Origin,
        now: datetime,
    ) -> _Rotated | RefreshRefusal:
        """For whoever lost a race: the winner's successor; for whoever comes late: the end of the session."""
        in_time = stored.used_at is not None and now - stored.used_at <= ROTATION_GRACE
        if in_time and stored.successor_hash and stored.successor_expires_at and stored.successor_used_at is None:
            for key in self._successor_keys:
                raw = _successor(key, token, stored.salt)
                if hmac.compare_digest(digest(raw), stored.successor_hash):
                    return _Rotated(
                        viewer=session.viewer, refresh_token=raw, refresh_expires_at=stored.successor_expires_at
                    )
        account_id = session.viewer.account_id
        await self._store.revoke(tx, session_id=session.viewer.session_id, account_id=account_id, now=now)
        # Since the token was first used two hold the session, and either may be the thief.
        await self._alarms.raise_in(
            tx, account_id, [Suspicion(event=AuditEvent.REFRESH_REUSED)], origin=origin, since=stored.used_at
        )
        return RefreshRefusal.REUSED

    def _new_token(self, raw: str, *, expires_at: datetime) -> tuple[str, NewToken]:
        token = NewToken(
            token_id=self._ids.uuid7(),
            token_hash=digest(raw),
            salt=self._ids.bytes(SALT_BYTES),
            expires_at=expires_at,
        )
        return raw, token

    def _pair(
        self, viewer: Viewer, refresh_token: str, refresh_expires_at: datetime, *, is_new: bool = False
    ) -> SignedIn:
        access_token, access_expires_at = self._access_tokens.issue(viewer.account_id, viewer.session_id)
        return SignedIn(
            viewer=viewer,
            access_token=access_token,
            access_expires_at=access_expires_at,
            refresh_token=refresh_token,
            refresh_expires_at=refresh_expires_at,
            is_new=is_new,
        )


def _opened(viewer: Viewer, session: NewSession, refresh_token: str) -> OpenedSession:
    return OpenedSession(viewer=viewer, refresh_token=refresh_token, refresh_expires_at=session.expires_at)


def _successor(key: bytes, token: str, salt: bytes) -> str:
    """HMAC-SHA256 over salt and token, URL-safe: 256 bits that neither the key, the row nor the token gives alone."""
    mac = hmac.digest(key, salt + token.encode(), "sha256")
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def _hash(token: str) -> bytes | None:
    return digest(token) if token.isascii() and 0 < len(token) <= MAX_TOKEN_CHARS else None


def _ended() -> Problem:
    return Problem(Code.UNAUTHENTICATED, "This session has ended. Sign in again.", reason="SESSION_ENDED")


def _refused(refusal: RefreshRefusal) -> Problem:
    return Problem(Code.UNAUTHENTICATED, _DETAILS[refusal], reason=refusal.value)

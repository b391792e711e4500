"""Refresh tokens: drawn for a session, and rotated at each use (RFC 9700, 4.14.2).

A refresh token is used once. Its successor is not drawn but derived from it, a salt stored with it and a key of the
server, so every caller of a race (two tabs, a retry after a lost answer) computes the same successor within
`ROTATION_GRACE`, and one row is written. A token that comes back later, or whose successor was used already, may be
stolen: the whole session ends. Only SHA-256 of a token is stored.
"""

import base64
import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.accounts.alarms import Alarms, Suspicion
from app.accounts.model import Origin, RefreshRefusal, Viewer
from app.accounts.store import LockedSession, NewToken, SessionStore, StoredToken
from app.audit import AuditEvent
from app.clock import Clock
from app.database import Database, Transaction
from app.errors import Code, Problem
from app.ids import Ids
from app.secrets import derive_key, digest, digest_of_token

REFRESH_TTL = timedelta(days=7)
ROTATION_GRACE = timedelta(seconds=10)
# However often it is refreshed, a session ends: a person signs in again every quarter (ASVS 5.0, 7.3.2).
SESSION_MAX_AGE = timedelta(days=90)
TOKEN_BYTES = 32
SALT_BYTES = 16
_DETAILS = {
    RefreshRefusal.UNKNOWN: "Sign in again.",
    RefreshRefusal.EXPIRED: "You were away for long. Sign in again.",
    RefreshRefusal.REVOKED: "This session was ended. Sign in again.",
    RefreshRefusal.REUSED: "This session was ended because an old key to it came back. Sign in again.",
}


@dataclass(frozen=True, kw_only=True)
class HeldSession:
    """A session, and the refresh token that carries it on."""

    viewer: Viewer
    refresh_token: str = field(repr=False)
    refresh_expires_at: datetime


class Rotation:
    """Draws the first refresh token of a session, and swaps each for the next."""

    def __init__(
        self,
        *,
        database: Database,
        store: SessionStore,
        secret_keys: tuple[str, ...],
        alarms: Alarms,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._database = database
        self._store = store
        self._alarms = alarms
        self._clock = clock
        self._ids = ids
        # The first key derives; the others let a race that straddles a rotation of SECRET_KEY end well.
        self._keys = tuple(derive_key(secret, purpose="refresh-successor") for secret in secret_keys)

    def first(self, *, now: datetime) -> tuple[str, NewToken]:
        """A token that nobody can guess, and the row that is to be written for it."""
        return self._token(self._ids.token(TOKEN_BYTES), expires_at=now + REFRESH_TTL)

    async def rotate(self, token: str, *, field: str | None, origin: Origin) -> HeldSession:
        """The token's successor; raises Problem(UNAUTHENTICATED) with a `RefreshRefusal` as its reason, at `field`."""
        token_hash = digest_of_token(token)
        if token_hash is None:
            raise _refused(RefreshRefusal.UNKNOWN, field)

        async def swap(tx: Transaction) -> HeldSession | RefreshRefusal:
            session = await self._store.lock_by_token(tx, token_hash)
            stored = None if session is None else await self._store.token(tx, token_hash)
            if session is None or stored is None:
                return RefreshRefusal.UNKNOWN
            return await self._swap(tx, token, stored, session, origin)

        # A refusal is returned, not raised, so that the revocation of a reused family commits.
        outcome = await self._database.transact(swap)
        if isinstance(outcome, RefreshRefusal):
            raise _refused(outcome, field)
        return outcome

    async def _swap(
        self, tx: Transaction, token: str, stored: StoredToken, session: LockedSession, origin: Origin
    ) -> HeldSession | RefreshRefusal:
        now = self._clock.now()
        if session.revoked_at is not None:
            return RefreshRefusal.REVOKED
        if session.expires_at <= now:
            return RefreshRefusal.EXPIRED
        if stored.used_at is not None:
            return await self._same_successor(tx, token, stored, session, origin, now)
        if stored.expires_at <= now:
            return RefreshRefusal.EXPIRED
        raw, successor = self._token(
            _successor(self._keys[0], token, stored.salt),
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
        return HeldSession(viewer=session.viewer, refresh_token=raw, refresh_expires_at=successor.expires_at)

    async def _same_successor(
        self,
        tx: Transaction,
        token: str,
        stored: StoredToken,
        session: LockedSession,
        origin: Origin,
        now: datetime,
    ) -> HeldSession | RefreshRefusal:
        """For whoever lost a race: the winner's successor; for whoever comes late: the end of the session."""
        in_time = stored.used_at is not None and now - stored.used_at <= ROTATION_GRACE
        if in_time and stored.successor_hash and stored.successor_expires_at and stored.successor_used_at is None:
            for key in self._keys:
                raw = _successor(key, token, stored.salt)
                if hmac.compare_digest(digest(raw), stored.successor_hash):
                    return HeldSession(
                        viewer=session.viewer, refresh_token=raw, refresh_expires_at=stored.successor_expires_at
                    )
        account_id = session.viewer.account_id
        await self._store.revoke(tx, session_id=session.viewer.session_id, account_id=account_id, now=now)
        # Since the token was first used two hold the session, and either may be the thief.
        await self._alarms.raise_in(
            tx, account_id, [Suspicion(event=AuditEvent.REFRESH_REUSED)], origin=origin, since=stored.used_at
        )
        return RefreshRefusal.REUSED

    def _token(self, raw: str, *, expires_at: datetime) -> tuple[str, NewToken]:
        token = NewToken(
            token_id=self._ids.uuid7(),
            token_hash=digest(raw),
            salt=self._ids.bytes(SALT_BYTES),
            expires_at=expires_at,
        )
        return raw, token


def _successor(key: bytes, token: str, salt: bytes) -> str:
    """HMAC-SHA256 over salt and token, URL-safe: 256 bits that neither the key, the row nor the token gives alone."""
    mac = hmac.digest(key, salt + token.encode(), "sha256")
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def _refused(refusal: RefreshRefusal, field: str | None) -> Problem:
    return Problem(Code.UNAUTHENTICATED, _DETAILS[refusal], field=field, reason=refusal.value)

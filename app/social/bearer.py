"""Whose request it is, by the token in its Authorization header: ours, or an ID token of Firebase Auth (source E).

Which of the two it is, the token's issuer says; nothing is tried and given up. Ours names its session. A Firebase token
names a sign-in: issuer, subject and auth_time, from which the name of one session is derived. The session is written at
first sight and carried on by each new token, as one of ours is by each refresh: it ends after a week without one, or 90
days after the sign-in. It can be listed and ended like any other. Once it has ended, in whichever way, every token of
that sign-in is refused, until the person signs in at Firebase anew.

This is the one way to a session beside `Entry`: it issues no tokens of ours, and asks for no second factor because a
header cannot answer. An account that has one is refused here, at each request; `socialLogin` asks for it.
"""

import hashlib
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

from app.accounts.model import Origin, SignInMethod, Viewer
from app.accounts.refresh_tokens import REFRESH_TTL, SESSION_MAX_AGE
from app.accounts.sessions import SessionService
from app.accounts.store import SessionStore
from app.audit import AuditEvent
from app.clock import Clock
from app.database import Database, Transaction
from app.errors import Code, Problem
from app.metrics import Deed, Metrics
from app.rate_limits import RateLimits
from app.secrets import digest
from app.social.id_tokens import LEEWAY_S, IdTokens, VerifiedIdToken, unverified_issuer
from app.social.identities import Identities
from app.social.limits import SOCIAL_LOGIN_PER_IP
from app.social.model import Provider
from app.social.store import BearerSessionStore

MAX_REMEMBERED = 4096
"""Verified tokens kept, about 3 kB each. A signature costs 65 us (RS256, 2,048 bits; measured), a look here 6 us; the
first sight of a token costs a write besides, which moves the session's end."""


class BearerTokens:
    """Tells who holds a bearer token."""

    def __init__(
        self,
        *,
        database: Database,
        sessions: SessionService,
        identities: Identities,
        id_tokens: IdTokens,
        limits: RateLimits,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._database = database
        self._sessions = sessions
        self._viewers = SessionStore(queries=database.queries)
        self._store = BearerSessionStore(queries=database.queries)
        self._identities = identities
        self._id_tokens = id_tokens
        self._limits = limits
        self._metrics = metrics
        self._clock = clock
        self._remembered: OrderedDict[bytes, VerifiedIdToken] = OrderedDict()

    async def authenticate(self, bearer: str, *, origin: Origin) -> Viewer:
        """Who holds the token, in one query once it was seen; raises Problem(UNAUTHENTICATED) when it is not good.

        A Firebase token seen for the first time finds, links or makes the account as `Identities` says, CONFLICT
        included. The reason SECOND_FACTOR_NEEDED sends the client to `socialLogin`.
        """
        if not self._id_tokens.issued_by(Provider.FIREBASE, unverified_issuer(bearer)):
            return await self._sessions.authenticate(bearer)
        token = self._recall(digest(bearer))
        is_first_sight = token is None
        if token is None:
            token = await self._id_tokens.verify(Provider.FIREBASE, bearer)
            self._remember(digest(bearer), token)
        session_id = bearer_session_id(token)
        if is_first_sight:
            await self._store.carry_on(
                self._database, session_id, expires_at=self._session_end(token), now=self._clock.now()
            )
        viewer = await self._viewer(self._database, session_id)
        if viewer is None:
            if await self._store.was_ended(self._database, session_id, now=self._clock.now()):
                raise _ended()
            await self._limits.spend(SOCIAL_LOGIN_PER_IP, origin.network)
            viewer = await self._identities.find_link_or_create(
                token.identity, partial(self._open, token, session_id, origin), origin=origin
            )
            self._metrics.done(Deed.LOGIN)
        if viewer.two_factor_enabled:
            raise _second_factor_needed()
        return viewer

    async def _open(
        self, token: VerifiedIdToken, session_id: UUID, origin: Origin, tx: Transaction, account_id: UUID, is_new: bool
    ) -> Viewer:
        ends_at, now = self._session_end(token), self._clock.now()
        if ends_at <= now:
            raise _ended()
        viewer = await self._sessions.open_foreign(
            tx,
            session_id=session_id,
            account_id=account_id,
            method=SignInMethod.FIREBASE,
            origin=origin,
            event=AuditEvent.SIGNED_UP if is_new else AuditEvent.SIGNED_IN,
            began_at=min(_signed_in_at(token), now),
            expires_at=ends_at,
        )
        if viewer is not None:
            return viewer
        # Another request with a token of the same sign-in may have come first.
        await self._store.carry_on(tx, session_id, expires_at=ends_at, now=now)
        viewer = await self._viewers.viewer(tx, session_id=session_id, account_id=account_id, now=now)
        if viewer is not None:
            return viewer
        raise _ended() if await self._store.was_ended(tx, session_id, now=now) else _second_factor_needed()

    def _session_end(self, token: VerifiedIdToken) -> datetime:
        return min(self._clock.now() + REFRESH_TTL, _signed_in_at(token) + SESSION_MAX_AGE)

    async def _viewer(self, on: Database | Transaction, session_id: UUID) -> Viewer | None:
        return await self._viewers.viewer(on, session_id=session_id, account_id=None, now=self._clock.now())

    def _recall(self, name: bytes) -> VerifiedIdToken | None:
        token = self._remembered.get(name)
        if token is not None and token.expires_at + timedelta(seconds=LEEWAY_S) <= self._clock.now():
            del self._remembered[name]  # verified anew, to be refused with the reason
            return None
        return token

    def _remember(self, name: bytes, token: VerifiedIdToken) -> None:
        self._remembered[name] = token
        if len(self._remembered) > MAX_REMEMBERED:
            self._remembered.popitem(last=False)


def bearer_session_id(token: VerifiedIdToken) -> UUID:
    """The name of the sign-in that the token tells of, a UUIDv8 (RFC 9562, 5.8): 122 bits of SHA-256."""
    identity = token.identity
    name = "\0".join((identity.issuer, identity.subject, str(token.auth_time)))
    value = int.from_bytes(hashlib.sha256(name.encode()).digest()[:16])
    return UUID(int=value & ~(0xF << 76) & ~(0b11 << 62) | 0x8 << 76 | 0b10 << 62)


def _signed_in_at(token: VerifiedIdToken) -> datetime:
    return datetime.fromtimestamp(token.auth_time, tz=UTC)


def _ended() -> Problem:
    return Problem(Code.UNAUTHENTICATED, "This session has ended. Sign in again.", reason="SESSION_ENDED")


def _second_factor_needed() -> Problem:
    return Problem(
        Code.UNAUTHENTICATED,
        "This account asks for a second factor. Trade the token by socialLogin.",
        reason="SECOND_FACTOR_NEEDED",
    )

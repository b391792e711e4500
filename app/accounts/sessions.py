"""Sessions: opened at sign-in, carried on by rotating refresh tokens, ended at once everywhere."""

from datetime import datetime
from uuid import UUID

from app.accounts.alarms import Alarms
from app.accounts.model import Factor, Origin, Proof, Session, SignedIn, SignInMethod, Viewer
from app.accounts.proofs import demand_enough
from app.accounts.refresh_tokens import ROTATION_GRACE, HeldSession, Rotation
from app.accounts.sightings import Sightings
from app.accounts.store import NewSession, SessionStore
from app.audit import AuditEvent, AuditLog
from app.clock import Clock
from app.database import Database, Transaction
from app.errors import Code, Problem
from app.ids import Ids
from app.secrets import digest_of_token
from app.tokens import AccessTokens

MOST_SHOWN = 100
"""Nobody reads more, and a script that signs in for days makes a session each time."""


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
        self._sightings = sightings
        self._clock = clock
        self._ids = ids
        self._rotation = Rotation(
            database=database, store=self._store, secret_keys=secret_keys, alarms=alarms, clock=clock, ids=ids
        )

    async def authenticate(self, access_token: str) -> Viewer:
        """Who holds the token, in one query; raises Problem(UNAUTHENTICATED) as soon as the session has ended."""
        claims = self._access_tokens.verify(access_token)
        viewer = await self._store.viewer(
            self._database, session_id=claims.session_id, account_id=claims.account_id, now=self._clock.now()
        )
        if viewer is None:
            raise session_ended()
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
            raise session_ended()
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
            raise session_ended()
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
    ) -> HeldSession | None:
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
        return None if viewer is None else _held(viewer, session, raw)

    async def open_as_usual(
        self, *, account_id: UUID, method: SignInMethod, origin: Origin, event: AuditEvent, password_hash: str
    ) -> HeldSession | None:
        """The same in a transaction of its own, without a second factor; None also when the account's password is not
        that of `password_hash` any more, or the device or the place is new to it: then there is an alarm to raise."""
        now = self._clock.now()
        raw, session = self._new_session(
            account_id=account_id, method=method, origin=origin, password_hash=password_hash, now=now
        )
        beside = self._beside(session, event, origin=origin, now=now)
        opened = await self._store.open_session(self._database, session, beside=beside, only_if_usual=True)
        return None if opened is None else _held(opened[0], session, raw)

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

    def signed_in(self, held: HeldSession, *, is_new: bool = False) -> SignedIn:
        """The pair of tokens for a session."""
        access_token, access_expires_at = self._access_tokens.issue(held.viewer.account_id, held.viewer.session_id)
        return SignedIn(
            viewer=held.viewer,
            access_token=access_token,
            access_expires_at=access_expires_at,
            refresh_token=held.refresh_token,
            refresh_expires_at=held.refresh_expires_at,
            is_new=is_new,
        )

    async def refresh(self, token: str, *, field: str | None = None, origin: Origin) -> SignedIn:
        """Swaps a refresh token for its successor and a new access token.

        Raises Problem(UNAUTHENTICATED) with a `RefreshRefusal` as its reason, naming the argument that the token came
        in as `field`, none for a cookie's; no refusal is a cause to clear a cookie.
        """
        return self.signed_in(await self._rotation.rotate(token, field=field, origin=origin))

    async def looked_up(self, token: str, *, session_id: UUID) -> Viewer | None:
        """Whose session the refresh token would carry on; only looks, and None for every token that would not do."""
        token_hash, now = digest_of_token(token), self._clock.now()
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

    async def sign_out(self, *, account_id: UUID, session_id: UUID, origin: Origin) -> bool:
        """Ends the session from which it is asked for; False when it is not the account's or has ended already."""

        async def work(tx: Transaction) -> bool:
            await self._store.hold_account(tx, account_id)
            now = self._clock.now()
            ended = await self._store.revoke(tx, session_id=session_id, account_id=account_id, now=now)
            if ended:
                await self._audit.record(AuditEvent.SIGNED_OUT, account_id=account_id, origin=origin, tx=tx)
            return ended

        return await self._database.transact(work)

    async def sign_out_by_token(self, token: str, *, origin: Origin) -> bool:
        """The same for the session that a refresh token, even a used one, belongs to; False when there is none."""
        token_hash = digest_of_token(token)
        held = None if token_hash is None else await self._store.of_token(self._database, token_hash=token_hash)
        if held is None:
            return False
        account_id, session_id = held
        return await self.sign_out(account_id=account_id, session_id=session_id, origin=origin)

    async def live(self, viewer: Viewer) -> tuple[Session, ...]:
        """Where the viewer is signed in, the device last seen first: `MOST_SHOWN` of them, the current one included."""
        return await self._store.live(
            self._database,
            account_id=viewer.account_id,
            current_id=viewer.session_id,
            most=MOST_SHOWN,
            now=self._clock.now(),
        )

    async def end(self, viewer: Viewer, session_id: UUID, *, origin: Origin) -> None:
        """Ends one of the viewer's sessions; its browser, if another, is not one that is known to the face any more.

        Raises Problem(NOT_FOUND) for one that is not theirs or has ended.
        """

        async def work(tx: Transaction) -> None:
            account_id = viewer.account_id
            await self._store.hold_account(tx, account_id)
            if not await self._store.revoke(tx, session_id=session_id, account_id=account_id, now=self._clock.now()):
                raise Problem(Code.NOT_FOUND, "There is no such session, or it has ended already.", field="id")
            await self._store.distrust(tx, account_id=account_id, ended_ids=(session_id,), kept_id=viewer.session_id)
            await self._audit.record(AuditEvent.SESSION_REVOKED, account_id=account_id, origin=origin, tx=tx)

        await self._database.transact(work)

    async def end_others(self, viewer: Viewer, *, origin: Origin) -> int:
        """The same for every session of the viewer's account but the one asking; gives back how many."""

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
        """Ends every session of the account but `kept_id`, whose browser then distrusts the others; says how many."""
        ended_ids = await self._store.revoke_except(tx, account_id=account_id, kept_id=kept_id, now=self._clock.now())
        if ended_ids and kept_id is not None:
            await self._store.distrust(tx, account_id=account_id, ended_ids=ended_ids, kept_id=kept_id)
        return len(ended_ids)

    async def distrust_browsers(self, tx: Transaction, account_id: UUID, *, but: Origin) -> None:
        """Lets no browser speak for a face any more but the one of `but`, until somebody signs in there another way.

        For a new password: whoever had the old one may have signed in with it, and out again, wherever they liked.
        """
        await self._store.distrust_browsers(tx, account_id, kept_hash=but.device_hash)

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
        raw, token = self._rotation.first(now=now)
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


def _held(viewer: Viewer, session: NewSession, refresh_token: str) -> HeldSession:
    return HeldSession(viewer=viewer, refresh_token=refresh_token, refresh_expires_at=session.expires_at)


def session_ended() -> Problem:
    """What whoever asks by a session hears when somebody has ended it, or its time is over."""
    return Problem(Code.UNAUTHENTICATED, "This session has ended. Sign in again.", reason="SESSION_ENDED")

"""Changing the password and the address of an account, by somebody who is signed in to it."""

from functools import partial

from app.accounts import letters
from app.accounts.credential_store import CredentialStore
from app.accounts.model import Origin, Viewer
from app.accounts.passwords import Passwords
from app.accounts.reauthentication import Reauthentication
from app.accounts.sessions import SessionService
from app.audit import AuditEvent, AuditLog
from app.background import Post
from app.clock import Clock
from app.database import Database, Transaction


class CredentialChanges:
    """Changes what opens an account; every change demands re-authentication and is told to its owner."""

    def __init__(
        self,
        *,
        database: Database,
        sessions: SessionService,
        reauthentication: Reauthentication,
        passwords: Passwords,
        audit: AuditLog,
        post: Post,
        clock: Clock,
    ) -> None:
        self._database = database
        self._store = CredentialStore(queries=database.queries)
        self._sessions = sessions
        self._reauthentication = reauthentication
        self._passwords = passwords
        self._audit = audit
        self._post = post
        self._clock = clock

    async def change_password(
        self, viewer: Viewer, *, current: str | None = None, password: str, code: str | None = None, origin: Origin
    ) -> None:
        """Makes `password` the account's, its first one as well, and ends every other session.

        Raises Problem: BAD_USER_INPUT with the rule that the password breaks, FORBIDDEN without re-authentication,
        UNAUTHENTICATED when the session was ended meanwhile, RATE_LIMITED, BUSY.
        """
        email = viewer.email or ""
        personal = filter(None, (email, email.partition("@")[0], viewer.handle, viewer.display_name))
        self._passwords.require_acceptable(password, personal=personal)
        await self._reauthentication.demand(viewer, password=current, code=code, origin=origin, given_as="current")
        password_hash = await self._passwords.hash(password)
        await self._database.transact(partial(self._set_password, viewer, password_hash, origin))
        if viewer.email is not None:
            self._post.send(letters.password_changed(viewer.email), account_id=viewer.account_id)

    async def _set_password(self, viewer: Viewer, password_hash: str, origin: Origin, tx: Transaction) -> None:
        account_id = viewer.account_id
        await self._sessions.hold(tx, viewer)
        await self._store.set_password(tx, account_id, password_hash, now=self._clock.now())
        await self._store.drop_resets(tx, account_id)
        ended = await self._sessions.end_all(tx, account_id, kept_id=viewer.session_id)
        await self._audit.record(
            AuditEvent.PASSWORD_CHANGED, account_id=account_id, origin=origin, detail={"sessions": ended}, tx=tx
        )

"""Changing the password and the address of an account, by somebody who is signed in to it."""

from functools import partial

from app.accounts import letters
from app.accounts.credential_store import CredentialStore
from app.accounts.email_proofs import EmailProofs
from app.accounts.limits import EMAIL_CHANGE_PER_ACCOUNT, EMAIL_CHANGE_PER_EMAIL, PASSWORD_CHANGES_PER_ACCOUNT
from app.accounts.model import Origin, Viewer
from app.accounts.passwords import Passwords
from app.accounts.proofs import SensitiveDeed
from app.accounts.reauthentication import Reauthentication
from app.accounts.rules import normalised_email
from app.accounts.sessions import SessionService
from app.audit import AuditEvent, AuditLog
from app.background import Post
from app.clock import Clock
from app.database import Database, Transaction
from app.errors import Code, Problem
from app.rate_limits import RateLimits


class CredentialChanges:
    """Changes what opens an account; every change demands re-authentication and is told to its owner."""

    def __init__(
        self,
        *,
        database: Database,
        sessions: SessionService,
        reauthentication: Reauthentication,
        passwords: Passwords,
        email_proofs: EmailProofs,
        audit: AuditLog,
        limits: RateLimits,
        post: Post,
        clock: Clock,
    ) -> None:
        self._database = database
        self._store = CredentialStore(queries=database.queries)
        self._sessions = sessions
        self._reauthentication = reauthentication
        self._passwords = passwords
        self._email_proofs = email_proofs
        self._audit = audit
        self._limits = limits
        self._post = post
        self._clock = clock

    async def change_password(
        self, viewer: Viewer, *, current: str | None = None, password: str, code: str | None = None, origin: Origin
    ) -> None:
        """Makes `password` the account's, if only its first; ends all other sessions and a pending change of address.

        Raises Problem: BAD_USER_INPUT with the rule that the password breaks, FORBIDDEN without re-authentication,
        UNAUTHENTICATED when the session was ended meanwhile, RATE_LIMITED, BUSY.
        """
        email = viewer.email or ""
        personal = filter(None, (email, email.partition("@")[0], viewer.handle, viewer.display_name))
        self._passwords.require_acceptable(password, personal=personal)
        await self._reauthentication.demand(
            viewer, SensitiveDeed.CHANGE_PASSWORD, password=current, code=code, origin=origin, given_as="current"
        )
        await self._limits.spend(PASSWORD_CHANGES_PER_ACCOUNT, str(viewer.account_id))
        password_hash = await self._passwords.hash(password)
        await self._database.transact(partial(self._set_password, viewer, password_hash, origin))
        if viewer.email is not None:
            self._post.send(letters.password_changed(viewer.email), account_id=viewer.account_id)

    async def change_email(
        self, viewer: Viewer, *, email: str, password: str | None = None, code: str | None = None, origin: Origin
    ) -> None:
        """Mails a proof to the new address, which becomes the account's when it is used; earlier proofs are void.

        The same answer after the same work when another account has the address: its owner is told instead. Raises
        Problem: BAD_USER_INPUT, FORBIDDEN without re-authentication, UNAUTHENTICATED when the session was ended
        meanwhile, RATE_LIMITED, BUSY.
        """
        email = normalised_email(email)
        if email == viewer.email:
            raise Problem(Code.BAD_USER_INPUT, "This is your address already.", field="email")
        await self._reauthentication.demand(
            viewer, SensitiveDeed.CHANGE_EMAIL, password=password, code=code, origin=origin
        )
        await self._limits.spend(EMAIL_CHANGE_PER_ACCOUNT, str(viewer.account_id))
        await self._limits.spend(EMAIL_CHANGE_PER_EMAIL, email)
        token = await self._database.transact(partial(self._open_change, viewer, email, origin))
        if await self._store.account_of(self._database, email) is None:
            self._email_proofs.mail(viewer.account_id, token, to=email, is_change=True)
        else:
            self._post.send(letters.address_wanted_elsewhere(email), account_id=viewer.account_id)
        if viewer.email is not None:
            self._post.send(letters.email_change_requested(viewer.email), account_id=viewer.account_id)

    async def _open_change(self, viewer: Viewer, email: str, origin: Origin, tx: Transaction) -> str:
        """Opens the proof; nobody ever learns the token where another account has the address."""
        await self._sessions.hold(tx, viewer)
        token = await self._email_proofs.open(tx, viewer.account_id, email)
        await self._audit.record(AuditEvent.EMAIL_CHANGE_REQUESTED, account_id=viewer.account_id, origin=origin, tx=tx)
        return token

    async def _set_password(self, viewer: Viewer, password_hash: str, origin: Origin, tx: Transaction) -> None:
        account_id = viewer.account_id
        await self._sessions.hold(tx, viewer)
        await self._store.set_password(tx, account_id, password_hash, now=self._clock.now())
        await self._store.drop_resets(tx, account_id)
        await self._store.drop_email_changes(tx, account_id)
        ended = await self._sessions.end_all(tx, account_id, kept_id=viewer.session_id)
        await self._sessions.distrust_browsers(tx, account_id, but=origin)
        await self._audit.record(
            AuditEvent.PASSWORD_CHANGED, account_id=account_id, origin=origin, detail={"sessions": ended}, tx=tx
        )

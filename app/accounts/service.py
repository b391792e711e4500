"""Sign-up, sign-in and proof of e-mail: the rules, whichever edge calls."""

import asyncio
import logging
from datetime import timedelta
from functools import partial
from uuid import UUID

from app.accounts.entry import Entry
from app.accounts.limits import LOGIN_PER_EMAIL, LOGIN_PER_IP, SIGNUP_PER_IP, VERIFY_PER_IP
from app.accounts.model import Admission, Credentials, Origin, SignedIn, SignInMethod, Viewer
from app.accounts.passwords import Passwords
from app.accounts.rules import normalised_display_name, normalised_email, normalised_handle
from app.accounts.sessions import MAX_TOKEN_CHARS, SessionService
from app.accounts.store import AccountStore
from app.audit import AuditEvent, AuditLog
from app.clock import Clock
from app.database import Database, Transaction, UniqueViolation
from app.errors import Code, Problem
from app.ids import Ids
from app.mail import Mail, Mailer
from app.metrics import Deed, Metrics, counted
from app.rate_limits import RateLimits
from app.secrets import digest

log = logging.getLogger(__name__)

EMAIL_PROOF_TTL = timedelta(hours=24)  # seed B, VERIFY_TOKEN_TTL
EMAIL_PROOF_BYTES = 48
# A mail server that does not answer costs the person this much of their sign-up, and never the sign-up itself.
MAIL_PATIENCE_S = 5.0
# A parallel sign-in may rehash the same password between our comparison and our transaction: compare once more.
ENTRY_TRIES = 2

_TAKEN = {
    "accounts_email_unique": ("email", "An account with this e-mail address exists."),
    "profiles_handle_unique": ("username", "This name is taken."),
}


class AccountService:
    """Who may have an account, and who may enter one."""

    def __init__(
        self,
        *,
        database: Database,
        sessions: SessionService,
        entry: Entry,
        audit: AuditLog,
        passwords: Passwords,
        limits: RateLimits,
        metrics: Metrics,
        mailer: Mailer,
        clock: Clock,
        ids: Ids,
        public_url: str,
        mail_patience_s: float = MAIL_PATIENCE_S,
    ) -> None:
        self._database = database
        self._store = AccountStore(queries=database.queries)
        self._sessions = sessions
        self._entry = entry
        self._audit = audit
        self._passwords = passwords
        self._limits = limits
        self._metrics = metrics
        self._mailer = mailer
        self._clock = clock
        self._ids = ids
        self._public_url = public_url
        self._mail_patience_s = mail_patience_s

    @counted(Deed.REGISTER)
    async def signup(self, *, email: str, password: str, username: str, display_name: str, origin: Origin) -> SignedIn:
        """Makes account, profile and first session together, then mails the link that proves the address.

        Raises Problem: BAD_USER_INPUT or CONFLICT with the field, RATE_LIMITED, BUSY.
        """
        email = normalised_email(email)
        handle = normalised_handle(username)
        display_name = normalised_display_name(display_name)
        personal = (email, email.partition("@")[0], handle, display_name)
        self._passwords.require_acceptable(password, personal=personal)
        await self._limits.spend(SIGNUP_PER_IP, origin.network)

        password_hash = await self._passwords.hash(password)
        account_id, now = self._ids.uuid7(), self._clock.now()
        link_token = self._ids.token(EMAIL_PROOF_BYTES)

        async def work(tx: Transaction) -> SignedIn:
            await self._store.add(
                tx,
                account_id=account_id,
                email=email,
                password_hash=password_hash,
                handle=handle,
                display_name=display_name,
                now=now,
            )
            await self._store.add_email_proof(
                tx,
                proof_id=self._ids.uuid7(),
                account_id=account_id,
                token_hash=digest(link_token),
                now=now,
                expires_at=now + EMAIL_PROOF_TTL,
            )
            admitted = await self._entry.admit(tx, account_id, method=SignInMethod.SIGNUP, origin=origin, is_new=True)
            assert isinstance(admitted, SignedIn), "a new account has no second factor"
            return admitted

        try:
            signed_in = await self._database.transact(work)
        except UniqueViolation as error:
            field, detail = _TAKEN[error.constraint]
            raise Problem(Code.CONFLICT, detail, field=field) from error
        await self._mail_link(account_id, email, link_token)
        return signed_in

    @counted(Deed.LOGIN)
    async def login(self, *, email: str, password: str, origin: Origin) -> Admission:
        """Opens a session for the right password, or asks for the second factor.

        Raises Problem: UNAUTHENTICATED, the same for a wrong password as for an unknown or malformed address, after
        the same work; RATE_LIMITED; BUSY.
        """
        try:
            address = normalised_email(email)
        except Problem:
            address = None  # no account has such an address; everything below runs as if it were unknown
        await self._limits.spend(LOGIN_PER_IP, origin.network)
        await self._limits.spend(LOGIN_PER_EMAIL, address or f"malformed from {origin.network}")

        credentials = None
        for _ in range(ENTRY_TRIES):
            credentials = None if address is None else await self._store.credentials(self._database, address)
            stored = None if credentials is None else credentials.password_hash
            verification = await self._passwords.verify(stored, password)
            if credentials is None or not verification.is_right:
                break
            rehashed = await self._passwords.hash(password) if verification.needs_rehash else None
            admitted = await self._database.transact(partial(self._enter, credentials, rehashed, origin))
            if admitted is not None:
                return admitted
        if credentials is not None:
            await self._audit.record(AuditEvent.SIGN_IN_FAILED, account_id=credentials.account_id, origin=origin)
        raise Problem(Code.UNAUTHENTICATED, "E-mail address or password is wrong.", reason="WRONG_CREDENTIALS")

    async def verify_email(self, token: str, *, origin: Origin) -> UUID:
        """Spends a link token and marks its account's address proved; gives back the account.

        Raises Problem(GONE) for a token that is unknown, used or expired, alike; RATE_LIMITED.
        """
        await self._limits.spend(VERIFY_PER_IP, origin.network)
        usable = token.isascii() and 0 < len(token) <= MAX_TOKEN_CHARS
        account_id = (
            await self._store.use_email_proof(self._database, token_hash=digest(token), now=self._clock.now())
            if usable
            else None
        )
        if account_id is None:
            raise Problem(Code.GONE, "This link was used already or has expired.", field="token")
        return account_id

    async def logout(self, *, refresh_token: str | None, viewer: Viewer | None) -> bool:
        """Ends the session of the refresh token, or else the viewer's; True when a session ended by it."""
        ended = refresh_token is not None and await self._sessions.revoke_by_token(refresh_token)
        if not ended and viewer is not None:
            ended = await self._sessions.revoke(account_id=viewer.account_id, session_id=viewer.session_id)
        return ended

    async def _enter(
        self, proved: Credentials, rehashed: str | None, origin: Origin, tx: Transaction
    ) -> Admission | None:
        # The password was compared before this transaction: had it been changed since, or the account deleted,
        # a session opened now would outlive that change.
        current = await self._store.lock_credentials(tx, proved.account_id)
        if current != proved:
            return None
        if rehashed is not None:
            await self._store.rehash(tx, proved.account_id, rehashed)
        return await self._entry.admit(tx, proved.account_id, method=SignInMethod.PASSWORD, origin=origin)

    async def _mail_link(self, account_id: UUID, email: str, token: str) -> None:
        try:
            async with asyncio.timeout(self._mail_patience_s):
                # In the fragment, which reaches no server: a path would stand in the logs of everything on the way.
                await self._mailer.send(_verification_mail(email, f"{self._public_url}/verify#token={token}"))
        except Exception as error:  # whatever the mail server does, the account stands and works unproved
            log.warning("verification mail not sent to account %s: %s", account_id, type(error).__name__)


def _verification_mail(email: str, link: str) -> Mail:
    hours = int(EMAIL_PROOF_TTL.total_seconds() // 3600)
    return Mail(
        to=email,
        subject="Confirm your e-mail address",
        text=f"Somebody, hopefully you, signed up with this address.\n\nTo confirm that it is yours, open:\n{link}\n\n"
        f"The link works once, within {hours} hours. If it was not you, ignore this mail.\n",
    )

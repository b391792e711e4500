"""Sign-up, sign-in and sign-out: the rules, whichever edge calls."""

from app.accounts.alarms import Alarms
from app.accounts.email_proofs import EmailProofs
from app.accounts.entry import Entry
from app.accounts.handles import HandleReservations
from app.accounts.limits import LOGIN_PER_EMAIL, LOGIN_PER_IP, SIGNUP_PER_IP
from app.accounts.model import Admission, Credentials, Origin, SignedIn, SignInMethod, Viewer
from app.accounts.passwords import Passwords
from app.accounts.rules import normalised_display_name, normalised_email, normalised_handle
from app.accounts.sessions import SessionService
from app.accounts.store import AccountStore
from app.audit import AuditEvent, AuditLog
from app.background import Background
from app.clock import Clock
from app.database import Database, Transaction, UniqueViolation
from app.errors import Code, Problem
from app.ids import Ids
from app.metrics import Deed, Metrics, counted
from app.rate_limits import RateLimits

# A parallel sign-in may rehash the same password between our comparison and our transaction: compare once more.
ENTRY_TRIES = 2


class AccountService:
    """Who may have an account, and who may enter one."""

    def __init__(
        self,
        *,
        database: Database,
        sessions: SessionService,
        entry: Entry,
        audit: AuditLog,
        alarms: Alarms,
        background: Background,
        passwords: Passwords,
        limits: RateLimits,
        metrics: Metrics,
        handles: HandleReservations,
        email_proofs: EmailProofs,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._database = database
        self._store = AccountStore(queries=database.queries)
        self._sessions = sessions
        self._entry = entry
        self._audit = audit
        self._alarms = alarms
        self._background = background
        self._passwords = passwords
        self._limits = limits
        self._metrics = metrics
        self._handles = handles
        self._email_proofs = email_proofs
        self._clock = clock
        self._ids = ids

    @counted(Deed.REGISTER)
    async def signup(self, *, email: str, password: str, username: str, display_name: str, origin: Origin) -> SignedIn:
        """Makes account, profile and first session together, then mails the link that proves the address.

        Raises Problem: BAD_USER_INPUT or CONFLICT with the field, RATE_LIMITED, BUSY.
        """
        email = normalised_email(email)
        handle = normalised_handle(username, field="username")
        display_name = normalised_display_name(display_name)
        personal = (email, email.partition("@")[0], handle, display_name)
        self._passwords.require_acceptable(password, personal=personal)
        await self._limits.spend(SIGNUP_PER_IP, origin.network)

        account_id = self._ids.uuid7()
        async with self._handles.reserved(handle, account_id, field="username"):
            password_hash = await self._passwords.hash(password)

            async def work(tx: Transaction) -> tuple[SignedIn, str]:
                await self._store.add(
                    tx,
                    account_id=account_id,
                    email=email,
                    password_hash=password_hash,
                    handle=handle,
                    display_name=display_name,
                    now=self._clock.now(),
                )
                link_token = await self._email_proofs.open(tx, account_id)
                entered = await self._entry.admit(
                    tx, account_id, method=SignInMethod.SIGNUP, origin=origin, is_new=True
                )
                assert isinstance(entered, SignedIn), "a new account has no second factor"
                return entered, link_token

            try:
                signed_in, link_token = await self._database.transact(work)
            except UniqueViolation as error:
                if error.constraint == "profiles_handle_unique":
                    raise await self._handles.conflict(handle, field="username") from error
                raise Problem(Code.CONFLICT, "An account with this e-mail address exists.", field="email") from error
        self._email_proofs.mail(account_id, link_token, to=email)
        return signed_in

    @counted(Deed.LOGIN)
    async def login(self, *, email: str, password: str, origin: Origin) -> Admission:
        """Opens a session for the right password, or asks for the second factor.

        Raises Problem: UNAUTHENTICATED, the same for a wrong password as for an unknown or malformed address, after
        the same work, and with the reason PASSWORD_RESET_REQUIRED for a right one that is blocked; RATE_LIMITED; BUSY.
        """
        try:
            address = normalised_email(email)
        except Problem:
            address = None  # no account has such an address; everything below runs as if it were unknown
        await self._limits.spend_each(
            (LOGIN_PER_IP, origin.network), (LOGIN_PER_EMAIL, address or f"malformed from {origin.network}")
        )

        credentials = None
        for _ in range(ENTRY_TRIES):
            credentials = None if address is None else await self._store.credentials(self._database, address)
            stored = None if credentials is None else credentials.password_hash
            verification = await self._passwords.verify(stored, password)
            if credentials is None or not verification.is_right or credentials.reset_required:
                break
            rehashed = await self._passwords.hash(password) if verification.needs_rehash else None
            admitted = await self._enter(credentials, rehashed, origin)
            if admitted is not None:
                return admitted
        self._background.start(self._write_down(credentials, origin), what="writing down a failed sign-in")
        if verification.is_right and credentials is not None and credentials.reset_required:
            raise _reset_required()
        raise Problem(Code.UNAUTHENTICATED, "E-mail address or password is wrong.", reason="WRONG_CREDENTIALS")

    async def logout(self, *, refresh_token: str | None, viewer: Viewer | None, origin: Origin) -> bool:
        """Ends the session of the refresh token, or else the viewer's; True when a session ended by it."""
        ended = refresh_token is not None and await self._sessions.sign_out_by_token(refresh_token, origin=origin)
        if not ended and viewer is not None:
            ended = await self._sessions.sign_out(
                account_id=viewer.account_id, session_id=viewer.session_id, origin=origin
            )
        return ended

    async def _write_down(self, credentials: Credentials | None, origin: Origin) -> None:
        """After the answer: only an account that exists has something to write, and a write takes the disk's time."""
        if credentials is not None:
            await self._audit.record(AuditEvent.SIGN_IN_FAILED, account_id=credentials.account_id, origin=origin)
            self._alarms.failed(credentials.account_id, origin=origin)

    async def _enter(self, proved: Credentials, rehashed: str | None, origin: Origin) -> Admission | None:
        # The password was compared before: had it been changed since, or the account deleted, a session opened now
        # would outlive that change.
        if rehashed is None and proved.password_hash is not None:
            entered = await self._entry.admit_as_usual(
                proved.account_id, password_hash=proved.password_hash, origin=origin
            )
            if entered is not None:
                return entered

        async def work(tx: Transaction) -> Admission | None:
            if await self._store.lock_credentials(tx, proved.account_id) != proved:
                return None
            if rehashed is not None:
                await self._store.rehash(tx, proved.account_id, rehashed)
            return await self._entry.admit(tx, proved.account_id, method=SignInMethod.PASSWORD, origin=origin)

        return await self._database.transact(work)


def _reset_required() -> Problem:
    """Only whoever has the password hears it."""
    return Problem(
        Code.UNAUTHENTICATED,
        "This password is blocked, because somebody else may have chosen or used it. Choose a new one by the link in "
        "your mail.",
        reason="PASSWORD_RESET_REQUIRED",
    )

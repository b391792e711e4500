"""What a passkey proves: who signs in, the second step of a sign-in, or once more who is signed in.

A passkey that verified its owner (PIN, finger or face, on the device) is two factors at once: possession, and knowledge
or a trait. NIST SP 800-63B-4 counts it as a multi-factor cryptographic authenticator, which is good for AAL2 alone, and
GitHub asks for no code after one either. So whoever signs in by passkey is not asked for the second factor, and signing
in wants that verification; so does step-up. After another first factor possession is what is missing: there a passkey
counts without it, for accounts that have the second factor on.
"""

from uuid import UUID

from app.accounts import second_factor_letters
from app.accounts.alarms import Alarms
from app.accounts.entry import Entry
from app.accounts.limits import PASSKEY_BEGIN_PER_IP, PASSKEY_LOGIN_PER_IP, PASSKEY_PROOFS_PER_ACCOUNT
from app.accounts.model import Factor, Origin, PasskeyOptions, Proof, SignedIn, SignInMethod, Viewer
from app.accounts.passkey_challenges import Bond, Purpose
from app.accounts.passkey_model import NotProved
from app.accounts.passkey_store import PasskeyStore, StoredKey
from app.accounts.passkey_uses import CopySuspected, NotVerified, PasskeyUses
from app.accounts.proofs import REASON as REAUTHENTICATION_NEEDED
from app.accounts.second_factors import second_step_over
from app.accounts.second_steps import SecondStep, SecondSteps
from app.accounts.sessions import SessionService
from app.audit import AuditEvent, AuditLog
from app.background import Post
from app.database import Database, Transaction
from app.errors import Code, Problem
from app.metrics import Deed, Metrics, counted
from app.rate_limits import RateLimits


class PasskeyProofs:
    """Begins and finishes the three."""

    def __init__(
        self,
        *,
        database: Database,
        uses: PasskeyUses,
        steps: SecondSteps,
        entry: Entry,
        sessions: SessionService,
        audit: AuditLog,
        alarms: Alarms,
        limits: RateLimits,
        metrics: Metrics,
        post: Post,
    ) -> None:
        self._database = database
        self._store = PasskeyStore(queries=database.queries)
        self._uses = uses
        self._steps = steps
        self._entry = entry
        self._sessions = sessions
        self._audit = audit
        self._alarms = alarms
        self._limits = limits
        self._metrics = metrics
        self._post = post

    async def begin_login(self, *, page: str | None = None, origin: Origin) -> PasskeyOptions:
        """What the browser's devices are asked; nobody is named, so nobody can be looked for.

        `page` is the origin of the page that asks. Raises Problem: FORBIDDEN with PASSKEYS_NOT_HERE, RATE_LIMITED,
        BUSY.
        """
        self._uses.demand_page(page)
        await self._limits.spend(PASSKEY_BEGIN_PER_IP, origin.network)
        bond = Bond.of_browser(origin)
        assert bond is not None, "an entering browser has an id"
        return await self._uses.ask(bond, must_verify=True)

    @counted(Deed.LOGIN)
    async def login(self, *, challenge_id: str, credential: str, origin: Origin) -> SignedIn:
        """Opens a session of the account whose passkey answered, in the browser that began.

        Raises Problem: BAD_USER_INPUT with the field; GONE with CHALLENGE_OVER; UNAUTHENTICATED with WRONG_PASSKEY,
        USER_NOT_VERIFIED or PASSKEY_COPY_SUSPECTED; RATE_LIMITED; BUSY.
        """
        await self._limits.spend(PASSKEY_LOGIN_PER_IP, origin.network)
        answer = self._uses.read(credential)
        asked = await self._uses.asked(Bond.of_browser(origin), challenge_id)
        stored = await self._uses.find(answer)
        # Nobody was named, so the device must say whose key it is.
        if stored is None or not answer.response.user_handle:
            raise _refused(NotProved(), Code.UNAUTHENTICATED)
        account_id = stored.account_id

        async def enter(tx: Transaction) -> SignedIn:
            return await self._entry.admit_after(
                Factor.PASSKEY, tx, account_id, method=SignInMethod.PASSKEY, origin=origin
            )

        try:
            return await self._uses.prove(answer, asked, stored, must_verify=True, origin=origin, deed=enter)
        except NotProved as error:
            await self._write_down(AuditEvent.SIGN_IN_FAILED, account_id, origin, method=SignInMethod.PASSKEY.value)
            raise _refused(error, Code.UNAUTHENTICATED) from error

    async def begin_second_step(self, *, temp_token: str, page: str | None = None, origin: Origin) -> PasskeyOptions:
        """What the devices of whoever passed the first step are asked, instead of a code; takes none of its tries.

        Raises Problem: UNAUTHENTICATED with SECOND_STEP_OVER, NOT_FOUND with NO_PASSKEY, FORBIDDEN with
        PASSKEYS_NOT_HERE, RATE_LIMITED, BUSY.
        """
        self._uses.demand_page(page)
        await self._limits.spend(PASSKEY_BEGIN_PER_IP, origin.network)
        account_id = await self._steps.account_of(temp_token)
        if account_id is None:
            raise second_step_over()
        known = await self._uses.known(account_id)
        return await self._uses.ask(Bond.of_temp_token(temp_token), known=known, must_verify=False)

    @counted(Deed.LOGIN)
    async def second_step(self, *, temp_token: str, challenge_id: str, credential: str, origin: Origin) -> SignedIn:
        """Opens the session that a right first factor asked for.

        Raises Problem: BAD_USER_INPUT with the field; GONE with CHALLENGE_OVER; UNAUTHENTICATED with WRONG_PASSKEY or
        PASSKEY_COPY_SUSPECTED while another try is left, SECOND_STEP_OVER when the person must begin again;
        RATE_LIMITED; BUSY.
        """
        await self._limits.spend(PASSKEY_LOGIN_PER_IP, origin.network)
        answer = self._uses.read(credential)
        asked = await self._uses.asked(Bond.of_temp_token(temp_token), challenge_id)
        step = await self._steps.count_try(temp_token)
        if step is None:
            raise second_step_over()

        async def enter(tx: Transaction) -> SignedIn:
            if not await self._steps.complete(tx, temp_token, step):
                raise second_step_over()
            return await self._entry.admit_after(Factor.PASSKEY, tx, step.account_id, method=step.method, origin=origin)

        stored = await self._uses.find(answer)
        try:
            own = _own(stored, step.account_id)
            return await self._uses.prove(answer, asked, own, must_verify=False, origin=origin, deed=enter)
        except NotProved as error:
            await self._write_down(AuditEvent.SECOND_FACTOR_FAILED, step.account_id, origin)
            raise await self._after_wrong(error, step) from error

    async def begin_confirmation(self, viewer: Viewer, *, page: str | None = None) -> PasskeyOptions:
        """What the viewer's devices are asked, so that they show once more who they are.

        Raises Problem: NOT_FOUND with NO_PASSKEY, FORBIDDEN with PASSKEYS_NOT_HERE, RATE_LIMITED, BUSY.
        """
        self._uses.demand_page(page)
        await self._limits.spend(PASSKEY_PROOFS_PER_ACCOUNT, str(viewer.account_id))
        known = await self._uses.known(viewer.account_id)
        return await self._uses.ask(Bond.of_session(Purpose.STEP_UP, viewer), known=known, must_verify=True)

    async def confirm(self, viewer: Viewer, *, challenge_id: str, credential: str, origin: Origin) -> None:
        """Makes the viewer's session one whose owner has just proved who they are.

        Raises Problem: BAD_USER_INPUT with the field; GONE with CHALLENGE_OVER; FORBIDDEN with REAUTHENTICATION_NEEDED
        and the field; UNAUTHENTICATED when the session was ended meanwhile; RATE_LIMITED; BUSY.
        """
        await self._limits.spend(PASSKEY_PROOFS_PER_ACCOUNT, str(viewer.account_id))
        answer = self._uses.read(credential)
        asked = await self._uses.asked(Bond.of_session(Purpose.STEP_UP, viewer), challenge_id)

        async def prove(tx: Transaction) -> None:
            await self._sessions.mark_proved(tx, viewer, by=Proof.PASSKEY, origin=origin)

        stored = await self._uses.find(answer)
        try:
            own = _own(stored, viewer.account_id)
            await self._uses.prove(answer, asked, own, must_verify=True, origin=origin, deed=prove)
        except NotProved as error:
            await self._write_down(AuditEvent.SIGN_IN_FAILED, viewer.account_id, origin, method="reauthentication")
            raise _refused(error, Code.FORBIDDEN, reason=REAUTHENTICATION_NEEDED) from error

    async def _after_wrong(self, error: NotProved, step: SecondStep) -> Problem:
        """What the person is told; the owner learns when nothing but wrong answers came."""
        if not step.is_last_try:
            return _refused(error, Code.UNAUTHENTICATED)
        email = await self._store.email_of(self._database, step.account_id)
        if email is not None:
            self._post.send(second_factor_letters.wrong_codes(email), account_id=step.account_id)
        return second_step_over()

    async def _write_down(self, event: AuditEvent, account_id: UUID, origin: Origin, **detail: str) -> None:
        await self._audit.record(event, account_id=account_id, origin=origin, detail=detail)
        self._alarms.failed(account_id, origin=origin)


def _own(stored: StoredKey | None, account_id: UUID) -> StoredKey:
    """The passkey, if it is this account's; raises NotProved."""
    if stored is None or stored.account_id != account_id:
        raise NotProved("no passkey of this account")
    return stored


def _refused(error: NotProved, code: Code, *, reason: str | None = None) -> Problem:
    """What the person can do about it. Only whoever holds the key gets to hear more than that it is wrong."""
    match error:
        case NotVerified():
            detail, own_reason = "Unlock the passkey with its PIN, your finger or your face.", "USER_NOT_VERIFIED"
        case CopySuspected():
            detail = "This passkey was refused, because there may be a copy of it. Sign in another way and remove it."
            own_reason = "PASSKEY_COPY_SUSPECTED"
        case _:
            detail, own_reason = "This passkey opens nothing here. It may have been removed.", "WRONG_PASSKEY"
    return Problem(code, detail, field="credential", reason=reason or own_reason)

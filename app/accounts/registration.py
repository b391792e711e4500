"""Registration at a campus: whoever asks gets one answer, in one time, whether or not the address has an account.

What differs goes by mail: a new account and one that was never proved get a proof, a proved one the news that somebody
tried. Each way reserves the handle, hashes once, compares once and commits one transaction; letters are written after
the answer. What nobody can hide is that a sign-in with the new password works only where the account is new.

Of two who register one address before it is proved the first may be a stranger, who waits for its owner to prove it. So
the account keeps the first password only where the second is the same; else the proof wants another
(app/accounts/email_proofs.py).
"""

from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from app.accounts import letters
from app.accounts.campuses import Campus, CampusService
from app.accounts.email_proofs import EmailProofs
from app.accounts.handles import HandleReservations
from app.accounts.imported_hashes import is_imported
from app.accounts.limits import REGISTER_PER_IP, REPEATED_PER_EMAIL
from app.accounts.model import Origin
from app.accounts.passwords import Passwords
from app.accounts.repeats import RepeatedRegistrations
from app.accounts.rules import (
    MAX_CAMPUS_HANDLE_CHARS,
    normalised_campus_handle,
    normalised_display_name,
    normalised_email,
)
from app.accounts.store import AccountStore
from app.audit import NOBODY, AuditEvent, AuditLog
from app.background import Post
from app.clock import Clock
from app.database import Database, Transaction, UniqueViolation
from app.errors import Code, Problem
from app.ids import Ids
from app.metrics import Deed, Metrics, counted
from app.rate_limits import RateLimits

# Somebody else may register the same address between our look and our writing: look once more.
TRIES = 2


@dataclass(frozen=True, kw_only=True)
class Registered:
    """What everybody hears. The id is that of the new account, or of nothing when the address had one."""

    user_id: UUID
    email: str


@dataclass(frozen=True, kw_only=True)
class _Applicant:
    account_id: UUID
    email: str
    password_hash: str
    handle: str
    display_name: str
    campus: Campus
    origin: Origin
    is_quiet: bool


@dataclass(frozen=True)
class _Compared:
    """The hash that the account with the address had when we looked, and whether the given password is its password."""

    stored: str | None
    is_same: bool


class _Outdated(Exception):
    """Since we looked, the address was registered, or its password changed."""


@dataclass(frozen=True)
class _News:
    """What the letter is about: a proof where there is a token, else somebody's try."""

    account_id: UUID
    token: str | None


class RegistrationService:
    """Takes people of a campus in."""

    def __init__(
        self,
        *,
        database: Database,
        campuses: CampusService,
        handles: HandleReservations,
        repeats: RepeatedRegistrations,
        email_proofs: EmailProofs,
        audit: AuditLog,
        passwords: Passwords,
        limits: RateLimits,
        metrics: Metrics,
        post: Post,
        clock: Clock,
        ids: Ids,
        public_url: str,
    ) -> None:
        self._database = database
        self._store = AccountStore(queries=database.queries)
        self._campuses = campuses
        self._handles = handles
        self._repeats = repeats
        self._email_proofs = email_proofs
        self._audit = audit
        self._passwords = passwords
        self._limits = limits
        self._metrics = metrics
        self._post = post
        self._clock = clock
        self._ids = ids
        self._public_url = public_url

    @counted(Deed.REGISTER)
    async def register(
        self,
        *,
        email: str,
        password: str,
        handle: str,
        campus_id: UUID | str,
        display_name: str | None = None,
        origin: Origin,
    ) -> Registered:
        """Makes an unproved account of the campus and mails its proof, or leaves the one there is as it is.

        Raises Problem: BAD_USER_INPUT with the field, CONFLICT on `handle` with suggestions, RATE_LIMITED, BUSY.
        """
        email = normalised_email(email)
        handle = normalised_campus_handle(handle)
        display_name = normalised_display_name(display_name, of_campus=True) if display_name else ""
        personal = (email, email.partition("@")[0], handle, display_name)
        self._passwords.require_acceptable(password, personal=personal)
        campus = await self._campuses.of_address(campus_id, email)
        await self._limits.spend(REGISTER_PER_IP, origin.network)
        is_quiet = await self._was_told_enough(email)
        # Not beyond the share of letters: whoever knows address and handle of somebody new could try passwords here.
        is_repeat = not is_quiet and await self._repeats.is_known(email=email, handle=handle, password=password)

        account_id = self._ids.uuid7()
        reserved = self._handles.reserved(handle, account_id, max_chars=MAX_CAMPUS_HANDLE_CHARS)
        async with nullcontext() if is_repeat else reserved:
            applicant = _Applicant(
                account_id=account_id,
                email=email,
                password_hash=await self._passwords.hash(password),
                handle=handle,
                display_name=display_name,
                campus=campus,
                origin=origin,
                is_quiet=is_quiet,
            )
            news = await self._written(applicant, password)
        await self._repeats.remember(email=email, handle=handle, password=password)
        if news is not None and news.token is not None:
            self._email_proofs.mail(news.account_id, news.token, to=email)
        elif news is not None:
            self._post.send(letters.already_registered(email, self._public_url), account_id=news.account_id)
        return Registered(user_id=account_id, email=email)

    async def _was_told_enough(self, email: str) -> bool:
        """Counts one more letter to the address; True when it has had its share of them."""
        try:
            await self._limits.spend(REPEATED_PER_EMAIL, email)
        except Problem as problem:
            if problem.code is not Code.RATE_LIMITED:
                raise
            return True
        return False

    async def _compared(self, email: str, password: str) -> _Compared:
        """One comparison for everybody; an imported hash, which would take its time, counts as another password."""
        known = await self._store.credentials(self._database, email)
        stored = None if known is None else known.password_hash
        verified = await self._passwords.verify(None if is_imported(stored) else stored, password)
        return _Compared(stored, verified.is_right)

    async def _written(self, applicant: _Applicant, password: str) -> _News | None:
        for _ in range(TRIES):
            compared = await self._compared(applicant.email, password)
            try:
                return await self._database.transact(partial(self._write, applicant, compared))
            except _Outdated:
                continue
            except UniqueViolation as error:
                if error.constraint == "profiles_handle_unique":
                    raise await self._handles.conflict(
                        applicant.handle, field="handle", max_chars=MAX_CAMPUS_HANDLE_CHARS
                    ) from error
        raise Problem(Code.BUSY, "Somebody else changes this account right now.", retry_after_s=1)

    async def _write(self, applicant: _Applicant, compared: _Compared, tx: Transaction) -> _News | None:
        await self._campuses.keep(tx, applicant.campus)
        known = await tx.one(self._database.queries.registered_at, email=applicant.email)
        if known is None:
            return await self._add(applicant, tx)
        if known["password_hash"] != compared.stored:
            raise _Outdated
        is_proved = known["email_verified_at"] is not None
        await self._audit.record(
            AuditEvent.REGISTRATION_REPEATED,
            account_id=known["account_id"],
            # Whoever reads the log of an address that was never proved may be a stranger who waits for its owner.
            origin=applicant.origin if is_proved else NOBODY,
            detail={} if is_proved or compared.is_same else {"contested": "with another password"},
            tx=tx,
        )
        if applicant.is_quiet:
            return None
        renewed = await self._email_proofs.renew(tx, applicant.email)
        return _News(known["account_id"], None) if renewed is None else _News(*renewed)

    async def _add(self, applicant: _Applicant, tx: Transaction) -> _News:
        await self._store.add(
            tx,
            account_id=applicant.account_id,
            email=applicant.email,
            password_hash=applicant.password_hash,
            handle=applicant.handle,
            display_name=applicant.display_name,
            campus_id=applicant.campus.id,
            now=self._clock.now(),
        )
        await self._audit.record(
            AuditEvent.SIGNED_UP,
            account_id=applicant.account_id,
            origin=applicant.origin,
            detail={"method": "campus"},
            tx=tx,
        )
        return _News(applicant.account_id, await self._email_proofs.open(tx, applicant.account_id))

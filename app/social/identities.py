"""Find, link or create: the one place that decides which account a proved identity opens.

1. An identity seen before opens its account, whatever address it carries today.
2. Else, a provider-verified address whose account has proved it too: both sides are one person, so it is linked,
   unless the account has a second factor: then it only signs in, with that factor, and is linked from settings; or
   its owner unlinked this very identity: then it is refused with CONFLICT, IDENTITY_UNLINKED, until they link it again.
3. Else, a provider-verified address that an account holds *unproved*: refused with CONFLICT, LINK_NEEDED. Whoever made
   that account may be somebody else who waits for the owner to walk in (pre-registration takeover), or the owner, who
   never opened the link. Linking would let the first in; taking the address away would leave the second with an account
   that nobody can enter. Both ways out prove what is missing: sign in with the password and link from settings, or
   reset the password by mail, which ends every session that a stranger may have.
4. Else a new account. It gets the address only if the provider verified it. An address that nobody proved stays out
   of `accounts`, free or taken: there it would keep its owner from signing up, and the reset of its password would
   hand the owner an account that somebody else's identity still opens.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Generic, TypeVar
from uuid import UUID

from app.accounts.entry import Entry
from app.accounts.model import Admission, Origin, SecondFactorNeeded, SignInMethod
from app.accounts.rules import normalised_email
from app.audit import AuditEvent, AuditLog
from app.background import Post
from app.clock import Clock
from app.database import Database, Transaction, UniqueViolation
from app.errors import Code, Problem
from app.ids import Ids
from app.mail import Mail
from app.social.handles import display_name_of, handle_stem, handles_from
from app.social.model import ProvedIdentity, Provider
from app.social.store import SocialStore

T = TypeVar("T")

# Whoever loses a race finds the winner's row on the next try; more are lost only to people who wish the same handle.
TRIES = 8
MAX_SUBJECT_CHARS = 255  # OpenID Connect Core 1.0, section 2
MAX_USERNAME_CHARS = 100


class Identities:
    """Turns a proved identity into a session of the right account."""

    def __init__(
        self,
        *,
        database: Database,
        entry: Entry,
        audit: AuditLog,
        post: Post,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._database = database
        self._store = SocialStore(queries=database.queries)
        self._entry = entry
        self._audit = audit
        self._post = post
        self._clock = clock
        self._ids = ids

    async def enter(self, identity: ProvedIdentity, *, method: SignInMethod, origin: Origin) -> Admission:
        """Signs in to the account of the identity, or links or makes one; the rules stand at the top of this file.

        Any number of first sights at once make one account. Raises Problem(CONFLICT) with reason LINK_NEEDED,
        IDENTITY_UNLINKED, or PROVIDER_LINKED when the account of that address has another identity of this provider.
        Where the second factor is asked for, nothing is linked: the address alone has not shown whose account it is.
        """

        async def admit(tx: Transaction, account_id: UUID, is_new: bool) -> Admission:
            return await self._entry.admit(tx, account_id, method=method, origin=origin, is_new=is_new)

        try:
            return await self.find_link_or_create(identity, admit, origin=origin)
        except _NotLinkedYet as undone:
            return undone.needed

    async def find_link_or_create(
        self,
        identity: ProvedIdentity,
        then: Callable[[Transaction, UUID, bool], Awaitable[T]],
        *,
        origin: Origin,
    ) -> T:
        """What `then` makes of the identity's account, in the transaction that found or made it; its row is held."""
        identity = bounded(identity)
        for _ in range(TRIES):
            try:
                entered = await self._database.transact(partial(self._enter, identity, then, origin))
            except UniqueViolation as error:
                if error.constraint == "identities_one_per_provider":
                    raise provider_linked(identity.provider) from error
                continue
            if entered is not None:
                if entered.letter is not None:
                    self._post.send(entered.letter, account_id=entered.account_id)
                return entered.outcome
        raise Problem(Code.BUSY, "Too many people want the same. Try again.", retry_after_s=1)

    async def knows(self, identity: ProvedIdentity) -> bool:
        """Whether the identity opens an account already."""
        return await self._database.transact(lambda tx: self._store.account_of(tx, identity)) is not None

    async def record_refusal(self, identity: ProvedIdentity, problem: Problem, *, origin: Origin) -> None:
        """Writes into the log of the identity's account, if it has one, that a sign-in was refused and why."""
        account_id = await self._store.owner_of(self._database, identity)
        if account_id is not None:
            await self._audit.record(
                AuditEvent.SIGN_IN_FAILED,
                account_id=account_id,
                origin=origin,
                detail={"method": SignInMethod.SOCIAL.value, "reason": problem.reason or problem.code.value},
            )

    async def _enter(
        self,
        identity: ProvedIdentity,
        then: Callable[[Transaction, UUID, bool], Awaitable[T]],
        origin: Origin,
        tx: Transaction,
    ) -> "_Entered[T] | None":
        """None when the identity was unlinked meanwhile: then it is a first sight."""
        now, is_new, letter = self._clock.now(), False, None
        account_id = await self._store.account_of(tx, identity)
        if account_id is not None:
            if not await self._store.seen(tx, identity, account_id, now=now):
                return None
            if identity.email is not None and identity.email_verified:
                await self._store.adopt_address(tx, account_id, identity.email, now=now)
        elif (account_id := await self._same_person(tx, identity)) is not None:
            await self.link(tx, identity, account_id, origin=origin)
            letter = linked_letter(identity.email, identity.provider)
        else:
            account_id, is_new = await self._create(tx, identity), True
        outcome = await then(tx, account_id, is_new)
        if letter is not None and isinstance(outcome, SecondFactorNeeded):
            raise _NotLinkedYet(outcome)
        return _Entered(account_id=account_id, outcome=outcome, letter=letter)

    async def link(self, tx: Transaction, identity: ProvedIdentity, account_id: UUID, *, origin: Origin) -> None:
        """Links and writes it into the audit log; `tx` must hold the account's row."""
        await self._store.link(tx, identity, account_id, now=self._clock.now())
        await self._audit.record(
            AuditEvent.IDENTITY_LINKED,
            account_id=account_id,
            origin=origin,
            detail={"provider": identity.provider.value},
            tx=tx,
        )

    async def _same_person(self, tx: Transaction, identity: ProvedIdentity) -> UUID | None:
        """The account whose address both sides have proved.

        Raises Problem(CONFLICT) when only the provider has, or when the account's owner unlinked the identity.
        """
        if identity.email is None or not identity.email_verified:
            return None
        holder = await self._store.holder_of(tx, identity.email)
        if holder is None:
            return None
        if holder.email_verified_at is None:
            raise Problem(
                Code.CONFLICT,
                "An account with this e-mail address exists, and the address was never confirmed there. Sign in to it "
                f"and link {identity.provider.shown} in the settings, or reset its password.",
                field="email",
                reason="LINK_NEEDED",
            )
        if await self._store.was_unlinked(tx, identity, holder.account_id):
            shown = identity.provider.shown
            raise Problem(
                Code.CONFLICT,
                f"{shown} was unlinked from the account with this e-mail address. Sign in another way and link {shown} "
                "again in the settings.",
                field="provider",
                reason="IDENTITY_UNLINKED",
            )
        return holder.account_id

    async def _create(self, tx: Transaction, identity: ProvedIdentity) -> UUID:
        now, account_id = self._clock.now(), self._ids.uuid7()
        handles = list(handles_from(handle_stem(identity), self._ids))
        handle = await self._store.first_free(tx, handles, now=now) or handles[-1]
        await self._store.add_account(
            tx,
            account_id,
            email=identity.email if identity.email_verified else None,
            handle=handle,
            display_name=display_name_of(identity, otherwise=handle),
            now=now,
        )
        await self._store.link(tx, identity, account_id, now=now)
        return account_id


@dataclass(frozen=True, kw_only=True)
class _Entered(Generic[T]):
    account_id: UUID
    outcome: T
    letter: Mail | None


class _NotLinkedYet(Exception):
    """Raised to undo a link whose sign-in still waits for the second factor."""

    def __init__(self, needed: SecondFactorNeeded) -> None:
        super().__init__()
        self.needed = needed


def provider_linked(provider: Provider) -> Problem:
    """The refusal of a second identity of one provider: addresses change hands, so it may be somebody else."""
    return Problem(
        Code.CONFLICT,
        f"Another {provider.shown} account is linked here already. Sign in another way and unlink it first.",
        field="provider",
        reason="PROVIDER_LINKED",
    )


def bounded(identity: ProvedIdentity) -> ProvedIdentity:
    """The identity within our rules: an address that we could not write to counts as none."""
    subject = identity.subject
    if not (0 < len(subject) <= MAX_SUBJECT_CHARS and subject.isascii() and subject.isprintable()):
        raise Problem(Code.UNAUTHENTICATED, "The provider named nobody.", reason="INVALID_TOKEN")
    try:
        email = None if identity.email is None else normalised_email(identity.email)
    except Problem:
        email = None
    username = "".join(c for c in (identity.username or "")[:MAX_USERNAME_CHARS] if c.isprintable()) or None
    return replace(
        identity, email=email, email_verified=identity.email_verified and email is not None, username=username
    )


def linked_letter(email: str | None, provider: Provider) -> Mail | None:
    """Tells the owner, where there is an address to write to."""
    shown = provider.shown
    if email is None:
        return None
    return Mail(
        to=email,
        subject=f"{shown} can now sign in to your account",
        text=f"{shown} was linked to your account, hopefully by you. From now on signing in with {shown} opens it.\n\n"
        "If it was not you, sign in, unlink it in the settings and end the other sessions.\n",
    )

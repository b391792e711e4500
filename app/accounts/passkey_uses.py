"""The one place where a passkey's signature counts for something, whatever it is given for."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from app.accounts import passkey_letters as letters
from app.accounts.limits import PASSKEY_COPY_LETTERS_PER_ACCOUNT
from app.accounts.model import Origin, PasskeyOptions
from app.accounts.passkey_challenges import Bond, PasskeyChallenges
from app.accounts.passkey_model import Asked, Known, NotProved, Use
from app.accounts.passkey_store import PasskeyStore, StoredKey
from app.accounts.relying_party import RelyingParty
from app.audit import AuditEvent, AuditLog
from app.background import Post
from app.clock import Clock
from app.database import Database, Transaction
from app.errors import Code, Problem
from app.mail import Mail
from app.rate_limits import RateLimits

if TYPE_CHECKING:
    from webauthn.helpers.structs import AuthenticationCredential

T = TypeVar("T")


class NotVerified(NotProved):
    """Raised when the device answered without asking for PIN, finger or face, and that was wanted."""


class CopySuspected(NotProved):
    """Raised when the counter did not grow: there may be two devices with this key (Level 3, 6.1.1)."""


class PasskeyUses:
    """Asks a browser's devices to sign, and takes each signature once."""

    def __init__(
        self,
        *,
        database: Database,
        challenges: PasskeyChallenges,
        party: RelyingParty,
        audit: AuditLog,
        limits: RateLimits,
        post: Post,
        clock: Clock,
    ) -> None:
        self._database = database
        self._store = PasskeyStore(queries=database.queries)
        self._challenges = challenges
        self._party = party
        self._audit = audit
        self._limits = limits
        self._post = post
        self._clock = clock

    def demand_page(self, page: str | None) -> None:
        """Raises Problem(FORBIDDEN) with PASSKEYS_NOT_HERE for a page that can use no passkeys of ours."""
        self._party.demand(page)

    async def ask(self, bond: Bond, *, known: Sequence[Known] = (), must_verify: bool) -> PasskeyOptions:
        """What a browser asks; without `known` any passkey of ours may answer. Raises Problem(BUSY)."""
        from app.accounts.passkey_ceremonies import use_options

        challenge = await self._challenges.draw(bond)
        options = use_options(self._party.demand(None), challenge, known=known, must_verify=must_verify)
        return PasskeyOptions(challenge_id=challenge.id, options=options)

    async def known(self, account_id: UUID) -> tuple[Known, ...]:
        """The account's passkeys, to be asked for; raises Problem(NOT_FOUND) with NO_PASSKEY when there are none."""
        known = await self._store.known(self._database, account_id)
        if not known:
            raise Problem(Code.NOT_FOUND, "The account has no passkey.", reason="NO_PASSKEY")
        return known

    async def asked(self, bond: Bond | None, challenge_id: str) -> Asked:
        """What was asked, to one caller only; raises Problem: GONE with CHALLENGE_OVER, BUSY."""
        challenge = await self._challenges.take(bond, challenge_id)
        return Asked(challenge=challenge, rp_id=self._party.demand(None), origins=self._party.origins)

    def read(self, credential: str) -> "AuthenticationCredential":
        """The answer of a browser; raises Problem(BAD_USER_INPUT) for what is none."""
        from app.accounts.passkey_ceremonies import read_use

        return read_use(credential)

    async def find(self, answer: "AuthenticationCredential") -> StoredKey | None:
        """The passkey that answers, by what it says; nothing is proved by it."""
        return await self._store.find(self._database, answer.raw_id)

    async def prove(
        self,
        answer: "AuthenticationCredential",
        asked: Asked,
        stored: StoredKey,
        *,
        must_verify: bool,
        origin: Origin,
        deed: Callable[[Transaction], Awaitable[T]],
    ) -> T:
        """Counts the use and does the deed in one transaction, the account's row held.

        Raises NotProved, or the deed's own. A counter that went back is written down and told to the owner.
        """
        from app.accounts.passkey_ceremonies import check_use

        handle = answer.response.user_handle
        if handle and handle != stored.user_handle:
            raise NotProved("the key belongs to somebody else")
        use = check_use(answer, asked, public_key=stored.public_key)
        if must_verify and not use.user_verified:
            raise NotVerified
        if use.backup_eligible != stored.backup_eligible:
            raise NotProved("whether a key may leave its device never changes")
        try:
            return await self._database.transact(partial(self._use, answer.raw_id, stored, use, deed))
        except CopySuspected:
            event, account_id = AuditEvent.PASSKEY_COPY_SUSPECTED, stored.account_id
            await self._audit.record(event, account_id=account_id, origin=origin)
            if stored.email is not None:
                self._post.compose(
                    partial(self._copied, account_id, stored.email), what=f"alarm to account {account_id}"
                )
            raise

    async def _copied(self, account_id: UUID, email: str) -> Mail | None:
        """The letter, unless the owner was told several times this hour."""
        try:
            await self._limits.spend(PASSKEY_COPY_LETTERS_PER_ACCOUNT, str(account_id))
        except Problem as problem:
            if problem.code is not Code.RATE_LIMITED:
                raise
            return None
        return letters.copied(email)

    async def _use(
        self,
        credential_id: bytes,
        stored: StoredKey,
        use: Use,
        deed: Callable[[Transaction], Awaitable[T]],
        tx: Transaction,
    ) -> T:
        # The signature was checked before this transaction: had the passkey been removed since, or its account deleted,
        # a session opened now would outlive that.
        await self._store.hold(tx, stored.account_id)
        current = await self._store.find(tx, credential_id)
        if current is None or (current.id, current.account_id) != (stored.id, stored.account_id):
            raise NotProved("removed meanwhile")
        if not await self._store.use(tx, stored.id, use, now=self._clock.now()):
            raise CopySuspected
        return await deed(tx)

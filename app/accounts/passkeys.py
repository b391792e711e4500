"""The passkeys of an account, as their owner adds, names and removes them."""

from collections.abc import Callable
from functools import partial
from uuid import UUID

from app.accounts import passkey_letters as letters
from app.accounts.credential_store import CredentialStore
from app.accounts.limits import PASSKEY_CHANGES_PER_ACCOUNT
from app.accounts.model import Origin, Passkey, PasskeyOptions, Viewer
from app.accounts.passkey_challenges import Bond, PasskeyChallenges, challenge_over
from app.accounts.passkey_model import USER_HANDLE_BYTES, Asked, Known, NewKey, NotProved, Person
from app.accounts.passkey_store import PasskeyStore
from app.accounts.proofs import SensitiveDeed
from app.accounts.reauthentication import Reauthentication
from app.accounts.relying_party import RelyingParty
from app.accounts.rules import single_line
from app.accounts.sessions import SessionService
from app.audit import AuditEvent, AuditLog
from app.background import Post
from app.clock import Clock
from app.database import Database, Transaction, UniqueViolation
from app.errors import Code, Problem
from app.ids import Ids
from app.mail import Mail
from app.rate_limits import RateLimits

MOST_PASSKEYS = 20
MAX_NAME_CHARS = 60
UNNAMED = "Passkey"


class Passkeys:
    """Adds, names and removes them; a passkey opens the account by itself, so each addition wants a fresh proof."""

    def __init__(
        self,
        *,
        database: Database,
        challenges: PasskeyChallenges,
        party: RelyingParty,
        sessions: SessionService,
        reauthentication: Reauthentication,
        audit: AuditLog,
        limits: RateLimits,
        post: Post,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._database = database
        self._store = PasskeyStore(queries=database.queries)
        self._credentials = CredentialStore(queries=database.queries)
        self._challenges = challenges
        self._party = party
        self._sessions = sessions
        self._reauthentication = reauthentication
        self._audit = audit
        self._limits = limits
        self._post = post
        self._clock = clock
        self._ids = ids

    async def of(self, viewer: Viewer) -> tuple[Passkey, ...]:
        """The passkeys of the viewer's account, the oldest first."""
        return await self._store.of_account(self._database, viewer.account_id)

    async def begin_registration(
        self,
        viewer: Viewer,
        *,
        password: str | None = None,
        code: str | None = None,
        page: str | None = None,
        origin: Origin,
    ) -> PasskeyOptions:
        """What the viewer's device is asked for a new passkey; `page` is the origin of the page that asks.

        Raises Problem: FORBIDDEN without a fresh proof (REAUTHENTICATION_NEEDED) or on a page that cannot have passkeys
        (PASSKEYS_NOT_HERE); CONFLICT with TOO_MANY_PASSKEYS; UNAUTHENTICATED when the session was ended meanwhile;
        RATE_LIMITED; BUSY.
        """
        from app.accounts.passkey_ceremonies import registration_options

        rp_id = self._party.demand(page)
        await self._reauthentication.demand(
            viewer, SensitiveDeed.ADD_PASSKEY, password=password, code=code, origin=origin
        )
        await self._limits.spend(PASSKEY_CHANGES_PER_ACCOUNT, str(viewer.account_id))
        handle, known = await self._database.transact(partial(self._prepare, viewer))
        challenge = await self._challenges.draw(Bond.of_registration(viewer))
        person = Person(
            handle=handle, name=viewer.email or viewer.handle, display_name=viewer.display_name or viewer.handle
        )
        options = registration_options(rp_id, challenge, person, known=known)
        return PasskeyOptions(challenge_id=challenge.id, options=options)

    async def finish_registration(
        self, viewer: Viewer, *, challenge_id: str, credential: str, name: str | None = None, origin: Origin
    ) -> Passkey:
        """The new passkey; the answer is good once, in the session that began, and under the second factor of then.

        Raises Problem: BAD_USER_INPUT with the field, for an answer that proves no key of ours with PASSKEY_REFUSED;
        GONE with CHALLENGE_OVER; CONFLICT with PASSKEY_TAKEN or TOO_MANY_PASSKEYS; UNAUTHENTICATED; RATE_LIMITED; BUSY.
        """
        from app.accounts.passkey_ceremonies import new_key, read_registration

        rp_id = self._party.demand(None)
        name = _named(name) if name is not None else UNNAMED
        answer = read_registration(credential)
        await self._limits.spend(PASSKEY_CHANGES_PER_ACCOUNT, str(viewer.account_id))
        challenge = await self._challenges.take(Bond.of_registration(viewer), challenge_id)
        try:
            key = new_key(answer, Asked(challenge=challenge, rp_id=rp_id, origins=self._party.origins))
        except NotProved as error:
            raise Problem(
                Code.BAD_USER_INPUT, "This is no new passkey of ours.", field="credential", reason="PASSKEY_REFUSED"
            ) from error
        try:
            passkey = await self._database.transact(partial(self._add, viewer, key, name, origin))
        except UniqueViolation as error:
            raise Problem(
                Code.CONFLICT, "This passkey opens an account already.", field="credential", reason="PASSKEY_TAKEN"
            ) from error
        self._tell(viewer, letters.added)
        return passkey

    async def rename(self, viewer: Viewer, passkey_id: UUID, name: str) -> Passkey:
        """The viewer's passkey under its new name; raises Problem: BAD_USER_INPUT, NOT_FOUND, RATE_LIMITED, BUSY."""
        name = _named(name)
        await self._limits.spend(PASSKEY_CHANGES_PER_ACCOUNT, str(viewer.account_id))
        renamed = await self._store.rename(self._database, viewer.account_id, passkey_id, name)
        if renamed is None:
            raise no_such_passkey()
        return renamed

    async def remove(
        self,
        viewer: Viewer,
        passkey_id: UUID,
        *,
        password: str | None = None,
        code: str | None = None,
        origin: Origin,
    ) -> None:
        """Makes the passkey open nothing any more.

        Raises Problem: FORBIDDEN with REAUTHENTICATION_NEEDED; NOT_FOUND; CONFLICT with LAST_SIGN_IN_METHOD;
        UNAUTHENTICATED when the session was ended meanwhile; RATE_LIMITED; BUSY.
        """
        await self._reauthentication.demand(
            viewer, SensitiveDeed.REMOVE_PASSKEY, password=password, code=code, origin=origin
        )
        await self._limits.spend(PASSKEY_CHANGES_PER_ACCOUNT, str(viewer.account_id))
        await self._database.transact(partial(self._remove, viewer, passkey_id, origin))
        self._tell(viewer, letters.removed)

    async def _prepare(self, viewer: Viewer, tx: Transaction) -> tuple[bytes, tuple[Known, ...]]:
        await self._sessions.hold(tx, viewer)
        known = await self._store.known(tx, viewer.account_id)
        _demand_room(len(known))
        handle = await self._store.user_handle(tx, viewer.account_id, drawn=self._ids.bytes(USER_HANDLE_BYTES))
        return handle, known

    async def _add(self, viewer: Viewer, key: NewKey, name: str, origin: Origin, tx: Transaction) -> Passkey:
        current = await self._sessions.hold(tx, viewer)
        if current.two_factor_enabled != viewer.two_factor_enabled:  # since the challenge was taken
            raise challenge_over()
        _demand_room(len(await self._store.known(tx, viewer.account_id)))
        passkey_id, now = self._ids.uuid7(), self._clock.now()
        await self._store.add(tx, passkey_id, viewer.account_id, key, name=name, now=now)
        await self._audit.record(AuditEvent.PASSKEY_ADDED, account_id=viewer.account_id, origin=origin, tx=tx)
        return Passkey(id=passkey_id, name=name, synced=key.backed_up, created_at=now, last_used_at=None)

    async def _remove(self, viewer: Viewer, passkey_id: UUID, origin: Origin, tx: Transaction) -> None:
        await self._sessions.hold(tx, viewer)
        ways_in = await self._credentials.ways_in(tx, viewer.account_id)
        if not await self._store.remove(tx, viewer.account_id, passkey_id):
            raise no_such_passkey()
        ways_in.demand_another(field="id")
        await self._audit.record(AuditEvent.PASSKEY_REMOVED, account_id=viewer.account_id, origin=origin, tx=tx)

    def _tell(self, viewer: Viewer, letter: Callable[[str], Mail]) -> None:
        if viewer.email is not None:
            self._post.send(letter(viewer.email), account_id=viewer.account_id)


def no_such_passkey() -> Problem:
    """The same for one that never was, was removed, or is somebody else's."""
    return Problem(Code.NOT_FOUND, "You have no such passkey.", field="id")


def _named(given: str) -> str:
    name = single_line(given, field="name", max_chars=MAX_NAME_CHARS)
    if not name:
        raise Problem(Code.BAD_USER_INPUT, "Give the passkey a name.", field="name")
    return name


def _demand_room(held: int) -> None:
    if held >= MOST_PASSKEYS:
        raise Problem(
            Code.CONFLICT,
            f"An account has at most {MOST_PASSKEYS} passkeys. Remove one first.",
            reason="TOO_MANY_PASSKEYS",
        )

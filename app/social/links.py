"""Which providers open an account: linked and unlinked by its owner, who is signed in."""

from functools import partial

from app.accounts.credential_store import CredentialStore
from app.accounts.model import Origin, Viewer
from app.accounts.sessions import SessionService
from app.audit import AuditEvent, AuditLog
from app.background import Post
from app.clock import Clock
from app.database import Database, Transaction, UniqueViolation
from app.errors import Code, Problem
from app.mail import Mail
from app.social.identities import Identities, bounded, linked_letter, provider_linked
from app.social.model import LinkedIdentity, ProvedIdentity, Provider
from app.social.store import BearerSessionStore, SocialStore

# Two clicks at once: the second finds what the first has written.
TRIES = 2


class IdentityLinks:
    """Adds and takes away ways in; the account's row is held meanwhile, so that two changes never cross."""

    def __init__(
        self,
        *,
        database: Database,
        sessions: SessionService,
        identities: Identities,
        audit: AuditLog,
        post: Post,
        clock: Clock,
    ) -> None:
        self._database = database
        self._store = SocialStore(queries=database.queries)
        self._credentials = CredentialStore(queries=database.queries)
        self._bearer_sessions = BearerSessionStore(queries=database.queries)
        self._sessions = sessions
        self._identities = identities
        self._audit = audit
        self._post = post
        self._clock = clock

    async def of(self, viewer: Viewer) -> tuple[LinkedIdentity, ...]:
        """The identities of the viewer's account, the oldest first."""
        return await self._store.linked(self._database, viewer.account_id)

    async def add(self, viewer: Viewer, identity: ProvedIdentity, *, origin: Origin) -> Viewer:
        """Links, and gives the viewer as it is then; what is linked already stays as it is.

        An account whose address is not proved takes only the identity that proves it: linked to any other, it would
        stay open to whoever made it with somebody else's address, after the owner reset its password.
        Raises Problem(CONFLICT) with reason IDENTITY_TAKEN or PROVIDER_LINKED, FORBIDDEN with EMAIL_NOT_PROVED.
        """
        identity = bounded(identity)
        for _ in range(TRIES):
            try:
                linked = await self._database.transact(partial(self._add, viewer, identity, origin))
            except UniqueViolation as error:
                if error.constraint == "identities_one_per_provider":
                    raise provider_linked(identity.provider) from error
                continue
            if linked is None:
                return viewer
            self._tell(linked, linked_letter(linked.email, identity.provider))
            return linked
        raise _taken(identity.provider)

    async def remove(self, viewer: Viewer, provider: Provider, *, origin: Origin) -> None:
        """Unlinks, and ends the sessions that live by the provider's own tokens.

        Raises Problem: NOT_FOUND; CONFLICT with reason LAST_SIGN_IN_METHOD.
        """

        async def work(tx: Transaction) -> None:
            await self._sessions.hold(tx, viewer)
            ways_in = await self._credentials.ways_in(tx, viewer.account_id)
            if not await self._store.remove(tx, viewer.account_id, provider, now=self._clock.now()):
                raise Problem(Code.NOT_FOUND, f"{provider.shown} is not linked.", field="provider")
            ways_in.demand_another(field="provider")
            if provider is Provider.FIREBASE:
                await self._bearer_sessions.revoke_all(tx, viewer.account_id, now=self._clock.now())
            await self._audit.record(
                AuditEvent.IDENTITY_UNLINKED,
                account_id=viewer.account_id,
                origin=origin,
                detail={"provider": provider.value},
                tx=tx,
            )

        await self._database.transact(work)
        self._tell(viewer, _unlinked_letter(viewer.email, provider))

    async def _add(self, viewer: Viewer, identity: ProvedIdentity, origin: Origin, tx: Transaction) -> Viewer | None:
        """The viewer after it; None when the identity is linked already."""
        await self._sessions.hold(tx, viewer)
        account_id, now = viewer.account_id, self._clock.now()
        owner = await self._store.owner_of(tx, identity)
        if owner is not None:
            if owner != account_id:
                raise _taken(identity.provider)
            return None
        ways_in = await self._credentials.ways_in(tx, account_id)
        proves_address = identity.email_verified and identity.email == ways_in.email
        if ways_in.email is not None and ways_in.email_verified_at is None and not proves_address:
            raise Problem(Code.FORBIDDEN, "Confirm your e-mail address first.", reason="EMAIL_NOT_PROVED")
        await self._identities.link(tx, identity, account_id, origin=origin)
        if proves_address:
            await self._store.prove_address(tx, account_id, now=now)
        elif identity.email is not None and identity.email_verified:
            await self._store.adopt_address(tx, account_id, identity.email, now=now)
        return await self._sessions.viewer_of(tx, account_id=account_id, session_id=viewer.session_id)

    def _tell(self, viewer: Viewer, letter: Mail | None) -> None:
        if letter is not None:
            self._post.send(letter, account_id=viewer.account_id)


def _taken(provider: Provider) -> Problem:
    return Problem(
        Code.CONFLICT,
        f"This {provider.shown} account opens another account here.",
        field="provider",
        reason="IDENTITY_TAKEN",
    )


def _unlinked_letter(email: str | None, provider: Provider) -> Mail | None:
    if email is None:
        return None
    shown = provider.shown
    return Mail(
        to=email,
        subject=f"{shown} can no longer sign in to your account",
        text=f"{shown} was unlinked from your account, hopefully by you. It does not open it any more.\n\n"
        "If it was not you, sign in, end the other sessions and change your password.\n",
    )

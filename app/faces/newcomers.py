"""An account for a face that nobody has: made once, however many requests bring that face at the same moment."""

from functools import partial
from uuid import UUID

from app.accounts.model import Origin, SignInMethod
from app.audit import AuditEvent, AuditLog
from app.clock import Clock
from app.database import Database, Transaction, UniqueViolation
from app.errors import Code, Problem
from app.faces.gallery import Gallery
from app.faces.limits import NEW_ACCOUNT_PER_NETWORK
from app.faces.model import Descriptor
from app.faces.names import new_handle
from app.ids import Ids
from app.rate_limits import RateLimits
from facecore.identification import Ambiguous, Match, NoMatch

TRIES = 8
HANDLES_A_TRY = 8


class Newcomers:
    """Makes accounts that have a face, a handle and a profile like any other's; no address, no password."""

    def __init__(
        self, *, database: Database, gallery: Gallery, limits: RateLimits, audit: AuditLog, clock: Clock, ids: Ids
    ) -> None:
        self._database = database
        self._queries = database.queries
        self._gallery = gallery
        self._limits = limits
        self._audit = audit
        self._clock = clock
        self._ids = ids

    async def welcome(
        self, face: Descriptor, *, name: str | None, origin: Origin
    ) -> UUID | Match[UUID] | Ambiguous[UUID]:
        """The new account's id, or what the gallery says of the face by now.

        Raises Problem(RATE_LIMITED) when too many accounts were made from this network, BUSY.
        """
        for _ in range(TRIES):
            try:
                return await self._database.transact(partial(self._make, face, name, origin))
            except UniqueViolation:  # somebody took the handle between our look and our writing
                continue
        raise Problem(Code.BUSY, "No name could be found. Try again.", retry_after_s=1)

    async def _make(
        self, face: Descriptor, name: str | None, origin: Origin, tx: Transaction
    ) -> UUID | Match[UUID] | Ambiguous[UUID]:
        await self._gallery.hold(tx)
        found = await self._gallery.search(face, tx=tx)
        if not isinstance(found, NoMatch):
            return found
        await self._limits.spend(NEW_ACCOUNT_PER_NETWORK, origin.network)
        account_id, now = self._ids.uuid7(), self._clock.now()
        wished = [new_handle(self._ids) for _ in range(HANDLES_A_TRY)]
        handle = await tx.scalar(self._queries.handle_first_free, handles=wished, now=now) or wished[-1]
        await tx.run(
            self._queries.account_of_identity_add,
            account_id=account_id,
            email=None,
            email_verified_at=None,
            handle=handle,
            display_name=name or handle,
            now=now,
        )
        is_kept = await self._gallery.add(tx, account_id, face, now=now)
        assert is_kept, "there is no earlier template to differ from"
        await self._audit.record(
            AuditEvent.FACE_ENROLLED,
            account_id=account_id,
            origin=origin,
            detail={"method": SignInMethod.FACE.value},
            tx=tx,
        )
        return account_id

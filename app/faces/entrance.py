"""From a face that was found to the session that it opens.

With `FACE_LOGIN=second_factor` the face alone opens an account only in a browser that is known to it. Elsewhere the
account's second factor is asked for, or a code goes to its proved address; an account with neither is refused. An
account with a second factor is asked for it in every mode.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from uuid import UUID

from app.accounts.devices import device_keys
from app.accounts.entry import Entry
from app.accounts.model import Admission, Origin, SignInMethod
from app.accounts.rules import normalised_display_name
from app.accounts.sign_in_codes import SignInCodes
from app.clock import Clock
from app.database import Database, Row, Transaction
from app.errors import Code, Problem
from app.faces.gallery import Gallery
from app.faces.limits import TICKET_PER_NETWORK
from app.faces.model import FaceLoginMode
from app.faces.tickets import Arrival, FaceTickets, ticket_over
from app.rate_limits import RateLimits

DEVICE_KNOWN_FOR = timedelta(days=90)


@dataclass(frozen=True, kw_only=True)
class Owner:
    """Whose face was found, as far as they may be told of before the session is open."""

    account_id: UUID
    handle: str
    display_name: str
    avatar_key: str | None
    email: str | None
    has_proved_address: bool
    has_second_factor: bool

    @classmethod
    def of(cls, row: Row) -> "Owner":
        """The account of a row."""
        return cls(
            account_id=row["account_id"],
            handle=row["handle"],
            display_name=row["display_name"],
            avatar_key=row["avatar_key"],
            email=row["email"],
            has_proved_address=row["email"] is not None and row["email_verified_at"] is not None,
            has_second_factor=row["two_factor_enabled"],
        )


@dataclass(frozen=True, kw_only=True)
class Entered:
    """A ticket that was taken: what it said, and what came of it."""

    arrival: Arrival
    admission: Admission


class FaceEntrance:
    """Takes tickets, and lets people in."""

    def __init__(
        self,
        *,
        database: Database,
        gallery: Gallery,
        tickets: FaceTickets,
        entry: Entry,
        codes: SignInCodes,
        limits: RateLimits,
        clock: Clock,
        mode: FaceLoginMode,
    ) -> None:
        self._database = database
        self._queries = database.queries
        self._gallery = gallery
        self._tickets = tickets
        self._entry = entry
        self._codes = codes
        self._limits = limits
        self._clock = clock
        self._mode = mode

    async def trade(self, ticket: str, *, name: str | None = None, origin: Origin) -> Entered:
        """Opens the session that the ticket stands for, or asks for the second step.

        A new account without a name takes `name`. Raises Problem: GONE with reason TICKET_OVER, FORBIDDEN with reason
        SECOND_PROOF_NEEDED or FACE_LOGIN_OFF, BAD_USER_INPUT (field `name`), RATE_LIMITED, BUSY.
        """
        self._mode.demand_on()
        name = normalised_name(name)
        await self._limits.spend(TICKET_PER_NETWORK, origin.network)
        arrival = await self._tickets.redeem(ticket, origin=origin)
        admission = await self._database.transact(partial(self._enter, arrival, name, origin))
        return Entered(arrival=arrival, admission=admission)

    async def owner(self, ticket: str, *, origin: Origin) -> tuple[Arrival, Owner | None]:
        """What the ticket says, and whose account it opens; None where that takes more than the face.

        A face may be mistaken for another: whoever could not come in by it alone is not told whose it is either.
        """
        arrival = self._tickets.read(ticket, origin=origin)
        found = await self._database.transact(partial(self._owner, arrival.account_id))
        if found is None:
            raise ticket_over()
        asks_more = found.has_second_factor or await self._database.transact(
            partial(self._is_unknown_device, arrival, origin)
        )
        return arrival, None if asks_more else found

    async def _enter(self, arrival: Arrival, name: str | None, origin: Origin, tx: Transaction) -> Admission:
        account_id = arrival.account_id
        await self._demand_standing(tx, arrival)
        if arrival.is_new and name is not None:
            await tx.run(self._queries.face_owner_name, account_id=account_id, display_name=name, now=self._clock.now())
        owner = await self._owner(account_id, tx)
        assert owner is not None, "its row is held"
        if not owner.has_second_factor and await self._is_unknown_device(arrival, origin, tx):
            if owner.email is None or not owner.has_proved_address:
                raise Problem(
                    Code.FORBIDDEN,
                    "Your face alone does not open this account here. Sign in from a device that you used before.",
                    reason="SECOND_PROOF_NEEDED",
                )
            return await self._codes.ask(tx, account_id, to=owner.email, method=SignInMethod.FACE)
        return await self._entry.admit(tx, account_id, method=SignInMethod.FACE, origin=origin, is_new=arrival.is_new)

    async def _demand_standing(self, tx: Transaction, arrival: Arrival) -> None:
        """Holds the account's row; raises Problem(GONE) unless all is as it was when the face was found."""
        account_id = arrival.account_id
        stands = (
            await tx.scalar(self._queries.account_lock, account_id=account_id) is not None
            and await self._gallery.has_template(arrival.template_id, account_id, on=tx)
            # Whoever has just ended sessions does not want one opened that was on its way.
            and not await tx.scalar(self._queries.sessions_ended_since, account_id=account_id, since=arrival.at)
        )
        if not stands:
            raise ticket_over()

    async def _owner(self, account_id: UUID, tx: Transaction) -> Owner | None:
        row = await tx.one(self._queries.face_owner, account_id=account_id)
        return None if row is None else Owner.of(row)

    async def _is_unknown_device(self, arrival: Arrival, origin: Origin, tx: Transaction) -> bool:
        """Whether the face alone is too little here. Nobody else can have had an account that was made just now."""
        if self._mode is not FaceLoginMode.SECOND_FACTOR or arrival.is_new:
            return False
        return not await tx.scalar(
            self._queries.device_is_known,
            account_id=arrival.account_id,
            device_hash=origin.device_hash,
            accepted=list(device_keys(origin).accepted),
            since=self._clock.now() - DEVICE_KNOWN_FOR,
        )


def normalised_name(name: str | None) -> str | None:
    """The name that a newcomer gives, None for none; raises Problem(BAD_USER_INPUT, field="name")."""
    if name is None or not name.strip():
        return None
    try:
        return normalised_display_name(name)
    except Problem as problem:
        raise Problem(problem.code, problem.detail, field="name", reason=problem.reason) from problem

"""Campuses: whose members register with an address of its domain."""

import re
from dataclasses import dataclass
from uuid import UUID

from app.accounts.rules import LABEL
from app.clock import Clock
from app.database import Database, Row, Transaction, UniqueViolation
from app.errors import Code, Problem
from app.ids import Ids

MAX_NAME_CHARS = 200
MAX_DOMAIN_CHARS = 200

_DOMAIN = re.compile(rf"(?:{LABEL}\.)+(?!\d+$){LABEL}")


@dataclass(frozen=True, kw_only=True)
class Campus:
    """A campus and the domain of its addresses."""

    id: UUID
    name: str
    domain: str


class CampusService:
    """The list of campuses; `with_subdomains`: `mail.<domain>` belongs to the campus too."""

    def __init__(self, *, database: Database, clock: Clock, ids: Ids, with_subdomains: bool = False) -> None:
        self._database = database
        self._queries = database.queries
        self._clock = clock
        self._ids = ids
        self._with_subdomains = with_subdomains

    async def all(self) -> tuple[Campus, ...]:
        """Every campus, by name."""
        return tuple(_campus(row) for row in await self._database.many(self._queries.campuses_all))

    async def by_id(self, campus_id: UUID) -> Campus | None:
        """The campus, None when it has gone."""
        row = await self._database.one(self._queries.campus_by_id, campus_id=campus_id)
        return None if row is None else _campus(row)

    async def of_address(self, campus_id: UUID | str, email: str) -> Campus:
        """The campus, when the address is one of its; raises Problem(BAD_USER_INPUT) on `campusId` or `email`."""
        try:
            wanted = UUID(str(campus_id))
        except ValueError as error:
            raise _unknown() from error
        row = await self._database.one(self._queries.campus_by_id, campus_id=wanted)
        if row is None:
            raise _unknown()
        campus = _campus(row)
        domain = email.rpartition("@")[2]
        if domain != campus.domain and not (self._with_subdomains and domain.endswith(f".{campus.domain}")):
            raise Problem(
                Code.BAD_USER_INPUT,
                f"Use your address at {campus.domain}.",
                field="email",
                reason="EMAIL_NOT_OF_CAMPUS",
            )
        return campus

    async def keep(self, tx: Transaction, campus: Campus) -> None:
        """Holds the campus against removal until `tx` ends; raises Problem(BAD_USER_INPUT) when it has just gone."""
        if await tx.scalar(self._queries.campus_kept, campus_id=campus.id) is None:
            raise _unknown()

    async def add(self, *, name: str, domain: str) -> Campus:
        """A new campus; raises Problem: BAD_USER_INPUT with the field, CONFLICT when one has the domain."""
        name, domain = " ".join(name.split()), domain.strip().lower()
        if not 0 < len(name) <= MAX_NAME_CHARS or not name.isprintable():
            raise Problem(Code.BAD_USER_INPUT, f"A name has 1 to {MAX_NAME_CHARS} printable characters.", field="name")
        if len(domain) > MAX_DOMAIN_CHARS or _DOMAIN.fullmatch(domain) is None:
            raise Problem(Code.BAD_USER_INPUT, f"{domain[:80]!r} is not a domain like utoronto.ca.", field="domain")
        campus = Campus(id=self._ids.uuid7(), name=name, domain=domain)
        try:
            await self._database.run(
                self._queries.campus_add, campus_id=campus.id, name=name, domain=domain, now=self._clock.now()
            )
        except UniqueViolation as error:
            raise Problem(Code.CONFLICT, f"There is a campus with the domain {domain}.", field="domain") from error
        return campus

    async def remove(self, domain: str) -> Campus:
        """Takes the campus away; raises Problem: NOT_FOUND, or CONFLICT saying how many accounts belong to it."""

        async def work(tx: Transaction) -> Campus:
            row = await tx.one(self._queries.campus_locked, domain=domain.strip().lower())
            if row is None:
                raise Problem(Code.NOT_FOUND, f"There is no campus with the domain {domain[:80]!r}.", field="domain")
            members = await tx.scalar(self._queries.campus_accounts, campus_id=row["id"])
            if members:
                belong = "1 account belongs" if members == 1 else f"{members} accounts belong"
                raise Problem(Code.CONFLICT, f"{belong} to {row['name']}, so it stays.", field="domain")
            await tx.run(self._queries.campus_remove, campus_id=row["id"])
            return _campus(row)

        return await self._database.transact(work)


def _campus(row: Row) -> Campus:
    return Campus(id=row["id"], name=row["name"], domain=row["domain"])


def _unknown() -> Problem:
    return Problem(Code.BAD_USER_INPUT, "There is no such campus.", field="campusId", reason="CAMPUS_UNKNOWN")

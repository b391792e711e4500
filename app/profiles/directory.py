"""The search of people: who has this handle, this name, this skill.

Ranked in tiers: a handle that begins with the text, every word in the name, every word in headline and skills, every
word anywhere. Within the first tier by handle, within the others the newest first. A cursor is a tier and a place in
it, so a page costs the same however deep it lies, and nobody comes twice because others joined or left.
"""

import re
from dataclasses import dataclass
from enum import IntEnum
from uuid import UUID

from app.accounts.model import Origin, Viewer
from app.database import Database, Transaction
from app.errors import Code, Problem
from app.pages import Connection, connection, demand_first, keys_of, not_a_cursor
from app.profiles.limits import SEARCHES
from app.profiles.model import Profile, Skill
from app.profiles.rules import search_text
from app.profiles.store import ProfileStore
from app.rate_limits import RateLimits

MAX_FIRST = 50
MAX_SKILLS_SHOWN = 50
# A word that one in a hundred has fills a page of 20 from as many, in 1 ms; for a rarer one the index fetches at most
# 1,000 of 100,000. With 1,000 the p95 of two common words was 30 ms in the bench, with 2,000 it is 5.
LOOKED_AT = 2000
# A shorter prefix of a word in a bio would match nearly everybody.
MIN_PREFIX_CHARS = 3
MAX_WORD_CHARS = 40  # as sql/migrations/0004 cuts them

_HANDLE_PREFIX = re.compile(r"@?([a-z0-9_-]{1,50})")
_NO_HANDLE = " "  # no handle begins with it
_NEWEST = UUID(int=2**128 - 1)


class Tier(IntEnum):
    """How well a person fits, best first."""

    HANDLE = 0
    NAME = 1
    WORK = 2
    ANYWHERE = 3


_FIELDS = {Tier.NAME: "n", Tier.WORK: "w", Tier.ANYWHERE: "a"}


@dataclass(frozen=True)
class _Place:
    """Where a page begins: behind `handle` in the first tier, before `account_id` in the others."""

    tier: Tier = Tier.HANDLE
    handle: str = ""
    account_id: UUID = _NEWEST


class Directory:
    """Finds people who want to be found, and skills."""

    def __init__(self, *, database: Database, limits: RateLimits) -> None:
        self._database = database
        self._queries = database.queries
        self._store = ProfileStore(queries=database.queries)
        self._limits = limits

    async def search(
        self, *, query: str, first: int = 20, after: str | None = None, viewer: Viewer | None, origin: Origin
    ) -> Connection[Profile]:
        """The people who fit, best first; only those visible to everyone and not in ghost mode.

        Raises Problem: BAD_USER_INPUT (field `query`, `first` or `after`), RATE_LIMITED.
        """
        text = search_text(query, field="query")
        amount = demand_first(first, most=MAX_FIRST) + 1
        place = _Place() if after is None else _place(after)
        await self._limits.spend(SEARCHES, origin.network if viewer is None else str(viewer.account_id))

        async def work(tx: Transaction) -> Connection[Profile]:
            places = await self._find(tx, text, place, amount)
            people = await self._store.shown(tx, list(places), viewer_id=None if viewer is None else viewer.account_id)
            return connection(people, first=first, after=after, keys=lambda person: places[person.account_id])

        return await self._database.transact(work)

    async def skills(self, text: str | None = None) -> tuple[Skill, ...]:
        """Skills whose name holds the text, those that begin with it first; raises Problem(BAD_USER_INPUT)."""
        wanted = None if text is None else search_text(text, field="search") or None
        rows = await self._database.many(self._queries.skills_matching, text=wanted, amount=MAX_SKILLS_SHOWN)
        return tuple(Skill(id=row["id"], name=row["name"], category=row["category"]) for row in rows)

    async def _find(self, tx: Transaction, text: str, place: _Place, amount: int) -> dict[UUID, tuple[int, str]]:
        """The accounts in order, each with its place."""
        words = (await tx.scalar(self._queries.search_words, text=text)).split()
        if not words:
            raise Problem(Code.BAD_USER_INPUT, "Look for at least one letter or digit.", field="query")
        match = _HANDLE_PREFIX.fullmatch(text.lower())
        prefix = match[1] if match else _NO_HANDLE
        found: dict[UUID, tuple[int, str]] = {}
        if place.tier is Tier.HANDLE:
            rows = await tx.many(self._queries.people_by_handle, prefix=prefix, after=place.handle, amount=amount)
            found.update((row["account_id"], (Tier.HANDLE, row["handle"])) for row in rows)
        shown = ""
        for tier, field in _FIELDS.items():
            wanted = _tsquery(field, words)
            if len(found) < amount and tier >= place.tier:
                rows = await tx.many(
                    self._queries.people_matching,
                    wanted=wanted,
                    shown=shown,
                    shown_prefix=prefix,
                    before=place.account_id if tier is place.tier else _NEWEST,
                    looked_at=LOOKED_AT,
                    amount=amount - len(found),
                )
                found.update((row["account_id"], (tier, str(row["account_id"]))) for row in rows)
            shown = f"{shown} | ({wanted})" if shown else f"({wanted})"
        return found


def _tsquery(field: str, words: list[str]) -> str:
    """All words in that field, the last perhaps not typed to its end; words hold nothing but letters and digits."""
    *whole, last = words
    is_prefix = field == "n" or len(last) >= MIN_PREFIX_CHARS
    terms = [f"'{field}{word[:MAX_WORD_CHARS]}'" for word in (*whole, last)]
    return " & ".join(terms) + (":*" if is_prefix else "")


def _place(cursor: str) -> _Place:
    match keys_of(cursor):
        case [int(Tier.HANDLE), str(handle)] if handle.isascii() and handle.isprintable():
            return _Place(handle=handle)
        case [int(tier), str(text)] if tier in set(_FIELDS):
            try:
                return _Place(tier=Tier(tier), account_id=UUID(text))
            except ValueError:
                pass
    raise not_a_cursor()

"""The gallery: faces that people enrolled to sign in with, searched for one face and compared with one person's own."""

from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID

from app.database import Database, Transaction
from app.errors import Code, Problem
from app.faces.model import Descriptor, FaceTemplate, displaced
from app.faces.store import FaceStore
from app.ids import Ids
from facecore.distance import check_descriptor, distance, is_match
from facecore.identification import Ambiguous, Match, NoMatch, identify

EXACT_UP_TO = 2_000
"""Templates that are all looked at, so that nobody is missed: that costs half as much again as asking the index at
1,000, twice as much at 2,000 (2 ms), and seven times as much at 20,000 (tests/bench/gallery.py)."""
SEARCH_DEPTH = 80
"""Templates that the index looks at around the nearest: of a million it finds 99.1 % of those enrolled, 19 times of 20
within 10 ms; at 70 98.5 %, at 90 99.2 % (tests/bench/gallery.py)."""
NEIGHBOURS = 24
"""Templates that are compared exactly: one person's five, and enough of others to see who comes second."""


class Gallery:
    """Finds and keeps faces; templates never leave it."""

    def __init__(
        self,
        *,
        database: Database,
        ids: Ids,
        threshold: float,
        search_threshold: float,
        search_margin: float,
    ) -> None:
        self._database = database
        self._store = FaceStore(database=database)
        self._ids = ids
        self._threshold = threshold
        self._search_threshold = search_threshold
        self._search_margin = search_margin
        self._is_large = False

    async def search(
        self, probe: Descriptor, *, tx: Transaction | None = None
    ) -> Match[UUID] | NoMatch | Ambiguous[UUID]:
        """Whose face it is, by account id; raises FaceError for a probe that is no descriptor, Problem(BUSY).

        What it says was true when it looked. Whoever signs somebody in locks the account's row afterwards, and finds
        that it is gone where it was deleted meanwhile; whoever makes an account for a face that nobody has calls `hold`
        first and searches in the same transaction.
        """
        check_descriptor(probe)
        return self.decide(probe, await self._candidates(probe, tx or self._database))

    def decide(
        self, probe: Descriptor, candidates: Iterable[tuple[UUID, Descriptor]]
    ) -> Match[UUID] | NoMatch | Ambiguous[UUID]:
        """Whose face it is among (account, descriptor) that hold the nearest of the gallery."""
        return identify(
            probe,
            candidates,
            threshold=self._search_threshold,
            margin=self._search_margin,
            # A known face on a bad day lies within a margin of the threshold, all but 1 in 170; among 33,293 people so
            # does 1 stranger in 11. Up to FACE_THRESHOLD it would be 3 strangers in 5, and hardly anybody new could
            # begin with a face (tests/bench/gallery.py, made-up people).
            doubt_up_to=min(self._search_threshold + self._search_margin, self._threshold),
        )

    async def hold(self, tx: Transaction) -> None:
        """Lets nobody else add a template until `tx` ends, so that a face which nobody has stays so.

        Without it one new person who comes twice at the same moment gets two accounts, and is ambiguous for ever. It
        comes before any account's row is locked: whoever then finds a match ends `tx` and begins anew, because `add`
        takes the row first.
        """
        await self._store.hold_gallery(tx)

    async def compare(
        self, account_id: UUID, probe: Descriptor, *, on: Database | Transaction | None = None
    ) -> float | None:
        """How far the probe lies from the nearest of the account's own templates; None when it has none."""
        check_descriptor(probe)
        templates = await self._store.of(on or self._database, account_id)
        return min((distance(probe, template.descriptor) for template in templates), default=None)

    async def add(self, tx: Transaction, account_id: UUID, descriptor: Descriptor, *, now: datetime) -> bool:
        """Keeps one more view of the person's face; False, and nothing is kept, unless it is the face of their first.

        Raises FaceError for what is no descriptor, Problem(NOT_FOUND) for an account that is gone.
        """
        check_descriptor(descriptor)
        if not await self._store.hold_account(tx, account_id):
            raise Problem(Code.NOT_FOUND, "There is no such account.")
        await self._store.hold_gallery(tx)
        templates = await self._store.of(tx, account_id)
        anchor = next((each for each in templates if each.is_anchor), None)
        if anchor is not None and not is_match(distance(anchor.descriptor, descriptor), self._threshold):
            return False
        today = now.astimezone(UTC).date()
        for template in displaced(templates, on=today):
            await self._store.drop(tx, template.id)
        added = FaceTemplate(
            id=self._ids.uuid7(),
            account_id=account_id,
            descriptor=descriptor,
            taken_on=today,
            is_anchor=anchor is None,
            created_at=now,
        )
        await self._store.add(tx, added)
        return True

    async def forget(self, tx: Transaction, account_id: UUID) -> int:
        """Removes the account's templates; says how many there were."""
        # An `add` that has read them must not go on to write a template that no anchor holds.
        await self._store.hold_account(tx, account_id)
        return await self._store.forget(tx, account_id)

    async def has_templates(self, account_id: UUID, *, on: Database | Transaction | None = None) -> bool:
        """Whether the account can be found by its face."""
        return await self._store.has_any(on or self._database, account_id)

    async def nearest_own(self, account_id: UUID, probe: Descriptor, *, on: Database | Transaction) -> UUID | None:
        """Which of the account's templates the probe is most like, by its id; None when it has none."""
        return await self._store.nearest_own(on, account_id, probe)

    async def has_template(self, template_id: UUID, account_id: UUID, *, on: Database | Transaction) -> bool:
        """Whether this very template is still the account's."""
        return await self._store.is_there(on, template_id, account_id)

    async def count_of(self, account_id: UUID) -> int:
        """How many templates the account has."""
        return await self._store.count_of(self._database, account_id)

    async def count(self) -> int:
        """How many people can be found."""
        return (await self._store.counted()).people

    async def _candidates(self, probe: Descriptor, on: Database | Transaction) -> list[tuple[UUID, Descriptor]]:
        # Not counted again once it is large: that would take longer than the index saves.
        self._is_large = self._is_large or not await self._store.is_small(on, most=EXACT_UP_TO)
        if self._is_large:
            return await self._store.nearest_by_index(on, probe, most=NEIGHBOURS, depth=SEARCH_DEPTH)
        return await self._store.nearest_of_all(on, probe, most=NEIGHBOURS)

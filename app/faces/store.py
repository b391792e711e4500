"""Templates of the gallery in PostgreSQL."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias
from uuid import UUID

import numpy as np

from app.database import Database, Transaction
from app.faces.model import Descriptor, FaceTemplate, GallerySize, Views
from facecore.distance import check_descriptor
from facecore.dlib_file import DESCRIPTOR_LENGTH

Runner: TypeAlias = Database | Transaction

# vector_send: the length and an unused word, two bytes each, then the numbers.
_SENT = np.dtype([("length", ">i2"), ("unused", ">i2"), ("numbers", ">f4", DESCRIPTOR_LENGTH)])


class FaceStore:
    """Reads and writes templates of the kind that this release makes; those of another are never seen."""

    def __init__(self, *, database: Database) -> None:
        self._database = database
        self._queries = database.queries

    async def is_small(self, on: Runner, *, most: int) -> bool:
        """Whether there are at most `most` templates."""
        return bool(await on.scalar(self._queries.faces_are_few, most=most))

    async def nearest_of_all(self, on: Runner, probe: Descriptor, *, most: int) -> list[tuple[UUID, Descriptor]]:
        """The `most` nearest templates, each with its owner, found by looking at every one."""
        rows = await on.many(self._queries.faces_nearest_of_all, probe=_numbers(probe), most=most)
        return _owned(rows)

    async def nearest_by_index(
        self, on: Runner, probe: Descriptor, *, most: int, depth: int
    ) -> list[tuple[UUID, Descriptor]]:
        """The `most` nearest templates as far as the index finds them, looking `depth` templates around."""
        rows = await on.many(self._queries.faces_nearest_by_index, probe=_numbers(probe), most=most, depth=depth)
        return _owned(rows)

    async def hold_gallery(self, tx: Transaction) -> None:
        """Waits until no other transaction may add templates; until `tx` ends none does."""
        await tx.run(self._queries.faces_hold)

    async def hold_account(self, tx: Transaction, account_id: UUID) -> bool:
        """Locks the account's row; False when there is none."""
        return await tx.scalar(self._queries.account_lock, account_id=account_id) is not None

    async def of(self, on: Runner, account_id: UUID) -> list[FaceTemplate]:
        """The account's templates, the oldest first."""
        return [_template(row) for row in await on.many(self._queries.faces_of, account_id=account_id)]

    async def add(self, tx: Transaction, template: FaceTemplate) -> None:
        """Writes a new template."""
        await tx.run(
            self._queries.face_add,
            id=template.id,
            account_id=template.account_id,
            descriptor=_numbers(template.descriptor),
            taken_on=template.taken_on,
            is_anchor=template.is_anchor,
            created_at=template.created_at,
        )

    async def drop(self, tx: Transaction, template_id: UUID) -> None:
        """Removes one template."""
        await tx.run(self._queries.face_drop, id=template_id)

    async def forget(self, tx: Transaction, account_id: UUID) -> int:
        """Removes every template of the account, those of other kinds too; says how many there were."""
        return int(await tx.scalar(self._queries.faces_forget, account_id=account_id))

    async def has_any(self, on: Runner, account_id: UUID) -> bool:
        """Whether the account has a template that can be compared."""
        return bool(await on.scalar(self._queries.faces_has_any, account_id=account_id))

    async def nearest_own(self, on: Runner, account_id: UUID, probe: Descriptor) -> UUID | None:
        """The id of the account's template that lies nearest."""
        nearest: UUID | None = await on.scalar(
            self._queries.face_nearest_own, account_id=account_id, probe=_numbers(probe)
        )
        return nearest

    async def is_there(self, on: Runner, template_id: UUID, account_id: UUID) -> bool:
        """Whether the account has this template."""
        return bool(await on.scalar(self._queries.face_is_there, id=template_id, account_id=account_id))

    async def count_of(self, on: Runner, account_id: UUID) -> int:
        """How many templates the account has that can be compared."""
        return int(await on.scalar(self._queries.faces_count_of, account_id=account_id))

    async def counted(self) -> GallerySize:
        """How much there is."""
        row = await self._database.one(self._queries.faces_counted)
        assert row is not None
        return GallerySize(templates=row["templates"], people=row["people"], of_other_kinds=row["of_other_kinds"])

    async def sample(self, *, people: int) -> Views:
        """Every template of at most so many people, the same people each time."""
        rows = await self._database.many(self._queries.faces_sample, most=people)
        return Views(
            owners=[row["account_id"] for row in rows],
            days=[row["taken_on"] for row in rows],
            descriptors=np.array([_descriptor(row["descriptor"]) for row in rows]).reshape(-1, DESCRIPTOR_LENGTH),
        )


def _numbers(descriptor: Descriptor) -> list[float]:
    check_descriptor(descriptor)
    numbers: list[float] = descriptor.astype(np.float32).tolist()
    return numbers


def _owned(rows: Sequence[Mapping[str, Any]]) -> list[tuple[UUID, Descriptor]]:
    """Each row's account and descriptor; read all at once, because a search in the gallery reads many."""
    sent = np.frombuffer(b"".join(row["descriptor"] for row in rows), dtype=_SENT)
    return list(zip((row["account_id"] for row in rows), sent["numbers"].astype(np.float32), strict=True))


def _descriptor(sent: bytes) -> Descriptor:
    numbers: Descriptor = np.frombuffer(sent, dtype=_SENT)["numbers"][0].astype(np.float32)
    return numbers


def _template(row: Mapping[str, Any]) -> FaceTemplate:
    return FaceTemplate(
        id=row["id"],
        account_id=row["account_id"],
        descriptor=_descriptor(row["descriptor"]),
        taken_on=row["taken_on"],
        is_anchor=row["is_anchor"],
        created_at=row["created_at"],
    )

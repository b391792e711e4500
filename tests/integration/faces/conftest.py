"""The gallery on real PostgreSQL, with people who are nothing but accounts; and two faces before a camera."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

import asyncpg
import numpy as np
import pytest

from app.client.animation import PhotoAnimator
from app.client.opening import animator_of, read_photo
from app.database import Database, Transaction
from app.faces.gallery import Gallery
from app.faces.model import Descriptor
from app.ids import Ids
from app.queries import QUERIES, Queries
from tests.attempts import Claim
from tests.browsers import STEPS
from tests.fakes import FixedClock

PROBE = np.full(128, 0.05, np.float32)


def at(apart: float, axis: int = 0, *, of: Descriptor = PROBE) -> Descriptor:
    """A descriptor that lies `apart` from another, the probe."""
    descriptor = of.copy()
    descriptor[axis] += np.float32(apart)
    return descriptor


@dataclass(frozen=True, kw_only=True)
class Faces:
    """What a test of the gallery touches; `sql` is a connection of the test's own."""

    gallery: Gallery
    database: Database
    clock: FixedClock
    ids: Ids
    sql: asyncpg.Connection

    async def account(self) -> UUID:
        """Somebody without a face."""
        account_id = self.ids.uuid7()
        await self.sql.execute("insert into accounts (id) values ($1)", account_id)
        return account_id

    async def enrol(self, account_id: UUID, descriptor: Descriptor, *, now: datetime | None = None) -> bool:
        """Adds a template in a transaction of its own."""

        async def work(tx: Transaction) -> bool:
            return await self.gallery.add(tx, account_id, descriptor, now=now or self.clock.now())

        return await self.database.transact(work)

    async def person(self, descriptor: Descriptor) -> UUID:
        """Somebody with one template."""
        account_id = await self.account()
        assert await self.enrol(account_id, descriptor)
        return account_id

    async def templates(self, account_id: UUID) -> list[asyncpg.Record]:
        """What the table holds of somebody, the oldest first."""
        rows: list[asyncpg.Record] = await self.sql.fetch(
            "select id, taken_on, is_anchor, kind, descriptor::real[] as numbers from face_templates "
            "where account_id = $1 order by created_at, id",
            account_id,
        )
        return rows


@pytest.fixture
async def faces(database_url: str, clock: FixedClock, ids: Ids) -> AsyncIterator[Faces]:
    database = Database(url=database_url, queries=Queries.load(QUERIES), max_connections=20)
    await database.open()
    sql = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    gallery = Gallery(database=database, ids=ids, threshold=0.5, search_threshold=0.4, search_margin=0.05)
    yield Faces(gallery=gallery, database=database, clock=clock, ids=ids, sql=sql)
    await sql.close()
    await database.close()


@pytest.fixture(scope="session")
def astronaut(astronaut_path: Path) -> PhotoAnimator:
    """Eileen, ready to be animated: a stand-in for a live person."""
    return animator_of(read_photo(astronaut_path))


@pytest.fixture(scope="session")
def admiral(grace_hopper_path: Path) -> PhotoAnimator:
    """Grace, likewise."""
    return animator_of(read_photo(grace_hopper_path))


@pytest.fixture(scope="session")
def eileen(astronaut: PhotoAnimator) -> Claim:
    """What a page sends that watched Eileen answer STEPS."""
    return Claim.of(astronaut, STEPS)


@pytest.fixture(scope="session")
def grace(admiral: PhotoAnimator) -> Claim:
    """What a page sends that watched Grace answer STEPS."""
    return Claim.of(admiral, STEPS)

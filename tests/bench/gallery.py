"""The gallery of faces at a million templates: whether the right person is found, how fast, and at what cost.

The faces are made up in the shape of real ones (tests/face_population.py), one to five pictures of each person; how far
apart they lie is printed beside the same of the real faces they are shaped like. People who are looked for come with a
new picture; strangers come too. The truth is an exact search over everything, in numpy. Searches go one after another
through `Gallery.search`, as a sign-in would, on the embedded PostgreSQL as it is shipped, started anew once the
templates are in it: it takes buffers by what it holds.

What this cannot say is how often real strangers pass: the real tail of look-alikes (relatives, one's own age and
origin) is heavier than a normal distribution's. `bonafide calibrate` measures that on the people themselves.

BENCH_GALLERY_SIZE=100000 makes it a quick run.
"""

import asyncio
import os
import struct
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from uuid import UUID

import asyncpg
import numpy as np

from app.database import Database
from app.embedded import EmbeddedServices
from app.faces.gallery import NEIGHBOURS, SEARCH_DEPTH, Gallery
from app.faces.model import MOST_TEMPLATES
from app.faces.store import FaceStore
from app.ids import Ids
from app.migrate import migrate
from app.queries import QUERIES, Queries
from app.settings import Settings
from facecore.engine import load_engine
from facecore.identification import Ambiguous, Match, NoMatch
from facecore.template import KIND
from tests.face_population import (
    STRANGERS_APART,
    Descriptors,
    Floats,
    Population,
    lfw_descriptors,
    pair_distances,
)

NAME = "gallery"
SIZE = int(os.environ.get("BENCH_GALLERY_SIZE", "1000000"))
EACH = 1000
SMALL = (1_000, 2_000, 5_000, 10_000, 20_000)
SMALL_SEARCHES = 100
RECALL_BAR = 0.99
P95_BAR_MS = 10.0
SEED = 11
BUILD_MEMORY = "4GB"
_AT_ONCE = 20_000
_FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_QUANTILES = ((0.01, "the nearest 1 %"), (0.5, "half"), (0.99, "all but 1 %"))

Decision = Match[UUID] | NoMatch | Ambiguous[UUID]


@dataclass(frozen=True, kw_only=True, eq=False)
class Crowd:
    """Enrolled pictures with the number of their person, and pictures to look for."""

    real: Floats  # distances between the real faces, widened as the made-up ones are
    descriptors: Descriptors
    owners: np.ndarray
    probes: Descriptors  # new pictures of `wanted`, then of strangers
    wanted: np.ndarray

    @classmethod
    def drawn(cls, real: Descriptors) -> "Crowd":
        """The same crowd every time."""
        population, draw = Population.like(real), np.random.default_rng(SEED)
        owners = np.repeat(np.arange(SIZE), draw.integers(1, MOST_TEMPLATES + 1, SIZE))[:SIZE]
        faces = population.people(int(owners[-1]) + 1, draw)
        pictures = [population.pictures(faces[owners[at : at + _AT_ONCE]], draw) for at in range(0, SIZE, _AT_ONCE)]
        wanted = draw.choice(len(faces), EACH, replace=False)
        strangers = population.people(EACH, draw)
        apart = pair_distances(real)
        return cls(
            real=apart * (STRANGERS_APART / apart.mean()),
            descriptors=np.concatenate(pictures),
            owners=owners,
            probes=population.pictures(np.concatenate([faces[wanted], strangers]), draw),
            wanted=wanted,
        )

    def account(self, person: int) -> UUID:
        """The person's account."""
        return UUID(int=person + 1)

    @property
    def same(self) -> Floats:
        """How far each looked-for person's new picture lies from their first one in the gallery."""
        first = np.searchsorted(self.owners, self.wanted)
        return np.linalg.norm(self.probes[:EACH].astype(np.float64) - self.descriptors[first], axis=1)

    def nearest(self) -> list[list[int]]:
        """For each probe its `NEIGHBOURS` nearest templates, by looking at all of them, the nearest first."""
        apart = np.empty((len(self.probes), 0), np.float32)
        found = np.empty((len(self.probes), 0), np.int64)
        for at in range(0, SIZE, _AT_ONCE):
            part = self.descriptors[at : at + _AT_ONCE]
            # Without the probe's own square, which changes no order.
            squared = np.einsum("ij,ij->i", part, part) - 2 * self.probes @ part.T
            apart = np.concatenate([apart, squared], axis=1)
            found = np.concatenate([found, np.broadcast_to(np.arange(at, at + len(part)), squared.shape)], axis=1)
            kept = np.argpartition(apart, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
            apart, found = np.take_along_axis(apart, kept, 1), np.take_along_axis(found, kept, 1)
        order = np.argsort(apart, axis=1)
        nearest: list[list[int]] = np.take_along_axis(found, order, 1).tolist()
        return nearest


def run() -> list[dict[str, Any]]:
    """Fills a database of its own, then searches."""
    with tempfile.TemporaryDirectory() as folder:
        crowd = Crowd.drawn(lfw_descriptors(load_engine("onnx", cache_dir=Path(folder) / "models")))
        return asyncio.run(_measure(Path(folder), crowd))


async def _measure(folder: Path, crowd: Crowd) -> list[dict[str, Any]]:
    async with _opened(folder, crowd) as bench:
        rows = [*bench.shapes(), *await bench.small(), *await bench.build()]
    async with _opened(folder, crowd) as bench:
        return [*rows, *await bench.searches()]


@asynccontextmanager
async def _opened(folder: Path, crowd: Crowd) -> AsyncIterator["_Bench"]:
    with EmbeddedServices.start(folder, redis=False) as services:
        await migrate(services.database_url)
        sql = await asyncpg.connect(services.database_url.replace("+asyncpg", ""))
        await sql.set_type_codec("vector", schema="public", encoder=_encoded, decoder=bytes, format="binary")
        database = Database(url=services.database_url, queries=Queries.load(QUERIES), max_connections=1)
        await database.open()
        settings = Settings.from_environment({})
        try:
            yield _Bench(
                crowd=crowd,
                sql=sql,
                database=database,
                threshold=settings.face_threshold,
                search_threshold=settings.face_search_threshold,
                search_margin=settings.face_search_margin,
            )
        finally:
            await database.close()
            await sql.close()


class _Bench:
    def __init__(
        self,
        *,
        crowd: Crowd,
        sql: asyncpg.Connection,
        database: Database,
        threshold: float,
        search_threshold: float,
        search_margin: float,
    ) -> None:
        self._crowd = crowd
        self._sql = sql
        self._database = database
        self._store = FaceStore(database=database)
        self._gallery = Gallery(
            database=database,
            ids=Ids(),
            threshold=threshold,
            search_threshold=search_threshold,
            search_margin=search_margin,
        )
        self._filled = 0

    def shapes(self) -> list[dict[str, Any]]:
        """Made-up distances beside real ones."""
        crowd = self._crowd
        made_up = pair_distances(crowd.descriptors[np.searchsorted(crowd.owners, np.arange(1000))])
        return [
            {
                "what": f"{words} {label}: are at most so far apart",
                "value": float(np.quantile(apart, share)),
                "unit": "",
            }
            for label, apart in (
                (f"of {len(crowd.real):,} pairs of real faces, widened", crowd.real),
                (f"of {len(made_up):,} pairs of made-up people", made_up),
                ("of made-up pairs of one person's pictures", crowd.same),
            )
            for share, words in _QUANTILES
        ]

    async def small(self) -> list[dict[str, Any]]:
        """Looking at every template against asking the index, as a gallery grows."""
        rows = []
        for size in (each for each in SMALL if each < SIZE):
            await self._fill(size)
            for way, search in (("all of them", self._store.nearest_of_all), ("the index", self._by_index)):
                times = [await _timed(partial(self._within, search, probe)) for probe in self._probes(SMALL_SEARCHES)]
                rows.append({"what": f"median of a search of {size:,} by {way}", "value": median(times), "unit": "ms"})
        return rows

    async def build(self) -> list[dict[str, Any]]:
        """The rest of the templates, and the index of the migration over all of them."""
        definition = await self._sql.fetchval(
            "select indexdef from pg_indexes where indexname = 'face_templates_nearest'"
        )
        await self._sql.execute("drop index face_templates_nearest")
        filled_s = await _timed(partial(self._fill, SIZE)) / 1000
        await self._sql.execute(f"set maintenance_work_mem = '{BUILD_MEMORY}'")
        build_s = await _timed(partial(self._sql.execute, definition)) / 1000
        peak = _process_mib(await self._sql.fetchval("select pg_backend_pid()"), "VmHWM")
        await self._sql.execute("vacuum analyze face_templates")
        sizes = await self._sql.fetchrow(
            "select pg_relation_size('face_templates') / 1048576.0 as templates, "
            "pg_relation_size('face_templates_nearest') / 1048576.0 as index"
        )
        return [
            {
                "what": f"writing {SIZE:,} templates of {len(set(self._crowd.owners)):,} people",
                "value": filled_s,
                "unit": "s",
            },
            {"what": "building the index, on all cores", "value": build_s, "unit": "s"},
            {"what": "  memory of the process that led it, at most", "value": peak, "unit": "MiB"},
            {"what": "size of the table", "value": float(sizes["templates"]), "unit": "MiB"},
            {"what": "size of the index", "value": float(sizes["index"]), "unit": "MiB"},
        ]

    async def searches(self) -> list[dict[str, Any]]:
        """Whether the index finds who is nearest, what is decided, and how long it takes."""
        crowd, truth = self._crowd, self._crowd.nearest()
        found = [await self._within(self._by_index, probe) for probe in crowd.probes]
        hits = [
            bool(np.array_equal(self._nearest_of(probe, each), crowd.descriptors[nearest[0]]))
            for probe, each, nearest in zip(crowd.probes, found, truth, strict=True)
        ]
        exact = [
            self._gallery.decide(
                probe, [(crowd.account(int(crowd.owners[at])), crowd.descriptors[at]) for at in nearest]
            )
            for probe, nearest in zip(crowd.probes, truth, strict=True)
        ]
        pid = await self._database.transact(lambda tx: tx._connection.fetchval("select pg_backend_pid()"))
        times, decided = [], []
        cpu_ms = _cpu_ms(pid)
        for probe in crowd.probes:
            began = time.perf_counter()
            decided.append(await self._gallery.search(probe))
            times.append((time.perf_counter() - began) * 1000)
        cpu_ms = _cpu_ms(pid) - cpu_ms
        recall = sum(hits[:EACH]) / EACH
        p95 = quantiles(times, n=20, method="inclusive")[-1]
        owners = [crowd.account(int(person)) for person in crowd.wanted]
        buffers = await self._sql.fetchval(
            "select setting::bigint * 8 / 1024.0 from pg_settings where name = 'shared_buffers'"
        )
        # Reserved by the operator (vm.nr_hugepages); PostgreSQL takes them by itself where there are enough.
        pages = await self._sql.fetchval("show huge_pages_status")
        return [
            {
                "what": f"PostgreSQL's buffers after the restart, huge pages {pages}",
                "value": float(buffers),
                "unit": "MiB",
            },
            {
                "what": f"recall@1 of the index for {EACH:,} enrolled people, depth {SEARCH_DEPTH}",
                "value": recall,
                "unit": "",
                "bar": f">= {RECALL_BAR}",
                "met": recall >= RECALL_BAR,
            },
            {"what": f"  for {EACH:,} strangers", "value": sum(hits[EACH:]) / EACH, "unit": ""},
            {
                "what": "decided otherwise than by looking at all",
                "value": _share(map(_unlike, decided, exact)),
                "unit": "%",
            },
            {"what": "median search", "value": median(times), "unit": "ms"},
            {"what": "p95 search", "value": p95, "unit": "ms", "bar": f"<= {P95_BAR_MS:.0f}", "met": p95 <= P95_BAR_MS},
            {"what": "  of a search PostgreSQL's CPU took in the mean", "value": cpu_ms / len(times), "unit": "ms"},
            {
                "what": "  memory of PostgreSQL's process that is its own",
                "value": _process_mib(pid, "RssAnon"),
                "unit": "MiB",
            },
            *_outcomes("enrolled people", decided[:EACH], owners),
            *_outcomes("strangers", decided[EACH:], [None] * EACH),
        ]

    def _probes(self, count: int) -> Descriptors:
        return self._crowd.probes[:: len(self._crowd.probes) // count]

    async def _by_index(self, database: Database, probe: Any, *, most: int) -> Any:
        return await self._store.nearest_by_index(database, probe, most=most, depth=SEARCH_DEPTH)

    async def _within(self, search: Callable[..., Awaitable[Any]], probe: Any) -> Any:
        return await search(self._database, probe, most=NEIGHBOURS)

    def _nearest_of(self, probe: Any, candidates: list[tuple[UUID, Any]]) -> Any:
        return min((each for _, each in candidates), key=lambda each: float(np.linalg.norm(each - probe)))

    async def _fill(self, size: int) -> None:
        """Templates up to that many."""
        crowd, numbers = self._crowd, range(self._filled, size)
        known = int(crowd.owners[self._filled - 1]) + 1 if self._filled else 0
        people = [(crowd.account(person),) for person in range(known, int(crowd.owners[size - 1]) + 1)]
        await self._sql.copy_records_to_table("accounts", records=people, columns=["id"])
        templates = (
            (
                UUID(int=number + 1),
                crowd.account(int(crowd.owners[number])),
                crowd.descriptors[number],
                KIND,
                (_FIRST_DAY + timedelta(days=number % MOST_TEMPLATES)).date(),
                number == 0 or bool(crowd.owners[number - 1] != crowd.owners[number]),
                _FIRST_DAY,
            )
            for number in numbers
        )
        columns = ["id", "account_id", "descriptor", "kind", "taken_on", "is_anchor", "created_at"]
        await self._sql.copy_records_to_table("face_templates", records=templates, columns=columns)
        await self._sql.execute("vacuum analyze face_templates")
        self._filled = size


def _outcomes(who: str, decided: list[Decision], owners: list[UUID | None]) -> list[dict[str, Any]]:
    kinds = {
        "found": [
            isinstance(each, Match) and each.person == owner for each, owner in zip(decided, owners, strict=True)
        ],
        "taken for somebody else": [
            isinstance(each, Match) and each.person != owner for each, owner in zip(decided, owners, strict=True)
        ],
        "refused as ambiguous": [isinstance(each, Ambiguous) for each in decided],
        "taken for nobody": [isinstance(each, NoMatch) for each in decided],
    }
    return [
        {"what": f"  {who} {kind}", "value": _share(flags), "unit": "%"}
        for kind, flags in kinds.items()
        if any(owners) or kind != "found"
    ]


def _unlike(one: Decision, other: Decision) -> bool:
    if isinstance(one, Match) and isinstance(other, Match):
        return one.person != other.person
    return type(one) is not type(other)


def _share(flags: Any) -> float:
    counted = list(flags)
    return 100 * sum(counted) / len(counted)


async def _timed(work: Callable[[], Awaitable[Any]]) -> float:
    began = time.perf_counter()
    await work()
    return (time.perf_counter() - began) * 1000


def _encoded(descriptor: Any) -> bytes:
    """A vector as PostgreSQL's COPY takes it."""
    return struct.pack(">HH", len(descriptor), 0) + descriptor.astype(">f4").tobytes()


def _process_mib(pid: int, field: str) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition(f"{field}:")[2].split()[0]) / 1024


def _cpu_ms(pid: int) -> float:
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e6

"""The gallery: who is found, who is refused, what is kept, and that what is gone never matches again."""

import asyncio
import re
from datetime import timedelta

import asyncpg
import numpy as np
import pytest

from app.database import Transaction
from app.errors import Code, Problem
from app.faces.gallery import EXACT_UP_TO, NEIGHBOURS, SEARCH_DEPTH
from app.faces.model import MOST_TEMPLATES
from app.faces.store import FaceStore
from app.migrate import MIGRATIONS
from app.queries import QUERIES, Queries
from app.settings import Settings
from app.wiring import Services
from facecore.errors import FaceError
from facecore.identification import Ambiguous, Doubt, Match, NoMatch
from facecore.template import KIND
from tests.integration.faces.conftest import PROBE, Faces, at


async def test_an_empty_gallery_holds_nobody(faces: Faces) -> None:
    """The first person ever could not sign up with their face."""
    assert await faces.gallery.search(PROBE) == NoMatch()
    assert await faces.gallery.count() == 0


async def test_a_person_is_found_among_others(faces: Faces) -> None:
    """Nobody could sign in with their face."""
    ada = await faces.person(at(0.3))
    for axis in range(1, 60):
        await faces.person(at(0.7, axis))
    assert await faces.gallery.search(PROBE) == Match(ada, pytest.approx(0.3, abs=1e-6))
    assert await faces.gallery.count() == 60


async def test_a_stranger_is_nobody(faces: Faces) -> None:
    """A new person would get the account of whoever looks most like them."""
    await faces.person(at(0.6))
    assert await faces.gallery.search(PROBE) == NoMatch()


async def test_a_bad_day_makes_no_stranger(faces: Faces) -> None:
    """Somebody known would get a second account because today's light was poor."""
    ada = await faces.person(at(0.44))
    found = await faces.gallery.search(PROBE)
    assert isinstance(found, Ambiguous)
    assert (found.people, found.doubt) == ((ada,), Doubt.UNCERTAIN)


async def test_a_look_alike_beyond_the_margin_is_somebody_new(faces: Faces) -> None:
    """Of a large gallery somebody always looks a little like a newcomer, who could never begin with the face."""
    await faces.person(at(0.46))
    assert await faces.gallery.search(PROBE) == NoMatch()


async def test_twins_are_refused(faces: Faces) -> None:
    """Two accounts with one template: either would sign in as the other."""
    ada, grace = await faces.person(at(0.2)), await faces.person(at(0.2))
    found = await faces.gallery.search(PROBE)
    assert isinstance(found, Ambiguous)
    assert (set(found.people), found.doubt) == ({ada, grace}, Doubt.BETWEEN_PEOPLE)


async def test_five_templates_of_one_person_do_not_hide_a_near_stranger(faces: Faces) -> None:
    """The five would fill the list of the nearest, and the look-alike behind them would cast no doubt."""
    grace, ada = await faces.person(at(0.24, 20)), await faces.account()
    for day in range(MOST_TEMPLATES):
        assert await faces.enrol(ada, at(0.2, day), now=faces.clock.now() + timedelta(days=day))
    found = await faces.gallery.search(PROBE)
    assert isinstance(found, Ambiguous)
    assert set(found.people) == {ada, grace}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
async def test_what_is_no_number_is_refused(faces: Faces, value: float) -> None:
    """A fault in the network would be kept, and compare as anything."""
    ada, broken = await faces.person(at(0.3)), at(0.3)
    broken[5] = value
    for work in (faces.gallery.search(broken), faces.gallery.compare(ada, broken), faces.enrol(ada, broken)):
        with pytest.raises(FaceError, match="finite"):
            await work
    with pytest.raises(asyncpg.DataError):
        await insert(faces, [float(number) for number in broken])


@pytest.mark.parametrize("length", [0, 127, 129])
async def test_another_length_is_refused(faces: Faces, length: int) -> None:
    """Half a template would match whoever has the same half."""
    ada, wrong = await faces.person(at(0.3)), np.full(length, 0.05, np.float32)
    for work in (faces.gallery.search(wrong), faces.gallery.compare(ada, wrong), faces.enrol(ada, wrong)):
        with pytest.raises(FaceError, match="shape"):
            await work
    with pytest.raises(asyncpg.DataError):
        await insert(faces, [0.05] * length)


async def test_templates_of_another_kind_are_never_compared(faces: Faces) -> None:
    """After a change of the network old numbers would match people by accident."""
    ada = await faces.account()
    await insert(faces, [float(number) for number in at(0.1)], account_id=ada, kind=KIND + 1)
    assert await faces.gallery.search(PROBE) == NoMatch()
    assert await by_index(faces, PROBE) == []
    assert await faces.gallery.compare(ada, PROBE) is None
    assert not await faces.gallery.has_templates(ada)
    assert await faces.enrol(ada, at(0.3)), "the old kind is no anchor for the new one"
    assert await faces.database.transact(lambda tx: faces.gallery.forget(tx, ada)) == 2


def test_the_statements_see_the_kind_that_is_made() -> None:
    """A new network without new statements would be compared with the old one's numbers."""
    named = [query for query in Queries.load(QUERIES) if query.name.startswith(("face_", "faces_"))]
    seeing = [query for query in named if "from face_templates" in query.sql and "delete" not in query.sql]
    assert len(seeing) == 9
    assert all(re.findall(r"kind = (\d+)", query.sql) == [str(KIND)] * query.sql.count("kind = ") for query in seeing)
    assert all("kind = " in query.sql for query in seeing)
    assert f", {KIND}, :taken_on" in (QUERIES / "faces.sql").read_text()
    migrations = [path.read_text() for path in sorted(MIGRATIONS.glob("*.sql"))]
    views = [text for text in migrations if "as has_faces" in text]
    assert f"and t.kind = {KIND}) as has_faces" in views[-1], "what a page offers is not what is compared"
    searches = [text for text in migrations if "function faces_nearest(" in text]
    assert f"from face_templates\n    where kind = {KIND}\n" in searches[-1]


async def test_a_deleted_account_never_matches_again(faces: Faces) -> None:
    """Whoever left would still be recognised."""
    ada, grace = await faces.person(at(0.1)), await faces.person(at(0.3, 1))
    await faces.sql.execute("delete from accounts where id = $1", ada)
    assert await faces.gallery.search(PROBE) == Match(grace, pytest.approx(0.3, abs=1e-6))
    assert [owner for owner, _ in await by_index(faces, PROBE)] == [grace]
    assert await faces.templates(ada) == []


async def test_a_deletion_during_searches_leaves_no_match_behind(faces: Faces) -> None:
    """A search that began before the deletion could go on to sign the person in, or fail."""
    ada = await faces.person(at(0.1))

    async def delete() -> None:
        await faces.sql.execute("delete from accounts where id = $1", ada)

    found = await asyncio.gather(*(faces.gallery.search(PROBE) for _ in range(25)), delete(), *(
        faces.gallery.search(PROBE) for _ in range(25)
    ))  # fmt: skip
    assert {type(each) for each in found if each is not None} <= {Match, NoMatch}
    assert await faces.gallery.search(PROBE) == NoMatch()


async def test_enrolling_while_the_account_goes_leaves_nothing(faces: Faces) -> None:
    """A template without an account could match for ever."""
    accounts = [await faces.account() for _ in range(25)]

    async def delete() -> None:
        await faces.sql.execute("delete from accounts")

    outcomes = await asyncio.gather(
        *(faces.enrol(account, at(0.1, axis)) for axis, account in enumerate(accounts)),
        delete(),
        return_exceptions=True,
    )
    problems = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert all(isinstance(problem, Problem) and problem.code is Code.NOT_FOUND for problem in problems), problems
    assert await faces.sql.fetchval("select count(*) from face_templates") == 0
    assert await faces.gallery.search(PROBE) == NoMatch()


async def test_fifty_enrolments_at_once_keep_the_rules(faces: Faces) -> None:
    """A person who presses the button often would fill the gallery, or meet an error."""
    ada, now = await faces.account(), faces.clock.now()
    kept = await asyncio.gather(*(faces.enrol(ada, at(0.01 * number), now=now) for number in range(50)))
    assert any(kept)
    rows = await faces.templates(ada)
    assert [row["is_anchor"] for row in rows] == [True, False]


async def test_one_new_person_who_comes_fifty_times_at_once_is_one(faces: Faces) -> None:
    """Impatient taps would make several accounts with one face, each ambiguous for ever."""

    async def arrive(tx: Transaction) -> bool:
        await faces.gallery.hold(tx)
        if await faces.gallery.search(PROBE, tx=tx) != NoMatch():
            return False
        account_id = faces.ids.uuid7()
        await tx._connection.execute("insert into accounts (id) values ($1)", account_id)
        return await faces.gallery.add(tx, account_id, PROBE, now=faces.clock.now())

    made = await asyncio.gather(*(faces.database.transact(arrive) for _ in range(50)))
    assert made.count(True) == 1
    assert await faces.gallery.count() == 1


async def test_enrolling_while_forgetting_leaves_no_template_without_an_anchor(faces: Faces) -> None:
    """The next face to be added would be held against nothing."""
    ada = await faces.person(PROBE)

    async def forget(tx: Transaction) -> asyncio.Task[bool]:
        await faces.gallery.forget(tx, ada)
        enrolling = asyncio.create_task(faces.enrol(ada, at(0.1)))
        while not enrolling.done() and not await faces.sql.fetchval(
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        ):
            await asyncio.sleep(0)
        return enrolling

    assert await (await faces.database.transact(forget))
    assert [row["is_anchor"] for row in await faces.templates(ada)] == [True]


async def test_fifty_people_enrol_at_once(faces: Faces) -> None:
    """One of them would be lost, or both wait for each other."""
    people = [await faces.account() for _ in range(50)]
    kept = await asyncio.gather(*(faces.enrol(person, at(2, axis)) for axis, person in enumerate(people)))
    assert all(kept)
    found = await asyncio.gather(*(faces.gallery.search(at(2, axis)) for axis in range(50)))
    assert [each.person for each in found if isinstance(each, Match)] == people


async def test_a_second_template_of_a_day_replaces_the_first_but_never_the_anchor(faces: Faces) -> None:
    """Somebody could not better a bad picture; or could swap the face that all others are held against."""
    ada, today = await faces.account(), faces.clock.now()
    for apart in (0.1, 0.2, 0.3):
        assert await faces.enrol(ada, at(apart), now=today)
    assert [round(row["numbers"][0] - 0.05, 2) for row in await faces.templates(ada)] == [0.1, 0.3]
    for apart in (0.12, 0.22):
        assert await faces.enrol(ada, at(apart), now=today + timedelta(days=1))
    assert [round(row["numbers"][0] - 0.05, 2) for row in await faces.templates(ada)] == [0.1, 0.3, 0.22]


async def test_the_sixth_template_drops_the_oldest_but_the_anchor(faces: Faces) -> None:
    """Templates would pile up, each a further chance to look like a stranger."""
    ada, today = await faces.account(), faces.clock.now()
    for day in range(8):
        assert await faces.enrol(ada, at(0.01 * day), now=today + timedelta(days=day))
    rows = await faces.templates(ada)
    assert [(row["taken_on"] - today.date()).days for row in rows] == [0, 4, 5, 6, 7]
    assert [row["is_anchor"] for row in rows] == [True, False, False, False, False]


async def test_templates_cannot_be_walked_over_to_another_face(faces: Faces) -> None:
    """Whoever gets in once could nudge the templates day by day until only their own face opens the account."""
    ada, today = await faces.person(PROBE), faces.clock.now()
    kept = [
        await faces.enrol(ada, at(apart), now=today + timedelta(days=day))
        for day, apart in enumerate((0.12, 0.24, 0.36, 0.48, 0.6, 0.72, 0.84), start=1)
    ]
    assert kept == [True, True, True, True, False, False, False]
    assert await faces.gallery.compare(ada, PROBE) == 0
    assert await faces.gallery.search(at(1.0)) == NoMatch()


async def test_somebody_elses_face_is_not_added_to_an_account(faces: Faces) -> None:
    """A stolen session would become a key that outlives it."""
    ada = await faces.person(PROBE)
    assert not await faces.enrol(ada, at(0.8), now=faces.clock.now() + timedelta(days=1))
    assert len(await faces.templates(ada)) == 1


async def test_who_forgets_may_begin_anew_with_another_face(faces: Faces) -> None:
    """A wrong first picture could never be corrected."""
    ada = await faces.person(at(0.1))
    await faces.enrol(ada, at(0.2))
    assert await faces.gallery.has_templates(ada)
    assert await faces.database.transact(lambda tx: faces.gallery.forget(tx, ada)) == 2
    assert not await faces.gallery.has_templates(ada)
    assert await faces.gallery.search(PROBE) == NoMatch()
    assert await faces.database.transact(lambda tx: faces.gallery.forget(tx, ada)) == 0
    assert await faces.enrol(ada, at(0.9))


async def test_one_account_is_compared_with_its_own_templates_only(faces: Faces) -> None:
    """Step-up would pass with anybody's face who is enrolled here."""
    ada, grace, nobody = await faces.person(at(0.3)), await faces.person(at(0.1, 1)), await faces.account()
    await faces.enrol(ada, at(0.2), now=faces.clock.now() + timedelta(days=1))
    assert await faces.gallery.compare(ada, PROBE) == pytest.approx(0.2, abs=1e-6)
    assert await faces.gallery.compare(grace, PROBE, on=faces.database) == pytest.approx(0.1, abs=1e-6)
    assert await faces.gallery.compare(nobody, PROBE) is None
    within = await faces.database.transact(lambda tx: faces.gallery.compare(ada, PROBE, on=tx))
    assert within == pytest.approx(0.2, abs=1e-6)


async def test_enrolling_nobody_is_refused(faces: Faces) -> None:
    """A template could come to lie without an owner who may remove it."""
    with pytest.raises(Problem) as refusal:
        await faces.enrol(faces.ids.uuid7(), PROBE)
    assert refusal.value.code is Code.NOT_FOUND


async def test_a_template_is_kept_to_the_last_bit(faces: Faces) -> None:
    """Distances here and in `bonafide compare` would differ."""
    draw = np.random.default_rng(4)
    face = draw.normal(0, 0.1, 128).astype(np.float32)
    ada = await faces.person(face)
    assert await faces.gallery.compare(ada, face) == 0
    ((_, kept),) = await by_index(faces, face)
    assert np.array_equal(kept, face)


async def test_the_thresholds_are_those_of_the_settings(services: Services, settings: Settings) -> None:
    """An operator who calibrated would still run on the defaults."""
    account_id = services.ids.uuid7()

    async def work(tx: Transaction) -> None:
        await tx._connection.execute("insert into accounts (id) values ($1)", account_id)
        await services.gallery.add(tx, account_id, PROBE, now=services.clock.now())

    await services.database.transact(work)
    doubt_ends = settings.face_search_threshold + settings.face_search_margin
    assert isinstance(await services.gallery.search(at(settings.face_search_threshold - 0.01)), Match)
    assert isinstance(await services.gallery.search(at(doubt_ends - 0.01)), Ambiguous)
    assert await services.gallery.search(at(doubt_ends + 0.01)) == NoMatch()


async def test_the_index_finds_whom_an_exact_search_finds(faces: Faces) -> None:
    """A person would be a stranger now and then, as the graph happened to grow; the limits of a gallery small enough to
    be searched in full would be where sign-in begins to fail."""
    draw = np.random.default_rng(9)
    spread = np.linalg.qr(draw.normal(size=(128, 128)))[0] * np.geomspace(0.16, 0.01, 128)
    people = draw.normal(size=(EXACT_UP_TO + 1000, 128)) @ spread.T
    ids = [faces.ids.uuid7() for _ in people]
    await faces.sql.executemany("insert into accounts (id) values ($1)", [(person,) for person in ids])
    await faces.sql.executemany(
        "insert into face_templates (id, account_id, descriptor, kind, taken_on, is_anchor, created_at) "
        "values ($1, $1, $2::real[]::vector, 1, '2026-11-20', true, now())",
        [(person, face.tolist()) for person, face in zip(ids, people, strict=True)],
    )
    store, hits, found = FaceStore(database=faces.database), 0, 0
    for number in range(100):
        probe = (people[number] + draw.normal(size=128) @ spread.T * 0.3).astype(np.float32)
        nearest = int(np.linalg.norm(people - probe, axis=1).argmin())
        candidates = await by_index(faces, probe)
        exact = await store.nearest_of_all(faces.database, probe, most=NEIGHBOURS)
        assert exact[0][0] == ids[nearest], "looking at all of them misses nobody"
        assert [(owner, kept.tolist()) for owner, kept in exact[:1]] == [(ids[nearest], exact[0][1].tolist())]
        hits += ids[nearest] in [owner for owner, _ in candidates]
        result = await faces.gallery.search(probe)
        found += isinstance(result, Match) and result.person == ids[number]
    before = await _index_scans(faces)
    query = faces.database.queries.faces_nearest_by_index
    await faces.sql.fetch(query.sql, *query.arguments({"probe": [0.1] * 128, "most": 40, "depth": 50}, query.kind))
    assert await _index_scans(faces) == before + 1
    assert hits >= 99
    assert found >= 95


async def by_index(faces: Faces, probe: np.ndarray) -> list:
    """What the index finds, whatever the gallery's size."""
    store = FaceStore(database=faces.database)
    return await store.nearest_by_index(faces.database, probe, most=NEIGHBOURS, depth=SEARCH_DEPTH)


async def _index_scans(faces: Faces) -> int:
    await faces.sql.execute("select pg_stat_force_next_flush()")
    scans: int = await faces.sql.fetchval(
        "select idx_scan from pg_stat_user_indexes where indexrelname = 'face_templates_nearest'"
    )
    return scans


async def test_the_index_looks_as_deep_as_was_measured(faces: Faces) -> None:
    """A setting that did not reach the index would find one person of twenty less in a million: this small gallery
    shows no difference."""

    async def searched(tx: Transaction) -> str:
        await FaceStore(database=faces.database).nearest_by_index(tx, PROBE, most=NEIGHBOURS, depth=SEARCH_DEPTH)
        depth: str = await tx._connection.fetchval("select current_setting('hnsw.ef_search')")
        return depth

    assert await faces.database.transact(searched) == str(SEARCH_DEPTH)
    assert await faces.sql.fetchval("select current_setting('hnsw.ef_search', true)") != str(SEARCH_DEPTH)


async def insert(faces: Faces, numbers: list[float], *, account_id: object = None, kind: int = KIND) -> None:
    """A row as a fault of ours would write it, past the checks in Python."""
    await faces.sql.execute(
        "insert into face_templates (id, account_id, descriptor, kind, taken_on, is_anchor, created_at) "
        "values ($1, $2, $3::real[]::vector, $4, '2026-11-20', true, now())",
        faces.ids.uuid7(),
        account_id or await faces.account(),
        numbers,
        kind,
    )

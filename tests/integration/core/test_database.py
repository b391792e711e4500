"""The database layer on a real server: cancellation, rollback, uniqueness, absence."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.database import Database, Transaction, UniqueViolation
from app.errors import Code, Problem
from app.ids import Ids
from app.queries import Queries
from tests.cables import Cable

SQL = """
-- name: add_account!
insert into accounts (id, email) values (:id, :email)

-- name: count_accounts$
select count(*) from accounts

-- name: wait$
select pg_sleep(:seconds)

-- name: account_by_email^
select id, email from accounts where email = :email
"""
POOL = 5


@pytest.fixture
async def database(database_url: str, tmp_path: Path) -> AsyncIterator[Database]:
    (tmp_path / "test.sql").write_text(SQL)
    database = Database(url=database_url, queries=Queries.load(tmp_path), max_connections=POOL)
    await database.open()
    yield database
    await database.close()


async def test_two_hundred_dropped_clients_cost_no_connection(database: Database, ids: Ids) -> None:
    """Every client that hangs up inside a transaction would take a connection with it, until none is left."""
    queries = database.queries
    began = asyncio.Queue[int]()

    async def request(number: int) -> None:
        async def work(tx: Transaction) -> None:
            await tx.run(queries.add_account, id=ids.uuid7(), email=f"{number}@x.org")
            began.put_nowait(number)
            await tx.scalar(queries.wait, seconds=0.01)

        await database.transact(work)

    for batch in range(40):
        tasks = [asyncio.create_task(request(batch * 5 + each)) for each in range(5)]
        for _ in tasks:
            await began.get()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    async with asyncio.timeout(10):
        sleeps = [database.scalar(queries.wait, seconds=0.01) for _ in range(POOL * 3)]
        await asyncio.gather(*sleeps)
    assert database.idle_connections == POOL
    # Whole transactions only: each one that began has ended by its own commit.
    assert await database.scalar(queries.count_accounts) == 200


async def test_a_full_pool_says_so(database_url: str, tmp_path: Path) -> None:
    """Everybody would wait without a word while a few slow transactions hold every connection."""
    (tmp_path / "test.sql").write_text(SQL)
    queries = Queries.load(tmp_path)
    database = Database(url=database_url, queries=queries, max_connections=2, acquire_timeout_s=3.0)
    await database.open()
    holding, release = asyncio.Queue[int](), asyncio.Event()

    async def hold(tx: Transaction) -> None:
        holding.put_nowait(1)
        await release.wait()

    held = [asyncio.create_task(database.transact(hold)) for _ in range(2)]
    for _ in held:
        await holding.get()
    attempts = database.scalar(queries.count_accounts), database.transact(hold), database.check()
    async with asyncio.timeout(15):
        refused = await asyncio.gather(*attempts, return_exceptions=True)
    assert all(isinstance(each, Problem) and each.code is Code.BUSY for each in refused)
    release.set()
    await asyncio.gather(*held)
    assert await database.scalar(queries.count_accounts) == 0
    await database.close()


async def test_a_raised_exception_undoes_everything(database: Database, ids: Ids) -> None:
    """A refused sign-up would leave half an account behind."""

    async def work(tx: Transaction) -> None:
        await tx.run(database.queries.add_account, id=ids.uuid7(), email="half@x.org")
        raise Problem(Code.CONFLICT, "no")

    with pytest.raises(Problem):
        await database.transact(work)
    assert await database.one(database.queries.account_by_email, email="half@x.org") is None


async def test_a_repeated_value_names_its_constraint(database: Database, ids: Ids) -> None:
    """Two people racing for one address would see an internal error."""
    await database.run(database.queries.add_account, id=ids.uuid7(), email="a@x.org")
    with pytest.raises(UniqueViolation) as caught:
        await database.run(database.queries.add_account, id=ids.uuid7(), email="a@x.org")
    assert caught.value.constraint == "accounts_email_unique"


async def test_a_server_that_is_away_is_said_so(tmp_path: Path) -> None:
    """A stopped PostgreSQL would hang requests or show a stack trace."""
    (tmp_path / "test.sql").write_text(SQL)
    database = Database(url=f"postgresql+asyncpg://x@/x?host={tmp_path}", queries=Queries.load(tmp_path))
    await database.open()
    with pytest.raises(Problem) as caught:
        await database.check()
    assert caught.value.code is Code.BUSY
    assert caught.value.retry_after_s is not None
    await database.close()


async def test_a_database_that_hangs_costs_no_connection_either(database_url: str, tmp_path: Path, ids: Ids) -> None:
    """A stall of ten seconds would leave a server that answers nobody until it is restarted."""
    (tmp_path / "test.sql").write_text(SQL)
    socket_folder = database_url.partition("host=")[2]
    cable = Cable(f"{socket_folder}/.s.PGSQL.5432")
    await cable.plug_in()
    name = database_url.partition("@/")[2].partition("?")[0]
    database = Database(
        url=f"postgresql+asyncpg://postgres@127.0.0.1:{cable.port}/{name}",
        queries=Queries.load(tmp_path),
        max_connections=POOL,
        statement_timeout_s=1.5,
        acquire_timeout_s=4.0,
    )
    await database.open()

    async def work(tx: Transaction) -> None:
        await tx.run(database.queries.add_account, id=ids.uuid7(), email=None)

    await asyncio.gather(*(database.transact(work) for _ in range(POOL)))
    cable.silence()
    stalled = await asyncio.gather(*(database.transact(work) for _ in range(2 * POOL)), return_exceptions=True)
    assert all(isinstance(each, Problem) and each.code is Code.BUSY for each in stalled)
    await cable.plug_in()
    async with asyncio.timeout(15):
        await asyncio.gather(*(database.transact(work) for _ in range(2 * POOL)))
        await database.close()
    await cable.unplug()

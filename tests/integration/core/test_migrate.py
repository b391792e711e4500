"""Migrations: once each, in order, from several instances at once."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from app.migrate import MIGRATIONS, MigrationError, migrate, pending, read_migrations

# How the checksums of the migrations begin, in order; a new one adds a line, and no line ever changes.
SHIPPED = (
    "46ac71d91de0283d",
    "37dd36616dee5fb2",
    "61c2e67de19bd137",
    "173a16d486a96771",
    "870f9fe56a3b361e",
    "84ad5a8963907208",
    "71e766722509356d",
    "fa3408b9e000c3a1",
    "2984af3f9e842b78",
    "5de8e578fbf2f1ed",
    "d13cc861fa7c5b61",
    "78a022d339cba8a6",
    "02d06d33ca751c6e",
    "f5b56e40448aabe5",
    "ddabbc9c7b3c0e58",
)


def test_what_was_shipped_is_never_edited() -> None:
    """A server with a database from before would not start after the update, for one word in a comment."""
    assert tuple(migration.checksum[:16] for migration in read_migrations()) == SHIPPED


async def test_several_instances_apply_each_migration_once(database_url: str, tmp_path: Path) -> None:
    """Two instances starting together would both create the tables, and one would die."""
    for path in MIGRATIONS.glob("*.sql"):
        (tmp_path / path.name).write_text(path.read_text())
    number = len(list(tmp_path.glob("*.sql"))) + 1
    (tmp_path / f"{number:04d}_more.sql").write_text("create table more (id int)")
    applied = await asyncio.gather(*(migrate(database_url, folder=tmp_path) for _ in range(8)))
    assert sorted(len(each) for each in applied) == [0] * 7 + [1]


async def test_a_failed_migration_leaves_nothing(database_url: str, tmp_path: Path) -> None:
    """A half-applied schema would fit neither release."""
    for path in MIGRATIONS.glob("*.sql"):
        (tmp_path / path.name).write_text(path.read_text())
    number = len(list(tmp_path.glob("*.sql"))) + 1
    (tmp_path / f"{number:04d}_bad.sql").write_text("create table more (id int); select no_such_function()")
    with pytest.raises(asyncpg.PostgresError):
        await migrate(database_url, folder=tmp_path)
    connection = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    assert await connection.fetchval("select to_regclass('more')") is None
    await connection.close()


async def test_the_shipped_schema_is_complete(database_url: str) -> None:
    """`bonafide migrate` would report work to do on an up-to-date database."""
    assert await pending(database_url) == []


async def test_an_edited_migration_is_refused(database_url: str, tmp_path: Path) -> None:
    """Instances would run on schemas that differ without anybody knowing."""
    for path in MIGRATIONS.glob("*.sql"):
        (tmp_path / path.name).write_text(path.read_text() + "\n-- edited")
    with pytest.raises(MigrationError, match="changed after it was applied"):
        await migrate(database_url, folder=tmp_path)


@pytest.mark.parametrize("names", [["0001_a.sql", "0003_b.sql"], ["0001_a.sql", "0001_b.sql"], ["a.sql"]])
def test_gaps_duplicates_and_stray_names_are_refused(tmp_path: Path, names: list[str]) -> None:
    """Two branches would each add number 7, and instances apply different ones."""
    for name in names:
        (tmp_path / name).write_text("select 1")
    with pytest.raises(MigrationError):
        read_migrations(tmp_path)

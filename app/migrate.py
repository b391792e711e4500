"""Forward-only migrations, applied under an advisory lock so that several instances may start at once."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from app.errors import Code, Problem

MIGRATIONS = Path(__file__).parent.parent / "sql" / "migrations"
_LOCK = 0x626F6E61  # "bona"
_FILE = re.compile(r"^(\d{4})_([a-z0-9_]+)\.sql$")
_LEDGER = """
create table if not exists schema_migrations (
  number int primary key, name text not null, checksum text not null, applied_at timestamptz not null default now()
)"""


@dataclass(frozen=True)
class Migration:
    """One file of sql/migrations."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text: an applied migration must not change."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


class MigrationError(Exception):
    """Raised when the files and the database disagree; the message says which file and why."""


def read_migrations(folder: Path = MIGRATIONS) -> list[Migration]:
    """The files in order; raises MigrationError on a gap, a duplicate or a stray name."""
    found = []
    for path in sorted(folder.glob("*.sql")):
        if not (parts := _FILE.match(path.name)):
            raise MigrationError(f"{path.name}: a migration is named NNNN_what_it_does.sql")
        found.append(Migration(int(parts[1]), parts[2], path.read_text(encoding="utf-8")))
    for expected, migration in enumerate(found, start=1):
        if migration.number != expected:
            raise MigrationError(f"migration {expected:04d} is missing or stands twice")
    return found


async def migrate(database_url: str, *, folder: Path = MIGRATIONS) -> list[Migration]:
    """Applies what is missing, each in its own transaction; gives back what it applied."""
    connection = await _connect(database_url)
    try:
        await connection.execute("select pg_advisory_lock($1)", _LOCK)
        await connection.execute(_LEDGER)
        missing = await _missing(connection, read_migrations(folder))
        for migration in missing:
            async with connection.transaction():
                await connection.execute(migration.sql)
                await connection.execute(
                    "insert into schema_migrations (number, name, checksum) values ($1, $2, $3)",
                    migration.number,
                    migration.name,
                    migration.checksum,
                )
        return missing
    finally:
        await connection.close()


async def pending(database_url: str) -> list[Migration]:
    """What `migrate` would apply."""
    connection = await _connect(database_url)
    try:
        if await connection.fetchval("select to_regclass('schema_migrations')") is None:
            return read_migrations()
        return await _missing(connection, read_migrations())
    finally:
        await connection.close()


async def _missing(connection: asyncpg.Connection, migrations: list[Migration]) -> list[Migration]:
    applied = {
        row["number"]: row for row in await connection.fetch("select number, name, checksum from schema_migrations")
    }
    for migration in migrations:
        row = applied.get(migration.number)
        if row is not None and row["checksum"] != migration.checksum:
            raise MigrationError(
                f"migration {migration.number:04d} was changed after it was applied; add a new one instead"
            )
    return [migration for migration in migrations if migration.number not in applied]


async def _connect(database_url: str) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(database_url.replace("postgresql+asyncpg://", "postgresql://", 1), timeout=5)
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise Problem(Code.BUSY, f"The database cannot be reached: {error}") from error

"""Bring the database schema up to date.

Applies the files of sql/migrations that DATABASE_URL does not have yet, under an advisory lock: safe to run from
several instances at once. Without DATABASE_URL the embedded database under BONAFIDE_DATA is migrated, started for it
where no server runs. Exit code 0: up to date; 1: a migration failed or the database is away; 2: settings at fault.
"""

import argparse
import asyncio
import sys

from app.commands.database import database_in_use
from app.embedded import EmbeddedError
from app.errors import Problem
from app.migrate import MigrationError, migrate, pending
from app.settings import Settings, SettingsError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("--dry-run", action="store_true", help="only say what would be applied")


def run(options: argparse.Namespace) -> int:
    """Applies or lists; prints one line a migration."""
    try:
        settings = Settings.from_process()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        with database_in_use(settings) as database_url:
            return asyncio.run(_migrate(database_url, dry_run=options.dry_run))
    except (MigrationError, Problem, EmbeddedError) as error:
        print(error, file=sys.stderr)
        return 1


async def _migrate(database_url: str, *, dry_run: bool) -> int:
    found = await (pending(database_url) if dry_run else migrate(database_url))
    for migration in found:
        print(f"{'would apply' if dry_run else 'applied'} {migration.number:04d} {migration.name.replace('_', ' ')}")
    if not found:
        print("the schema is up to date")
    return 0

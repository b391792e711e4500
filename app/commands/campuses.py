"""The campuses whose members may register with their campus address.

  bonafide campuses list [--json]
  bonafide campuses add "University of Toronto" utoronto.ca
  bonafide campuses remove utoronto.ca

A dozen are there from the start. An address must be at the campus' own domain; CAMPUS_SUBDOMAINS=true takes those at
mail.utoronto.ca as well. A campus that accounts belong to is not removed. Changes count at once, servers may run.

The database is that of DATABASE_URL, else the embedded one under BONAFIDE_DATA, started for it where no server runs;
its schema must be up to date (bonafide migrate). Exit code 0: done; 1: refused, with the reason, or the database is
away; 2: the name, the domain or the settings are at fault.
"""

import argparse
import asyncio
import dataclasses
import json
import sys

from app.accounts.campuses import CampusService
from app.clock import Clock
from app.commands.database import database_in_use
from app.database import Database
from app.embedded import EmbeddedError
from app.errors import Code, Problem
from app.ids import Ids
from app.migrate import MigrationError, pending
from app.queries import QUERIES, Queries
from app.settings import Settings, SettingsError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what can be done."""
    deeds = parser.add_subparsers(dest="deed", metavar="add|list|remove", required=True)
    listing = deeds.add_parser("list", help="print every campus with its domain")
    listing.add_argument("--json", action="store_true", help='print [{"id", "name", "domain"}]')
    adding = deeds.add_parser("add", help="add a campus")
    adding.add_argument("name", metavar="NAME", help="the name that people know it by")
    adding.add_argument("domain", metavar="DOMAIN", help="the domain of its members' addresses, as utoronto.ca")
    removing = deeds.add_parser("remove", help="remove a campus that no account belongs to")
    removing.add_argument("domain", metavar="DOMAIN", help="its domain")


def run(options: argparse.Namespace) -> int:
    """Does it; prints what was done, and on standard error what was not."""
    try:
        settings = Settings.from_process()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        with database_in_use(settings) as database_url:
            print(asyncio.run(_do(options, database_url)))
    except Problem as problem:
        print(problem.detail, file=sys.stderr)
        return 2 if problem.code is Code.BAD_USER_INPUT else 1
    except (EmbeddedError, MigrationError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


async def _do(options: argparse.Namespace, database_url: str) -> str:
    if await pending(database_url):
        raise MigrationError("The schema is not up to date. Run: bonafide migrate")
    database = Database(url=database_url, queries=Queries.load(QUERIES), max_connections=1)
    await database.open()
    try:
        campuses = CampusService(database=database, clock=Clock(), ids=Ids())
        if options.deed == "add":
            added = await campuses.add(name=options.name, domain=options.domain)
            return f"added {added.name} ({added.domain})"
        if options.deed == "remove":
            removed = await campuses.remove(options.domain)
            return f"removed {removed.name} ({removed.domain})"
        everything = await campuses.all()
        if options.json:
            return json.dumps([{**dataclasses.asdict(campus), "id": str(campus.id)} for campus in everything])
        return "\n".join(f"{campus.domain:24} {campus.name}" for campus in everything)
    finally:
        await database.close()

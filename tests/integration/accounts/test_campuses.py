"""Campuses: the seeded list, who belongs to one, and the operator's command."""

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from app.accounts.campuses import CampusService
from app.cli import main
from app.errors import Code, Problem
from app.ids import Ids
from tests.integration.accounts.conftest import HOME, PASSWORD, Slice


async def problem_of(attempt: object) -> Problem:
    with pytest.raises(Problem) as caught:
        await attempt  # type: ignore[misc]  # a coroutine, whatever it would have returned
    return caught.value


async def test_a_dozen_campuses_are_there_from_the_start(world: Slice) -> None:
    """A newcomer at an address of one of them would find an empty list."""
    campuses = await world.campuses.all()
    assert len(campuses) == 12
    assert [campus.name for campus in campuses] == sorted(campus.name for campus in campuses)
    toronto = next(campus for campus in campuses if campus.domain == "utoronto.ca")
    assert (toronto.name, str(toronto.id)) == ("University of Toronto", "01900000-0000-7000-8000-00000000000c")


@pytest.mark.parametrize(
    ("email", "exact", "with_subdomains"),
    [
        ("ada@utoronto.ca", True, True),
        ("ada@mail.utoronto.ca", False, True),
        ("ada@a.b.utoronto.ca", False, True),
        ("ada@notutoronto.ca", False, False),
        ("ada@utoronto.ca.evil.example", False, False),
        ("ada@toronto.ca", False, False),
        ("ada@ca", False, False),
    ],
)
async def test_an_address_belongs_to_one_domain(world: Slice, email: str, exact: bool, with_subdomains: bool) -> None:
    """A stranger with a look-alike domain would pass for a member of the campus."""
    toronto = next(campus for campus in await world.campuses.all() if campus.domain == "utoronto.ca")
    generous = CampusService(database=world.database, clock=world.clock, ids=world.ids, with_subdomains=True)
    for campuses, belongs in ((world.campuses, exact), (generous, with_subdomains)):
        if belongs:
            assert await campuses.of_address(toronto.id, email) == toronto
            continue
        problem = await problem_of(campuses.of_address(str(toronto.id), email))
        assert (problem.code, problem.field, problem.reason) == (
            Code.BAD_USER_INPUT,
            "email",
            "EMAIL_NOT_OF_CAMPUS",
        )


@pytest.mark.parametrize("campus_id", ["", "x", "01900000-0000-7000-8000-0000000000ff", "\0", "'; drop table campuses"])
async def test_a_campus_that_is_none_is_named(world: Slice, campus_id: str) -> None:
    """A form with an old list of campuses would fail without a word, or with an internal error."""
    problem = await problem_of(world.campuses.of_address(campus_id, "ada@utoronto.ca"))
    assert (problem.code, problem.field, problem.reason) == (Code.BAD_USER_INPUT, "campusId", "CAMPUS_UNKNOWN")


async def test_an_operator_adds_and_removes(world: Slice) -> None:
    """A campus that is missing could not be served."""
    added = await world.campuses.add(name="  Universität   Zürich ", domain=" UZH.ch ")
    assert (added.name, added.domain) == ("Universität Zürich", "uzh.ch")
    assert added in await world.campuses.all()
    again = await problem_of(world.campuses.add(name="Another", domain="uzh.ch"))
    assert (again.code, again.field) == (Code.CONFLICT, "domain")
    assert await world.campuses.remove("UZH.ch") == added
    assert added not in await world.campuses.all()
    assert (await problem_of(world.campuses.remove("uzh.ch"))).code is Code.NOT_FOUND


@pytest.mark.parametrize(
    ("name", "domain", "field"),
    [
        ("", "uzh.ch", "name"),
        ("x" * 201, "uzh.ch", "name"),
        ("two\u202elines", "uzh.ch", "name"),
        ("Zürich", "", "domain"),
        ("Zürich", "uzh", "domain"),
        ("Zürich", "uzh..ch", "domain"),
        ("Zürich", "@uzh.ch", "domain"),
        ("Zürich", "uzh.ch/", "domain"),
        ("Zürich", "züh.ch", "domain"),
        ("Zürich", "10.0.0.1", "domain"),
        ("Zürich", "x." * 200 + "ch", "domain"),
    ],
)
async def test_what_is_no_campus_is_refused(world: Slice, name: str, domain: str, field: str) -> None:
    """Nobody could ever register at a campus whose domain has a typing error."""
    problem = await problem_of(world.campuses.add(name=name, domain=domain))
    assert (problem.code, problem.field) == (Code.BAD_USER_INPUT, field)
    assert len(await world.campuses.all()) == 12


async def test_a_campus_with_members_stays(world: Slice) -> None:
    """Accounts would be left with a campus that does not exist."""
    added = await world.campuses.add(name="Zürich", domain="uzh.ch")
    for number, members in ((1, "1 account belongs"), (2, "2 accounts belong")):
        await world.registration().register(
            email=f"ada{number}@uzh.ch", password=PASSWORD, handle=f"ada{number}", campus_id=added.id, origin=HOME
        )
        problem = await problem_of(world.campuses.remove("uzh.ch"))
        assert problem.code is Code.CONFLICT
        assert problem.detail == f"{members} to Zürich, so it stays."


@pytest.fixture
def terminal(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of an operator at this test's database."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("BONAFIDE_DATA", str(tmp_path))


@pytest.mark.usefixtures("terminal")
def test_the_command_adds_lists_and_removes(capsys: pytest.CaptureFixture[str]) -> None:
    """An operator would have to write SQL."""
    assert main(["campuses", "add", "Universität Zürich", "uzh.ch"]) == 0
    assert "added Universität Zürich (uzh.ch)" in capsys.readouterr().out
    assert main(["campuses", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert len(listed) == 13
    assert {"name", "domain", "id"} == set(listed[0])
    assert main(["campuses", "list"]) == 0
    assert "uzh.ch" in capsys.readouterr().out
    assert main(["campuses", "remove", "uzh.ch"]) == 0
    assert "removed" in capsys.readouterr().out


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["add", "Another", "utoronto.ca"], 1, "There is a campus with the domain utoronto.ca."),
        (["add", "Another", "no domain"], 2, "not a domain"),
        (["remove", "nowhere.example"], 1, "There is no campus"),
    ],
)
def test_the_command_says_what_is_wrong(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, words: str
) -> None:
    """A script would take a refusal for success, or an operator would not know what to correct."""
    assert main(["campuses", *arguments]) == code
    said = capsys.readouterr()
    assert words in said.err
    assert said.out == ""


def test_the_command_without_a_database_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An operator would read a stack trace."""
    monkeypatch.setenv("BONAFIDE_DATA", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", f"postgresql://nobody@/none?host={tmp_path}")
    assert main(["campuses", "list"]) == 1
    assert "database cannot be reached" in capsys.readouterr().err
    monkeypatch.setenv("DATABASE_URL", "sqlite://")
    assert main(["campuses", "list"]) == 2
    assert "DATABASE_URL" in capsys.readouterr().err


async def test_the_command_on_an_empty_database_says_what_to_do_first(
    database_url: str, tmp_path: Path, ids: Ids
) -> None:
    """An operator would read a stack trace."""
    plain, name = database_url.replace("+asyncpg", ""), f"bare_{ids.uuid7().hex}"
    admin = await asyncpg.connect(plain)
    await admin.execute(f"create database {name}")
    environment = {"PATH": "/usr/bin:/bin", "BONAFIDE_DATA": str(tmp_path)}
    environment["DATABASE_URL"] = re.sub(r"@/\w+", f"@/{name}", plain)
    command = [sys.executable, "-m", "app.cli", "campuses", "list"]
    done = await asyncio.to_thread(subprocess.run, command, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "The schema is not up to date. Run: bonafide migrate\n")
    await admin.execute(f"drop database {name} with (force)")
    await admin.close()


def test_the_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """An operator would have to read the source."""
    with pytest.raises(SystemExit) as ended:
        main(["campuses", "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    for wanted in ("add", "list", "remove", "Exit code", "CAMPUS_SUBDOMAINS"):
        assert wanted in said

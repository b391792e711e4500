"""Nothing is declared and forgotten: queries, error codes and settings."""

import re
from pathlib import Path

import asyncpg

from app.errors import MEANINGS, Code
from app.queries import Queries
from app.settings import Settings

ROOT = Path(__file__).parents[3]
SOURCES = [path for package in ("app", "liveness", "facecore") for path in (ROOT / package).rglob("*.py")]


async def test_every_named_query_fits_the_migrated_schema(database_url: str) -> None:
    """A misspelt column would surface only when a person reaches that statement."""
    connection = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    for query in Queries.load(ROOT / "sql" / "queries"):
        prepared = await connection.prepare(query.sql)
        assert len(prepared.get_parameters()) == len(query.parameters), query.name
    await connection.close()


def test_every_named_query_is_used() -> None:
    """Dead SQL would be read, migrated and feared for nothing."""
    text = "\n".join(path.read_text() for path in SOURCES)
    unused = [
        query.name
        for query in Queries.load(ROOT / "sql" / "queries")
        if not re.search(rf"queries\.{query.name}\b", text)
    ]
    assert unused == []


def test_every_query_that_is_called_is_there() -> None:
    """A query removed in one slice would surface only when a person reaches the statement of another."""
    names = {query.name for query in Queries.load(ROOT / "sql" / "queries")}
    called = {name for path in SOURCES for name in re.findall(r"[._]queries\.(\w+)\b(?!\()", path.read_text())}
    assert called - names == set()


def test_only_one_module_knows_mediapipe() -> None:
    """The landmark engine could not be replaced in one place, and its 120 MB would load where nobody looks."""
    assert _naming(r"""(import|["'])\s*mediapipe""") == ["landmarks.py"]


def test_every_session_comes_through_the_one_door() -> None:
    """A new way to sign in could forget to ask for the second factor."""
    migrations = [path.read_text() for path in sorted((ROOT / "sql" / "migrations").glob("*.sql"))]
    inserting = [text for text in migrations if "into sessions" in text]
    assert inserting
    assert all("not exists (select from second_factors" in text for text in inserting)
    queries = list(Queries.load(ROOT / "sql" / "queries"))
    assert [query.name for query in queries if "into sessions" in query.sql] == []
    assert [query.name for query in queries if "from session_open(" in query.sql] == ["session_open"]
    assert _naming(r"second_factor_proved=True") == ["entry.py"]
    # Whoever skips the question has just proved a second factor: a code, or a passkey's signature.
    assert set(_naming(r"\.admit_after\(")) == {"second_factors.py", "passkey_proofs.py"}
    proofs = (ROOT / "app" / "accounts" / "passkey_proofs.py").read_text()
    assert proofs.count(".admit_after(") == proofs.count("deed=enter)") == proofs.count("async def enter(tx") == 2


def test_every_code_has_a_meaning() -> None:
    """A refusal would crash on the way to the client."""
    assert set(MEANINGS) == set(Code)


def test_every_setting_is_documented_and_no_other() -> None:
    """An operator would not learn of a setting, or would set one that does nothing."""
    read = set(re.findall(r'self\._(?:read|optional)\(\s*"([A-Z0-9_]+)"', (ROOT / "app" / "settings.py").read_text()))
    table = (ROOT / "README.md").read_text().partition("## Settings")[2].partition("\n## ")[0]
    rows = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    documented = {name for row in rows for name in re.findall(r"`([A-Z0-9_]+)`", row)}
    assert documented == read
    assert len(read) >= len(Settings.__dataclass_fields__) - 1


def _naming(pattern: str) -> list[str]:
    """The sources in whose text the pattern occurs."""
    return [path.name for path in SOURCES if re.search(pattern, path.read_text())]

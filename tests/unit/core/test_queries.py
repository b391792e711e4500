"""The SQL loader: strict about names and parameters."""

from pathlib import Path

import pytest

from app.queries import Kind, Queries, QueryError


def write(folder: Path, text: str, name: str = "q.sql") -> Path:
    (folder / name).write_text(text)
    return folder


def test_a_query_carries_its_kind_and_numbered_parameters(tmp_path: Path) -> None:
    """Every call of the product goes through this."""
    text = "-- name: one^\nselect :b::int, cast(:a as uuid), ':c', :b -- :d\n;\n\n-- name: all\nselect 1\n"
    queries = Queries.load(write(tmp_path, text))
    assert queries.one.sql == "select $1::int, cast($2 as uuid), ':c', $1 -- :d"
    assert queries.one.parameters == ("b", "a")
    assert queries.one.arguments({"a": 1, "b": 2}, Kind.ONE) == [2, 1]
    assert queries.all.kind is Kind.MANY


@pytest.mark.parametrize("given", [{}, {"a": 1, "b": 2}, {"b": 1}])
def test_a_call_gives_exactly_the_declared_parameters(tmp_path: Path, given: dict[str, object]) -> None:
    """A forgotten parameter would bind NULL and erase a name."""
    queries = Queries.load(write(tmp_path, "-- name: q!\nupdate t set a = :a\n"))
    with pytest.raises(QueryError):
        queries.q.arguments(given, Kind.RUN)


def test_a_query_called_as_another_kind_is_refused(tmp_path: Path) -> None:
    """One row read as many would go unnoticed until production."""
    queries = Queries.load(write(tmp_path, "-- name: q!\nselect 1\n"))
    with pytest.raises(QueryError, match="declared RUN"):
        queries.q.arguments({}, Kind.ONE)


@pytest.mark.parametrize(
    "text",
    ["select 1", "-- name: q^\n\n-- name: r^\nselect 1", "-- name: q^\nselect 1\n-- name: q^\nselect 2"],
)
def test_a_malformed_file_is_refused_at_load(tmp_path: Path, text: str) -> None:
    """A typing slip in SQL would surface only when a person hits that path."""
    with pytest.raises(QueryError):
        Queries.load(write(tmp_path, text))


def test_an_unknown_name_is_refused(tmp_path: Path) -> None:
    """A misspelt query name would be an obscure attribute error."""
    with pytest.raises(QueryError, match="no query is named nothing"):
        _ = Queries.load(tmp_path).nothing

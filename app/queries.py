"""Named SQL: a small strict loader in aiosql's grammar.

A file holds blocks that begin with `-- name: account_by_email^`. The sign says what comes back:
`^` one row or none, nothing for many rows, `!` nothing, `$` the first column of the first row or none.
A name stands once; a call must give exactly the parameters that the text names (a missing one would bind NULL).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

QUERIES = Path(__file__).parent.parent / "sql" / "queries"

_HEADER = re.compile(r"^--\s*name:\s*([a-z][a-z0-9_]*)([\^!$]?)\s*$")
# A quoted string or a comment (kept as it is), or `:parameter`; `::type` is a cast, not a parameter.
_TOKEN = re.compile(r"'(?:[^']|'')*'|--[^\n]*|(?<![:\w]):([a-z][a-z0-9_]*)\b")


class QueryError(Exception):
    """Raised for a malformed query file, an unknown name, or a call whose parameters differ from the text's."""


class Kind(StrEnum):
    """What a query gives back."""

    ONE = "^"
    MANY = ""
    RUN = "!"
    SCALAR = "$"


@dataclass(frozen=True)
class Query:
    """One named statement."""

    name: str
    sql: str  # PostgreSQL's own `$1` placeholders, in the order of `parameters`
    kind: Kind
    parameters: tuple[str, ...]

    def arguments(self, given: dict[str, object], kind: Kind) -> list[object]:
        """The values in placeholder order; raises QueryError unless the call fits the declaration."""
        if kind is not self.kind:
            raise QueryError(f"{self.name} is declared {self.kind.name}, called as {kind.name}")
        if len(given) != len(self.parameters) or any(name not in given for name in self.parameters):
            missing, extra = set(self.parameters) - given.keys(), given.keys() - set(self.parameters)
            raise QueryError(f"{self.name}: missing {sorted(missing)}, unknown {sorted(extra)}")
        return [given[name] for name in self.parameters]


class Queries:
    """Every named query of a folder; `queries.account_by_email` is a Query."""

    def __init__(self, queries: dict[str, Query]) -> None:
        self._queries = queries

    @classmethod
    def load(cls, folder: Path) -> "Queries":
        """Reads all `*.sql` of `folder`; raises QueryError on a duplicate name, an empty body or a stray line."""
        found: dict[str, Query] = {}
        for path in sorted(folder.glob("*.sql")):
            for query in _parse(path):
                if query.name in found:
                    raise QueryError(f"{path.name}: {query.name} is declared twice")
                found[query.name] = query
        return cls(found)

    def __getattr__(self, name: str) -> Query:
        try:
            return self._queries[name]
        except KeyError:
            raise QueryError(f"no query is named {name}") from None

    def __iter__(self) -> Iterator[Query]:
        return iter(self._queries.values())


def _parse(path: Path) -> list[Query]:
    queries: list[Query] = []
    name, kind, body = "", Kind.MANY, list[str]()

    def close() -> None:
        if not name:
            return
        sql = "\n".join(body).strip().removesuffix(";").rstrip()
        if not sql:
            raise QueryError(f"{path.name}: {name} has no SQL")
        queries.append(_numbered(name, sql, kind))

    for line in path.read_text(encoding="utf-8").splitlines():
        if header := _HEADER.match(line):
            close()
            name, kind, body = header[1], Kind(header[2]), []
        elif name:
            body.append(line)
        elif line.strip() and not line.startswith("--"):
            raise QueryError(f"{path.name}: SQL before the first name: {line!r}")
    close()
    return queries


def _numbered(name: str, sql: str, kind: Kind) -> Query:
    parameters: list[str] = []

    def number(token: re.Match[str]) -> str:
        if (parameter := token[1]) is None:
            return token[0]
        if parameter not in parameters:
            parameters.append(parameter)
        return f"${parameters.index(parameter) + 1}"

    return Query(name, _TOKEN.sub(number, sql), kind, tuple(parameters))

"""Lists in parts, by keyset, in the shape of Relay's cursor connections."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from app.errors import Code, Problem

T = TypeVar("T")

MAX_FIRST = 100
_MAX_CURSOR_CHARS = 500


@dataclass(frozen=True, kw_only=True)
class PageInfo:
    """Where a part of a list lies in the whole."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class Edge(Generic[T]):
    """One entry and the cursor that leads past it."""

    cursor: str
    node: T


@dataclass(frozen=True, kw_only=True)
class Connection(Generic[T]):
    """A part of a list."""

    edges: tuple[Edge[T], ...]
    nodes: tuple[T, ...]
    page_info: PageInfo


def connection(
    found: Sequence[T], *, first: int, after: str | None, keys: Callable[[T], Sequence[str | float]]
) -> Connection[T]:
    """The first entries of `found`, which was asked for one more than `first` so that it tells whether more follow."""
    edges = tuple(Edge(cursor=_cursor(keys(node)), node=node) for node in found[:first])
    return Connection(
        edges=edges,
        nodes=tuple(edge.node for edge in edges),
        page_info=PageInfo(
            has_next_page=len(found) > first,
            has_previous_page=after is not None,
            start_cursor=edges[0].cursor if edges else None,
            end_cursor=edges[-1].cursor if edges else None,
        ),
    )


def demand_first(first: int, *, most: int = MAX_FIRST) -> int:
    """The number itself; raises Problem(BAD_USER_INPUT, field `first`) outside 1 to `most`."""
    if not 1 <= first <= most:
        raise Problem(Code.BAD_USER_INPUT, f"Ask for 1 to {most} entries.", field="first")
    return first


def keys_of(cursor: str) -> list[object]:
    """The sort keys that a cursor stands for; raises Problem(BAD_USER_INPUT, field `after`) for text that is none."""
    try:
        keys = json.loads(base64.urlsafe_b64decode(cursor + "==")) if len(cursor) <= _MAX_CURSOR_CHARS else None
    except (binascii.Error, ValueError, RecursionError):
        keys = None
    if not isinstance(keys, list):
        raise not_a_cursor()
    return keys


def not_a_cursor() -> Problem:
    """What a cursor that no list of ours gave is answered with."""
    return Problem(Code.BAD_USER_INPUT, "This is not a cursor that this list gave.", field="after")


def _cursor(keys: Sequence[str | float]) -> str:
    return base64.urlsafe_b64encode(json.dumps(list(keys), separators=(",", ":")).encode()).rstrip(b"=").decode()

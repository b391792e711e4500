"""The REST edge when many ask at once, and when what it rests on is away."""

import asyncio
from dataclasses import replace

import pytest

from app.settings import Settings
from tests.fakes import FixedClock, Mailbox
from tests.serving import LOGIN, Visitor, served

NOWHERE = "127.0.0.1:1"  # a port that nobody listens on


async def test_fifty_guesses_at_once_through_both_doors_are_twelve(visitor: Visitor) -> None:
    """Whoever guesses in parallel, and by both edges, would get past the limit."""
    wrong = {"email": "ada@example.org", "password": "x" * 12}

    async def by_rest() -> bool:
        return (await visitor.http.post("/auth/login", json=wrong)).status_code == 401

    async def by_graphql() -> bool:
        return (await visitor.refusal(LOGIN, wrong))["code"] == "UNAUTHENTICATED"

    heard = await asyncio.gather(*(guess() for _ in range(25) for guess in (by_rest, by_graphql)))
    assert heard.count(True) == 12


@pytest.mark.parametrize(
    ("away", "refused", "served_still"),
    [
        ({"redis_url": f"redis://{NOWHERE}"}, ("POST", "/auth/login"), ("GET", "/auth/campuses")),
        ({"database_url": f"postgresql+asyncpg://x@{NOWHERE}/x"}, ("GET", "/auth/campuses"), ("GET", "/openapi.json")),
    ],
    ids=["redis", "database"],
)
async def test_what_is_away_is_said_so(
    settings: Settings,
    clock: FixedClock,
    mailbox: Mailbox,
    away: dict[str, str],
    refused: tuple[str, str],
    served_still: tuple[str, str],
) -> None:
    """A client would see a fault of ours, or hang, instead of hearing when to come back; guesses would go uncounted."""
    settings = replace(settings, **away)
    ada = {"email": "ada@example.org", "password": "x" * 12}
    async with served(settings, clock=clock, mailbox=mailbox) as (_, transport):
        http = Visitor(transport).http
        answer = await http.request(*refused, json=ada if refused[0] == "POST" else None)
        assert (answer.status_code, answer.json()["code"]) == (503, "BUSY")
        assert int(answer.headers["retry-after"]) >= 1
        assert (await http.request(*served_still)).status_code == 200

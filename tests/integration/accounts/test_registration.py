"""Registration at a campus: one handle for one person, and one answer whoever has the address."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

import pytest
from redis.asyncio import Redis

from app.accounts.handles import HandleReservations
from app.accounts.limits import REGISTER_PER_IP
from app.accounts.model import Origin
from app.database import Database, Row, Transaction
from app.errors import Code, Problem
from app.queries import QUERIES, Queries, Query
from tests.integration.accounts.conftest import HOME, PASSWORD, Slice
from tests.integration.accounts.factors import problem_of
from tests.integration.accounts.registering import ADA, TORONTO, count, elsewhere, link_in, register

T = TypeVar("T")


async def test_a_member_of_a_campus_registers_proves_and_signs_in(world: Slice) -> None:
    """Nobody could join by their campus address."""
    registered = await register(world, email=" Ada@UToronto.ca", handle="Ada_L", campus_id=UUID(TORONTO))
    assert registered.email == ADA
    (mail,) = await world.letters()
    assert mail.to == ADA
    assert await world.email_proofs.prove(token=link_in(mail.text), origin=HOME) == registered.user_id
    entered = await world.accounts.login(email=ADA, password=PASSWORD, origin=HOME)
    viewer = entered.viewer  # type: ignore[union-attr]  # a new account has no second factor
    assert viewer.account_id == registered.user_id
    assert (viewer.handle, viewer.display_name, viewer.campus_id) == ("ada_l", "Ada", UUID(TORONTO))
    assert viewer.email_verified_at is not None
    rows = await world.sql.fetch("select event, detail from audit_events order by id")
    assert [row["event"] for row in rows] == ["SIGNED_UP", "EMAIL_PROVED", "SIGNED_IN"]


@pytest.mark.parametrize("display_name", [None, ""])
async def test_a_name_to_show_may_come_later(world: Slice, display_name: str | None) -> None:
    """A form without that field could not register anybody."""
    await register(world, display_name=display_name)
    assert await world.sql.fetchval("select display_name from profiles") == ""


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "nobody"}, "email"),
        ({"email": "ada@example.org"}, "email"),
        ({"email": "ada@mail.utoronto.ca"}, "email"),
        ({"email": "ada@utoronto.ca\0"}, "email"),
        ({"email": "аda@utoronto.ca"}, "email"),
        ({"email": "ada@utorοnto.ca"}, "email"),
        ({"password": "short"}, "password"),
        ({"password": "password123"}, "password"),
        ({"password": "x" * 129}, "password"),
        ({"password": ADA}, "password"),
        ({"handle": ""}, "handle"),
        ({"handle": "ad"}, "handle"),
        ({"handle": "ada-l"}, "handle"),
        ({"handle": "x" * 21}, "handle"),
        ({"handle": "x" * 100_000}, "handle"),
        ({"handle": "аda"}, "handle"),
        ({"handle": "ada\u200b"}, "handle"),
        ({"handle": "\u202eada"}, "handle"),
        ({"handle": "<b>ada"}, "handle"),
        ({"handle": "ada'--"}, "handle"),
        ({"handle": "admin"}, "handle"),
        ({"handle": "_support_"}, "handle"),
        ({"display_name": "two\nlines"}, "displayName"),
        ({"display_name": "\u202eevil"}, "displayName"),
        ({"campus_id": "toronto"}, "campusId"),
        ({"campus_id": "01900000-0000-7000-8000-0000000000ff"}, "campusId"),
    ],
)
async def test_a_refusal_names_the_field_and_leaves_nothing(world: Slice, change: dict[str, str], field: str) -> None:
    """A person would not know what to correct, or would find their name taken by their own failed try."""
    for _ in range(REGISTER_PER_IP.amount + 1):
        problem = await problem_of(register(world, **change))
        assert (problem.code, problem.field) == (Code.BAD_USER_INPUT, field), "a typing error costs no attempt either"
    assert await count(world, "accounts") == await count(world, "profiles") == 0
    assert await world.letters() == []
    assert await world.redis.keys("*") == []


async def test_fifty_people_want_one_handle_at_once(world: Slice) -> None:
    """Two people would share a name, nobody would get it, or the losers would not know which to take instead."""
    outcomes = await asyncio.gather(
        *(register(world, "ada", email=f"p{n}@utoronto.ca", origin=elsewhere(n)) for n in range(50)),
        return_exceptions=True,
    )
    problems = [outcome for outcome in outcomes if isinstance(outcome, Problem)]
    assert len(problems) == 49
    assert {(problem.code, problem.field) for problem in problems} == {(Code.CONFLICT, "handle")}
    assert await count(world, "accounts") == await count(world, "profiles") == 1
    assert len(await world.letters()) == 1
    for problem in problems:
        assert len(problem.suggestions) == 3
        assert len(set(problem.suggestions)) == 3
    chosen = problems[0].suggestions[0]
    assert (await register(world, chosen)).user_id, "what is suggested can be had"


async def test_a_failed_registration_lets_the_handle_go(world: Slice) -> None:
    """A person whose first try failed would be told that their own name is taken."""
    campus = await world.campuses.add(name="Zürich", domain="uzh.ch")

    class Failing(Database):
        """Loses the campus between the look and the insert."""

        async def transact(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
            await world.campuses.remove("uzh.ch")
            return await super().transact(work)

    assert world.settings.database_url is not None
    database = Failing(url=world.settings.database_url, queries=Queries.load(QUERIES))
    await database.open()
    problem = await problem_of(
        world.registration(database=database).register(
            email="ada@uzh.ch", password=PASSWORD, handle="ada", campus_id=campus.id, origin=HOME
        )
    )
    await database.close()
    assert (problem.code, problem.field) == (Code.BAD_USER_INPUT, "campusId")
    assert await world.handles.holder("ada") is None
    await register(world)


async def test_a_database_that_is_away_leaves_no_handle_reserved(world: Slice) -> None:
    """After a stumble of the database whoever tries again would find their own name taken for a quarter of an hour."""

    class Away(Database):
        """Answers nothing."""

        async def many(self, query: Query, **values: object) -> list[Row]:
            raise Problem(Code.BUSY, "The database does not answer.")

    assert world.settings.database_url is not None
    database = Away(url=world.settings.database_url, queries=Queries.load(QUERIES))
    handles = HandleReservations(database=database, redis=world.redis, clock=world.clock, ids=world.ids)
    problem = await problem_of(handles.reserve("ada", world.ids.uuid7()))
    assert problem.code is Code.BUSY
    assert await world.handles.holder("ada") is None
    await register(world)


async def test_a_handle_that_somebody_takes_just_now_is_out_of_reach(world: Slice) -> None:
    """Whoever fills in the form would lose their name to somebody quicker."""
    somebody = world.ids.uuid7()
    await world.handles.reserve("ada", somebody)
    assert await world.handles.holder("ada") == somebody
    assert 0 < await world.redis.ttl("reserved:handle:ada") <= 900
    problem = await problem_of(register(world))
    assert (problem.code, problem.field) == (Code.CONFLICT, "handle")
    problem = await problem_of(world.signup())
    assert (problem.code, problem.field) == (Code.CONFLICT, "username")
    assert problem.suggestions
    assert await world.handles.taken(["ada", "bob"]) == {"ada"}
    assert await world.handles.taken(["ada", "bob"], account_id=somebody) == set()
    await world.handles.release("ada", world.ids.uuid7())
    assert await world.handles.holder("ada") == somebody, "nobody else lets it go"
    await world.handles.reserve("ada", somebody)  # the same person again, in good time
    await world.handles.release("ada", somebody)
    await register(world)


async def test_fifty_reservations_of_one_handle(world: Slice) -> None:
    """Two people would both be told that the name is theirs."""
    people = [world.ids.uuid7() for _ in range(50)]
    outcomes = await asyncio.gather(
        *(world.handles.reserve("ada", person) for person in people), return_exceptions=True
    )
    winners = [person for person, outcome in zip(people, outcomes, strict=True) if outcome is None]
    assert winners == [await world.handles.holder("ada")]
    assert {outcome.code for outcome in outcomes if isinstance(outcome, Problem)} == {Code.CONFLICT}


async def test_without_redis_no_name_is_promised(world: Slice) -> None:
    """Two people would be promised one name while nobody counts, or a person would read an internal error."""
    redis = Redis.from_url("unix:///nowhere/redis.sock")
    handles = HandleReservations(database=world.database, redis=redis, clock=world.clock, ids=world.ids)
    person = world.ids.uuid7()
    for attempt in (handles.reserve("ada", person), handles.holder("ada"), handles.taken(["ada"])):
        assert (await problem_of(attempt)).code is Code.BUSY
    await handles.release("ada", person)  # lets go by itself after 15 minutes
    await redis.aclose()


async def test_a_handle_that_was_given_up_is_held(world: Slice) -> None:
    """Somebody could take over the name, and the visitors, of a person who has just changed theirs."""
    grace = (await world.signup("grace")).viewer.account_id
    await world.sql.execute(
        "insert into handle_holds values ('ada', $1, $2), ('bob', $1, $3)",
        grace,
        world.clock.now().replace(year=2027),
        world.clock.now(),
    )
    assert (await problem_of(register(world))).field == "handle"
    await world.handles.reserve("ada", grace)  # its own, back again
    await register(world, "bob")


async def test_suggestions_keep_the_rules_of_the_campus(world: Slice) -> None:
    """A person would be offered names that are refused the moment they take one."""
    await world.signup("a" * 20)
    problem = await problem_of(register(world, "a" * 20))
    assert problem.suggestions
    assert all(len(name) <= 20 and name.startswith("a" * 16) for name in problem.suggestions)


async def test_one_network_registers_twenty_an_hour(world: Slice) -> None:
    """A script could fill the campus with people who do not exist; others would still be let in."""
    outcomes = await asyncio.gather(
        *(register(world, f"person{n}") for n in range(REGISTER_PER_IP.amount + 5)), return_exceptions=True
    )
    problems = [outcome for outcome in outcomes if isinstance(outcome, Problem)]
    assert len(problems) == 5
    assert all(problem.code is Code.RATE_LIMITED and problem.retry_after_s for problem in problems)
    assert await count(world, "accounts") == REGISTER_PER_IP.amount == 20
    await register(world, "neighbour", origin=Origin(ip="192.0.2.2"))

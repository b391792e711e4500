"""Registration at a campus: one handle for one person, and one answer whoever has the address."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

import pytest
from redis.asyncio import Redis

from app.accounts.handles import HandleReservations
from app.accounts.limits import REGISTER_PER_IP, REPEATED_PER_EMAIL
from app.accounts.model import Origin
from app.accounts.registration import Registered
from app.accounts.repeats import RepeatedRegistrations
from app.database import Database, Row, Transaction
from app.errors import Code, Problem
from app.queries import QUERIES, Queries, Query
from tests.integration.accounts.conftest import HOME, PASSWORD, Slice

T = TypeVar("T")

TORONTO = "01900000-0000-7000-8000-00000000000c"
ADA = "ada@utoronto.ca"


def elsewhere(number: int) -> Origin:
    """One of many networks, so that their limit does not count."""
    return Origin(ip=f"198.51.{number // 250}.{number % 250}")


async def register(world: Slice, name: str = "ada", **change: object) -> Registered:
    """Registers `name`@utoronto.ca with the handle `name`."""
    given = {
        "email": f"{name}@utoronto.ca",
        "password": PASSWORD,
        "handle": name,
        "display_name": name.title(),
        "campus_id": TORONTO,
        "origin": HOME,
    }
    return await world.registration().register(**{**given, **change})  # type: ignore[arg-type]  # tests pass what is wrong, too


async def problem_of(attempt: Awaitable[object]) -> Problem:
    with pytest.raises(Problem) as caught:
        await attempt
    return caught.value


async def count(world: Slice, table: str) -> int:
    found: int = await world.sql.fetchval(f"select count(*) from {table}")
    return found


def link_in(text: str) -> str:
    return text.split("/verify-email#token=")[1].split()[0]


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


async def test_fifty_registrations_of_one_address_make_one_account(world: Slice) -> None:
    """An impatient double click would end in an internal error, or in two accounts."""
    outcomes = await asyncio.gather(
        *(register(world, f"ada{n}", email=ADA, origin=elsewhere(n)) for n in range(50)), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [Registered] * 50
    assert await count(world, "accounts") == 1
    assert await world.sql.fetchval("select count(*) from email_proofs where used_at is null") == 1
    assert len(await world.letters()) <= 1 + REPEATED_PER_EMAIL.amount
    assert await world.sql.fetchval("select count(*) from audit_events where detail ? 'contested'") == 0, "one password"


@pytest.mark.parametrize("known", ["new", "unproved", "proved"])
async def test_the_same_registration_sent_twice_is_answered_alike(world: Slice, known: str) -> None:
    """Whoever clicks twice would be told that their own name is taken; or the answer would tell who has an account."""
    if known != "new":
        await register(world, "earlier", email=ADA)
    if known == "proved":
        await world.email_proofs.prove(token=link_in((await world.letters())[0].text), origin=HOME)
    await world.redis.flushall()
    before = len(await world.letters())
    answers = [await register(world), await register(world)]
    assert [answer.email for answer in answers] == [ADA, ADA]
    first, again = (await world.letters())[before:]
    assert first.subject == again.subject
    assert await count(world, "accounts") == 1
    for change in ({"password": "another mule entirely"}, {"email": "eve@utoronto.ca"}):
        problem = await problem_of(register(world, **change))
        assert (problem.code, problem.field) == (Code.CONFLICT, "handle"), change


async def test_a_repeat_is_known_by_a_secret_for_a_quarter_of_an_hour(world: Slice) -> None:
    """Whoever reads Redis could try passwords out, or the name's owner could be guessed at for ever."""
    await register(world)
    (key,) = await world.redis.keys("registered:*")
    assert 0 < await world.redis.ttl(key) <= 900
    told = hashlib.sha256("".join((ADA, "ada", PASSWORD)).encode()).hexdigest()
    assert told not in key.decode()
    other = RepeatedRegistrations(redis=world.redis, secret_keys=["another secret of thirty-two bytes"])
    own = RepeatedRegistrations(redis=world.redis, secret_keys=world.settings.secret_keys)
    assert await own.is_known(email=ADA, handle="ada", password=PASSWORD)
    assert not await own.is_known(email=ADA, handle="adac", password=PASSWORD.removeprefix("c"))
    assert not await other.is_known(email=ADA, handle="ada", password=PASSWORD)


async def test_passwords_of_the_newly_registered_cannot_be_tried_out(world: Slice) -> None:
    """Whoever knows a new member's address and handle would have a second door to guess at, without its limits."""
    await register(world)
    for number in range(REPEATED_PER_EMAIL.amount):
        wrong = register(world, password=f"another mule entirely {number}", origin=elsewhere(number))
        assert (await problem_of(wrong)).code is Code.CONFLICT
    assert (await problem_of(register(world, origin=elsewhere(99)))).code is Code.CONFLICT


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


async def test_who_registers_an_unproved_address_again_changes_nothing_but_the_proof(world: Slice) -> None:
    """A stranger could put their own password on an account that its owner is about to prove."""
    first = await register(world)
    again = await register(world, "mallory", email=ADA, password="another mule entirely")
    assert (type(again.user_id), again.email) == (UUID, ADA)
    assert again.user_id != first.user_id
    assert again.user_id.version == first.user_id.version == 7
    old, new = await world.letters()
    assert (old.subject, new.subject) == ("Confirm your e-mail address",) * 2
    assert (await problem_of(world.email_proofs.prove(token=link_in(old.text), origin=HOME))).code is Code.GONE
    assert await world.email_proofs.prove(token=link_in(new.text), origin=HOME) == first.user_id
    row = await world.sql.fetchrow("select handle, display_name from profiles")
    assert tuple(row) == ("ada", "Ada")
    # Who of the two is the owner nobody can tell by the passwords: test_contested_addresses.py.
    wrong = await problem_of(world.accounts.login(email=ADA, password="another mule entirely", origin=HOME))
    assert wrong.reason == "WRONG_CREDENTIALS"


async def test_who_registers_a_proved_address_is_told_by_mail_alone(world: Slice) -> None:
    """Anyone could find out who has an account here; or its owner would wait for a link that never comes."""
    first = await register(world)
    await world.email_proofs.prove(token=link_in((await world.letters())[0].text), origin=HOME)
    again = await register(world, "mallory", email=ADA)
    assert again.user_id not in (first.user_id, None)
    told = (await world.letters())[-1]
    assert (told.to, told.subject) == (ADA, "You already have an account")
    assert "/verify-email" not in told.text
    assert "ada_l" not in told.text
    events = [row["event"] for row in await world.sql.fetch("select event from audit_events order by id")]
    assert events == ["SIGNED_UP", "EMAIL_PROVED", "REGISTRATION_REPEATED"]


@pytest.mark.parametrize("is_proved", [False, True])
async def test_the_owner_of_an_address_is_not_drowned_in_letters(world: Slice, is_proved: bool) -> None:
    """A stranger could fill somebody's mailbox through us; and hear from the refusal that there is somebody."""
    await register(world)
    if is_proved:
        await world.email_proofs.prove(token=link_in((await world.letters())[0].text), origin=HOME)
    for number in range(10):
        assert (await register(world, f"mallory{number}", email=ADA)).email == ADA
    assert len(await world.letters()) == REPEATED_PER_EMAIL.amount == 3


class CountingDatabase(Database):
    """Counts transactions and what is said in them."""

    transactions = 0
    statements = 0

    async def transact(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        self.transactions += 1

        async def counted(tx: Transaction) -> T:
            return await work(_Counting(tx._connection, self))

        return await super().transact(counted)


class _Counting(Transaction):
    def __init__(self, connection: object, database: CountingDatabase) -> None:
        super().__init__(connection)
        self._database = database

    def __getattribute__(self, name: str) -> object:
        if name in ("one", "many", "run", "scalar"):
            self._database.statements += 1
        return super().__getattribute__(name)


async def test_new_unproved_and_proved_addresses_are_alike(world: Slice) -> None:
    """A stranger could find out who has an account here, by the answer or by the work behind it."""
    await register(world, "unproved")
    await register(world, "proved")
    await world.email_proofs.prove(token=link_in((await world.letters())[1].text), origin=HOME)
    assert world.settings.database_url is not None
    database = CountingDatabase(url=world.settings.database_url, queries=Queries.load(QUERIES))
    await database.open()
    registration = world.registration(database=database)
    seen = {}
    for number, name in enumerate(("new", "unproved", "proved")):
        await world.redis.delete(*await world.redis.keys("limit:*"))
        hashes, transactions, statements = world.passwords.hashes, database.transactions, database.statements
        compared = world.passwords.verifications
        letters = len(await world.letters())
        registered = await registration.register(
            email=f"{name}@utoronto.ca", password=PASSWORD, handle=f"other{number}", campus_id=TORONTO, origin=HOME
        )
        assert (registered.user_id.version, registered.email) == (7, f"{name}@utoronto.ca")
        assert len(world.mailbox.sent) == letters, "no letter leaves before the answer"
        keys = await world.redis.keys("*")
        seen[name] = {
            "hashes": world.passwords.hashes - hashes,
            "comparisons": world.passwords.verifications - compared,
            "transactions": database.transactions - transactions,
            "statements": database.statements - statements,
            "letters": len(await world.letters()) - letters,
            "limits": len([key for key in keys if key.startswith(b"limit:")]),
            "reserved": await world.handles.holder(f"other{number}") == registered.user_id,
        }
        problem = await problem_of(register(world, "curious", handle=f"other{number}", origin=elsewhere(number)))
        assert (problem.code, problem.field) == (Code.CONFLICT, "handle"), "the handle counts as taken either way"
    await database.close()
    assert seen["unproved"] == seen["proved"]
    # The new account's own row is one statement more; on this machine's loopback that is a fifth of a millisecond.
    assert seen["new"] == {**seen["proved"], "statements": seen["proved"]["statements"] + 1}
    assert seen["new"] == {
        "hashes": 1,
        "comparisons": 1,
        "transactions": 1,
        "statements": 5,
        "letters": 1,
        "limits": 2,
        "reserved": True,
    }

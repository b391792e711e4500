"""An address that is registered again: one account, one answer, and letters that say what is true."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

import pytest

from app.accounts.limits import REPEATED_PER_EMAIL
from app.accounts.registration import Registered
from app.accounts.repeats import RepeatedRegistrations
from app.database import Database, Transaction
from app.errors import Code
from app.queries import QUERIES, Queries
from tests.integration.accounts.conftest import HOME, PASSWORD, Slice
from tests.integration.accounts.factors import problem_of
from tests.integration.accounts.registering import ADA, TORONTO, count, elsewhere, link_in, register

T = TypeVar("T")


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

"""Sign-in by password."""

import asyncio

import bcrypt
import pytest

from app.accounts.limits import LOGIN_PER_EMAIL, LOGIN_PER_IP
from app.accounts.model import Origin
from app.accounts.passwords import Passwords
from app.errors import Code, Problem
from tests.integration.accounts.conftest import HOME, PASSWORD, Slice


async def problem_of(attempt: object) -> Problem:
    with pytest.raises(Problem) as caught:
        await attempt  # type: ignore[misc]  # a coroutine, whatever it would have returned
    return caught.value


async def test_the_right_password_opens_a_new_session(world: Slice) -> None:
    """A person could not come back, or signing in on the phone would throw them out on the laptop."""
    first = await world.signup()
    second = await world.accounts.login(email=" ADA@example.org", password=PASSWORD, origin=HOME)
    assert not second.is_new
    assert second.viewer.session_id != first.viewer.session_id
    assert second.refresh_token != first.refresh_token
    for signed_in in (first, second):
        assert (await world.sessions.authenticate(signed_in.access_token)).handle == "ada"
    row = await world.sql.fetchrow(
        "select method, user_agent, ip from sessions where id = $1", second.viewer.session_id
    )
    assert tuple(row) == ("password", "Firefox/150", "192.0.2.1")


async def test_known_and_unknown_accounts_are_alike(world: Slice) -> None:
    """A stranger could find out who has an account here, by the answer or by the work behind it."""
    await world.signup()
    await world.sql.execute("insert into accounts (id, email) values ($1, 'social@example.org')", world.ids.uuid7())
    answers, work = [], []
    for email in ("ada@example.org", "nobody@example.org", "social@example.org", "not an address", "\0", "x" * 9_999):
        before = world.passwords.verifications
        problem = await problem_of(world.accounts.login(email=email, password="a wrong guess", origin=HOME))
        answers.append((problem.code, problem.detail, problem.field, problem.retry_after_s, problem.reason))
        work.append(world.passwords.verifications - before)
    assert set(answers) == {
        (Code.UNAUTHENTICATED, "E-mail address or password is wrong.", None, None, "WRONG_CREDENTIALS")
    }
    assert set(work) == {1}, "each costs exactly one Argon2 verification"


@pytest.mark.parametrize("password", ["", "\ud800", "nul\0", "x" * 100_000, PASSWORD + " ", PASSWORD.upper()])
async def test_a_strange_password_is_a_wrong_one(world: Slice, password: str) -> None:
    """Odd input would answer with an internal error, or be cut down to the right password."""
    await world.signup()
    problem = await problem_of(world.accounts.login(email="ada@example.org", password=password, origin=HOME))
    assert problem.reason == "WRONG_CREDENTIALS"


async def test_a_hundred_parallel_guesses_get_twelve_tries(world: Slice) -> None:
    """Guessing fast enough would slip past the limit between its check and its count."""
    await world.signup()
    before = world.passwords.verifications

    async def guess(number: int) -> Problem:
        origin = Origin(ip=f"198.51.100.{number}")
        return await problem_of(
            world.accounts.login(email="Ada@example.org", password=f"guess {number}", origin=origin)
        )

    problems = await asyncio.gather(*(guess(number) for number in range(100)))
    codes = [problem.code for problem in problems]
    assert codes.count(Code.UNAUTHENTICATED) == LOGIN_PER_EMAIL.amount == 12
    assert codes.count(Code.RATE_LIMITED) == 88
    assert world.passwords.verifications - before == 12
    assert all(0 < p.retry_after_s <= 60 for p in problems if p.code is Code.RATE_LIMITED and p.retry_after_s)

    refused = await problem_of(world.accounts.login(email="ada@example.org", password=PASSWORD, origin=HOME))
    assert refused.code is Code.RATE_LIMITED, "the right password at the wrong time says nothing"
    await world.signup("grace")
    await world.accounts.login(email="grace@example.org", password=PASSWORD, origin=HOME)


async def test_one_machine_cannot_try_everybody(world: Slice) -> None:
    """One common password tried on every address would find somebody's account."""
    attempts = LOGIN_PER_IP.amount + 20

    async def spray(number: int) -> Problem:
        # One subscriber's whole /64 counts as one.
        origin = Origin(ip=f"2001:db8::{number + 1:x}")
        return await problem_of(
            world.accounts.login(email=f"p{number}@example.org", password="summer vacation", origin=origin)
        )

    codes = [problem.code for problem in await asyncio.gather(*(spray(number) for number in range(attempts)))]
    assert codes.count(Code.UNAUTHENTICATED) == LOGIN_PER_IP.amount
    assert codes.count(Code.RATE_LIMITED) == 20


async def test_a_raised_cost_reaches_old_accounts_as_they_sign_in(world: Slice) -> None:
    """An operator raises the cost of guessing, and every account made before would stay cheap to crack."""
    signed_in = await world.signup()
    stronger = Passwords(memory_kib=128, time_cost=1, parallelism=1, min_chars=8, ids=world.ids)
    accounts = world.accounts_with(passwords=stronger)

    # Ten at once: each that lost the race to rehash compares again instead of turning the person away.
    entered = await asyncio.gather(
        *(accounts.login(email="ada@example.org", password=PASSWORD, origin=HOME) for _ in range(10))
    )
    assert len({each.viewer.session_id for each in entered}) == 10
    stored = await world.sql.fetchval("select password_hash from accounts where id = $1", signed_in.viewer.account_id)
    assert "m=128," in stored
    await accounts.login(email="ada@example.org", password=PASSWORD, origin=HOME)
    assert stored == await world.sql.fetchval("select password_hash from accounts"), "once is enough"
    stronger.close()


@pytest.mark.parametrize("end", ["password changed", "account deleted"])
async def test_no_session_opens_on_a_password_that_is_no_more(world: Slice, end: str) -> None:
    """Whoever stole a password would keep a session that began in the instant its owner changed it."""
    for trial in range(40):
        person = await world.signup(f"person{trial}", origin=Origin(ip=f"198.51.100.{trial}"))
        account_id = person.viewer.account_id

        async def change(account_id: object = account_id) -> None:
            if end == "account deleted":
                await world.sql.execute("delete from accounts where id = $1", account_id)
                return
            async with world.sql.transaction():
                await world.sql.execute("update accounts set password_hash = 'other' where id = $1", account_id)
                await world.sql.execute("update sessions set revoked_at = now() where account_id = $1", account_id)

        async def enter(trial: int = trial) -> None:
            await world.accounts.login(
                email=f"person{trial}@example.org", password=PASSWORD, origin=Origin(ip=f"203.0.113.{trial}")
            )

        both = (enter(), change()) if trial % 2 else (change(), enter())
        for outcome in await asyncio.gather(*both, return_exceptions=True):
            assert outcome is None or (isinstance(outcome, Problem) and outcome.code is Code.UNAUTHENTICATED)
        assert await world.live_tokens() == 0


async def test_an_imported_account_signs_in_once_on_its_old_hash(world: Slice) -> None:
    """People who come along from another system would have to reset their password, or keep a weak hash for ever."""
    signed_in = await world.signup()
    imported = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    await world.sql.execute("update accounts set password_hash = $1", imported)
    wrong = await problem_of(world.accounts.login(email="ada@example.org", password="a wrong guess", origin=HOME))
    assert wrong.reason == "WRONG_CREDENTIALS"
    assert await world.sql.fetchval("select password_hash from accounts") == imported

    entered = await asyncio.gather(
        *(world.accounts.login(email="ada@example.org", password=PASSWORD, origin=HOME) for _ in range(10))
    )
    assert {each.viewer.account_id for each in entered} == {signed_in.viewer.account_id}
    stored = await world.sql.fetchval("select password_hash from accounts")
    assert stored.startswith("$argon2id$")
    await world.accounts.login(email="ada@example.org", password=PASSWORD, origin=HOME)
    assert await world.sql.fetchval("select password_hash from accounts") == stored

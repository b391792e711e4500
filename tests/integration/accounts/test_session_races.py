"""Refreshing against everything that ends a session: whoever comes first, nothing lives afterwards."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from app.accounts.model import SignedIn
from app.audit import NOBODY
from app.errors import Code, Problem
from tests.integration.accounts.conftest import HOME, PASSWORD, Slice

TRIALS_EACH = 200  # 1,000 over the five ends

End = Callable[[Slice, SignedIn, SignedIn], Awaitable[object]]


async def logout(world: Slice, mine: SignedIn, _other: SignedIn) -> None:
    await world.accounts.logout(refresh_token=mine.refresh_token, viewer=None, origin=NOBODY)


async def revoke(world: Slice, mine: SignedIn, _other: SignedIn) -> None:
    await world.sessions.sign_out(account_id=mine.viewer.account_id, session_id=mine.viewer.session_id, origin=NOBODY)


async def end_others(world: Slice, _mine: SignedIn, other: SignedIn) -> None:
    await world.sessions.end_others(other.viewer, origin=HOME)


async def change_password(world: Slice, _mine: SignedIn, other: SignedIn) -> None:
    await world.credentials.change_password(other.viewer, current=PASSWORD, password=PASSWORD, origin=HOME)
    await world.redis.flushall()


async def delete_account(world: Slice, _mine: SignedIn, other: SignedIn) -> None:
    await world.erasure.delete(other.viewer, password=PASSWORD, origin=HOME)
    await world.redis.flushall()


async def refresh_on(world: Slice, signed_in: SignedIn) -> SignedIn:
    """Refreshes without a pause until it is refused; gives back the last pair of tokens that it was given."""
    for _ in range(1000):
        try:
            signed_in = await world.sessions.refresh(signed_in.refresh_token, origin=HOME)
        except Problem as problem:
            assert problem.code is Code.UNAUTHENTICATED  # noqa: PT017 - being refused is the good outcome
            return signed_in
    raise AssertionError("the session never ended")


async def still_works(world: Slice, signed_in: SignedIn) -> bool:
    for attempt in (
        world.sessions.authenticate(signed_in.access_token),
        world.sessions.refresh(signed_in.refresh_token, origin=HOME),
    ):
        try:
            await attempt
        except Problem:
            continue
        return True
    return False


@pytest.mark.parametrize("end", [logout, revoke, end_others, change_password, delete_account])
async def test_nothing_lives_after_the_end(world: Slice, end: End) -> None:
    """Somebody signs out, or shuts out a thief, and a refresh in flight at that moment would keep the thief in."""
    person = await world.signup()
    survivors = 0
    for trial in range(TRIALS_EACH):
        thief = await world.another_session(person)

        async def ending(thief: SignedIn = thief, person: SignedIn = person, head_start: int = trial % 7) -> None:
            for _ in range(head_start * 4):  # lets the refresh get a little further in each trial
                await asyncio.sleep(0)
            await end(world, thief, person)

        refreshed, _ = await asyncio.gather(refresh_on(world, thief), ending())
        survivors += await still_works(world, refreshed)
        if end is delete_account:
            await world.redis.flushall()  # a new person each time is more than one address may sign up
            person = await world.signup(f"person{trial}")
    assert survivors == 0
    await world.sessions.sign_out(
        account_id=person.viewer.account_id, session_id=person.viewer.session_id, origin=NOBODY
    )
    assert await world.live_tokens() == 0


async def test_fifty_refreshes_against_one_logout(world: Slice) -> None:
    """Signing out with many tabs open would leave one of them signed in."""
    signed_in = await world.signup()
    outcomes = await asyncio.gather(
        *(world.sessions.refresh(signed_in.refresh_token, origin=HOME) for _ in range(25)),
        world.accounts.logout(refresh_token=signed_in.refresh_token, viewer=None, origin=NOBODY),
        *(world.sessions.refresh(signed_in.refresh_token, origin=HOME) for _ in range(25)),
        return_exceptions=True,
    )
    assert all(not isinstance(o, Exception) or isinstance(o, Problem) for o in outcomes)
    assert await world.live_tokens() == 0
    for outcome in outcomes:
        if isinstance(outcome, SignedIn):
            assert not await still_works(world, outcome)


async def test_signing_out_while_the_account_goes_leaves_nothing_behind(world: Slice) -> None:
    """A line about somebody who was erased would stay for good, or one of the two would hang."""
    for trial in range(20):
        one = await world.signup(f"person{trial}")
        other = await world.another_session(one)
        await asyncio.gather(delete_account(world, one, other), logout(world, one, other))
    left = await world.sql.fetch("select event from audit_events")
    assert [row["event"] for row in left] == ["ACCOUNT_DELETED"] * 20


async def test_two_devices_ending_each_other_never_hang(world: Slice) -> None:
    """Two people who share an account press the button at once, and the database would stall both."""
    person = await world.signup()
    for _ in range(20):
        one, two = await world.another_session(person), await world.another_session(person)
        await asyncio.gather(
            world.sessions.end_others(one.viewer, origin=HOME), world.sessions.end_others(two.viewer, origin=HOME)
        )
        person = await world.another_session(person)


WAITED_FOR = "select exists (select from pg_locks where not granted and transactionid = pg_current_xact_id()::xid)"
CHANGES = {
    "none": "select 1",
    "second factor": "update second_factors set enabled_at = now()",
    "password": "update accounts set password_hash = 'another'",
    "blocked password": "update accounts set password_reset_required_at = now()",
    "deletion": "delete from accounts",
}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_sign_in_sees_the_change_that_it_waited_for(world: Slice, change: str) -> None:
    """It would be opened by what was true before: without the second factor, by the old password."""
    ada = await world.signup()
    await world.second_factors.enable(ada.viewer, origin=HOME)
    password_hash = await world.sql.fetchval("select password_hash from accounts")
    async with world.sql.transaction():
        await world.sql.execute("select from accounts for no key update")
        signing_in = asyncio.create_task(
            world.entry.admit_as_usual(ada.viewer.account_id, password_hash=password_hash, origin=HOME)
        )
        while not await world.sql.fetchval(WAITED_FOR):
            assert not signing_in.done()
            await asyncio.sleep(0.01)
        await world.sql.execute(CHANGES[change])
    assert isinstance(await signing_in, SignedIn) == (change == "none")

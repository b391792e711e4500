"""The second step of a sign-in: what a temp token is good for, and how often a code may be tried."""

from datetime import timedelta

import pytest

from app.accounts.limits import CODES_PER_ACCOUNT_DAILY, CODES_PER_ACCOUNT_HOURLY
from app.errors import Code, Problem
from tests.authenticator import Phone
from tests.integration.accounts.conftest import HOME, PASSWORD, Slice
from tests.integration.accounts.factors import events, first_step, guarded, letters, live_sessions, problem_of


async def test_a_wrong_code_opens_nothing_and_is_written_down(world: Slice) -> None:
    """A password alone would do, or its owner would never learn that somebody has it."""
    ada = await guarded(world)
    before = await live_sessions(world)
    temp_token = await first_step(world)
    problem = await problem_of(
        world.second_factors.verify_login(temp_token=temp_token, code=ada.phone.wrong_code(), origin=HOME)
    )
    assert (problem.code, problem.field, problem.reason) == (Code.UNAUTHENTICATED, "code", "WRONG_CODE")
    assert await live_sessions(world) == before
    assert (await events(world))[-1] == "SECOND_FACTOR_FAILED"
    await world.second_factors.verify_login(temp_token=temp_token, code=ada.phone.code(), origin=HOME)


@pytest.mark.parametrize("end", ["used", "expired", "five wrong codes", "made up", "altered", "empty", "huge", "nul"])
async def test_a_temp_token_ends(world: Slice, end: str) -> None:
    """A temp token in somebody else's hands would be as good as the password, for ever."""
    ada = await guarded(world)
    temp_token = await first_step(world)
    match end:
        case "used":
            await world.second_factors.verify_login(temp_token=temp_token, code=ada.phone.code(), origin=HOME)
        case "expired":
            world.clock.advance(300)
        case "five wrong codes":
            wrong = ada.phone.wrong_code()
            reasons = [
                (
                    await problem_of(world.second_factors.verify_login(temp_token=temp_token, code=wrong, origin=HOME))
                ).reason
                for _ in range(5)
            ]
            assert reasons == ["WRONG_CODE"] * 4 + ["SECOND_STEP_OVER"]
            assert "Somebody could not complete a sign-in to your account" in await letters(world)
        case "made up":
            temp_token = world.ids.token(32)
        case "altered":
            temp_token = temp_token[:-1] + ("A" if temp_token[-1] != "A" else "B")
        case "empty":
            temp_token = ""
        case "huge":
            temp_token = "x" * 1_000_000
        case "nul":
            temp_token = "\0\ud800"
    before = await live_sessions(world)
    problem = await problem_of(
        world.second_factors.verify_login(temp_token=temp_token, code=ada.phone.next_code(), origin=HOME)
    )
    assert (problem.code, problem.field, problem.reason) == (Code.UNAUTHENTICATED, "tempToken", "SECOND_STEP_OVER")
    assert await live_sessions(world) == before
    await world.codes.prove(ada.viewer.account_id, ada.phone.code(), origin=HOME)  # the code was not used up by it


async def test_a_temp_token_is_for_its_account_alone(world: Slice) -> None:
    """Eve could pass the first step as Ada and complete it with a code of her own phone."""
    await guarded(world)
    eve = await guarded(world, "eve")
    for code in (eve.phone.code(), eve.backup_codes[0]):
        problem = await problem_of(
            world.second_factors.verify_login(temp_token=await first_step(world), code=code, origin=HOME)
        )
        assert problem.reason == "WRONG_CODE"


@pytest.mark.parametrize("change", ["password", "factor replaced", "factor off", "account deleted"])
async def test_a_temp_token_dies_with_what_it_stood_for(world: Slice, change: str) -> None:
    """Whoever had the old password would still get in, minutes after its owner changed it."""
    ada = await guarded(world)
    temp_token = await first_step(world)
    account_id, phone = ada.viewer.account_id, ada.phone
    match change:
        case "password":
            await world.sql.execute("update accounts set password_hash = 'other' where id = $1", account_id)
        case "account deleted":
            await world.sql.execute("delete from accounts where id = $1", account_id)
        case _:
            await world.second_factors.disable(ada.viewer, phone.code(), origin=HOME)
            if change == "factor replaced":
                phone = Phone.of((await world.second_factors.enable(ada.viewer, origin=HOME)).otpauth_url, world.clock)
                await world.second_factors.verify(ada.viewer, phone.code(), origin=HOME)
    before = await live_sessions(world)
    problem = await problem_of(
        world.second_factors.verify_login(temp_token=temp_token, code=phone.next_code(), origin=HOME)
    )
    assert (problem.code, problem.reason) == (Code.UNAUTHENTICATED, "SECOND_STEP_OVER")
    assert await live_sessions(world) == before


async def test_fresh_temp_tokens_give_no_more_tries(world: Slice) -> None:
    """Whoever has the password could guess for ever, five codes at a time."""
    ada = await guarded(world)
    wrong = ada.phone.wrong_code()
    codes = []
    for _ in range(3):
        temp_token = await first_step(world)
        for _ in range(4):
            codes.append(
                (
                    await problem_of(world.second_factors.verify_login(temp_token=temp_token, code=wrong, origin=HOME))
                ).code
            )
    tries = CODES_PER_ACCOUNT_HOURLY.amount
    assert codes == [Code.UNAUTHENTICATED] * tries + [Code.RATE_LIMITED] * (12 - tries)
    refused = await problem_of(
        world.second_factors.verify_login(temp_token=await first_step(world), code=ada.phone.code(), origin=HOME)
    )
    assert refused.code is Code.RATE_LIMITED, "the right code at the wrong time says nothing"
    assert refused.retry_after_s
    # Nor does a stolen session: everything that takes a code shares the count.
    for attempt in (
        world.second_factors.disable(ada.viewer, wrong, origin=HOME),
        world.second_factors.regenerate_backup_codes(ada.viewer, wrong, origin=HOME),
        world.codes.prove(ada.viewer.account_id, wrong, origin=HOME),
    ):
        assert (await problem_of(attempt)).code is Code.RATE_LIMITED
    # Passwords are counted apart, and other people are not concerned.
    await first_step(world)
    eve = await guarded(world, "eve")
    await world.codes.prove(eve.viewer.account_id, eve.phone.code(), origin=HOME)


async def test_right_codes_do_not_count(world: Slice) -> None:
    """Somebody who signs in often would be taken for somebody who guesses."""
    ada = await guarded(world)
    for _ in range(CODES_PER_ACCOUNT_DAILY.amount + 1):
        await world.codes.prove(ada.viewer.account_id, ada.phone.next_code(), origin=HOME)


@pytest.mark.parametrize(
    "code", ["", "12345", "1234567", "１２３４５６", "12\u200b3456", "\u202e123456", "' or 1=1 --", "\0" * 6]
)
async def test_what_can_be_no_code_costs_no_try(world: Slice, code: str) -> None:
    """A slip of the finger would bring the lock-out nearer, or odd input end in an internal error."""
    ada = await guarded(world)
    temp_token = await first_step(world)
    for _ in range(CODES_PER_ACCOUNT_HOURLY.amount + 1):
        for attempt in (
            world.second_factors.verify_login(temp_token=temp_token, code=code, origin=HOME),
            world.second_factors.disable(ada.viewer, code, origin=HOME),
        ):
            problem = await problem_of(attempt)
            assert (problem.code, problem.field, problem.reason) == (Code.BAD_USER_INPUT, "code", None)
    await world.second_factors.verify_login(temp_token=temp_token, code=ada.phone.code(), origin=HOME)


async def test_without_redis_nobody_gets_past(world: Slice) -> None:
    """While Redis is away codes could be guessed uncounted, or the second factor be skipped."""
    ada = await guarded(world)
    temp_token = await first_step(world)
    await world.redis.config_set("maxmemory", "1")
    try:
        for attempt in (
            world.accounts.login(email="ada@example.org", password=PASSWORD, origin=HOME),
            world.second_factors.verify_login(temp_token=temp_token, code=ada.phone.code(), origin=HOME),
            world.second_factors.disable(ada.viewer, ada.phone.code(), origin=HOME),
        ):
            problem: Problem = await problem_of(attempt)
            assert problem.code is Code.BUSY
            assert problem.retry_after_s == timedelta(seconds=5).total_seconds()
    finally:
        await world.redis.config_set("maxmemory", "0")
    await world.second_factors.verify_login(temp_token=temp_token, code=ada.phone.code(), origin=HOME)

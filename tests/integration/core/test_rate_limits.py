"""Limits on a real Redis."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from app.errors import Code, Problem
from app.rate_limits import Limit, RateLimits

LOGIN = Limit("test.login", amount=12, window_s=60, when_redis_is_away="deny")
READ = Limit("test.read", amount=12, window_s=60, when_redis_is_away="allow")


@pytest.fixture
async def limits(redis_url: str) -> AsyncIterator[RateLimits]:
    redis = Redis.from_url(redis_url)
    yield RateLimits(redis=redis)
    await redis.aclose()


async def test_a_hundred_parallel_guesses_never_pass_the_limit(limits: RateLimits) -> None:
    """An attacker would guess faster by guessing in parallel."""
    results = await asyncio.gather(*(limits.spend(LOGIN, "a@x.org") for _ in range(100)), return_exceptions=True)
    refused = [each for each in results if isinstance(each, Problem)]
    assert len(refused) == 88
    assert all(each.code is Code.RATE_LIMITED and 1 <= (each.retry_after_s or 0) <= 60 for each in refused)


async def test_keys_do_not_share_a_window(limits: RateLimits) -> None:
    """One attacked account would lock another."""
    for _ in range(12):
        await limits.spend(LOGIN, "a")
    await limits.spend(LOGIN, "b")
    with pytest.raises(Problem):
        await limits.spend(LOGIN, "a")


async def test_limits_spent_together_count_and_refuse_each_by_its_own_rule(limits: RateLimits) -> None:
    """A sign-in that asks two limits in one step would let one of them count for nothing."""
    tight = Limit("email.tight", 2, 60, "deny")
    for _ in range(2):
        await limits.spend_each((LOGIN, "house"), (tight, "a"))
    with pytest.raises(Problem) as caught:
        await limits.spend_each((LOGIN, "house"), (tight, "a"))
    assert caught.value.reason == "email.tight"
    for number in range(9):
        await limits.spend_each((LOGIN, "house"), (tight, f"b{number}"))
    with pytest.raises(Problem) as caught:
        await limits.spend_each((LOGIN, "house"), (tight, "c"))
    assert caught.value.reason == LOGIN.name
    await limits.spend(tight, "c", cost=2)


async def test_each_limit_says_what_happens_without_redis(tmp_path: Path) -> None:
    """A Redis outage would open sign-in to unlimited guessing, or close reading for nothing."""
    redis = Redis(unix_socket_path=str(tmp_path / "none.sock"))
    limits = RateLimits(redis=redis)
    await limits.spend(READ, "x")
    with pytest.raises(Problem) as caught:
        await limits.spend(LOGIN, "x")
    assert caught.value.code is Code.BUSY
    await redis.aclose()

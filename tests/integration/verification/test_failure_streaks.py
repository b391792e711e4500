"""Five failures in a row block further attempts, longer each time."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from app.errors import Code, Problem
from app.verification.limits import FailureRow, FailureStreaks

ACCOUNT, OTHER = FailureRow("one"), FailureRow("other")


@pytest.fixture
async def streaks(redis_url: str) -> AsyncIterator[FailureStreaks]:
    redis = Redis.from_url(redis_url)
    yield FailureStreaks(redis=redis)
    await redis.aclose()


async def test_the_fifth_failure_blocks_and_each_further_one_doubles(streaks: FailureStreaks) -> None:
    """An attacker would try without end."""
    waits = []
    for _ in range(7):
        await streaks.failed(ACCOUNT)
        waits.append(await streaks.blocked_for_s(ACCOUNT))
    assert waits[:4] == [None] * 4
    assert [round((wait or 0) / 30) for wait in waits[4:]] == [1, 2, 4]
    assert await streaks.blocked_for_s(OTHER) is None


async def test_the_block_never_grows_past_an_hour(streaks: FailureStreaks) -> None:
    """A child playing with the phone would lock its parent out of verification for years."""
    for _ in range(60):
        await streaks.failed(ACCOUNT)
    assert 3500 < (await streaks.blocked_for_s(ACCOUNT) or 0) <= 3600


async def test_a_success_ends_the_row(streaks: FailureStreaks) -> None:
    """Failures of last month would count against today."""
    for _ in range(4):
        await streaks.failed(ACCOUNT)
    await streaks.succeeded(ACCOUNT)
    await streaks.failed(ACCOUNT)
    assert await streaks.blocked_for_s(ACCOUNT) is None


async def test_without_redis_nobody_tries(tmp_path: Path) -> None:
    """A Redis outage would lift the block."""
    redis = Redis(unix_socket_path=str(tmp_path / "none.sock"))
    with pytest.raises(Problem) as caught:
        await FailureStreaks(redis=redis).blocked_for_s(ACCOUNT)
    assert caught.value.code is Code.BUSY
    await redis.aclose()

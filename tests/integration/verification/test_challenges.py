"""Challenges on a real Redis: one open per subject, spent once, whoever races."""

import asyncio
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from app.errors import Code, Problem
from app.ids import Ids
from app.verification.challenges import Challenges
from liveness.challenge import CHALLENGE_LIFE_S, ChallengeSigner, LivenessPurpose
from liveness.steps import LivenessStep
from tests.fakes import FixedClock

VERIFY = LivenessPurpose.VERIFY


@pytest.fixture
async def challenges(redis_url: str, clock: FixedClock, ids: Ids) -> AsyncIterator[Challenges]:
    redis = Redis.from_url(redis_url)
    signer = ChallengeSigner([b"k" * 32])
    yield Challenges(signer=signer, redis=redis, clock=clock, ids=ids, stream_url="ws://127.0.0.1/liveness/stream")
    await redis.aclose()


async def test_fifty_sockets_on_one_challenge_open_once(challenges: Challenges) -> None:
    """An attacker would try fifty videos against one challenge."""
    issued = await challenges.issue(subject="a", purpose=VERIFY, exclude=())
    challenge = challenges.read(issued.token, subject="a", purpose=VERIFY)
    assert challenge is not None
    spent = await asyncio.gather(*(challenges.spend(issued.token, challenge) for _ in range(50)))
    assert sum(each is not None for each in spent) == 1


async def test_a_newer_challenge_closes_the_older(challenges: Challenges) -> None:
    """Somebody could collect challenges until an easy one comes, and answer that one."""
    old = await challenges.issue(subject="a", purpose=VERIFY, exclude=())
    new = await challenges.issue(subject="a", purpose=VERIFY, exclude=())
    other = await challenges.issue(subject="b", purpose=VERIFY, exclude=())
    spent = []
    for each, subject in ((old, "a"), (new, "a"), (other, "b")):
        challenge = challenges.read(each.token, subject=subject, purpose=VERIFY)
        assert challenge is not None
        spent.append(await challenges.spend(each.token, challenge))
    assert [each is not None for each in spent] == [False, True, True]


async def test_tokens_of_others_purposes_and_yesterday_are_not_read(challenges: Challenges, clock: FixedClock) -> None:
    """Another person's challenge, or one made for another deed, would be honoured."""
    issued = await challenges.issue(subject="a", purpose=VERIFY, exclude=())
    assert challenges.read(issued.token, subject="b", purpose=VERIFY) is None
    assert challenges.read(issued.token, subject="a", purpose=LivenessPurpose.LOGIN) is None
    altered = issued.token[:-1] + ("A" if issued.token[-1] != "A" else "E")  # B to D end in bits that say nothing
    assert challenges.read(altered, subject="a", purpose=VERIFY) is None
    clock.advance(CHALLENGE_LIFE_S - 1)
    assert challenges.read(issued.token, subject="a", purpose=VERIFY) is not None
    clock.advance(1)
    assert challenges.read(issued.token, subject="a", purpose=VERIFY) is None


async def test_excluded_steps_are_not_asked_and_too_many_are_refused(challenges: Challenges) -> None:
    """A person who cannot blink would be asked to."""
    exclude = {LivenessStep.BLINK, LivenessStep.SMILE}
    for _ in range(100):
        issued = await challenges.issue(subject="a", purpose=VERIFY, exclude=exclude)
        assert exclude.isdisjoint(issued.steps)
        assert len(issued.steps) == 3
    with pytest.raises(Problem) as caught:
        await challenges.issue(subject="a", purpose=VERIFY, exclude=set(LivenessStep) - {LivenessStep.BLINK})
    assert (caught.value.code, caught.value.field) == (Code.BAD_USER_INPUT, "exclude")


async def test_a_stream_too_slow_for_a_blink_has_another_gesture_ready(challenges: Challenges) -> None:
    """A person with a weak phone could never answer a BLINK; and what replaces it must be something they can do."""
    exclude = {LivenessStep.SMILE, LivenessStep.LOOK_UP}
    for _ in range(50):
        issued = await challenges.issue(subject="a", purpose=VERIFY, exclude=exclude)
        challenge = challenges.read(issued.token, subject="a", purpose=VERIFY)
        assert challenge is not None
        spent = await challenges.spend(issued.token, challenge)
        assert spent is not None
        assert spent.blink_substitute not in {*exclude, *issued.steps, LivenessStep.BLINK, None}


async def test_of_parallel_attempts_only_the_last_counts(challenges: Challenges) -> None:
    """An attacker could run many attempts at once and need only one of them to pass."""
    attempts = []
    for _ in range(3):
        issued = await challenges.issue(subject="a", purpose=VERIFY, exclude=())
        challenge = challenges.read(issued.token, subject="a", purpose=VERIFY)
        assert challenge is not None
        spent = await challenges.spend(issued.token, challenge)
        assert spent is not None
        attempts.append(spent.attempt)
    assert [await challenges.is_current("a", attempt) for attempt in attempts] == [False, False, True]


async def test_a_token_signed_elsewhere_is_never_open(challenges: Challenges, clock: FixedClock) -> None:
    """Whoever stole LIVENESS_SECRET could ask themselves for a single smile."""
    issued = await challenges.issue(subject="a", purpose=VERIFY, exclude=())
    genuine = challenges.read(issued.token, subject="a", purpose=VERIFY)
    assert genuine is not None
    forged, _ = ChallengeSigner([b"k" * 32]).sign(
        subject="a",
        purpose=VERIFY,
        steps=[LivenessStep.SMILE],
        expires_at=clock.now() + timedelta(seconds=60),
        nonce=urlsafe_b64decode(genuine.nonce + "=="),
    )
    challenge = challenges.read(forged, subject="a", purpose=VERIFY)
    assert challenge is not None
    assert await challenges.spend(forged, challenge) is None

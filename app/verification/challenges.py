"""Challenges: issued by the server, one open per subject, spent atomically at first use."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.clock import Clock
from app.errors import Code, Problem
from app.ids import Ids
from app.secrets import digest
from app.verification.limits import counting_unavailable
from app.verification.model import IssuedChallenge
from liveness.challenge import (
    CHALLENGE_LIFE_S,
    CannotDraw,
    Challenge,
    ChallengeSigner,
    LivenessPurpose,
    TokenRefused,
    draw_steps,
)
from liveness.steps import LivenessStep

_NONCE_BYTES = 18
_BLINK = LivenessStep.BLINK

_ATTEMPT_LIFE_S = 180  # longer than any attempt can last

# Only the very token that is open now can be spent: a newer challenge has closed the older one, and a token signed
# with a stolen LIVENESS_SECRET was never opened. Whoever spends one begins the subject's current attempt.
_SPEND = """
local open = redis.call('HMGET', KEYS[1], 'token', 'blink_substitute')
if open[1] ~= ARGV[1] then return false end
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[2])
return open[2]
"""
_OPEN = """
redis.call('HSET', KEYS[1], 'token', ARGV[1], 'blink_substitute', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
"""


@dataclass(frozen=True)
class Spent:
    """A challenge that was spent just now. `blink_substitute` is asked instead of a BLINK that a stream is too slow
    to show; None when the person can do nothing else."""

    attempt: str
    blink_substitute: LivenessStep | None


class Challenges:
    """Issues challenges and spends their tokens."""

    def __init__(self, *, signer: ChallengeSigner, redis: Redis, clock: Clock, ids: Ids, stream_url: str) -> None:
        self._signer = signer
        self._redis = redis
        self._spend = redis.register_script(_SPEND)
        self._open = redis.register_script(_OPEN)
        self._clock = clock
        self._ids = ids
        self._stream_url = stream_url

    async def issue(
        self, *, subject: str, purpose: LivenessPurpose, exclude: Collection[LivenessStep]
    ) -> IssuedChallenge:
        """Draws and signs a challenge; the subject's earlier one no longer counts.

        Raises Problem(BAD_USER_INPUT, field="exclude") when what is left cannot make a challenge.
        """
        try:
            steps = draw_steps(self._ids.below, exclude=exclude)
        except CannotDraw as error:
            raise Problem(Code.BAD_USER_INPUT, str(error), field="exclude") from error
        token, challenge = self._signer.sign(
            subject=subject,
            purpose=purpose,
            steps=steps,
            expires_at=self._clock.now() + timedelta(seconds=CHALLENGE_LIFE_S),
            nonce=self._ids.bytes(_NONCE_BYTES),
        )
        try:
            await self._open(
                keys=[_open(subject)],
                args=[_fingerprint(token), self._blink_substitute(steps, exclude) or "", CHALLENGE_LIFE_S],
            )
        except (RedisError, OSError) as error:
            raise counting_unavailable() from error
        return IssuedChallenge(token=token, steps=steps, expires_at=challenge.expires_at, stream_url=self._stream_url)

    def read(self, token: str, *, subject: str, purpose: LivenessPurpose) -> Challenge | None:
        """The challenge, or None for a token that is expired, tampered, someone else's or for something else."""
        try:
            return self._signer.verify(token, subject=subject, purpose=purpose, now=self._clock.now())
        except TokenRefused:
            return None

    async def is_open(self, token: str, challenge: Challenge) -> bool:
        """Whether it could still be spent: neither used nor replaced; denies when Redis is away."""
        try:
            is_there = await self._redis.hget(_open(challenge.subject), "token")
        except (RedisError, OSError) as error:
            raise counting_unavailable() from error
        return bool(is_there == _fingerprint(token).encode())

    async def spend(self, token: str, challenge: Challenge) -> Spent | None:
        """None unless this call was the first use of the subject's open challenge; denies when Redis is away."""
        attempt = _fingerprint(token)
        keys = [_open(challenge.subject), _current(challenge.subject)]
        try:
            substitute = await self._spend(keys=keys, args=[attempt, _ATTEMPT_LIFE_S])
        except (RedisError, OSError) as error:
            raise counting_unavailable() from error
        if substitute is None:
            return None
        return Spent(attempt, LivenessStep(substitute.decode()) if substitute else None)

    async def is_current(self, subject: str, attempt: str) -> bool:
        """Whether no later attempt of the subject has begun: of parallel attempts only the last can succeed."""
        try:
            current = await self._redis.get(_current(subject))
        except (RedisError, OSError) as error:
            raise counting_unavailable() from error
        return bool(current == attempt.encode())

    def _blink_substitute(
        self, steps: Collection[LivenessStep], exclude: Collection[LivenessStep]
    ) -> LivenessStep | None:
        """A step that is neither excluded nor asked already, so that it can stand anywhere in the challenge.

        Another gesture of the face, where there is one: what a turned mask cannot do must not fall out of a challenge
        because somebody streams slowly.
        """
        free = [step for step in LivenessStep if step not in steps and step not in exclude and step is not _BLINK]
        free = [step for step in free if not step.is_head_turn] or free
        return free[self._ids.below(len(free))] if free else None


def _open(subject: str) -> str:
    return f"liveness:open:{subject}"


def _current(subject: str) -> str:
    return f"liveness:attempt:{subject}"


def _fingerprint(token: str) -> str:
    return digest(token).hex()

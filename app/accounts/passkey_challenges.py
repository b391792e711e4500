"""The challenges of passkeys: 32 random bytes, for one use within five minutes, by whom they were drawn for."""

import base64
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.accounts.model import Origin, Viewer
from app.clock import Clock
from app.errors import Code, Problem
from app.ids import Ids
from app.secrets import could_be_token, digest

CHALLENGE_TTL = timedelta(minutes=5)
CHALLENGE_BYTES = 32  # WebAuthn Level 3, 13.4.3: at least 16
_ID_BYTES = 32


class Purpose(StrEnum):
    """What a challenge is good for; an answer to one of another purpose finds nothing."""

    REGISTER = "register"
    SIGN_IN = "sign-in"
    SECOND_STEP = "second-step"
    STEP_UP = "step-up"


@dataclass(frozen=True, kw_only=True)
class Bond:
    """Whom a challenge is for: it is looked for under purpose and holder, so that only the holder finds it."""

    purpose: Purpose
    holder: str = field(repr=False)

    @classmethod
    def of_session(cls, purpose: Purpose, viewer: Viewer) -> "Bond":
        """For one session of one account."""
        return cls(purpose=purpose, holder=f"{viewer.account_id} {viewer.session_id}")

    @classmethod
    def of_registration(cls, viewer: Viewer) -> "Bond":
        """The same until the account's second factor is switched: what was proved without one adds no key past it."""
        guarded = "with" if viewer.two_factor_enabled else "without"
        return cls(purpose=Purpose.REGISTER, holder=f"{viewer.account_id} {viewer.session_id} {guarded}")

    @classmethod
    def of_browser(cls, origin: Origin) -> "Bond | None":
        """For a browser in which nobody is signed in; None for one that keeps no cookie."""
        device = origin.device_hash
        return None if device is None else cls(purpose=Purpose.SIGN_IN, holder=device.hex())

    @classmethod
    def of_temp_token(cls, temp_token: str) -> "Bond":
        """For whoever holds the temp token of a first step."""
        return cls(purpose=Purpose.SECOND_STEP, holder=digest(temp_token).hex())


@dataclass(frozen=True, kw_only=True)
class Challenge:
    """What a device is asked to sign, and the name under which the answer comes back."""

    id: str
    value: bytes = field(repr=False)


class PasskeyChallenges:
    """Draws challenges and takes them back, for all instances together.

    Kept under a digest of purpose, holder and id together: whoever has read somebody else's id finds nothing by it, and
    takes nothing from its owner by trying.
    """

    def __init__(self, *, redis: Redis, clock: Clock, ids: Ids) -> None:
        self._redis = redis
        self._clock = clock
        self._ids = ids

    async def draw(self, bond: Bond) -> Challenge:
        """A new challenge; raises Problem(BUSY) when Redis is away."""
        challenge = Challenge(id=self._ids.token(_ID_BYTES), value=self._ids.bytes(CHALLENGE_BYTES))
        kept = {"value": base64.b64encode(challenge.value).decode(), "drawn_at": self._clock.now().isoformat()}
        try:
            await self._redis.set(_key(bond, challenge.id), json.dumps(kept), ex=CHALLENGE_TTL)
        except (RedisError, OSError) as error:
            raise _away() from error
        return challenge

    async def take(self, bond: Bond | None, challenge_id: str) -> bytes:
        """The challenge, to one caller only.

        Raises Problem: GONE when it is unknown, used, too old or somebody else's, alike; BUSY when Redis is away.
        """
        if bond is None or not could_be_token(challenge_id):
            raise challenge_over()
        try:
            kept = await self._redis.getdel(_key(bond, challenge_id))
        except (RedisError, OSError) as error:
            raise _away() from error
        if kept is None:
            raise challenge_over()
        values = json.loads(kept)
        if self._clock.now() - datetime.fromisoformat(values["drawn_at"]) >= CHALLENGE_TTL:
            raise challenge_over()
        return base64.b64decode(values["value"])


def _key(bond: Bond, challenge_id: str) -> str:
    return f"passkey:challenge:{digest(f'{bond.purpose.value} {bond.holder} {challenge_id}').hex()}"


def challenge_over() -> Problem:
    """The same for a challenge that is unknown, used, too old, somebody else's, or overtaken by a second factor."""
    return Problem(
        Code.GONE,
        "This took too long, or was answered already. Begin again.",
        field="challengeId",
        reason="CHALLENGE_OVER",
    )


def _away() -> Problem:
    return Problem(Code.BUSY, "Passkeys cannot be used right now. Try again shortly.", retry_after_s=5)

"""An ID token is traded once.

It may lie in a browser's history, a proxy's log or a crash report for as long as it lives (an hour at most providers),
and whoever finds it would be its person. So its first use is remembered until it expires. A double click and a retry
after a lost answer come within seconds: they are let through, as with refresh tokens. A page that keeps Firebase's
token and trades it later is told TOKEN_REPLAYED and asks the SDK for a new one (`getIdToken(true)`).
"""

import logging
from datetime import datetime, timedelta

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.clock import Clock
from app.errors import Code, Problem
from app.social.id_tokens import LEEWAY_S, VerifiedIdToken

log = logging.getLogger(__name__)

RETRY_GRACE = timedelta(seconds=10)


class TradedTokens:
    """Remembers which ID tokens were traded, for all instances together."""

    def __init__(self, *, redis: "Redis", clock: Clock) -> None:
        self._redis = redis
        self._clock = clock

    async def trade(self, token: VerifiedIdToken, *, deed: str) -> None:
        """Takes the token for one deed; raises Problem(UNAUTHENTICATED) with reason TOKEN_REPLAYED when it was taken.

        Signing in and linking are two deeds: who is told LINK_NEEDED may sign in otherwise and link with this token.
        """
        now = self._clock.now()
        name = f"social:traded:{deed}:{token.fingerprint}"
        lives = token.expires_at + timedelta(seconds=LEEWAY_S) - now
        try:
            if await self._redis.set(name, now.isoformat(), nx=True, px=max(1, int(lives.total_seconds() * 1000))):
                return
            first = await self._redis.get(name)
        except (RedisError, OSError) as error:
            log.warning("redis away while an ID token was traded: %s", type(error).__name__)
            raise Problem(Code.BUSY, "Signing in is not possible right now. Try again shortly.", retry_after_s=5) from (
                error
            )
        if first is not None and now - datetime.fromisoformat(_text(first)) > RETRY_GRACE:
            raise Problem(
                Code.UNAUTHENTICATED,
                "This token was used already. Sign in at the provider again.",
                field="idToken",
                reason="TOKEN_REPLAYED",
            )


def _text(stored: bytes | str) -> str:
    return stored if isinstance(stored, str) else stored.decode()

"""The same registration sent twice: by an impatient hand, or by a client that never read the first answer.

It goes through again, with one more letter, for as long as the first has its handle reserved; without this, people
would be told that their own name is taken. Whatever became of the first is treated alike, so a repeat says nothing
about the address. Redis holds an HMAC under a key of ours: who reads it learns no password, and cannot try any out.
"""

import hmac
import logging
from collections.abc import Sequence

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.accounts.handles import RESERVATION_S
from app.secrets import derive_key

log = logging.getLogger(__name__)


class RepeatedRegistrations:
    """Knows those of the last 15 minutes again, by address, handle and password."""

    def __init__(self, *, redis: Redis, secret_keys: Sequence[str]) -> None:
        self._redis = redis
        self._mac_key = derive_key(secret_keys[0], purpose="repeated-registration")

    async def is_known(self, *, email: str, handle: str, password: str) -> bool:
        """Whether these three were taken before; False while Redis is away."""
        try:
            return bool(await self._redis.exists(self._key(email, handle, password)))
        except (RedisError, OSError) as error:
            log.warning("redis away while looking for a registration: %s", type(error).__name__)
            return False

    async def remember(self, *, email: str, handle: str, password: str) -> None:
        """Keeps them for 15 minutes; while Redis is away, not at all."""
        try:
            await self._redis.set(self._key(email, handle, password), b"1", ex=RESERVATION_S)
        except (RedisError, OSError) as error:
            log.warning("redis away while remembering a registration: %s", type(error).__name__)

    def _key(self, *told: str) -> str:
        parts = [part.encode() for part in told]
        message = b"".join(len(part).to_bytes(4) + part for part in parts)  # so that no two lists read alike
        return f"registered:{hmac.digest(self._mac_key, message, 'sha256').hex()}"

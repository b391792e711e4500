"""The only source of identifiers and randomness; all of it comes from the operating system's CSPRNG."""

import secrets
import time
from uuid import UUID


class Ids:
    """Makes identifiers, tokens and draws."""

    def uuid7(self) -> UUID:
        """A UUIDv7 (RFC 9562, 5.7 and 6.2 method 3): Unix milliseconds, 12 bits of their fraction, 62 random bits.

        Ids made one after the other by one machine sort in that order.
        """
        unix_ms, rest_ns = divmod(time.time_ns(), 1_000_000)
        value = (unix_ms & (1 << 48) - 1) << 80 | 0x7 << 76 | (rest_ns << 12) // 1_000_000 << 64
        return UUID(int=value | 0b10 << 62 | int.from_bytes(secrets.token_bytes(8)) >> 2)

    def token(self, nbytes: int = 32) -> str:
        """A URL-safe secret of `nbytes` random bytes."""
        return secrets.token_urlsafe(nbytes)

    def bytes(self, count: int) -> bytes:
        """`count` random bytes."""
        return secrets.token_bytes(count)

    def below(self, bound: int) -> int:
        """A whole number from 0 to `bound` - 1, without bias."""
        return secrets.randbelow(bound)

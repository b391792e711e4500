"""Tickets: what stands, for a minute, between a face that was found and the session that it opens.

The server saw the face at one request and opens the session at another. What travels in between is an account's id,
signed, good once, for a minute, and only in the browser that stood before the camera; nothing of the face. Redis holds
each open ticket under its SHA-256, so that one signed with a stolen key was never opened, and while Redis is away none
is good.
"""

import base64
import binascii
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.accounts.model import Origin
from app.clock import Clock
from app.errors import Code, Problem
from app.ids import Ids
from app.secrets import derive_key, digest

TICKET_TTL = timedelta(seconds=60)
MAX_TICKET_CHARS = 1024
_NONCE_BYTES = 18
_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """Whose face was found, by which template, and whether the account was made for it just now."""

    account_id: UUID
    template_id: UUID
    is_new: bool
    at: datetime


class FaceTickets:
    """Issues tickets, reads them, and takes each back once."""

    def __init__(self, *, secret_keys: tuple[str, ...], redis: Redis, clock: Clock, ids: Ids) -> None:
        # The first key signs; the others let a minute that straddles a rotation of SECRET_KEY end well.
        self._keys = tuple(derive_key(secret, purpose="face-ticket") for secret in secret_keys)
        self._redis = redis
        self._clock = clock
        self._ids = ids

    async def issue(self, account_id: UUID, *, template_id: UUID, is_new: bool, origin: Origin) -> str:
        """A ticket for the browser of `origin`, which has an id; raises Problem(BUSY) while Redis is away."""
        assert origin.device_hash is not None, "the challenge was drawn for a browser with an id"
        claims = {
            "v": _VERSION,
            "account": str(account_id),
            "template": str(template_id),
            "new": is_new,
            "device": origin.device_hash.hex(),
            "at": _ms(self._clock.now()),
            "nonce": self._ids.token(_NONCE_BYTES),
        }
        payload = json.dumps(claims, separators=(",", ":")).encode()
        ticket = f"{_encode(payload)}.{_encode(_mac(self._keys[0], payload))}"
        try:
            await self._redis.set(_key(ticket), b"1", ex=int(TICKET_TTL.total_seconds()))
        except (RedisError, OSError) as error:
            raise _away() from error
        return ticket

    def read(self, ticket: str, *, origin: Origin) -> Arrival:
        """What the ticket says, used or not; raises Problem(GONE) unless it is ours, of this browser, and in time."""
        claims = self._signed(ticket)
        at = datetime.fromtimestamp(claims["at"] / 1000, tz=UTC)
        is_of_browser = origin.device_hash is not None and claims["device"] == origin.device_hash.hex()
        if not is_of_browser or self._clock.now() >= at + TICKET_TTL:
            raise ticket_over()
        return Arrival(
            account_id=UUID(claims["account"]), template_id=UUID(claims["template"]), is_new=claims["new"], at=at
        )

    async def redeem(self, ticket: str, *, origin: Origin) -> Arrival:
        """The same, and uses it up; raises Problem(BUSY) while Redis is away."""
        arrival = self.read(ticket, origin=origin)
        try:
            is_first = await self._redis.delete(_key(ticket)) == 1
        except (RedisError, OSError) as error:
            raise _away() from error
        if not is_first:
            raise ticket_over()
        return arrival

    def _signed(self, ticket: str) -> dict[str, Any]:
        head, _, tail = ticket.partition(".") if len(ticket) <= MAX_TICKET_CHARS else ("", "", "")
        payload, mac = _decode(head), _decode(tail)
        is_ours = False
        for key in self._keys:  # every key is tried, so the time taken does not tell which one matched
            is_ours |= hmac.compare_digest(_mac(key, payload), mac)
        if not is_ours:
            raise ticket_over()
        claims = json.loads(payload)
        if claims["v"] != _VERSION:
            raise ticket_over()  # of another release
        return dict(claims)


def ticket_over() -> Problem:
    """The same for a ticket that never was, is another browser's, was used, has expired, or opens nothing any more."""
    return Problem(
        Code.GONE,
        "This ticket was used, has expired or is another browser's. Look into the camera again.",
        field="ticket",
        reason="TICKET_OVER",
    )


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _mac(key: bytes, payload: bytes) -> bytes:
    return hmac.digest(key, payload, "sha256")


def _key(ticket: str) -> str:
    return f"face:ticket:{digest(ticket).hex()}"


def _away() -> Problem:
    return Problem(Code.BUSY, "Sign-in by face cannot go on right now. Try again shortly.", retry_after_s=5)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise ticket_over() from None
    # One text per value: another spelling of the same bytes would be another key in Redis.
    if _encode(data) != text:
        raise ticket_over()
    return data

"""Events for other systems: written with the deed they tell of, delivered at least once to the operator's webhook.

Requests follow Standard Webhooks 1.0.0: `webhook-id` (the same at each try, so that a receiver can drop
what it has seen), `webhook-timestamp`, and in `webhook-signature` one HMAC-SHA256 for each configured secret.
"""

import asyncio
import base64
import hmac
import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx

from app.clock import Clock, rfc3339
from app.database import Database, Transaction
from app.errors import Problem
from app.ids import Ids
from app.tls import outgoing_tls

log = logging.getLogger(__name__)

BATCH = 10
IDLE_S = 1.0
"""How long after its deed an event may wait; what asks is one look into a partial index."""
REQUEST_TIMEOUT_S = 15.0  # Standard Webhooks: 15 to 30 s
FIRST_RETRY = timedelta(minutes=1)
"""Longer than a try and the writing down of it may take: until then nobody else finds the event due."""
LONGEST_RETRY = timedelta(hours=1)
GIVE_UP_AFTER = timedelta(days=3)
FORGET_AFTER = timedelta(days=30)
FORGET_EVERY = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class DueEvent:
    """An event whose delivery this process has taken on."""

    event_id: UUID
    event: str
    payload: Mapping[str, Any]
    created_at: datetime
    attempts: int


class Outbox:
    """Writes events, and hands out those that are due."""

    def __init__(self, *, database: Database, clock: Clock, ids: Ids) -> None:
        self._database = database
        self._queries = database.queries
        self._clock = clock
        self._ids = ids

    async def add(self, tx: Transaction, event: str, payload: Mapping[str, object]) -> None:
        """Writes the event in the transaction of its deed: neither stands without the other."""
        await tx.run(
            self._queries.outbox_event_add,
            event_id=self._ids.uuid7(),
            event=event,
            payload=dict(payload),
            now=self._clock.now(),
        )

    async def take_due(self) -> list[DueEvent]:
        """Takes up to BATCH due events and puts off their next try, so that a process that dies loses none.

        No other process finds an event due while a try of it may still be under way.
        """
        now = self._clock.now()
        rows = await self._database.many(
            self._queries.outbox_events_take,
            now=now,
            oldest=now - GIVE_UP_AFTER,
            first_retry_s=int(FIRST_RETRY.total_seconds()),
            longest_retry_s=int(LONGEST_RETRY.total_seconds()),
            batch=BATCH,
        )
        return [
            DueEvent(
                event_id=row["id"],
                event=row["event"],
                payload=row["payload"],
                created_at=row["created_at"],
                attempts=row["attempts"],
            )
            for row in rows
        ]

    async def delivered(self, event_id: UUID) -> None:
        """Marks the event as taken by its receiver."""
        await self._database.run(self._queries.outbox_event_delivered, event_id=event_id, now=self._clock.now())

    async def forget_old(self) -> None:
        """Removes what is older than a month, delivered or not."""
        await self._database.run(self._queries.outbox_events_forget, oldest=self._clock.now() - FORGET_AFTER)


class Webhook:
    """One receiver; a try either is taken (2xx) or is no delivery."""

    def __init__(self, *, url: str, secrets: Sequence[bytes], clock: Clock) -> None:
        self._url = url
        self._secrets = tuple(secrets)
        self._clock = clock
        # Redirects are not followed: an event goes where the operator said, signed for there.
        self._http = httpx.AsyncClient(verify=outgoing_tls(), timeout=REQUEST_TIMEOUT_S, follow_redirects=False)

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def send(self, event: DueEvent) -> bool:
        """Posts the event; False when the receiver is away or does not take it."""
        body = json.dumps(
            {"type": event.event, "timestamp": rfc3339(event.created_at), "data": event.payload},
            ensure_ascii=False,
            separators=(",", ":"),
        ).encode()
        identifier, timestamp = str(event.event_id), str(int(self._clock.now().timestamp()))
        headers = {
            "content-type": "application/json",
            "user-agent": "Bonafide-Webhook/1",
            "webhook-id": identifier,
            "webhook-timestamp": timestamp,
            "webhook-signature": " ".join(signature(key, identifier, timestamp, body) for key in self._secrets),
        }
        try:
            async with (
                asyncio.timeout(REQUEST_TIMEOUT_S),
                self._http.stream("POST", self._url, content=body, headers=headers) as response,
            ):
                status = response.status_code
        except (httpx.HTTPError, TimeoutError, OSError) as error:
            log.warning("webhook did not answer event=%s try=%d: %s", identifier, event.attempts, type(error).__name__)
            return False
        if not 200 <= status < 300:
            log.warning("webhook refused event=%s try=%d: status %d", identifier, event.attempts, status)
            return False
        return True


class Deliverer:
    """Carries due events to the webhook, where there is one, and forgets old ones, until it is closed."""

    def __init__(self, *, outbox: Outbox, webhook: Webhook | None, clock: Clock) -> None:
        self._outbox = outbox
        self._webhook = webhook
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._forgot_at: datetime | None = None

    def open(self) -> None:
        """Begins to deliver, in a task of its own."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stops; an event under way counts as not delivered and is tried again by whoever comes next."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._webhook is not None:
            await self._webhook.close()

    async def deliver_due(self) -> int:
        """Tries every event that is due now, side by side; gives back how many were due."""
        if self._webhook is None:
            return 0
        due = await self._outbox.take_due()
        await asyncio.gather(*(self._deliver(self._webhook, event) for event in due))
        return len(due)

    async def _deliver(self, webhook: Webhook, event: DueEvent) -> None:
        if await webhook.send(event):
            await self._outbox.delivered(event.event_id)

    async def _run(self) -> None:
        while True:
            due = 0
            try:
                due = await self.deliver_due()
                await self._forget_now_and_then()
            except Problem as problem:
                log.warning("events wait: %s", problem.detail)
            except Exception:
                log.exception("delivering events failed")
            if due < BATCH:
                await asyncio.sleep(IDLE_S if self._webhook is not None else FORGET_EVERY.total_seconds())

    async def _forget_now_and_then(self) -> None:
        now = self._clock.now()
        if self._forgot_at is None or now - self._forgot_at >= FORGET_EVERY:
            self._forgot_at = now
            await self._outbox.forget_old()


def signature(secret: bytes, identifier: str, timestamp: str, body: bytes) -> str:
    """`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body` (Standard Webhooks, symmetric scheme)."""
    signed = f"{identifier}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(secret, signed, "sha256")).decode()

"""What happens to an account, told at once to its other devices, on whichever instance they are.

Through Redis' publish and subscribe: heard or missed, never stored. Nothing may depend on hearing; a device that
reconnects asks again.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

CHANNEL = "account-events"
HEARD_WITHIN_S = 20.0
"""How long one look at the connection waits; only the time until a lost connection is noticed without traffic."""
RETRY_S = 1.0
MAX_UNREAD = 100

Happening = Mapping[str, Any]


class AccountEvents:
    """Publishes, and hands what it hears to whoever listens in this process."""

    def __init__(self, *, redis: Redis) -> None:
        self._redis = redis
        self._listeners: dict[tuple[UUID, str], set[asyncio.Queue[Happening]]] = {}
        self._task: asyncio.Task[None] | None = None
        self._hearing = asyncio.Event()

    async def close(self) -> None:
        """Stops hearing."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def publish(self, account_id: UUID, kind: str, what: Happening) -> None:
        """Tells every instance; with Redis away nobody hears it, and the deed stands all the same."""
        try:
            await self._redis.publish(CHANNEL, json.dumps({"account": str(account_id), "kind": kind, "what": what}))
        except (RedisError, OSError) as error:
            log.warning("redis away while telling of %s: %s", kind, type(error).__name__)

    @asynccontextmanager
    async def listen(self, account_id: UUID, kind: str) -> AsyncIterator["asyncio.Queue[Happening]"]:
        """What is published from now on; who does not read loses the oldest."""
        queue: asyncio.Queue[Happening] = asyncio.Queue(MAX_UNREAD)
        listeners = self._listeners.setdefault((account_id, kind), set())
        listeners.add(queue)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._hear())
        try:
            await self._hearing.wait()
            yield queue
        finally:
            listeners.discard(queue)
            if not listeners:
                self._listeners.pop((account_id, kind), None)

    async def _hear(self) -> None:
        while True:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as connection:
                    await connection.subscribe(CHANNEL)
                    self._hearing.set()
                    while True:
                        message = await connection.get_message(timeout=HEARD_WITHIN_S)
                        if message is not None:
                            self._hand_out(json.loads(message["data"]))
            except (RedisError, OSError) as error:
                log.warning("redis away while hearing events: %s", type(error).__name__)
                await asyncio.sleep(RETRY_S)

    def _hand_out(self, message: Mapping[str, Any]) -> None:
        for queue in self._listeners.get((UUID(message["account"]), message["kind"]), ()):
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(message["what"])

"""Tells within a second that a session has ended, whichever instance ended it: sockets must not outlive it.

One query each CHECK_S for all that are watched, and none when nobody watches. It needs no message to arrive.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from app.accounts.model import Viewer
from app.clock import Clock
from app.database import Database
from app.errors import Problem

log = logging.getLogger(__name__)

CHECK_S = 0.7
"""Within a second of the end (standards.md), the query included."""
OVERLAP = timedelta(seconds=60)
"""How long before the last look a session may have been ended and not have been seen: its transaction took its time, or
another instance's clock goes behind."""


@dataclass(frozen=True, kw_only=True)
class EndedSession:
    """A session that was revoked, and when."""

    session_id: UUID
    at: datetime


@dataclass(eq=False, kw_only=True)
class WatchedSession:
    """One device that wants to know: `ended` is set with its own session, `revoked` gets every one of the account."""

    account_id: UUID
    session_id: UUID
    since: datetime
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    revoked: "asyncio.Queue[EndedSession]" = field(default_factory=asyncio.Queue)
    _told: set[UUID] = field(default_factory=set)

    def tell(self, live: set[UUID], revoked: list[EndedSession]) -> None:
        """Passes on what is new."""
        for each in revoked:
            # Its own end is news however early: the session lived when the watch was asked for.
            is_news = each.at >= self.since or each.session_id == self.session_id
            if is_news and each.session_id not in self._told:
                self._told.add(each.session_id)
                self.revoked.put_nowait(each)
        if self.session_id not in live:
            self.ended.set()


class SessionWatch:
    """Watches the sessions behind open sockets."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._watched: set[WatchedSession] = set()
        self._newcomer = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._looked_at: datetime | None = None

    async def close(self) -> None:
        """Stops watching."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    @asynccontextmanager
    async def watching(self, viewer: Viewer) -> AsyncIterator[WatchedSession]:
        """Watches the viewer's session, and the others of the account, while inside."""
        watched = WatchedSession(account_id=viewer.account_id, session_id=viewer.session_id, since=self._clock.now())
        self._watched.add(watched)
        self._newcomer.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        try:
            yield watched
        finally:
            self._watched.discard(watched)

    async def look(self) -> None:
        """One look at all that are watched; raises Problem(BUSY) when the database is away."""
        watched, now = list(self._watched), self._clock.now()
        since = min(each.since for each in watched)
        if self._looked_at is not None:
            since = max(since, self._looked_at - OVERLAP)
        rows = await self._database.many(
            self._database.queries.sessions_watched,
            account_ids=list({each.account_id for each in watched}),
            session_ids=list({each.session_id for each in watched}),
            since=since,
            now=now,
        )
        self._looked_at = now
        live = {row["id"] for row in rows if row["revoked_at"] is None}
        for each in watched:
            each.tell(
                live,
                [
                    EndedSession(session_id=row["id"], at=row["revoked_at"])
                    for row in rows
                    if row["revoked_at"] is not None and row["account_id"] == each.account_id
                ],
            )

    async def _run(self) -> None:
        while self._watched:
            self._newcomer.clear()
            # A database that is away ends nothing: whatever the socket does next asks it again.
            with suppress(Problem):
                await self.look()
            # Whoever comes is looked at once: their session may have ended between its last use and now.
            with suppress(TimeoutError):
                async with asyncio.timeout(CHECK_S):
                    await self._newcomer.wait()

"""Everything that is held about a person, given out and removed (GDPR, articles 15, 17 and 20).

A deletion is one transaction: sessions, templates, identities, events for other systems and the audit log go with the
account, or all stay. What lies outside the database is removed right after it, and once more when nothing that had
begun before can still arrive (an upload by a signed URL, a photo being read): the account's id is noted until then, so
neither a crash nor a store that is away leaves a photo behind.

Three things stay: that an account of this id was deleted and when, in the audit log; the same told to other systems, so
that they can follow; and for 30 days the handle, so that nobody passes for its owner.
"""

import asyncio
import json
import logging
from contextlib import suppress
from datetime import timedelta
from functools import partial
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.accounts import letters
from app.accounts.limits import EXPORT_PER_ACCOUNT
from app.accounts.model import Origin, Viewer
from app.accounts.proofs import SensitiveDeed
from app.accounts.reauthentication import Reauthentication
from app.accounts.sessions import SessionService
from app.accounts.sightings import FORGOTTEN_AFTER
from app.audit import AuditEvent, AuditLog
from app.background import Post
from app.clock import Clock, rfc3339
from app.database import Database, Transaction
from app.errors import Code, Problem
from app.outbox import Outbox
from app.profiles.limits import HANDLE_HELD_FOR
from app.rate_limits import RateLimits
from app.storage import UPLOADS, ObjectStore, StorageError

log = logging.getLogger(__name__)

MOST_EVENTS = 10_000
"""So many audit events are exported; older ones can be read page by page."""
ACCOUNT_DELETED = "account_deleted"
"""The event for other systems."""
LINGER = timedelta(minutes=20)
"""Signed upload URLs live ten minutes, and what began in the last of them is over by then."""
SWEEP_EVERY_S = 300.0
_AVATARS = "avatars/"
_KEYS_AT_ONCE = 1000


class Erasure:
    """Exports accounts and deletes them."""

    def __init__(
        self,
        *,
        database: Database,
        redis: Redis,
        store: ObjectStore,
        sessions: SessionService,
        reauthentication: Reauthentication,
        audit: AuditLog,
        outbox: Outbox,
        limits: RateLimits,
        post: Post,
        clock: Clock,
    ) -> None:
        self._database = database
        self._queries = database.queries
        self._redis = redis
        self._store = store
        self._sessions = sessions
        self._reauthentication = reauthentication
        self._audit = audit
        self._outbox = outbox
        self._limits = limits
        self._post = post
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begins to look after what was deleted, in a task of its own."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stops; whoever comes next goes on."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def export(self, viewer: Viewer, *, origin: Origin) -> str:
        """JSON with everything held about the viewer; raises Problem: RATE_LIMITED, BUSY."""
        account_id = viewer.account_id
        await self._limits.spend(EXPORT_PER_ACCOUNT, str(account_id))
        await self._audit.record(AuditEvent.DATA_EXPORTED, account_id=account_id, origin=origin)
        held = await self._database.scalar(self._queries.account_export, account_id=account_id, most_events=MOST_EVENTS)
        objects = {
            "photos": [self._store.public_url(key) for key in await self._keys(_AVATARS, account_id)],
            "pendingUploads": await self._keys(UPLOADS, account_id),
        }
        whole = {"exportedAt": rfc3339(self._clock.now()), **held, **objects}
        return json.dumps(whole, indent=2, ensure_ascii=False)

    async def delete(
        self, viewer: Viewer, *, password: str | None = None, code: str | None = None, origin: Origin
    ) -> None:
        """Deletes the viewer's account and everything held about them.

        Raises Problem: FORBIDDEN without re-authentication, UNAUTHENTICATED when the session was ended meanwhile,
        RATE_LIMITED, BUSY.
        """
        await self._reauthentication.demand(
            viewer, SensitiveDeed.DELETE_ACCOUNT, password=password, code=code, origin=origin
        )
        await self._database.transact(partial(self._delete, viewer))
        log.info("account deleted account=%s", viewer.account_id)
        if viewer.email is not None:
            self._post.send(letters.account_deleted(viewer.email), account_id=viewer.account_id)
        await self._sweep(viewer.account_id)

    async def finish(self) -> None:
        """Removes what arrived after its account was deleted, and handles, links and devices whose time is over."""
        now = self._clock.now()
        for row in await self._database.many(self._queries.erasures_due, before=now - LINGER):
            if await self._sweep(row["account_id"]):
                await self._database.transact(partial(self._erase_events, row["account_id"]))
                await self._database.run(self._queries.erasure_done, account_id=row["account_id"])
        await self._database.run(self._queries.handle_holds_forget, now=now)
        await self._database.run(self._queries.mailed_links_forget, now=now)
        await self._database.run(self._queries.not_me_links_forget, now=now)
        await self._database.run(self._queries.sightings_forget, forgotten=now - FORGOTTEN_AFTER)

    async def _delete(self, viewer: Viewer, tx: Transaction) -> None:
        account_id, now = viewer.account_id, self._clock.now()
        # The profile before the account, as whoever awards a badge or changes a photo: nobody waits in a circle.
        handle = await tx.scalar(self._queries.profile_lock, account_id=account_id)
        await self._sessions.hold(tx, viewer)
        await self._erase_events(account_id, tx)
        await tx.run(self._queries.outbox_events_erase, account_id=account_id)
        await tx.run(
            self._queries.handle_hold_for_nobody, handle=handle, account_id=account_id, held_until=now + HANDLE_HELD_FOR
        )
        await tx.run(self._queries.account_delete, account_id=account_id)
        await tx.run(self._queries.erasure_add, account_id=account_id, now=now)
        await self._outbox.add(tx, ACCOUNT_DELETED, {"accountId": str(account_id)})
        await self._audit.record(AuditEvent.ACCOUNT_DELETED, account_id=account_id, tx=tx)

    async def _erase_events(self, account_id: UUID, tx: Transaction) -> None:
        await tx.scalar(self._queries.audit_events_open, account_id=account_id)
        await tx.run(self._queries.audit_events_erase, account_id=account_id)

    async def _sweep(self, account_id: UUID) -> bool:
        """Removes every object and every Redis key of the account; False when something was away."""
        try:
            for folder in (_AVATARS, UPLOADS):
                for key in await self._store.keys(f"{folder}{account_id}"):
                    await self._store.delete(key)
            async for key in self._redis.scan_iter(match=f"*{account_id}*", count=_KEYS_AT_ONCE):
                await self._redis.delete(key)
        except (StorageError, RedisError, OSError) as error:
            log.warning("leftovers of deleted account %s stay for now: %s", account_id, type(error).__name__)
            return False
        return True

    async def _keys(self, folder: str, account_id: UUID) -> list[str]:
        try:
            return sorted(await self._store.keys(f"{folder}{account_id}"))
        except StorageError as error:
            raise Problem(Code.BUSY, "The photo store does not answer. Try again shortly.", retry_after_s=5) from error

    async def _run(self) -> None:
        while True:
            try:
                await self.finish()
            except Problem as problem:
                log.warning("deleted accounts wait: %s", problem.detail)
            except Exception:
                log.exception("looking after deleted accounts failed")
            await asyncio.sleep(SWEEP_EVERY_S)

"""Profiles: changed by their owners, shown to others as far as their owners let them."""

import math
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from uuid import UUID

from app.accounts.handles import HandleReservations
from app.accounts.model import Origin, Viewer
from app.accounts.rules import MAX_CAMPUS_HANDLE_CHARS, MAX_HANDLE_CHARS
from app.audit import AuditEvent, AuditLog
from app.clock import Clock
from app.database import Database, Row, Transaction, UniqueViolation
from app.errors import Code, Problem
from app.metrics import Deed, Metrics, counted
from app.profiles.limits import (
    HANDLE_CHANGE_EVERY,
    HANDLE_LOOKUPS,
    PROFILE_LOOKUPS,
    UPDATE_PROFILE,
)
from app.profiles.model import UNSET, HandleAvailability, HandleRefusal, Profile, ProfilePatch, Skill
from app.profiles.patches import Change, judged
from app.profiles.patches import handle as judged_handle
from app.profiles.store import ProfileStore
from app.rate_limits import RateLimits


class ProfileService:
    """What an owner may change, and what others may see."""

    def __init__(
        self,
        *,
        database: Database,
        reservations: HandleReservations,
        audit: AuditLog,
        limits: RateLimits,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._database = database
        self._store = ProfileStore(queries=database.queries)
        self._reservations = reservations
        self._audit = audit
        self._limits = limits
        self._metrics = metrics
        self._clock = clock

    @counted(Deed.PROFILE_UPDATE)
    async def update(self, viewer: Viewer, patch: ProfilePatch, *, origin: Origin) -> Viewer:
        """Changes what the patch names, all of it or nothing, and gives back the account as it is then.

        Raises Problem: BAD_USER_INPUT with the field; CONFLICT on `handle` with suggestions; RATE_LIMITED, with reason
        HANDLE_CHANGED_RECENTLY where the handle was changed in the last 30 days: until then the only way is back.
        """
        change = judged(_news(patch, viewer), of_campus=_is_of_campus(viewer))
        if change == Change():
            return viewer
        await self._limits.spend(UPDATE_PROFILE, str(viewer.account_id))
        write = partial(self._write, viewer, change, origin)
        if change.handle is None:
            row = await self._database.transact(write)
        else:
            row = await self._claim(viewer, change.handle, write)
        return replace(viewer, **row)

    async def public(self, handle: str, viewer: Viewer | None, *, origin: Origin) -> Profile | None:
        """The profile as the viewer may see it; None when there is none, or it does not show itself to them.

        Raises Problem(RATE_LIMITED).
        """
        await self._limits.spend(PROFILE_LOOKUPS, _asker(viewer, origin))
        if not (len(handle) <= MAX_HANDLE_CHARS and handle.isascii() and handle.isprintable()):
            return None
        viewer_id = None if viewer is None else viewer.account_id
        account_id = await self._store.id_shown(self._database, handle.lower(), viewer_id=viewer_id)
        if account_id is None:
            return None
        return next(iter(await self._store.shown(self._database, [account_id], viewer_id=viewer_id)), None)

    async def handle_available(self, handle: str, viewer: Viewer | None, *, origin: Origin) -> HandleAvailability:
        """Whether the viewer, or somebody new, can have the handle; raises Problem: RATE_LIMITED, BUSY."""
        await self._limits.spend(HANDLE_LOOKUPS, _asker(viewer, origin))
        if viewer is not None and handle.lower() == viewer.handle:
            return HandleAvailability(available=True)
        try:
            wanted = judged_handle(handle, of_campus=_is_of_campus(viewer))
        except Problem as problem:
            blocked = problem.reason == "HANDLE_BLOCKED"
            return HandleAvailability(
                available=False, reason=HandleRefusal.BLOCKED if blocked else HandleRefusal.INVALID
            )
        reason = await self._standing(wanted, viewer)
        if reason is None:
            return HandleAvailability(available=True)
        conflict = await self._conflict(wanted, viewer)
        return HandleAvailability(available=False, reason=reason, suggestions=conflict.suggestions)

    async def skills(self, account_id: UUID) -> tuple[Skill, ...]:
        """The skills of an account, by name."""
        return await self._store.skills(self._database, account_id)

    async def _standing(self, handle: str, viewer: Viewer | None) -> HandleRefusal | None:
        account_id = None if viewer is None else viewer.account_id
        reason = await self._store.standing(self._database, handle, account_id=account_id, now=self._clock.now())
        if reason is None and await self._reservations.holder(handle) not in (None, account_id):
            return HandleRefusal.RESERVED
        return reason

    async def _claim(self, viewer: Viewer, handle: str, write: Callable[[Transaction], Awaitable[Row]]) -> Row:
        """Reserves the handle while it is written: of many who want it one writes, the others hear of other names."""
        async with self._reservations.reserved(handle, viewer.account_id, max_chars=_max_handle_chars(viewer)):
            try:
                return await self._database.transact(write)
            except UniqueViolation as error:
                raise await self._conflict(handle, viewer) from error

    async def _conflict(self, handle: str, viewer: Viewer | None) -> Problem:
        return await self._reservations.conflict(handle, field="handle", max_chars=_max_handle_chars(viewer))

    async def _write(self, viewer: Viewer, change: Change, origin: Origin, tx: Transaction) -> Row:
        now, account_id = self._clock.now(), viewer.account_id
        old = await self._store.lock(tx, account_id)
        await self._store.demand_session(tx, viewer, now=now)
        columns = dict(change.columns)
        handle = None if change.handle == old["handle"] else change.handle
        if handle is not None:
            await self._demand_turn(tx, account_id, handle, old["handle_changed_at"], now)
            columns |= {"handle": handle, "handle_changed_at": now.isoformat()}
        row = await self._store.patch(
            tx,
            account_id,
            changes=columns,
            status={**change.status, "updated_at": now.isoformat()} if change.status else {},
            privacy=change.privacy,
            now=now,
        )
        if handle is not None:
            await self._store.hold(tx, account_id, given_up=old["handle"], taken=handle, now=now)
            detail = {"from": old["handle"], "to": handle}
            await self._audit.record(
                AuditEvent.HANDLE_CHANGED, account_id=account_id, origin=origin, detail=detail, tx=tx
            )
        if change.skill_ids is not None:
            await self._store.replace_skills(tx, account_id, change.skill_ids)
        return row

    async def _demand_turn(
        self, tx: Transaction, account_id: UUID, handle: str, changed_at: datetime | None, now: datetime
    ) -> None:
        """Raises Problem(RATE_LIMITED) while a change is too recent for another; going back is no other."""
        if changed_at is None or now >= changed_at + HANDLE_CHANGE_EVERY:
            return
        if await self._store.holds(tx, account_id, handle=handle, now=now):
            return
        raise Problem(
            Code.RATE_LIMITED,
            f"A handle can be changed every {HANDLE_CHANGE_EVERY.days} days.",
            field="handle",
            reason="HANDLE_CHANGED_RECENTLY",
            retry_after_s=math.ceil((changed_at + HANDLE_CHANGE_EVERY - now).total_seconds()),
        )


def _news(patch: ProfilePatch, viewer: Viewer) -> ProfilePatch:
    """The patch without a handle and a name that are the viewer's already.

    They may be older than the rule they would break: a campus that was joined later has one of its own.
    """
    is_own_handle = isinstance(patch.handle, str) and patch.handle.lower() == viewer.handle
    is_own_name = patch.display_name == viewer.display_name
    return replace(
        patch,
        handle=UNSET if is_own_handle else patch.handle,
        display_name=UNSET if is_own_name else patch.display_name,
    )


def _asker(viewer: Viewer | None, origin: Origin) -> str:
    return origin.network if viewer is None else str(viewer.account_id)


def _is_of_campus(viewer: Viewer | None) -> bool:
    return viewer is not None and viewer.campus_id is not None


def _max_handle_chars(viewer: Viewer | None) -> int:
    return MAX_CAMPUS_HANDLE_CHARS if _is_of_campus(viewer) else MAX_HANDLE_CHARS

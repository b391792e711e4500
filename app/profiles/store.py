"""Profiles and their photo in PostgreSQL, and announced uploads in Redis."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.accounts.campuses import Campus
from app.accounts.model import Viewer
from app.accounts.sessions import session_ended
from app.database import Database, Row, Transaction
from app.errors import Code, Problem
from app.profiles.limits import HANDLE_HELD_FOR
from app.profiles.model import AnnouncedPhoto, ContactLink, HandleRefusal, Profile, Skill, Standing, Status
from app.profiles.personas import Availability, Persona
from app.profiles.rules import unknown_skill
from app.queries import Queries

Runner: TypeAlias = Database | Transaction


class ProfileStore:
    """Reads and writes profiles; `on` is the database or a transaction."""

    def __init__(self, *, queries: Queries) -> None:
        self._queries = queries

    async def lock(self, tx: Transaction, account_id: UUID) -> Row:
        """Holds the profile until the transaction ends, and gives its handle and when that was changed.

        Raises Problem(NOT_FOUND) when the account is gone.
        """
        row = await tx.one(self._queries.profile_locked, account_id=account_id)
        if row is None:
            raise _gone()
        return row

    async def demand_session(self, tx: Transaction, viewer: Viewer, *, now: datetime) -> None:
        """Raises Problem(UNAUTHENTICATED) where the viewer's session was ended since it asked; `lock` comes first."""
        if not await _lives(self._queries, tx, viewer, now=now):
            raise session_ended()

    async def patch(
        self,
        tx: Transaction,
        account_id: UUID,
        *,
        changes: Mapping[str, object],
        status: Mapping[str, object],
        privacy: Mapping[str, object],
        now: datetime,
    ) -> Row:
        """Writes the columns that `changes` names and the parts of status and privacy; gives the profile as it is now.

        `lock` comes first. The transaction raises UniqueViolation when a handle is taken, or held for somebody else.
        """
        row = await tx.one(
            self._queries.profile_patched,
            account_id=account_id,
            changes=dict(changes),
            status=dict(status),
            privacy=dict(privacy),
            now=now,
        )
        assert row is not None, "the profile is locked"
        return row

    async def holds(self, tx: Transaction, account_id: UUID, *, handle: str, now: datetime) -> bool:
        """Whether the handle is kept for this account, which had it before."""
        return bool(await tx.scalar(self._queries.handle_hold_is_own, handle=handle, account_id=account_id, now=now))

    async def hold(self, tx: Transaction, account_id: UUID, *, given_up: str, taken: str, now: datetime) -> None:
        """Keeps the handle that was given up for its former owner."""
        await tx.run(
            self._queries.handle_hold_move,
            account_id=account_id,
            given_up=given_up,
            taken=taken,
            held_until=now + HANDLE_HELD_FOR,
        )

    async def standing(
        self, on: Runner, handle: str, *, account_id: UUID | None, now: datetime
    ) -> HandleRefusal | None:
        """TAKEN, or HELD for another account than this, or None."""
        row = await on.one(self._queries.handle_standing, handle=handle, account_id=account_id, now=now)
        assert row is not None, "a select without a table gives a row"
        if row["is_taken"]:
            return HandleRefusal.TAKEN
        return HandleRefusal.HELD if row["is_held"] else None

    async def replace_skills(self, tx: Transaction, account_id: UUID, skill_ids: Sequence[UUID]) -> None:
        """Makes these the profile's skills; raises Problem: BAD_USER_INPUT (field `skillIds`), NOT_FOUND."""
        await self.lock(tx, account_id)
        known = await tx.scalar(self._queries.profile_skills_replace, account_id=account_id, skill_ids=list(skill_ids))
        if known < len(set(skill_ids)):
            raise unknown_skill()

    async def onboard(
        self,
        tx: Transaction,
        account_id: UUID,
        *,
        persona: Persona,
        campus_id: UUID | None,
        availability: Availability | None,
        now: datetime,
    ) -> Standing:
        """Writes the persona, a campus that is given, and an availability where there was none; `lock` comes first."""
        row = await tx.one(
            self._queries.profile_onboard,
            account_id=account_id,
            persona=persona,
            campus_id=campus_id,
            availability=availability,
            now=now,
        )
        assert row is not None, "the profile is locked"
        columns = dict(row)
        return Standing(joins_builders=columns.pop("joins_builders"), columns=columns)

    async def skills(self, on: Runner, account_id: UUID) -> tuple[Skill, ...]:
        """The profile's skills, by name."""
        rows = await on.many(self._queries.profile_skills_of, account_id=account_id)
        return tuple(Skill(id=row["id"], name=row["name"], category=row["category"]) for row in rows)

    async def id_shown(self, on: Runner, handle: str, *, viewer_id: UUID | None) -> UUID | None:
        """Whose profile this is; None when there is none, or it does not show itself to the viewer."""
        account_id: UUID | None = await on.scalar(self._queries.profile_id_shown, handle=handle, viewer_id=viewer_id)
        return account_id

    async def shown(self, on: Runner, account_ids: Sequence[UUID], *, viewer_id: UUID | None) -> list[Profile]:
        """The profiles in the order asked for, as the viewer may see them; one that has gone is left out."""
        rows = await on.many(self._queries.profiles_shown, account_ids=list(account_ids))
        found = {row["account_id"]: _profile(row, viewer_id) for row in rows}
        return [found[account_id] for account_id in account_ids if account_id in found]


class PhotoStore:
    """Reads and writes the photo of a profile, within the caller's transaction."""

    def __init__(self, *, queries: Queries) -> None:
        self._queries = queries

    async def lock_photo(self, tx: Transaction, account_id: UUID) -> str | None:
        """Holds the profile until the transaction ends, and gives the key of its photo, None without one.

        Raises Problem(NOT_FOUND) when the account is gone.
        """
        row = await tx.one(self._queries.profile_photo_locked, account_id=account_id)
        if row is None:
            raise _gone()
        key: str | None = row["avatar_key"]
        return key

    async def session_lives(self, tx: Transaction, viewer: Viewer, *, now: datetime) -> bool:
        """Whether the viewer's session was not ended since it asked; `lock_photo` comes first."""
        return await _lives(self._queries, tx, viewer, now=now)

    async def replace_photo(
        self, tx: Transaction, account_id: UUID, *, key: str, mime: str, findings: Sequence[str], now: datetime
    ) -> None:
        """Writes the new photo and what was found on it."""
        await tx.run(
            self._queries.profile_photo_replace,
            account_id=account_id,
            avatar_key=key,
            avatar_mime=mime,
            face_findings=list(findings),
            now=now,
        )


class UploadBook:
    """What was announced for each open upload; a line is forgotten after `kept_s`."""

    def __init__(self, *, redis: Redis, kept_s: int) -> None:
        self._redis = redis
        self._kept_s = kept_s

    async def announce(self, key: str, photo: AnnouncedPhoto) -> None:
        """Writes the line; raises Problem(BUSY) when Redis is away."""
        line = json.dumps({"mime": photo.mime, "length_bytes": photo.length_bytes})
        try:
            await self._redis.set(_name(key), line, ex=self._kept_s)
        except (RedisError, OSError) as error:
            raise _away() from error

    async def announced(self, key: str) -> AnnouncedPhoto | None:
        """The line, None when there was none or it was closed; raises Problem(BUSY) when Redis is away."""
        try:
            line = await self._redis.get(_name(key))
        except (RedisError, OSError) as error:
            raise _away() from error
        return None if line is None else AnnouncedPhoto(**json.loads(line))

    async def close(self, key: str) -> None:
        """Strikes the line out; left standing when Redis is away, it ends by itself."""
        try:
            await self._redis.delete(_name(key))
        except (RedisError, OSError):
            return


async def _lives(queries: Queries, tx: Transaction, viewer: Viewer, *, now: datetime) -> bool:
    return bool(await tx.scalar(queries.session_lives, session_id=viewer.session_id, now=now))


def _profile(row: Row, viewer_id: UUID | None) -> Profile:
    hides_status = row["is_ghost"] and row["account_id"] != viewer_id
    return Profile(
        account_id=row["account_id"],
        handle=row["handle"],
        display_name=row["display_name"],
        bio=row["bio"],
        headline=row["headline"],
        location=row["location"],
        timezone=row["timezone"],
        availability=row["availability"],
        persona=row["persona"],
        primary_role=row["primary_role"],
        primary_category=row["primary_category"],
        industry_role=row["industry_role"],
        company_name=row["company_name"],
        avatar_key=row["avatar_key"],
        verified_at=row["verified_at"],
        status=None if hides_status else Status.of(row["status"]),
        campus=(
            None
            if row["campus_id"] is None
            else Campus(id=row["campus_id"], name=row["campus_name"], domain=row["campus_domain"])
        ),
        contact_links=ContactLink.all_of(row["contact_links"]),
        skills=tuple(Skill(id=UUID(id_), name=name, category=category) for id_, name, category in row["skills"]),
    )


def _gone() -> Problem:
    return Problem(Code.NOT_FOUND, "This account no longer exists.")


def _name(key: str) -> str:
    return f"upload:{key}"


def _away() -> Problem:
    return Problem(Code.BUSY, "Uploads cannot be looked up right now. Try again shortly.", retry_after_s=5)

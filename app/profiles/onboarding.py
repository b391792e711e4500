"""Onboarding: a person chooses a persona and tells what that persona needs (sources A, B, C and E)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any, TypeVar
from uuid import UUID

from app.accounts.campuses import Campus, CampusService
from app.accounts.model import Viewer
from app.clock import Clock
from app.database import Database, Transaction
from app.errors import Code, Problem
from app.outbox import Outbox
from app.profiles.limits import COMPLETE_ONBOARDING
from app.profiles.model import UNSET, ProfilePatch, Unset
from app.profiles.patches import Change, judged
from app.profiles.personas import REQUIRED, REQUIRED_WITHOUT_PERSONA, Availability, Persona
from app.profiles.personas import availability as known_availability
from app.profiles.store import ProfileStore
from app.rate_limits import RateLimits

T = TypeVar("T")

BUILDER_JOINED = "builder_joined"

# Our names, and those that callers know where they differ by more than their spelling.
_FIELDS = MappingProxyType(
    {
        "display_name": "displayName",
        "primary_category": "primaryCategory",
        "location": "location",
        "industry_role": "industryRole",
        "company_name": "companyName",
        "headline": "headline",
        "primary_role": "primaryRole",
        "timezone": "timezone",
        "availability": "availabilityStatus",
        "skill_ids": "skillIds",
        "campus_id": "campusId",
    }
)


@dataclass(frozen=True, kw_only=True)
class OnboardingInput:
    """What a person tells at onboarding; None is not told. Without a persona it is source C's, for builders."""

    persona: Persona | None = None
    display_name: str | None = None
    headline: str | None = None
    primary_role: str | None = None
    timezone: str | None = None
    availability_status: str | None = None
    skill_ids: tuple[str, ...] | None = None
    primary_category: str | None = None
    location: str | None = None
    industry_role: str | None = None
    company_name: str | None = None
    campus_id: str | None = None

    @property
    def patch(self) -> ProfilePatch:
        """The part of it that anybody may change later, too; raises Problem(BAD_USER_INPUT) on `availabilityStatus`."""
        status = self.availability_status
        return ProfilePatch(
            display_name=_told(self.display_name),
            headline=_told(self.headline),
            primary_role=_told(self.primary_role),
            timezone=_told(self.timezone),
            availability=_told(status and known_availability(status, field="availabilityStatus")),
            skill_ids=_told(self.skill_ids),
            primary_category=_told(self.primary_category),
            location=_told(self.location),
            industry_role=_told(self.industry_role),
            company_name=_told(self.company_name),
        )


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What one onboarding writes."""

    persona: Persona
    change: Change
    campus: Campus | None = None
    required: tuple[str, ...] = ()
    availability: Availability | None = None
    """What stands where nothing was ever told."""


class Onboarding:
    """Completes an onboarding; doing it again changes the persona and its fields, and joins nobody twice."""

    def __init__(
        self,
        *,
        database: Database,
        campuses: CampusService,
        outbox: Outbox,
        limits: RateLimits,
        clock: Clock,
    ) -> None:
        self._database = database
        self._store = ProfileStore(queries=database.queries)
        self._campuses = campuses
        self._outbox = outbox
        self._limits = limits
        self._clock = clock

    async def complete(
        self, viewer: Viewer, told: OnboardingInput | None, *, primary_role: str | None = None
    ) -> Viewer:
        """The account as it is then. All is written, or nothing.

        `primary_role` alone, or nothing at all, is source E's way: a builder who tells the rest in settings. Raises
        Problem: BAD_USER_INPUT with the field, and REQUIRED as reason for one that the persona needs; RATE_LIMITED.
        """
        plan = await self._plan(viewer, told, primary_role)
        await self._limits.spend(COMPLETE_ONBOARDING, str(viewer.account_id))
        row = await self._database.transact(partial(self._write, viewer, plan))
        return replace(viewer, **row)

    async def _plan(self, viewer: Viewer, told: OnboardingInput | None, primary_role: str | None) -> _Plan:
        of_campus = viewer.campus_id is not None
        if told is None:
            patch = ProfilePatch(primary_role=UNSET if primary_role is None else primary_role)
            return _Plan(persona=Persona.BUILDER, change=judged(patch, of_campus=of_campus))
        if primary_role is not None:
            if told.primary_role is not None:
                raise _refused("primaryRole", "Give the role once: in the input or beside it.")
            told = replace(told, primary_role=primary_role)
        campus = None
        if told.campus_id is not None:
            campus = await self._proved_campus(viewer, told.campus_id)
        elif told.persona is Persona.STUDENT and viewer.campus_id is not None:
            _demand_proved(viewer)
        return _Plan(
            persona=told.persona or Persona.BUILDER,
            change=judged(told.patch, of_campus=of_campus),
            campus=campus,
            required=REQUIRED_WITHOUT_PERSONA if told.persona is None else REQUIRED[told.persona],
            availability=Availability.JUST_BROWSING if told.persona is None else None,
        )

    async def _proved_campus(self, viewer: Viewer, campus_id: str) -> Campus:
        """The campus; raises Problem unless the person's address is of it, and proved: anybody could claim one."""
        return await self._campuses.of_address(campus_id, _demand_proved(viewer))

    async def _write(self, viewer: Viewer, plan: _Plan, tx: Transaction) -> dict[str, Any]:
        now, account_id = self._clock.now(), viewer.account_id
        await self._store.lock(tx, account_id)
        await self._store.demand_session(tx, viewer, now=now)
        if plan.campus is not None:
            await self._campuses.keep(tx, plan.campus)
        if plan.change.skill_ids is not None:
            await self._store.replace_skills(tx, account_id, plan.change.skill_ids)
        row = await self._store.patch(tx, account_id, changes=plan.change.columns, status={}, privacy={}, now=now)
        skills = [skill.name for skill in await self._store.skills(tx, account_id)]
        standing = await self._store.onboard(
            tx,
            account_id,
            persona=plan.persona,
            campus_id=None if plan.campus is None else plan.campus.id,
            availability=plan.availability,
            now=now,
        )
        profile = {**row, **standing.columns}
        _demand_all(plan.required, {**profile, "skill_ids": skills})
        if standing.joins_builders:
            await self._outbox.add(tx, BUILDER_JOINED, _introduction(account_id, profile, skills))
        return profile


def _demand_proved(viewer: Viewer) -> str:
    """The person's address, when they have proved it; raises Problem(BAD_USER_INPUT, field `campusId`)."""
    if viewer.email is None or viewer.email_verified_at is None:
        detail = "Confirm your address at the campus first."
        raise Problem(Code.BAD_USER_INPUT, detail, field="campusId", reason="EMAIL_NOT_PROVED")
    return viewer.email


def _demand_all(required: Sequence[str], profile: Mapping[str, object]) -> None:
    """Raises Problem(BAD_USER_INPUT) on the first that is missing, and names them all."""
    missing = [_FIELDS[name] for name in required if not profile[name]]
    if missing:
        detail = f"This persona also needs {', '.join(missing)}."
        raise Problem(Code.BAD_USER_INPUT, detail, field=missing[0], reason="REQUIRED")


def _introduction(account_id: UUID, profile: Mapping[str, Any], skills: Sequence[str]) -> dict[str, object]:
    """What other systems are told of a builder: what their profile shows, and whether it shows itself."""
    return {
        "accountId": str(account_id),
        "handle": profile["handle"],
        "displayName": profile["display_name"],
        "headline": profile["headline"],
        "primaryRole": profile["primary_role"],
        "skills": list(skills),
        "visibility": profile["privacy"]["visibility"],
        "ghostMode": profile["privacy"]["ghost_mode"],
    }


def _told(value: T | None) -> T | Unset:
    return UNSET if value is None else value


def _refused(field: str, detail: str) -> Problem:
    return Problem(Code.BAD_USER_INPUT, detail, field=field)

"""Who a person is here (a persona), and what each persona tells about itself; pure."""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from zoneinfo import available_timezones

from app.errors import Code, Problem


class Persona(StrEnum):
    """What brings a person here (sources A, B and C)."""

    TALENT = "TALENT"
    PRODUCER = "PRODUCER"
    AGENCY = "AGENCY"
    BUILDER = "BUILDER"
    STUDENT = "STUDENT"


class PrimaryRole(StrEnum):
    """What a builder mainly does (source C)."""

    ENGINEER = "engineer"
    DESIGNER = "designer"
    PM = "pm"
    MARKETER = "marketer"
    GROWTH = "growth"
    FOUNDER = "founder"
    OTHER = "other"


class Availability(StrEnum):
    """What a builder is open to (source C)."""

    OPEN_TO_TRIBE = "open_to_tribe"
    AVAILABLE_FOR_PROJECTS = "available_for_projects"
    JUST_BROWSING = "just_browsing"


REQUIRED: Mapping[Persona, tuple[str, ...]] = MappingProxyType(
    {
        Persona.TALENT: ("display_name", "primary_category", "location"),
        Persona.PRODUCER: ("industry_role", "company_name"),
        Persona.AGENCY: ("company_name", "location"),
        Persona.BUILDER: ("headline", "primary_role", "skill_ids", "timezone", "availability"),
        Persona.STUDENT: ("campus_id",),
    }
)
"""What a persona must have told before its onboarding is complete."""

REQUIRED_WITHOUT_PERSONA = ("display_name", "primary_role", "timezone")
"""Source C knows builders only and lets them leave the rest for later."""

# Source E's first screen; where it has no word of C's for it, the person is an "other".
_LABELS_OF_E = MappingProxyType(
    {
        "code": PrimaryRole.ENGINEER,
        "design": PrimaryRole.DESIGNER,
        "product": PrimaryRole.PM,
        "growth": PrimaryRole.GROWTH,
        "operations": PrimaryRole.OTHER,
        "other": PrimaryRole.OTHER,
    }
)
_NO_PLACES = frozenset({"Factory", "localtime", "posixrules"})


def primary_role(given: str) -> PrimaryRole:
    """The role, by C's value or E's label; raises Problem(BAD_USER_INPUT, field `primaryRole`)."""
    word = given.lower()
    if word in _LABELS_OF_E:
        return _LABELS_OF_E[word]
    if word in set(PrimaryRole):
        return PrimaryRole(word)
    raise _refused("primaryRole", f"Choose one of {', '.join(PrimaryRole)}.")


def availability(given: str, *, field: str = "availability") -> Availability:
    """The availability; raises Problem(BAD_USER_INPUT) naming `field`."""
    if given.lower() not in set(Availability):
        raise _refused(field, f"Choose one of {', '.join(Availability)}.")
    return Availability(given.lower())


def timezone(given: str) -> str:
    """The name of a zone in the IANA database; raises Problem(BAD_USER_INPUT, field `timezone`)."""
    if given not in _known_timezones():
        raise _refused("timezone", "Use the name of an IANA time zone, for example Europe/Lisbon.")
    return given


@cache
def _known_timezones() -> frozenset[str]:
    return frozenset(available_timezones() - _NO_PLACES)


def _refused(field: str, detail: str) -> Problem:
    return Problem(Code.BAD_USER_INPUT, detail, field=field)

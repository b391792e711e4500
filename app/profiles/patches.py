"""Judges what somebody wants to change about their profile; pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar
from uuid import UUID

from app.accounts.rules import normalised_campus_handle, normalised_display_name, normalised_handle, single_line
from app.errors import Code, Problem
from app.profiles import personas, rules
from app.profiles.model import UNSET, ProfilePatch, Text, Unset

T = TypeVar("T")

# Fields of one line of text: the name that callers know, and the most characters.
_LINES: Mapping[str, tuple[str, int]] = MappingProxyType(
    {
        "headline": ("headline", rules.MAX_HEADLINE_CHARS),
        "location": ("location", rules.MAX_LOCATION_CHARS),
        "primary_category": ("primaryCategory", rules.MAX_CATEGORY_CHARS),
        "industry_role": ("industryRole", rules.MAX_CATEGORY_CHARS),
        "company_name": ("companyName", rules.MAX_COMPANY_CHARS),
    }
)
# Fields whose words are given, or nothing: None is no word.
_WORDS = MappingProxyType(
    {
        "timezone": personas.timezone,
        "availability": personas.availability,
        "primary_role": personas.primary_role,
    }
)
_NO_STATUS = MappingProxyType({"text": "", "emoji": ""})


@dataclass(frozen=True, kw_only=True)
class Change:
    """A patch whose values may stand: columns of the profile, and what lies elsewhere or needs more than its value."""

    columns: Mapping[str, object] = field(default_factory=dict)
    status: Mapping[str, str] = field(default_factory=dict)
    privacy: Mapping[str, str | bool] = field(default_factory=dict)
    skill_ids: tuple[UUID, ...] | None = None
    handle: str | None = None


def judged(patch: ProfilePatch, *, of_campus: bool) -> Change:
    """The change that the patch asks for; raises Problem(BAD_USER_INPUT) naming the field and its rule.

    None empties a text, a list, a status; there is no account without a name, a handle or a privacy.
    """
    columns: dict[str, object] = {}
    if patch.display_name is not UNSET:
        name = _demanded(patch.display_name, field="displayName")
        columns["display_name"] = normalised_display_name(name, of_campus=of_campus)
    if patch.bio is not UNSET:
        columns["bio"] = rules.bio(patch.bio or "")
    for column, (name, max_chars) in _LINES.items():
        line: Text = getattr(patch, column)
        if not isinstance(line, Unset):
            columns[column] = single_line(line or "", field=name, max_chars=max_chars)
    for column, rule in _WORDS.items():
        word: Text = getattr(patch, column)
        if not isinstance(word, Unset):
            columns[column] = rule(word) if word else None
    if patch.contact_links is not UNSET:
        columns["contact_links"] = rules.contact_links(patch.contact_links or ())
    return Change(
        columns=columns,
        status={} if patch.status is UNSET else rules.status(_NO_STATUS if patch.status is None else patch.status),
        privacy={} if patch.privacy is UNSET else rules.privacy(_demanded(patch.privacy, field="privacy")),
        skill_ids=None if patch.skill_ids is UNSET else rules.skill_ids(patch.skill_ids or ()),
        handle=None if patch.handle is UNSET else handle(_demanded(patch.handle, field="handle"), of_campus=of_campus),
    )


def handle(given: str, *, of_campus: bool) -> str:
    """The handle in lower case; raises Problem(BAD_USER_INPUT, field `handle`)."""
    return normalised_campus_handle(given) if of_campus else normalised_handle(given)


def _demanded(value: T | None, *, field: str) -> T:
    if value is None:
        raise Problem(Code.BAD_USER_INPUT, "This cannot be empty.", field=field)
    return value

"""Onboarding: a persona and its fields, written together or not at all."""

import asyncio
import json
from typing import Any

import asyncpg
import pytest

from app.accounts.model import Origin
from app.wiring import Services
from tests.serving import LOGIN, PASSWORD, Visitor

COMPLETE = (
    "mutation ($input: OnboardingInput, $role: String) { completeOnboarding(input: $input, primaryRole: $role) "
    "{ persona onboardedAt displayName headline primaryRole timezone availability location primaryCategory "
    "industryRole companyName skills { name } campus { domain } } }"
)
TALENT = {"persona": "TALENT", "displayName": "Ada", "primaryCategory": "Actor", "location": "Lisbon"}
PRODUCER = {"persona": "PRODUCER", "industryRole": "Casting director", "companyName": "Analytical Engines"}
AGENCY = {"persona": "AGENCY", "companyName": "Analytical Engines", "location": "London"}


@pytest.fixture
async def ada(visitor: Visitor) -> Visitor:
    await visitor.signup("ada")
    return visitor


async def completed(visitor: Visitor, told: dict[str, Any] | None, role: str | None = None) -> dict[str, Any]:
    account: dict[str, Any] = (await visitor.data(COMPLETE, {"input": told, "role": role}))["completeOnboarding"]
    return account


async def builder(visitor: Visitor, **changed: Any) -> dict[str, Any]:
    """All that a builder must tell."""
    skills = (await visitor.data('{ skills(search: "python") { id } }'))["skills"]
    told = {
        "persona": "BUILDER",
        "headline": "I make engines think",
        "primaryRole": "engineer",
        "skillIds": [skills[0]["id"]],
        "timezone": "Europe/Lisbon",
        "availabilityStatus": "available_for_projects",
    }
    return {**told, **changed}


async def events(services: Services) -> list[dict[str, Any]]:
    connection = await asyncpg.connect((services.settings.database_url or "").replace("+asyncpg", "", 1))
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=str, decoder=json.loads)
    rows = await connection.fetch("select payload from outbox_events where event = 'builder_joined'")
    await connection.close()
    return [row["payload"] for row in rows]


@pytest.mark.parametrize("told", [TALENT, PRODUCER, AGENCY])
async def test_a_persona_with_its_fields_is_onboarded(ada: Visitor, services: Services, told: dict[str, str]) -> None:
    """A person who told everything would be asked again at each visit."""
    account = await completed(ada, told)
    assert {name: account[name] for name in told} == told
    assert account["onboardedAt"] is not None
    assert await events(services) == []


@pytest.mark.parametrize("told", [TALENT, PRODUCER, AGENCY])
async def test_a_missing_field_is_named_and_nothing_is_written(ada: Visitor, told: dict[str, str]) -> None:
    """A half-written persona would look complete to nobody, and be lost at the next try."""
    for name in told:
        if name in ("persona", "displayName"):  # every account has a name
            continue
        lacking = {key: value for key, value in told.items() if key != name}
        for given in (lacking, {**lacking, name: None}, {**lacking, name: "  "}):
            refusal = await ada.refusal(COMPLETE, {"input": given})
            assert refusal == {"code": "BAD_USER_INPUT", "field": name, "reason": "REQUIRED"}
    me = (await ada.data("{ me { persona onboardedAt location companyName } }"))["me"]
    assert me == {"persona": None, "onboardedAt": None, "location": "", "companyName": ""}


async def test_a_builder_tells_five_things_and_is_announced_once(ada: Visitor, services: Services) -> None:
    """Other systems would not hear of a builder, or hear of one at every change."""
    account = await completed(ada, await builder(ada))
    assert account["skills"] == [{"name": "Python"}]
    assert account["availability"] == "available_for_projects"
    (event,) = await events(services)
    assert event["handle"] == "ada"
    assert event["primaryRole"] == "engineer"
    assert event["skills"] == ["Python"]
    await completed(ada, await builder(ada, headline="Still"))
    await completed(ada, TALENT)
    await completed(ada, await builder(ada))
    assert len(await events(services)) == 1


async def test_other_systems_hear_who_does_not_want_to_be_found(ada: Visitor, services: Services) -> None:
    """A person in ghost mode would be put into somebody else's list of newcomers."""
    await ada.data("mutation { updateProfile(input: { privacy: { ghostMode: true } }) { id } }")
    await completed(ada, await builder(ada))
    (event,) = await events(services)
    assert (event["visibility"], event["ghostMode"]) == ("everyone", True)


@pytest.mark.parametrize("name", ["headline", "primaryRole", "skillIds", "timezone", "availabilityStatus"])
async def test_a_builder_who_leaves_something_out_is_asked_for_it(ada: Visitor, services: Services, name: str) -> None:
    """Profiles of builders would have holes where people search."""
    told = await builder(ada)
    del told[name]
    refusal = await ada.refusal(COMPLETE, {"input": told})
    assert (refusal["field"], refusal["reason"]) == (name, "REQUIRED")
    assert await events(services) == []


async def test_what_was_told_before_counts(ada: Visitor) -> None:
    """A person who comes back to onboarding would have to type everything again."""
    await completed(ada, await builder(ada))
    again = await completed(ada, {"persona": "BUILDER", "headline": "New words"})
    assert (again["headline"], again["timezone"]) == ("New words", "Europe/Lisbon")


async def test_source_cs_input_has_no_persona_and_needs_three_fields(ada: Visitor, services: Services) -> None:
    """Clients written for source C would be refused."""
    told = {"displayName": "Ada", "primaryRole": "founder", "timezone": "Africa/Nairobi"}
    account = await completed(ada, told)
    assert (account["persona"], account["availability"]) == ("BUILDER", "just_browsing")
    assert len(await events(services)) == 1
    del told["timezone"]
    await ada.data("mutation { updateProfile(input: {timezone: null}) { id } }")
    assert (await ada.refusal(COMPLETE, {"input": told}))["field"] == "timezone"


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("code", "engineer"),
        ("Design", "designer"),
        ("product", "pm"),
        ("growth", "growth"),
        ("operations", "other"),
        ("other", "other"),
        ("founder", "founder"),
        (None, None),
    ],
)
async def test_source_es_labels_become_roles(ada: Visitor, given: str | None, stored: str | None) -> None:
    """Whoever chose a star on the first screen would have no role."""
    account = await completed(ada, None, given)
    assert (account["persona"], account["primaryRole"]) == ("BUILDER", stored)
    assert account["onboardedAt"] is not None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("primaryRole", "wizard"),
        ("primaryRole", "engineer; drop table profiles"),
        ("timezone", "Mars/Olympus"),
        ("timezone", "../../etc/passwd"),
        ("timezone", "europe/lisbon\u200b"),
        ("availabilityStatus", "always"),
        ("headline", "x" * 201),
        ("headline", "turned \u202e round"),
        ("headline", "two\nlines"),
        ("skillIds", ["not-an-id"]),
        ("skillIds", ["018f0000-0000-7000-8000-000000000000"]),
        ("campusId", "018f0000-0000-7000-8000-000000000000"),
        ("displayName", ""),
        ("displayName", "\u200b"),
    ],
)
async def test_a_bad_value_is_refused_by_its_name(ada: Visitor, services: Services, field: str, value: Any) -> None:
    """The person would not know which of ten fields to change."""
    refusal = await ada.refusal(COMPLETE, {"input": await builder(ada, **{field: value})})
    assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", field)
    assert (await ada.data("{ me { onboardedAt } }"))["me"]["onboardedAt"] is None
    assert await events(services) == []


async def test_the_role_is_given_once(ada: Visitor) -> None:
    """Two roles would leave it to chance which one counts."""
    refusal = await ada.refusal(COMPLETE, {"input": await builder(ada), "role": "design"})
    assert refusal["field"] == "primaryRole"


async def test_a_campus_takes_a_proved_address_of_its_own(ada: Visitor, services: Services) -> None:
    """Anybody could say that they study anywhere."""
    campus = await services.campuses.add(name="Example University", domain="example.org")
    other = await services.campuses.add(name="Another University", domain="example.edu")
    told = {"persona": "STUDENT", "campusId": str(campus.id)}
    assert (await ada.refusal(COMPLETE, {"input": told}))["reason"] == "EMAIL_NOT_PROVED"
    connection = await asyncpg.connect((services.settings.database_url or "").replace("+asyncpg", "", 1))
    await connection.execute("update accounts set email_verified_at = now()")
    await connection.close()
    assert (await ada.refusal(COMPLETE, {"input": {**told, "campusId": str(other.id)}}))[
        "reason"
    ] == "EMAIL_NOT_OF_CAMPUS"
    assert (await ada.refusal(COMPLETE, {"input": {"persona": "STUDENT"}}))["reason"] == "REQUIRED"
    assert (await completed(ada, told))["campus"] == {"domain": "example.org"}


async def test_registering_at_a_campus_makes_nobody_a_student_before_the_proof(
    visitor: Visitor, services: Services
) -> None:
    """Anybody could be shown as a student of a campus with an address that is not theirs."""
    campus = await services.campuses.add(name="Example University", domain="example.org")
    await services.registration.register(
        email="eve@example.org",
        password=PASSWORD,
        handle="eve",
        display_name="Eve",
        campus_id=campus.id,
        origin=Origin(ip="192.0.2.9"),
    )
    visitor.access_token = (await visitor.data(LOGIN, {"email": "eve@example.org", "password": PASSWORD}))["login"][
        "accessToken"
    ]
    refusal = await visitor.refusal(COMPLETE, {"input": {"persona": "STUDENT"}})
    assert (refusal["field"], refusal["reason"]) == ("campusId", "EMAIL_NOT_PROVED")


async def test_ten_completions_at_once_announce_once(ada: Visitor, services: Services) -> None:
    """A double click would announce the same builder twice."""
    told = await builder(ada)
    await asyncio.gather(*(completed(ada, told) for _ in range(10)))
    assert len(await events(services)) == 1


async def test_signed_out_people_have_no_persona(visitor: Visitor) -> None:
    """Somebody else's onboarding could be completed."""
    assert (await visitor.refusal(COMPLETE, {"input": TALENT}))["code"] == "UNAUTHENTICATED"

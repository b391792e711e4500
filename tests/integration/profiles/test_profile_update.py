"""Changing one's own profile."""

import asyncio
from typing import Any

import asyncpg
import pytest

from tests.fakes import FixedClock
from tests.serving import Visitor

UPDATE = """
mutation ($input: ProfileInput!) {
  updateProfile(input: $input) {
    handle displayName bio headline location timezone availability primaryRole primaryCategory industryRole companyName
    contactLinks { kind url } status { text emoji updatedAt } privacy { visibility ghostMode } skills { name }
  }
}
"""
MINE = """
{ me {
    handle displayName bio headline location timezone availability primaryRole primaryCategory industryRole companyName
    contactLinks { kind url } status { text emoji updatedAt } privacy { visibility ghostMode } skills { name }
    persona campus { id } onboardedAt
} }
"""
SKILLS = "query ($search: String) { skills(search: $search) { id name category } }"


@pytest.fixture
async def ada(visitor: Visitor) -> Visitor:
    await visitor.signup("ada")
    return visitor


async def changed(visitor: Visitor, **fields: Any) -> dict[str, Any]:
    """The profile after the change."""
    profile: dict[str, Any] = (await visitor.data(UPDATE, {"input": fields}))["updateProfile"]
    return profile


async def mine(visitor: Visitor) -> dict[str, Any]:
    profile: dict[str, Any] = (await visitor.data(MINE))["me"]
    return profile


async def refused(visitor: Visitor, **fields: Any) -> dict[str, Any]:
    return await visitor.refusal(UPDATE, {"input": fields})


async def skill_id(visitor: Visitor, name: str) -> str:
    found = (await visitor.data(SKILLS, {"search": name}))["skills"]
    (id_,) = (skill["id"] for skill in found if skill["name"] == name)
    return str(id_)


async def test_a_new_profile_is_empty_and_open(ada: Visitor) -> None:
    """A new person would start with somebody's leftovers, or hidden without knowing it."""
    assert await mine(ada) == {
        "handle": "ada",
        "displayName": "Ada",
        "bio": "",
        "headline": "",
        "location": "",
        "timezone": None,
        "availability": None,
        "primaryRole": None,
        "primaryCategory": "",
        "industryRole": "",
        "companyName": "",
        "contactLinks": [],
        "status": {"text": "", "emoji": "", "updatedAt": None},
        "privacy": {"visibility": "EVERYONE", "ghostMode": False},
        "skills": [],
        "persona": None,
        "campus": None,
        "onboardedAt": None,
    }


async def test_every_field_is_kept_as_it_was_given(ada: Visitor, clock: FixedClock) -> None:
    """People would fill in a form and find half of it gone."""
    python, acting = await skill_id(ada, "Python"), await skill_id(ada, "Acting")
    given = {
        "displayName": " Ada <b>Lovelace</b> ",
        "bio": "First line\nSecond'); drop table profiles; --",
        "headline": "Poetical science \U0001f9ee",
        "location": "Zu\u0308rich",
        "timezone": "Europe/Zurich",
        "availability": "open_to_tribe",
        "primaryRole": "engineer",
        "primaryCategory": "Writing",
        "industryRole": "Casting",
        "companyName": "Müller & Söhne",
        "contactLinks": [
            {"kind": "web", "url": "https://example.org/~ada"},
            {"kind": "email", "url": "mailto:ada@example.org"},
        ],
        "skillIds": [python, acting],
        "status": {"text": "Computing", "emoji": "👩‍🚀"},
        "privacy": {"visibility": "FRIENDS", "ghostMode": True},
    }
    after = await changed(ada, **given)
    expected = {
        **{name: given[name] for name in given if name not in ("skillIds", "status", "contactLinks")},
        "handle": "ada",
        "displayName": "Ada <b>Lovelace</b>",
        "location": "Zürich",
        "contactLinks": sorted(given["contactLinks"], key=lambda link: link["kind"]),  # type: ignore[arg-type, index]
        "skills": [{"name": "Acting"}, {"name": "Python"}],
        "status": {"text": "Computing", "emoji": "👩‍🚀", "updatedAt": "2026-11-20T12:00:00.000Z"},
    }
    assert after == expected
    assert expected.items() <= (await mine(ada)).items()


async def test_only_what_is_given_changes(ada: Visitor, clock: FixedClock) -> None:
    """Saving the status would wipe the bio, or hiding would forget the ghost."""
    await changed(ada, bio="Hello", headline="Poet", status={"text": "Out", "emoji": "✈️"}, privacy={"ghostMode": True})
    before = await mine(ada)
    clock.advance(60)
    after = await changed(ada, status={"emoji": "🏠"}, privacy={"visibility": "NONE"})
    assert after["status"] == {"text": "Out", "emoji": "🏠", "updatedAt": "2026-11-20T12:01:00.000Z"}
    assert after["privacy"] == {"visibility": "NONE", "ghostMode": True}
    assert {**after, "status": None, "privacy": None} == {
        **{name: before[name] for name in after},
        "status": None,
        "privacy": None,
    }
    assert (await changed(ada, bio="Bye"))["status"]["updatedAt"] == "2026-11-20T12:01:00.000Z"


async def test_null_takes_back(ada: Visitor) -> None:
    """What a person once told could never be withdrawn."""
    python = await skill_id(ada, "Python")
    await changed(ada, bio="Hello", timezone="Europe/Zurich", skillIds=[python], status={"text": "Out"})
    after = await changed(ada, bio=None, timezone=None, skillIds=None, status=None)
    assert (after["bio"], after["timezone"], after["skills"], after["status"]["text"]) == ("", None, [], "")


async def test_parts_that_are_left_out_stay_even_when_all_are(ada: Visitor) -> None:
    """A client that sends only what its form changed would wipe a status that nobody touched."""
    before = (await changed(ada, status={"text": "Out", "emoji": "🏠"}, privacy={"ghostMode": True}))["status"]
    after = await changed(ada, status={}, privacy={})
    assert (after["status"], after["privacy"]["ghostMode"]) == (before, True)


async def test_nothing_of_a_bad_change_is_kept(ada: Visitor) -> None:
    """A form that was refused would be half saved."""
    python = await skill_id(ada, "Python")
    nobodys = python[:-12] + "0" * 12
    before = await mine(ada)
    assert (await refused(ada, bio="New", headline="x" * 201))["field"] == "headline"
    assert await refused(ada, bio="New", handle="lovelace", skillIds=[python, nobodys]) == {
        "code": "BAD_USER_INPUT",
        "field": "skillIds",
        "reason": "SKILL_UNKNOWN",
    }
    assert await mine(ada) == before


async def test_an_empty_change_changes_nothing(ada: Visitor, clock: FixedClock, database_url: str) -> None:
    """A save without a change would look like one to whoever follows the profile."""
    sql = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    before = await sql.fetchrow("select * from profiles")
    clock.advance(60)
    assert (await changed(ada))["displayName"] == "Ada"
    assert await sql.fetchrow("select * from profiles") == before
    await sql.close()


async def test_parallel_changes_of_different_fields_all_stand(ada: Visitor) -> None:
    """Two open tabs would undo each other's work."""
    fields: list[dict[str, Any]] = [
        {"bio": "b"},
        {"headline": "h"},
        {"location": "l"},
        {"status": {"text": "t"}},
        {"status": {"emoji": "😀"}},
        {"privacy": {"ghostMode": True}},
        {"privacy": {"visibility": "NONE"}},
        {"companyName": "c"},
    ]
    await asyncio.gather(*(changed(ada, **each) for each in fields * 6))
    after = await mine(ada)
    assert (after["bio"], after["headline"], after["location"], after["companyName"]) == ("b", "h", "l", "c")
    assert (after["status"]["text"], after["status"]["emoji"]) == ("t", "😀")
    assert after["privacy"] == {"visibility": "NONE", "ghostMode": True}


async def test_parallel_choices_of_skills_end_in_one_of_them(ada: Visitor, database_url: str) -> None:
    """A profile would show skills that nobody chose together, or be found for ones it does not have."""
    choices = [[await skill_id(ada, name) for name in names] for names in (("Python", "Go"), ("Acting",), ())]
    await asyncio.gather(*(changed(ada, skillIds=choice) for choice in choices * 16))
    names = [skill["name"] for skill in (await mine(ada))["skills"]]
    assert names in (["Go", "Python"], ["Acting"], [])
    sql = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    assert await sql.fetchval("select skill_names from profiles") == " ".join(names)
    await sql.close()


async def test_nobody_changes_a_profile_signed_out(visitor: Visitor) -> None:
    """Anyone could write what they liked under somebody's name."""
    assert (await refused(visitor, bio="x"))["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    "given",
    [
        None,
        [],
        "text",
        {"bio": 5},
        {"bio": ["x"]},
        {"privacy": {"visibility": "everyone"}},
        {"privacy": {"ghostMode": "true"}},
        {"status": "Out"},
        {"contactLinks": {"web": "https://example.org"}},
        {"contactLinks": [{"kind": "web"}]},
        {"contactLinks": [None]},
        {"skillIds": [None]},
        {"shoeSize": 42},
    ],
)
async def test_values_of_another_type(ada: Visitor, given: Any) -> None:
    """A client's mistake would be answered with an internal error, or stored."""
    assert (await ada.refusal(UPDATE, {"input": given}))["code"] == "BAD_USER_INPUT"


async def test_the_taxonomy_is_searched(visitor: Visitor) -> None:
    """People could not find the skill they have among all the others."""

    async def names(search: str | None) -> list[str]:
        return [skill["name"] for skill in (await visitor.data(SKILLS, {"search": search}))["skills"]]

    assert await names("pYthon") == ["Python"]
    assert (await names("design"))[0] == "Design systems"
    assert "UX design" in await names("design")
    assert (await names("c++"))[:3] == ["C", "C#", "C++"]
    assert len(await names(None)) == len(await names("")) == 50
    assert await names("%") == await names("_") == await names("no such skill") == await names("'; --") == []
    for bad in ("x" * 101, "two\nlines", "\u202e"):
        assert await visitor.refusal(SKILLS, {"search": bad}) == {"code": "BAD_USER_INPUT", "field": "search"}

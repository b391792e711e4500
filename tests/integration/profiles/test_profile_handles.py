"""Handles: changed seldom, held for their former owners, and one person each."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import httpx
import pytest

from app.accounts.model import Origin, Viewer
from app.errors import Code, Problem
from app.profiles.model import ProfilePatch
from app.wiring import Services
from tests.fakes import FixedClock
from tests.serving import LOGIN, PASSWORD, SIGNUP, Visitor

RENAME = "mutation ($handle: String) { updateProfile(input: { handle: $handle }) { handle username } }"
AVAILABLE = "query ($handle: String!) { handleAvailable(handle: $handle) { available reason suggestions } }"
DAY_S = 24 * 3600


@pytest.fixture
async def ada(visitor: Visitor) -> Visitor:
    await visitor.signup("ada")
    return visitor


@pytest.fixture
async def eve(transport: httpx.ASGITransport) -> Visitor:
    visitor = Visitor(transport)
    await visitor.signup("eve")
    return visitor


@pytest.fixture
async def sql(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    yield connection
    await connection.close()


async def rename(visitor: Visitor, handle: str) -> str:
    renamed: dict[str, str] = (await visitor.data(RENAME, {"handle": handle}))["updateProfile"]
    assert renamed["handle"] == renamed["username"]
    return renamed["handle"]


async def available(visitor: Visitor, handle: str) -> tuple[bool, str | None]:
    answer = (await visitor.data(AVAILABLE, {"handle": handle}))["handleAvailable"]
    return answer["available"], answer["reason"]


async def days_later(clock: FixedClock, days: float, *visitors: Visitor) -> None:
    """Time passes, and the sessions that ended meanwhile are opened anew."""
    clock.advance(days * DAY_S)
    for visitor, name in zip(visitors, ("ada", "eve"), strict=False):
        credentials = {"email": f"{name}@example.org", "password": PASSWORD}
        visitor.access_token = (await visitor.data(LOGIN, credentials))["login"]["accessToken"]


async def test_a_handle_changes_once_in_thirty_days(ada: Visitor, clock: FixedClock) -> None:
    """Somebody could slip through one name after another, and nobody would know who wrote to them."""
    assert await rename(ada, "Lovelace") == "lovelace"
    await days_later(clock, 29.5, ada)
    refused = await ada.refusal(RENAME, {"handle": "countess"})
    assert refused == {
        "code": "RATE_LIMITED",
        "field": "handle",
        "reason": "HANDLE_CHANGED_RECENTLY",
        "retryAfter": DAY_S // 2,
    }
    await days_later(clock, 0.5, ada)
    assert await rename(ada, "countess") == "countess"


async def test_the_same_handle_is_no_change(ada: Visitor, clock: FixedClock) -> None:
    """Saving the form unchanged would use up the change, or be refused."""
    assert await rename(ada, "lovelace") == "lovelace"
    assert await rename(ada, "LOVELACE") == "lovelace"


async def test_an_old_handle_is_kept_for_its_owner(
    ada: Visitor, eve: Visitor, clock: FixedClock, services: Services
) -> None:
    """A stranger could take over every link and mention of somebody the day they change their name."""
    await rename(ada, "lovelace")
    await days_later(clock, 29, ada, eve)
    assert await available(eve, "ada") == (False, "HELD")
    assert await available(ada, "ada") == (True, None)
    refused = await eve.refusal(RENAME, {"handle": "ada"})
    assert (refused["code"], refused["field"]) == ("CONFLICT", "handle")
    await days_later(clock, 1.01, ada, eve)
    await services.redis.flushdb()  # the 15 minutes of the reservation that came with signing up are Redis's own
    assert await available(eve, "ada") == (True, None)
    assert await rename(eve, "ada") == "ada"


async def test_going_back_is_always_possible(ada: Visitor, eve: Visitor, clock: FixedClock) -> None:
    """Who misspelt their new name would have to bear it for a month."""
    await rename(ada, "lovelaec")
    assert await rename(ada, "ada") == "ada"
    assert await available(eve, "lovelaec") == (False, "HELD")
    assert await rename(ada, "lovelaec") == "lovelaec"
    assert (await ada.refusal(RENAME, {"handle": "lovelace"}))["reason"] == "HANDLE_CHANGED_RECENTLY"


async def test_a_held_handle_is_taken_for_newcomers(ada: Visitor, transport: httpx.ASGITransport) -> None:
    """The protection would end at the sign-up form."""
    await rename(ada, "lovelace")
    person = {"email": "x@example.org", "password": PASSWORD, "username": "ada", "displayName": "X"}
    refused = await Visitor(transport).refusal(SIGNUP, {"input": person})
    assert (refused["code"], refused["field"]) == ("CONFLICT", "username")


async def test_a_handle_goes_before_its_hold_is_seen(
    ada: Visitor, eve: Visitor, database_url: str, sql: asyncpg.Connection
) -> None:
    """Who claims a handle in the very moment it is given up would get it past its hold."""
    giver = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    account_id = await sql.fetchval("select account_id from profiles where handle = 'ada'")
    change = "update profiles set handle = $2, updated_at = $3 where handle = $1"
    now = await sql.fetchval("select updated_at from profiles where handle = 'ada'")
    giving = giver.transaction()
    await giving.start()
    await giver.execute(change, "ada", "lovelace", now)
    await giver.execute(
        "insert into handle_holds values ('ada', $1, $2::timestamptz + interval '30 days')", account_id, now
    )
    claim = asyncio.create_task(sql.execute(change, "eve", "ada", now))
    while not await giver.fetchval("select exists (select from pg_locks where not granted)"):
        await asyncio.sleep(0)
    await giving.commit()
    with pytest.raises(asyncpg.UniqueViolationError) as caught:
        await claim
    assert caught.value.constraint_name == "profiles_handle_unique"
    await giver.close()


async def test_of_fifty_who_claim_a_handle_one_gets_it(services: Services, sql: asyncpg.Connection) -> None:
    """Two people could be told that a name is theirs, or all be refused, or lose their own name on the way."""
    people = [await _person(services, f"person{number}", number=number) for number in range(50)]

    async def claim(viewer: Viewer) -> Viewer | Problem:
        try:
            return await services.profiles.update(viewer, ProfilePatch(handle="Sought"), origin=Origin())
        except Problem as problem:
            return problem

    outcomes = await asyncio.gather(*(claim(viewer) for viewer in people))
    (winner,) = (outcome for outcome in outcomes if isinstance(outcome, Viewer))
    assert winner.handle == "sought"
    for refused in (outcome for outcome in outcomes if isinstance(outcome, Problem)):
        assert (refused.code, refused.field) == (Code.CONFLICT, "handle")
        assert len(refused.suggestions) == 3
    handles = {row["handle"] for row in await sql.fetch("select handle from profiles")}
    assert handles == {"sought"} | {person.handle for person in people if person.account_id != winner.account_id}


async def test_fifty_changes_by_one_person_count_as_one(services: Services, sql: asyncpg.Connection) -> None:
    """With enough parallel requests a person could carry many names, each held for them."""
    ada = await _person(services, "ada")

    async def rename_to(number: int) -> str:
        try:
            await services.profiles.update(ada, ProfilePatch(handle=f"name{number}"), origin=Origin())
        except Problem as problem:
            return problem.reason or ""
        return "CHANGED"

    outcomes = await asyncio.gather(*(rename_to(number) for number in range(50)))
    assert sorted(outcomes) == ["CHANGED"] + ["HANDLE_CHANGED_RECENTLY"] * 49
    assert [row["handle"] for row in await sql.fetch("select handle from handle_holds")] == ["ada"]


async def test_a_change_stands_in_the_audit_log(ada: Visitor) -> None:
    """An owner could not see that somebody else renamed them."""
    await rename(ada, "lovelace")
    events = (await ada.data("{ auditEvents(first: 1) { nodes { event ip details { name value } } } }"))["auditEvents"]
    (event,) = events["nodes"]
    assert event["event"] == "HANDLE_CHANGED"
    assert {each["name"]: each["value"] for each in event["details"]} == {"from": "ada", "to": "lovelace"}


@pytest.mark.parametrize(
    ("handle", "reason"),
    [
        ("ab", "INVALID"),
        ("", "INVALID"),
        ("a" * 51, "INVALID"),
        ("ada lovelace", "INVALID"),
        ("аda", "INVALID"),
        ("ad\u200ba", "INVALID"),
        ("\u202eada", "INVALID"),
        ("'; drop table profiles; --", "INVALID"),
        ("<script>", "INVALID"),
        ("ad-min", "BLOCKED"),
        ("EVE", "TAKEN"),
        ("eve-2", None),
    ],
)
async def test_why_a_handle_cannot_be_had(
    eve: Visitor, transport: httpx.ASGITransport, handle: str, reason: str
) -> None:
    """The form could not tell a person what is wrong with the name they type."""
    assert await available(Visitor(transport), handle) == (reason is None, reason)


async def test_taken_handles_come_with_free_ones(eve: Visitor, transport: httpx.ASGITransport) -> None:
    """People would guess at names, one refusal after another."""
    stranger = Visitor(transport)
    answer = (await stranger.data(AVAILABLE, {"handle": "eve"}))["handleAvailable"]
    assert len(answer["suggestions"]) == 3
    for suggestion in answer["suggestions"]:
        assert await available(stranger, suggestion) == (True, None)
    assert await available(eve, "eve") == (True, None)


async def test_a_handle_that_somebody_registers_with(eve: Visitor, services: Services) -> None:
    """The form would call a name free that the next step refuses."""
    await services.handles.reserve("lovelace", uuid4())
    assert await available(eve, "lovelace") == (False, "RESERVED")
    assert (await eve.refusal(RENAME, {"handle": "lovelace"}))["code"] == "CONFLICT"


async def test_asking_for_handles_is_limited(visitor: Visitor) -> None:
    """Anyone could list everybody who is here by trying names."""
    for _ in range(60):
        await available(visitor, "ada")
    refused = await visitor.refusal(AVAILABLE, {"handle": "ada"})
    assert refused["code"] == "RATE_LIMITED"
    assert refused["retryAfter"] > 0


async def test_members_of_a_campus_take_its_handles(ada: Visitor, sql: asyncpg.Connection) -> None:
    """A campus would find members under names that its rule excludes."""
    await sql.execute("update profiles set campus_id = (select id from campuses limit 1)")
    assert await available(ada, "ada-lovelace") == (False, "INVALID")
    assert (await ada.refusal(RENAME, {"handle": "ada-lovelace"}))["field"] == "handle"
    assert await rename(ada, "ada_lovelace") == "ada_lovelace"


async def test_a_name_from_before_joining_a_campus_stays_good(ada: Visitor, sql: asyncpg.Connection) -> None:
    """Every save of a whole form would fail for a name that the person has had all along."""
    await sql.execute(
        "update profiles set handle = 'ada-lovelace', display_name = repeat('x', 90),"
        " campus_id = (select id from campuses limit 1)"
    )
    assert await available(ada, "Ada-Lovelace") == (True, None)
    form = {"handle": "Ada-Lovelace", "displayName": "x" * 90, "bio": "Poet"}
    saved = await ada.data("mutation ($i: ProfileInput!) { updateProfile(input: $i) { handle bio } }", {"i": form})
    assert saved["updateProfile"] == {"handle": "ada-lovelace", "bio": "Poet"}
    assert (await ada.refusal(RENAME, {"handle": "ada-byron"}))["field"] == "handle"


async def _person(services: Services, name: str, *, number: int = 0) -> Viewer:
    """A new person, from an address of their own: 20 sign-ups an hour are all that one may have."""
    signed_in = await services.accounts.signup(
        email=f"{name}@example.org",
        password=PASSWORD,
        username=name,
        display_name=name,
        origin=Origin(ip=f"198.51.100.{number}"),
    )
    return signed_in.viewer

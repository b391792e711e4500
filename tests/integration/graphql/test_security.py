"""The settings page "Security" over GraphQL: devices, and what happened to the account."""

from typing import Any

import httpx
import pytest

from app.accounts.sessions import MOST_SHOWN
from app.queries import Kind, Query
from app.wiring import Services
from tests.fakes import FixedClock
from tests.serving import LOGIN, ME, PASSWORD, Visitor

SESSIONS = "{ sessions { id current method device ip createdAt lastSeenAt expiresAt } }"
REVOKE = "mutation ($id: ID!) { revokeSession(id: $id) }"
REVOKE_OTHERS = "mutation { revokeOtherSessions }"
EVENTS = """query ($first: Int, $after: String) { auditEvents(first: $first, after: $after) {
  nodes { id event at ip device userAgent details { name value } }
  edges { cursor node { id } }
  pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
SOMEBODY = "0192d3c4-0000-7000-8000-000000000000"


async def signed_in(transport: httpx.ASGITransport, *, device: str = "Phone") -> Visitor:
    visitor = Visitor(transport)
    visitor.http.headers["user-agent"] = device
    answer = await visitor.data(LOGIN, {"email": "ada@example.org", "password": PASSWORD})
    visitor.access_token = answer["login"]["accessToken"]
    return visitor


async def test_a_person_sees_where_they_are_signed_in(
    visitor: Visitor, transport: httpx.ASGITransport, clock: FixedClock
) -> None:
    """Nobody would notice that a stranger is signed in."""
    await visitor.signup()
    clock.advance(60)
    phone = await signed_in(transport, device="Phone \u202e\x07app")
    first, second = (await phone.data(SESSIONS))["sessions"]
    assert (first["current"], first["method"], first["ip"]) == (True, "PASSWORD", "192.0.2.1")
    assert (second["current"], second["method"]) == (False, "SIGNUP")
    assert first["lastSeenAt"] > second["lastSeenAt"]
    assert [session["current"] for session in (await visitor.data(SESSIONS))["sessions"]] == [False, True]


async def test_however_often_somebody_signed_in_the_list_has_an_end(visitor: Visitor, services: Services) -> None:
    """A script that signs in for days could have one request list a million sessions, and nobody else is answered
    meanwhile; the person's own device would drown among them."""
    await visitor.signup()
    await services.database.run(
        Query(
            name="many_sessions",
            sql="insert into sessions (id, account_id, method, user_agent, ip, created_at, last_seen_at, expires_at) "
            "select gen_random_uuid(), account_id, method, 'Script/' || n, ip, created_at, "
            "last_seen_at + n * interval '1 second', expires_at from sessions, generate_series(1, 3000) n",
            kind=Kind.RUN,
            parameters=(),
        )
    )
    aliased = "{ " + " ".join(f"s{n}: sessions {{ id }}" for n in range(120)) + " }"
    assert {len(each) for each in (await visitor.data(aliased)).values()} == {MOST_SHOWN}
    shown = (await visitor.data(SESSIONS))["sessions"]
    assert [each["current"] for each in shown] == [False] * (MOST_SHOWN - 1) + [True], "the one in use is among them"
    assert (await visitor.data(REVOKE_OTHERS))["revokeOtherSessions"] == 3000, "those beyond end too"


async def test_a_lost_phone_is_shut_out(visitor: Visitor, transport: httpx.ASGITransport) -> None:
    """Whoever finds a lost phone would stay signed in on it."""
    await visitor.signup()
    phone, tablet = await signed_in(transport), await signed_in(transport)
    mine = next(each["id"] for each in (await phone.data(SESSIONS))["sessions"] if each["current"])
    assert (await visitor.data(REVOKE, {"id": mine}))["revokeSession"] is True
    assert (await phone.refusal(ME))["reason"] == "SESSION_ENDED"
    assert (await visitor.refusal(REVOKE, {"id": mine}))["code"] == "NOT_FOUND", "it has ended already"
    assert (await visitor.data(REVOKE_OTHERS))["revokeOtherSessions"] == 1
    assert (await tablet.refusal(ME))["reason"] == "SESSION_ENDED"
    assert (await visitor.data(REVOKE_OTHERS))["revokeOtherSessions"] == 0
    events = (await visitor.data(EVENTS, {"first": 2}))["auditEvents"]["nodes"]
    assert [event["event"] for event in events] == ["SESSION_REVOKED", "SESSION_REVOKED"]
    assert events[0]["details"] == [{"name": "sessions", "value": "1"}]


@pytest.mark.parametrize("id_", [SOMEBODY, "", "1", "'; drop table sessions; --", "\u202e", "x" * 5_000])
async def test_only_ones_own_sessions_can_be_named(visitor: Visitor, id_: str) -> None:
    """Anybody could sign anybody out, or learn which ids there are."""
    await visitor.signup()
    assert await visitor.refusal(REVOKE, {"id": id_}) == {"code": "NOT_FOUND", "field": "id"}


async def test_another_persons_session_stays(visitor: Visitor, transport: httpx.ASGITransport) -> None:
    """Anybody could sign anybody out by the id of their session."""
    await visitor.signup()
    grace = Visitor(transport)
    await grace.signup("grace")
    (hers,) = (await grace.data(SESSIONS))["sessions"]
    assert (await visitor.refusal(REVOKE, {"id": hers["id"]}))["code"] == "NOT_FOUND"
    assert len((await grace.data(SESSIONS))["sessions"]) == 1
    assert (await visitor.data(REVOKE_OTHERS))["revokeOtherSessions"] == 0
    assert (await grace.data(ME))["me"]["handle"] == "grace"


async def test_a_person_reads_what_happened_to_their_account(
    visitor: Visitor, transport: httpx.ASGITransport, services: Services
) -> None:
    """A break-in would leave no trace that its victim can see; or would be read by somebody else."""
    await visitor.signup()
    await Visitor(transport).signup("grace")
    for number in range(5):
        await visitor.refusal(LOGIN, {"email": "ada@example.org", "password": f"wrong {number}"})
    await services.background.settled()
    await signed_in(transport, device="Phone")

    seen: list[dict[str, Any]] = []
    after = None
    for _ in range(4):
        page = (await visitor.data(EVENTS, {"first": 2, "after": after}))["auditEvents"]
        assert [edge["node"]["id"] for edge in page["edges"]] == [node["id"] for node in page["nodes"]]
        seen += page["nodes"]
        after = page["pageInfo"]["endCursor"]
    assert page["pageInfo"]["hasNextPage"] is False
    assert [event["event"] for event in seen] == ["NEW_DEVICE", "SIGNED_IN", *["SIGN_IN_FAILED"] * 5, "SIGNED_UP"]
    assert (seen[1]["userAgent"], seen[1]["device"], seen[1]["ip"]) == ("Phone", "Unknown device", "192.0.2.1")
    assert seen[1]["details"] == [{"name": "method", "value": "password"}]
    assert len((await visitor.data(EVENTS))["auditEvents"]["nodes"]) == 8


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"first": 0}, "first"),
        ({"first": 101}, "first"),
        ({"after": ""}, "after"),
        ({"after": "nonsense"}, "after"),
        ({"after": "WzFd"}, "after"),
        ({"after": "WyJ4Il0"}, "after"),
        ({"after": "ключ"}, "after"),
        ({"after": "x" * 10_000}, "after"),
    ],
)
async def test_a_part_that_cannot_be_given_is_named(visitor: Visitor, arguments: dict[str, Any], field: str) -> None:
    """A page could not say what was wrong, or would be answered with an internal error."""
    await visitor.signup()
    refused = await visitor.refusal(EVENTS, arguments)
    assert (refused["code"], refused["field"]) == ("BAD_USER_INPUT", field)


@pytest.mark.parametrize("query", [SESSIONS, EVENTS, REVOKE_OTHERS])
async def test_nobody_asks_unless_signed_in(visitor: Visitor, query: str) -> None:
    """Strangers would read where people live by their addresses."""
    assert (await visitor.refusal(query))["code"] == "UNAUTHENTICATED"

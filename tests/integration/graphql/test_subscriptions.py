"""Subscriptions over graphql-transport-ws, against the shipped application on a real port."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from app.audit import NOBODY
from app.events import AccountEvents
from app.graphql.subscription_socket import INIT_WITHIN_S, MAX_MESSAGE_CHARS, MAX_OPEN, SUBPROTOCOL
from app.settings import Settings
from app.verification.model import VERIFICATION_ENDED, Outcome, VerificationError
from app.wiring import open_services
from tests.fakes import Mailbox
from tests.running import Person, RunningServer, person, running

BADGE = "subscription { verificationUpdated { success verifiedAt error } }"
REVOKED = "subscription { sessionRevoked { sessionId current at } }"


class Line:
    """One subscriber's socket at a server."""

    def __init__(self, connection: ClientConnection, server: RunningServer) -> None:
        self.connection = connection
        self._server = server

    async def say(self, message: Any) -> None:
        await self.connection.send(message if isinstance(message, str | bytes) else json.dumps(message))

    async def heard(self) -> dict[str, Any]:
        async with asyncio.timeout(10):
            message: dict[str, Any] = json.loads(await self.connection.recv())
            return message

    async def opened(self, token: str) -> "Line":
        await self.say({"type": "connection_init", "payload": {"accessToken": token}})
        assert await self.heard() == {"type": "connection_ack"}
        return self

    async def subscribe(self, query: str, identifier: str = "1") -> None:
        """Subscribes, and waits until the server listens: what happens before then is told to nobody."""
        before = self._listeners(query)
        await self.say({"id": identifier, "type": "subscribe", "payload": {"query": query}})
        async with asyncio.timeout(10):
            while self._listeners(query) == before:
                await asyncio.sleep(0.01)

    def _listeners(self, query: str) -> int:
        """How many in the server wait for what this subscription tells of."""
        services = self._server.services
        if query == REVOKED:
            return len(services.session_watch._watched)
        return sum(len(queues) for queues in services.events._listeners.values())

    async def close_code(self) -> int:
        async with asyncio.timeout(10):
            await self.connection.wait_closed()
        assert self.connection.close_code is not None
        return self.connection.close_code


@asynccontextmanager
async def line(
    server: RunningServer, *, subprotocol: str = SUBPROTOCOL, origin: str | None = None
) -> AsyncIterator[Line]:
    url = server.http_url.replace("http", "ws", 1) + "/graphql"
    async with connect(
        url, subprotocols=[Subprotocol(subprotocol)], origin=Origin(origin) if origin else None, proxy=None
    ) as connection:
        yield Line(connection, server)


@pytest.fixture
async def server(settings: Settings) -> AsyncIterator[RunningServer]:
    async with running(settings) as server:
        yield server


@pytest.fixture
async def ada(server: RunningServer) -> AsyncIterator[Person]:
    async with person(server, "ada") as ada:
        yield ada


async def listening(server: RunningServer, line: Line, token: str) -> Any:
    """Subscribes to the badge, and waits until the server listens; gives the account's id."""
    await line.opened(token)
    await line.subscribe(BADGE)
    viewer = await server.services.sessions.authenticate(token)
    async with server.services.events.listen(viewer.account_id, VERIFICATION_ENDED):
        return viewer.account_id


async def post(server: RunningServer, query: str, variables: dict[str, Any], *, token: str) -> Any:
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=server.http_url, headers=headers, trust_env=False, timeout=30) as http:
        return (await http.post("/graphql", json={"query": query, "variables": variables})).json()


async def test_a_second_device_sees_how_a_check_ended(server: RunningServer, grace_hopper_path: Any) -> None:
    """A person who verified on the phone would have to reload the desktop's page."""
    async with person(server, "grace", photo=grace_hopper_path) as grace, line(server) as desktop:
        await listening(server, desktop, grace.access_token)
        challenge = await grace.challenge()
        still = base64.b64encode(_jpeg()).decode()
        query = "mutation ($t: String!, $f: String!) { confirmLiveness(token: $t, frame: $f) { error } }"
        answer = await post(server, query, {"t": challenge.token, "f": still}, token=grace.access_token)
        assert answer["data"]["confirmLiveness"]["error"] == "CHALLENGE_FAILED"
        told = await desktop.heard()
    assert told["type"] == "next"
    assert told["payload"]["data"]["verificationUpdated"] == {
        "success": False,
        "verifiedAt": None,
        "error": "CHALLENGE_FAILED",
    }


async def test_what_happens_on_one_instance_is_heard_on_the_other(
    server: RunningServer, settings: Settings, ada: Person
) -> None:
    """Behind a proxy the badge would arrive only if both devices happened to reach the same instance."""
    async with line(server) as desktop, open_services(settings, mailer=Mailbox()) as other:
        account_id = await listening(server, desktop, ada.access_token)
        earned = Outcome(success=True, verified_at=server.services.clock.now())
        await other.events.publish(account_id, VERIFICATION_ENDED, earned.happening)
        told = await desktop.heard()
    assert told["payload"]["data"]["verificationUpdated"]["success"] is True
    assert told["payload"]["data"]["verificationUpdated"]["verifiedAt"].endswith("Z")


async def test_nobody_hears_of_another_account(server: RunningServer, ada: Person) -> None:
    """A stranger would learn when somebody verifies, and what went wrong."""
    async with person(server, "eve") as eve, line(server) as hers, line(server) as his:
        account_id = await listening(server, hers, ada.access_token)
        await listening(server, his, eve.access_token)
        refused = Outcome.refused(VerificationError.FACE_MISMATCH)
        await server.services.events.publish(account_id, VERIFICATION_ENDED, refused.happening)
        assert (await hers.heard())["payload"]["data"]["verificationUpdated"]["error"] == "FACE_MISMATCH"
        await his.say({"type": "ping"})
        assert await his.heard() == {"type": "pong"}


async def test_the_socket_ends_within_a_second_of_its_session_wherever_that_was_ended(
    server: RunningServer, settings: Settings, ada: Person
) -> None:
    """A thief's open socket would go on listening after the owner threw them out."""
    viewer = await server.services.sessions.authenticate(ada.access_token)
    async with line(server) as socket, open_services(settings, mailer=Mailbox()) as other:
        await socket.opened(ada.access_token)
        await socket.subscribe(REVOKED)
        assert await other.sessions.sign_out(account_id=viewer.account_id, session_id=viewer.session_id, origin=NOBODY)
        async with asyncio.timeout(10):  # seen: 0.9 s at most; a loaded machine gets more
            told = await socket.heard()
            assert told["payload"]["data"]["sessionRevoked"]["sessionId"] == str(viewer.session_id)
            assert told["payload"]["data"]["sessionRevoked"]["current"] is True
            assert await socket.close_code() == 4401


async def test_another_devices_end_is_told_and_the_socket_stays(server: RunningServer, ada: Person) -> None:
    """The list of sessions on the screen would show devices that are gone."""
    here = await server.services.sessions.authenticate(ada.access_token)
    await ada.api.sign_in(email="ada@example.org", password="orbiter-discovery-1995")
    async with line(server) as socket:
        await socket.opened(ada.access_token)
        await socket.subscribe(REVOKED)
        await server.services.sessions.sign_out(account_id=here.account_id, session_id=here.session_id, origin=NOBODY)
        told = await socket.heard()
        assert told["payload"]["data"]["sessionRevoked"]["sessionId"] == str(here.session_id)
        assert told["payload"]["data"]["sessionRevoked"]["current"] is False
        await socket.say({"type": "ping"})
        assert await socket.heard() == {"type": "pong"}


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ({"type": "connection_init"}, 4403),
        ({"type": "connection_init", "payload": {"accessToken": "forged"}}, 4403),
        ({"type": "connection_init", "payload": {"authorization": "Basic YTpi"}}, 4403),
        ({"type": "connection_init", "payload": [1]}, 4403),
        ({"id": "1", "type": "subscribe", "payload": {"query": BADGE}}, 4401),
        ({"id": "1", "type": "complete"}, 4401),
        ({"type": "start"}, 4400),
        ("not json", 4400),
        ("[]", 4400),
        ('{"type": 1}', 4400),
        (b"\x00\x01", 4400),
        ("x" * (MAX_MESSAGE_CHARS + 1), 4400),
    ],
)
async def test_nothing_is_served_before_a_good_token(server: RunningServer, first: Any, code: int) -> None:
    """Anybody could listen, or take the socket down with a message that is none."""
    async with line(server) as socket:
        await socket.say(first)
        assert await socket.close_code() == code


async def test_a_heartbeat_may_come_first(server: RunningServer, ada: Person) -> None:
    """A client that beats from the moment the socket is open would be sent away."""
    async with line(server) as socket:
        await socket.say({"type": "pong"})
        await socket.say({"type": "ping"})
        assert await socket.heard() == {"type": "pong"}
        await socket.say({"type": "connection_init", "payload": {"accessToken": ada.access_token}})
        assert await socket.heard() == {"type": "connection_ack"}


async def test_the_header_form_of_the_token_is_understood(server: RunningServer, ada: Person) -> None:
    """Apollo and urql send `authorization`, as they do over HTTP."""
    async with line(server) as socket:
        await socket.say({"type": "connection_init", "payload": {"authorization": f"Bearer {ada.access_token}"}})
        assert await socket.heard() == {"type": "connection_ack"}


async def test_a_silent_client_is_let_go(server: RunningServer) -> None:
    """Open sockets that never say who they are would fill the server."""
    assert INIT_WITHIN_S < 10  # as long as close_code waits
    async with line(server) as socket:
        assert await socket.close_code() == 4408


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"type": "connection_init"}, 4429),
        ({"type": "start"}, 4400),
        ({"type": "subscribe", "payload": {"query": BADGE}}, 4400),
        ({"id": "", "type": "subscribe", "payload": {"query": BADGE}}, 4400),
        ({"id": "x" * 65, "type": "subscribe", "payload": {"query": BADGE}}, 4400),
        ({"id": "1", "type": "subscribe", "payload": {"query": 7}}, 4400),
        ({"id": "1", "type": "subscribe"}, 4400),
    ],
)
async def test_a_breach_of_the_protocol_ends_the_socket_and_says_why(
    server: RunningServer, ada: Person, message: Any, code: int
) -> None:
    """A client's author would look for the mistake in the dark."""
    async with line(server) as socket:
        await socket.opened(ada.access_token)
        await socket.say(message)
        assert await socket.close_code() == code


async def test_one_socket_carries_a_bounded_number_of_subscriptions(server: RunningServer, ada: Person) -> None:
    """One client could hold the server's memory."""
    async with line(server) as socket:
        await socket.opened(ada.access_token)
        for number in range(MAX_OPEN):
            await socket.subscribe(BADGE, str(number))
        await socket.say({"id": "more", "type": "subscribe", "payload": {"query": BADGE}})
        assert await socket.close_code() == 4429


async def test_an_id_in_use_is_refused_and_a_completed_one_is_free_again(server: RunningServer, ada: Person) -> None:
    """Two subscriptions under one id could not be told apart."""
    async with line(server) as socket:
        await socket.opened(ada.access_token)
        await socket.subscribe(BADGE)
        await socket.say({"id": "1", "type": "complete"})
        await socket.subscribe(REVOKED)
        await socket.say({"id": "1", "type": "subscribe", "payload": {"query": BADGE}})
        assert await socket.close_code() == 4409


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("{ me { id } }", "over HTTP"),
        ("mutation { logout }", "over HTTP"),
        ("subscription { nothing }", "Cannot query field"),
        ("subscription {", "Syntax Error"),
        ("subscription { __schema { types { name } } }", ""),
    ],
)
async def test_only_good_subscriptions_are_served(server: RunningServer, ada: Person, query: str, words: str) -> None:
    """A socket would be a way around the limits, cookies and CSRF rules of HTTP."""
    async with line(server) as socket:
        await socket.opened(ada.access_token)
        await socket.say({"id": "1", "type": "subscribe", "payload": {"query": query}})
        told = await socket.heard()
        assert told["type"] == "error"
        assert words in told["payload"][0]["message"]
        assert told["payload"][0]["extensions"]["code"] == "BAD_USER_INPUT"
        await socket.say({"type": "ping"})
        assert await socket.heard() == {"type": "pong"}


async def test_a_subscription_that_breaks_says_so(server: RunningServer, ada: Person) -> None:
    """A device would wait for its badge for ever after an instance of another release told it in other words."""
    async with line(server) as socket:
        account_id = await listening(server, socket, ada.access_token)
        await server.services.events.publish(account_id, VERIFICATION_ENDED, {"of another release": True})
        told = await socket.heard()
        assert told["type"] == "error"
        assert told["payload"][0]["extensions"]["code"] == "INTERNAL"
        assert "another release" not in json.dumps(told)
        await socket.subscribe(BADGE)


async def test_a_page_of_a_stranger_cannot_open_a_socket(server: RunningServer) -> None:
    """Another site could open sockets from every visitor's browser."""
    async with line(server, origin="https://evil.example.org") as socket:
        assert await socket.close_code() == 4403


async def test_the_old_protocol_is_refused_by_its_name(server: RunningServer) -> None:
    """A client of subscriptions-transport-ws would wait for ever."""
    async with line(server, subprotocol="graphql-ws") as socket:
        assert await socket.close_code() == 4406


async def test_a_subscription_over_http_is_told_where_to_go(server: RunningServer, ada: Person) -> None:
    """A client's author would look at null for an hour."""
    answer = await post(server, BADGE, {}, token=ada.access_token)
    assert "WebSocket" in answer["errors"][0]["message"]


async def test_a_listener_that_does_not_read_loses_the_oldest(server: RunningServer, ada: Person) -> None:
    """One stuck browser tab would grow the server's memory."""
    viewer = await server.services.sessions.authenticate(ada.access_token)
    events: AccountEvents = server.services.events
    async with events.listen(viewer.account_id, VERIFICATION_ENDED) as queue:
        for number in range(150):
            await events.publish(viewer.account_id, VERIFICATION_ENDED, {"number": number})
        async with asyncio.timeout(10):
            while not queue.full() or queue._queue[-1]["number"] != 149:  # type: ignore[attr-defined]
                await asyncio.sleep(0.01)
        assert (await queue.get())["number"] == 50


def _jpeg() -> bytes:
    return bytes(cv2.imencode(".jpg", np.full((240, 320, 3), 127, np.uint8))[1])

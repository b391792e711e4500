"""A Firebase token opens every edge that one of ours opens: GraphQL, REST, subscriptions, the liveness stream."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from app.client.api import ApiClient
from app.graphql.subscription_socket import SUBPROTOCOL
from app.settings import Settings
from tests.fakes import FixedClock
from tests.openid import Minter
from tests.running import RunningServer, running, wire


@pytest.fixture
async def server(settings: Settings, clock: FixedClock) -> AsyncIterator[RunningServer]:
    async with running(settings, clock=clock) as opened:
        yield opened


async def test_every_edge_takes_it_and_lets_go_when_the_session_ends(server: RunningServer, firebase: Minter) -> None:
    """A person who came by Firebase could use half of the product; a lost device would keep its open sockets."""
    token = firebase.firebase()
    bearer = {"authorization": f"Bearer {token}"}
    async with (
        httpx.AsyncClient(base_url=server.http_url, trust_env=False, headers=bearer, timeout=30) as http,
        ApiClient(server.http_url) as api,
        connect(
            server.http_url.replace("http", "ws", 1) + "/graphql",
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            proxy=None,
        ) as subscriber,
        wire(server) as stream,
    ):
        profile = await http.get("/profile/me")
        assert (profile.status_code, profile.json()["handle"]) == (200, "ada-lovelace")
        await subscriber.send(json.dumps({"type": "connection_init", "payload": {"accessToken": token}}))
        assert json.loads(await subscriber.recv()) == {"type": "connection_ack"}

        api.access_token = token
        challenge = await api.create_challenge()
        await stream.start(challenge.token, token)
        # No photo yet: the stream knows whose challenge it is, and says what is missing.
        assert (await stream.heard())["error"] == "NO_PROFILE_PHOTO"

        ended = await http.post("/graphql", json={"query": "mutation { logout }"})
        assert ended.json() == {"data": {"logout": True}}
        async with asyncio.timeout(10):
            await subscriber.wait_closed()
        assert (await http.get("/profile/me")).status_code == 401

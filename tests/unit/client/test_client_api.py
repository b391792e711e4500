"""The client's GraphQL calls against answers written as the contract has them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from app.client.api import Addresses, ApiClient
from app.client.errors import CannotConnect, Refused
from liveness.steps import LivenessStep

Answer = Callable[[str, dict[str, Any]], dict[str, Any]]
SIGNED_IN = {"requiresTwoFactor": False, "accessToken": "the-access", "user": {"id": "1", "handle": "ada"}}


class Server:
    """Answers GraphQL by the field that is asked for, takes uploads, and keeps every request."""

    def __init__(self, **data: Any) -> None:
        self.requests: list[httpx.Request] = []
        self._data = data

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.method == "PUT":
            return httpx.Response(200)
        document = json.loads(request.content)["query"]
        field = next(name for name in self._data if f"{name}" in document)
        found = self._data[field]
        body = {"data": None, "errors": [found]} if "extensions" in found else {"data": {field: found}}
        return httpx.Response(200, json=body, headers={"Set-Cookie": "refresh=secret; Path=/"})

    def client(self) -> ApiClient:
        return ApiClient("http://server.test", transport=httpx.MockTransport(self))


async def test_a_sign_in_is_carried_as_bearer_and_no_cookie_is_kept() -> None:
    """Without it: the server asks the client for a CSRF header that it cannot know."""
    server = Server(login=SIGNED_IN, me={"id": "1", "verifiedAt": None})
    async with server.client() as api:
        await api.sign_in(email="ada@example.org", password="correct horse")
        assert (await api.me()) == {"id": "1", "verifiedAt": None}
    login, me = server.requests
    assert "authorization" not in login.headers
    assert me.headers["authorization"] == "Bearer the-access"
    assert "cookie" not in me.headers
    assert json.loads(login.content)["variables"] == {"email": "ada@example.org", "password": "correct horse"}


async def test_a_sign_up_sends_what_the_schema_asks_for() -> None:
    """Without it: `--sign-up` in the README's tour fails."""
    server = Server(signup=SIGNED_IN)
    async with server.client() as api:
        await api.sign_up(email="ada@example.org", password="correct horse", handle="ada", name="Ada L.")
        assert api.access_token == "the-access"
    assert json.loads(server.requests[0].content)["variables"]["input"] == {
        "email": "ada@example.org",
        "password": "correct horse",
        "username": "ada",
        "displayName": "Ada L.",
    }


async def test_an_avatar_is_put_where_and_how_the_server_says() -> None:
    """Without it: the signature of the upload address does not match and the photo is refused."""
    upload = {
        "key": "avatars/1/x",
        "url": "http://store.test/bucket/x?signature=1",
        "headers": [{"name": "Content-Type", "value": "image/png"}, {"name": "X-Signed", "value": "yes"}],
    }
    server = Server(presignAvatar=upload, commitAvatar={"id": "1", "faceFindings": []})
    async with server.client() as api:
        assert (await api.upload_avatar(b"the photo", mime="image/png"))["faceFindings"] == []
    presign, put, commit = server.requests
    assert json.loads(presign.content)["variables"] == {"mime": "image/png", "bytes": 9}
    assert (str(put.url), put.content) == (upload["url"], b"the photo")
    assert put.headers["content-type"] == "image/png"
    assert put.headers["x-signed"] == "yes"
    assert "authorization" not in put.headers
    assert json.loads(commit.content)["variables"] == {"key": "avatars/1/x"}


async def test_a_challenge_excludes_what_the_person_cannot_do() -> None:
    """Without it: `--exclude` and slow cameras are asked for steps that they cannot show."""
    drawn = {
        "token": "t",
        "steps": ["LOOK_LEFT", "SMILE"],
        "expiresAt": "2026-11-20T12:05:00Z",
        "streamUrl": "ws://server.test/liveness/stream",
    }
    server = Server(createLivenessChallenge=drawn)
    async with server.client() as api:
        challenge = await api.create_challenge(exclude=(LivenessStep.BLINK,))
    assert challenge.steps == (LivenessStep.LOOK_LEFT, LivenessStep.SMILE)
    assert challenge.expires_at == datetime(2026, 11, 20, 12, 5, tzinfo=UTC)
    assert json.loads(server.requests[0].content)["variables"] == {"purpose": "VERIFY", "exclude": ["BLINK"]}


async def test_a_refusal_says_code_reason_and_wait() -> None:
    """Without it: a person who must wait is not told how long."""
    server = Server(login={"message": "Too many tries.", "extensions": {"code": "RATE_LIMITED", "retryAfter": 41}})
    async with server.client() as api:
        with pytest.raises(Refused, match=r"RATE_LIMITED: Too many tries\.; try again in 41 s") as caught:
            await api.sign_in(email="ada@example.org", password="wrong")
    assert caught.value.retry_after_s == 41.0
    assert api.access_token is None


async def test_an_internal_error_shows_the_request_id() -> None:
    """Without it: an operator cannot find the fault in the log."""
    server = Server(login={"message": "Internal", "extensions": {"code": "INTERNAL", "requestId": "r-17"}})
    async with server.client() as api:
        with pytest.raises(Refused, match=r"request r-17"):
            await api.sign_in(email="ada@example.org", password="correct horse")


async def test_an_account_with_a_second_factor_is_refused_in_words() -> None:
    """Without it: the client goes on without a token and fails later with a riddle."""
    server = Server(login={"requiresTwoFactor": True, "accessToken": None, "user": None})
    async with server.client() as api:
        with pytest.raises(Refused, match="second factor"):
            await api.sign_in(email="ada@example.org", password="correct horse")


async def test_a_server_that_is_no_bonafide_server_is_named_so() -> None:
    """Without it: any web server's page ends in a JSON error."""
    page = httpx.MockTransport(lambda request: httpx.Response(404, text="<h1>Not here</h1>"))
    async with ApiClient("http://server.test", transport=page) as api:
        with pytest.raises(CannotConnect, match="404 without GraphQL"):
            await api.me()


async def test_nothing_listening_is_named_so() -> None:
    """Without it: a server that is down ends in a stack trace."""
    async with ApiClient("http://127.0.0.1:9") as api:
        with pytest.raises(CannotConnect, match=r"127\.0\.0\.1:9"):
            await api.me()


@pytest.mark.parametrize(
    ("given", "http", "stream"),
    [
        ("ws://127.0.0.1:8000", "http://127.0.0.1:8000", "ws://127.0.0.1:8000/liveness/stream"),
        ("ws://127.0.0.1:8000/liveness/stream", "http://127.0.0.1:8000", "ws://127.0.0.1:8000/liveness/stream"),
        ("wss://id.test/base/", "https://id.test/base", "wss://id.test/base/liveness/stream"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000", "ws://127.0.0.1:8000/liveness/stream"),
    ],
)
def test_one_address_gives_both(given: str, http: str, stream: str) -> None:
    """Without it: a person must know two addresses of one server."""
    assert Addresses.of(given) == Addresses(http=http, stream=stream)


@pytest.mark.parametrize("given", ["127.0.0.1:8000", "ftp://server.test", "ws://"])
def test_an_impossible_address_is_refused(given: str) -> None:
    """Without it: a wrong scheme is tried on the network."""
    with pytest.raises(CannotConnect):
        Addresses.of(given)

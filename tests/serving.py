"""The shipped application on real servers, and a visitor who talks to it as a browser or a native app would."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx

from app.main import create_app
from app.settings import Settings
from app.wiring import Services, open_services
from tests.fakes import FixedClock, Mailbox

HOME = "http://127.0.0.1:8000"
PASSWORD = "correct mule battery paperclip"

SESSION_FIELDS = "requiresTwoFactor accessToken refreshToken isNewUser user { id handle email emailVerified }"
SIGNUP = f"mutation ($input: SignupInput!) {{ signup(input: $input) {{ {SESSION_FIELDS} }} }}"
LOGIN = (
    "mutation ($email: String!, $password: String!) "
    f"{{ login(email: $email, password: $password) {{ {SESSION_FIELDS} }} }}"
)
REFRESH = f"mutation ($token: String) {{ refreshToken(token: $token) {{ {SESSION_FIELDS} }} }}"
LOGOUT = "mutation ($token: String) { logout(token: $token) }"
PRESIGN = (
    "mutation ($mime: String!, $bytes: Int!) "
    "{ presignAvatar(mime: $mime, bytes: $bytes) { key url expiresS headers { name value } } }"
)
ME = "{ me { id email emailVerified handle username displayName bio avatarUrl verifiedAt createdAt faceFindings } }"


@asynccontextmanager
async def served(
    settings: Settings, *, clock: FixedClock, mailbox: Mailbox
) -> AsyncIterator[tuple[Services, httpx.ASGITransport]]:
    """The application as the server runs it."""
    async with open_services(settings, clock=clock, mailer=mailbox) as services:
        yield services, _Post(services, client=("192.0.2.1", 4242))


class _Post(httpx.ASGITransport):
    """Brings every answer after the letters that were posted for it: whoever reads it finds them in the mailbox."""

    def __init__(self, services: Services, *, client: tuple[str, int]) -> None:
        super().__init__(app=create_app(services), client=client)
        self._background = services.background

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await super().handle_async_request(request)
        await self._background.settled()
        return answer


class Visitor:
    """One device of one person: its cookies, its tokens."""

    def __init__(self, transport: httpx.ASGITransport, *, base_url: str = HOME) -> None:
        self.http = httpx.AsyncClient(transport=transport, base_url=base_url)
        self.access_token: str | None = None

    async def post(
        self, query: str, variables: Mapping[str, Any] | None = None, *, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """One GraphQL request, signed in when the visitor is."""
        signed_in = {"authorization": f"Bearer {self.access_token}"} if self.access_token else {}
        body = {"query": query, "variables": variables}
        return await self.http.post("/graphql", json=body, headers={**signed_in, **(headers or {})})

    async def data(
        self, query: str, variables: Mapping[str, Any] | None = None, *, headers: Mapping[str, str] | None = None
    ) -> Any:
        """The data of an answer that has no errors."""
        answer = (await self.post(query, variables, headers=headers)).json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    async def refusal(
        self, query: str, variables: Mapping[str, Any] | None = None, *, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The extensions of the first error."""
        answer = (await self.post(query, variables, headers=headers)).json()
        assert "errors" in answer, answer
        extensions: dict[str, Any] = answer["errors"][0]["extensions"]
        return extensions

    async def signup(self, name: str = "ada", *, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Signs up as `name`@example.org and keeps the access token."""
        person = {
            "email": f"{name}@example.org",
            "password": PASSWORD,
            "username": name,
            "displayName": name.title(),
        }
        payload: dict[str, Any] = (await self.data(SIGNUP, {"input": person}, headers=headers))["signup"]
        self.access_token = payload["accessToken"]
        return payload

    @property
    def session_cookies(self) -> set[str]:
        """The names of the cookies that stand for a session or a sign-in under way: all but the browser's own id."""
        return {name for name in self.http.cookies if not name.endswith("bonafide_device")}

    def csrf_headers(self) -> dict[str, str]:
        """What a page of ours sends with whatever the cookie authenticates."""
        return {"origin": HOME, "x-csrf-token": self.http.cookies["bonafide_csrf"]}

    async def upload(self, photo: bytes, *, mime: str = "image/jpeg") -> str:
        """Asks for an upload URL, puts the photo there, gives back the key."""
        presigned = await self.presign(mime=mime, size=len(photo))
        stored = await self.put(presigned, photo)
        assert stored.status_code == 200, stored.text
        key: str = presigned["key"]
        return key

    async def presign(self, *, mime: str = "image/jpeg", size: int = 1000) -> dict[str, Any]:
        """What presignAvatar gives."""
        presigned: dict[str, Any] = (await self.data(PRESIGN, {"mime": mime, "bytes": size}))["presignAvatar"]
        return presigned

    async def put(self, presigned: Mapping[str, Any], photo: bytes) -> httpx.Response:
        """The upload itself."""
        headers = {header["name"]: header["value"] for header in presigned["headers"]}
        return await self.http.put(presigned["url"], content=photo, headers=headers)

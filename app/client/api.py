"""The few GraphQL calls that a low-end client makes before it streams."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

import httpx

from app.client.errors import CannotConnect, Refused
from liveness.steps import LivenessStep

STREAM_PATH = "/liveness/stream"
TIMEOUT_S = 30.0
USER_AGENT = "bonafide-stream/1"
"""By which the server names this client to the person in the list of their devices."""

_AUTH = "requiresTwoFactor accessToken user { id handle }"
_ME = "id email handle displayName avatarUrl verifiedAt faceFindings"
_SIGN_UP = f"mutation ($input: SignupInput!) {{ signup(input: $input) {{ {_AUTH} }} }}"
_SIGN_IN = (
    f"mutation ($email: String!, $password: String!) {{ login(email: $email, password: $password) {{ {_AUTH} }} }}"
)
_PRESIGN = """mutation ($mime: String!, $bytes: Int!) {
  presignAvatar(mime: $mime, bytes: $bytes) { key url headers { name value } } }"""
_COMMIT = f"mutation ($key: String!) {{ commitAvatar(key: $key) {{ {_ME} }} }}"
_CHALLENGE = """mutation ($purpose: LivenessPurpose, $exclude: [LivenessStep!]) {
  createLivenessChallenge(purpose: $purpose, exclude: $exclude) { token steps expiresAt streamUrl } }"""
_TRADE = f"""mutation ($ticket: String!, $name: String) {{
  tradeFaceTicket(ticket: $ticket, name: $name) {{ isNewUser auth {{ {_AUTH} }} }} }}"""


@dataclass(frozen=True)
class Challenge:
    """A drawn challenge; `token` is for one stream."""

    token: str
    steps: tuple[LivenessStep, ...]
    expires_at: datetime
    stream_url: str


@dataclass(frozen=True)
class Addresses:
    """The two addresses of one server: GraphQL's base over HTTP, and the liveness stream."""

    http: str
    stream: str

    @classmethod
    def of(cls, url: str) -> "Addresses":
        """Derives both from whichever the person gave: ws, wss, http or https, with or without the stream's path."""
        parts = urlsplit(url)
        secure = {"ws": False, "http": False, "wss": True, "https": True}.get(parts.scheme)
        if secure is None or not parts.netloc:
            raise CannotConnect(f"{url} is not an address like ws://127.0.0.1:8000")
        base = parts.path.removesuffix("/").removesuffix(STREAM_PATH)
        return cls(
            http=urlunsplit(("https" if secure else "http", parts.netloc, base, "", "")),
            stream=urlunsplit(("wss" if secure else "ws", parts.netloc, base + STREAM_PATH, "", "")),
        )


class ApiClient:
    """One person at one server; an async context manager. Raises CannotConnect and Refused.

    `transport` is httpx's, for servers that are not on a network. `keeps_cookies` is for signing in by face: the
    challenge belongs to the device that the server's cookie names.
    """

    def __init__(
        self, base_url: str, *, transport: httpx.AsyncBaseTransport | None = None, keeps_cookies: bool = False
    ) -> None:
        # Authenticated by the access token alone; a session kept in a cookie would need a CSRF header beside it.
        jar = CookieJar(policy=None if keeps_cookies else DefaultCookiePolicy(allowed_domains=[]))
        self._http = httpx.AsyncClient(
            base_url=base_url,
            transport=transport,
            timeout=TIMEOUT_S,
            cookies=jar,
            headers={"user-agent": USER_AGENT},
            trust_env=False,
        )
        self.access_token: str | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the connections."""
        await self._http.aclose()

    async def sign_up(self, *, email: str, password: str, handle: str, name: str) -> None:
        """Creates an account and is signed in as it."""
        values = {"email": email, "password": password, "username": handle, "displayName": name}
        self._signed_in(await self._ask(_SIGN_UP, "signup", input=values))

    async def sign_in(self, *, email: str, password: str) -> None:
        """Signs in; accounts with a second factor are refused, because this client has nowhere to ask for it."""
        self._signed_in(await self._ask(_SIGN_IN, "login", email=email, password=password))

    async def upload_avatar(self, photo: bytes, *, mime: str) -> dict[str, Any]:
        """Makes `photo` the profile photo: announce, upload, commit. Gives back the account, `faceFindings` with it."""
        upload = await self._ask(_PRESIGN, "presignAvatar", mime=mime, bytes=len(photo))
        headers = {header["name"]: header["value"] for header in upload["headers"]}
        answer = await self._sent(self._http.put(upload["url"], content=photo, headers=headers))
        if not answer.is_success:
            raise Refused(f"HTTP_{answer.status_code}", "the photo could not be uploaded")
        return dict(await self._ask(_COMMIT, "commitAvatar", key=upload["key"]))

    @property
    def cookies(self) -> str | None:
        """The Cookie header that the stream must carry; None without cookies."""
        kept = [f"{cookie.name}={cookie.value}" for cookie in self._http.cookies.jar]
        return "; ".join(kept) or None

    async def create_challenge(self, *, purpose: str = "VERIFY", exclude: Sequence[LivenessStep] = ()) -> Challenge:
        """Draws a liveness challenge: for the Verified badge, or for LOGIN without being signed in."""
        drawn = await self._ask(
            _CHALLENGE, "createLivenessChallenge", purpose=purpose, exclude=[step.value for step in exclude]
        )
        return Challenge(
            token=drawn["token"],
            steps=tuple(LivenessStep(step) for step in drawn["steps"]),
            expires_at=datetime.fromisoformat(drawn["expiresAt"]),
            stream_url=drawn["streamUrl"],
        )

    async def trade(self, ticket: str, *, name: str | None = None) -> dict[str, Any]:
        """Signs in by the ticket that a stream for LOGIN gave; says who it is and whether the account is new."""
        traded = await self._ask(_TRADE, "tradeFaceTicket", ticket=ticket, name=name)
        self._signed_in(traded["auth"])
        return {"handle": traded["auth"]["user"]["handle"], "isNewUser": traded["isNewUser"]}

    async def me(self) -> dict[str, Any] | None:
        """The account that is signed in."""
        found: dict[str, Any] | None = await self._ask(f"query {{ me {{ {_ME} }} }}", "me")
        return found

    def _signed_in(self, auth: Mapping[str, Any]) -> None:
        if auth["requiresTwoFactor"]:
            raise Refused("UNAUTHENTICATED", "this account asks for a second factor, which this client cannot give")
        self.access_token = auth["accessToken"]

    async def _ask(self, document: str, field: str, **variables: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.access_token}"} if self.access_token else {}
        body = {"query": document, "variables": variables}
        answer = await self._sent(self._http.post("/graphql", json=body, headers=headers))
        try:
            payload = answer.json()
        except ValueError:
            payload = None
        if isinstance(payload, dict) and payload.get("errors"):
            raise _refusal(payload["errors"][0])
        if isinstance(payload, dict) and isinstance(payload.get("data"), dict) and field in payload["data"]:
            return payload["data"][field]
        raise CannotConnect(f"{answer.url} answered {answer.status_code} without GraphQL; is it a Bonafide server?")

    async def _sent(self, request: Any) -> httpx.Response:
        try:
            answer: httpx.Response = await request
        except httpx.TransportError as error:
            said = str(error) or type(error).__name__
            raise CannotConnect(f"nothing can be reached at {self._http.base_url}: {said}") from error
        return answer


def _refusal(error: Mapping[str, Any]) -> Refused:
    extensions = error.get("extensions") or {}
    wait = extensions.get("retryAfter")
    return Refused(
        str(extensions.get("code", "INTERNAL")),
        str(error.get("message", "")),
        retry_after_s=float(wait) if isinstance(wait, int | float) else None,
        request_id=extensions.get("requestId"),
    )

"""Browsers at a running server: each with cookies of its own, before a camera that shows one face."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from app.client.api import ApiClient
from app.client.sources import Source
from liveness.steps import LivenessStep
from tests.attempts import Claim, Studio, Take
from tests.fakes import Mailbox
from tests.running import PASSWORD, Wire, wire

STEPS = (LivenessStep.LOOK_LEFT, LivenessStep.OPEN_MOUTH, LivenessStep.LOOK_RIGHT)
USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"
WATCHED_S = 7.0  # longer than the claims say that the person was watched

_USER = "user { id handle displayName email avatarUrl verifiedAt faceLoginEnabled faceTemplates }"
_AUTH = f"auth {{ requiresTwoFactor tempToken accessToken isNewUser {_USER} }}"
_FACE = f"success error retryAfterS matchFound isNewUser {_AUTH}"
CHALLENGE = "mutation ($purpose: LivenessPurpose) { createLivenessChallenge(purpose: $purpose) { token steps } }"
FACE_LOGIN = (
    "mutation ($token: String!, $frame: String!, $evidence: [StepFrame!], $name: String, $keepPhoto: Boolean) { "
    f"faceLogin(token: $token, frame: $frame, evidence: $evidence, name: $name, keepPhoto: $keepPhoto) {{ {_FACE} }} }}"
)
TRADE = f"mutation ($ticket: String!, $name: String) {{ tradeFaceTicket(ticket: $ticket, name: $name) {{ {_FACE} }} }}"
SECOND_STEP = (
    "mutation ($tempToken: String!, $code: String!) { verify2FALogin(tempToken: $tempToken, code: $code) "
    f"{{ requiresTwoFactor accessToken isNewUser {_USER} }} }}"
)
SIGN_UP = f"mutation ($input: SignupInput!) {{ signup(input: $input) {{ accessToken {_USER} }} }}"
LOG_IN = (
    "mutation ($email: String!, $password: String!) { login(email: $email, password: $password) "
    "{ requiresTwoFactor accessToken } }"
)
_CLAIM = "($token: String!, $frame: String!, $evidence: [StepFrame!])"
_CLAIMED = "(token: $token, frame: $frame, evidence: $evidence)"
ENROL = (
    "mutation ($token: String!, $frame: String!, $evidence: [StepFrame!], $password: String) "
    "{ enrollFace(token: $token, frame: $frame, evidence: $evidence, password: $password) }"
)
CONFIRM_WITH_FACE = f"mutation {_CLAIM} {{ confirmWithFace{_CLAIMED} {{ success error retryAfterS }} }}"
VERIFY = f"mutation {_CLAIM} {{ confirmLiveness{_CLAIMED} {{ success error retryAfterS }} }}"
ME = "{ me { id twoFactorEnabled handle displayName email avatarUrl faceLoginEnabled faceTemplates } }"
EVENTS = "{ auditEvents { nodes { event details { name value } } } }"


@dataclass
class Browser:
    """One browser of one person."""

    stage: Studio
    http: httpx.AsyncClient
    access_token: str | None = None
    name: str = ""

    async def answer(self, query: str, **variables: Any) -> dict[str, Any]:
        """The whole answer, errors and all."""
        headers = {"authorization": f"Bearer {self.access_token}"} if self.access_token else {}
        sent = await self.http.post("/graphql", json={"query": query, "variables": variables}, headers=headers)
        payload: dict[str, Any] = sent.json()
        return payload

    async def ask(self, query: str, **variables: Any) -> Any:
        """The one field that was asked for, or the extensions of the refusal."""
        payload = await self.answer(query, **variables)
        if payload.get("errors"):
            return payload["errors"][0]["extensions"]
        return next(iter(payload["data"].values()))

    async def challenge(self, purpose: str = "LOGIN", *, watched_s: float = WATCHED_S) -> str:
        """The token of a challenge that asks for STEPS and was drawn `watched_s` ago."""
        self.stage.die.wanted = STEPS
        drawn = await self.ask(CHALLENGE, purpose=purpose)
        assert drawn["steps"] == [step.value for step in STEPS], drawn
        self.stage.clock.advance(watched_s)
        return str(drawn["token"])

    async def face_login(self, claim: Claim, *, token: str | None = None, **more: Any) -> dict[str, Any]:
        """What faceLogin says to the claim; whoever is let in is signed in here."""
        token = token if token is not None else await self.challenge()
        result: dict[str, Any] = await self.ask(FACE_LOGIN, **claim.variables(token), **more)
        self._keep(result.get("auth"))
        return result

    async def trade(self, ticket: str, **more: Any) -> dict[str, Any]:
        """What tradeFaceTicket says."""
        result: dict[str, Any] = await self.ask(TRADE, ticket=ticket, **more)
        self._keep(result.get("auth"))
        return result

    async def second_step(self, temp_token: str, code: str) -> dict[str, Any]:
        """What verify2FALogin says."""
        result: dict[str, Any] = await self.ask(SECOND_STEP, tempToken=temp_token, code=code)
        self._keep(result)
        return result

    async def claim(self, query: str, purpose: str, claim: Claim) -> Any:
        """What another mutation says that takes a claim."""
        return await self.ask(query, **claim.variables(await self.challenge(purpose)))

    async def enrol(self, claim: Claim) -> Any:
        """What enrollFace says."""
        return await self.claim(ENROL, "ENROLL", claim)

    async def confirm(self, claim: Claim) -> None:
        """Shows with the face once more whose session it is."""
        result = await self.claim(CONFIRM_WITH_FACE, "STEP_UP", claim)
        assert result["success"], result

    async def enrol_with(self, token: str, claim: Claim, **more: Any) -> Any:
        """The same for a token that the test has."""
        return await self.ask(ENROL, **claim.variables(token), **more)

    async def upload(self, photo: Path) -> None:
        """Makes a file the profile photo."""
        mime = "image/png" if photo.suffix == ".png" else "image/jpeg"
        async with ApiClient(self.stage.server.http_url) as api:
            api.access_token = self.access_token
            await api.upload_avatar(photo.read_bytes(), mime=mime)

    async def sign_up(self, name: str) -> dict[str, Any]:
        """Signs up as `name`@example.org."""
        person = {"email": f"{name}@example.org", "password": PASSWORD, "username": name, "displayName": name}
        result: dict[str, Any] = await self.ask(SIGN_UP, input=person)
        self._keep(result)
        self.name = name
        return result

    async def log_in_again(self) -> dict[str, Any]:
        """Signs in once more as whoever signed up here."""
        return await self.log_in(self.name)

    async def log_in(self, name: str) -> dict[str, Any]:
        """Signs in by password."""
        result: dict[str, Any] = await self.ask(LOG_IN, email=f"{name}@example.org", password=PASSWORD)
        self._keep(result)
        return result

    async def prove_address(self, name: str) -> None:
        """Has the address proved, as by the mailed link."""
        await sql(self.stage, "update accounts set email_verified_at = now() where email = $1", f"{name}@example.org")

    async def first_call(self, claim: Claim, *, token: str | None = None, **more: Any) -> httpx.Response:
        """POST /api/upload/verification."""
        token = token if token is not None else await self.challenge()
        evidence = [
            {"step": step.value, "frame": base64.b64encode(jpeg).decode(), "capturedAtMs": at}
            for step, jpeg, at in claim.evidence
        ]
        body = {"token": token, "image": base64.b64encode(claim.still).decode(), "evidence": evidence, **more}
        return await self.http.post("/api/upload/verification", json=body)

    async def second_call(self, ticket: str, *, headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
        """POST /api/auth/face-verification."""
        return await self.http.post("/api/auth/face-verification", json={"ticket": ticket, **more}, headers=headers)

    async def film(self, camera: Source, *, purpose: str = "LOGIN", signed_in: bool = False) -> Take:
        """A whole attempt by stream, with the browser's cookies."""
        token = await self.challenge(purpose, watched_s=0)
        async with wire(self.stage.server, cookies=self.cookies) as socket:
            await socket.start(token, self.access_token if signed_in else None)
            return await self.stage.shoot(socket, camera)

    async def heard_at_start(self, token: str, *, signed_in: bool = False) -> tuple[dict[str, Any], int | None]:
        """What a stream says that is refused before a frame."""

        async def last_words(socket: Wire) -> tuple[dict[str, Any], int | None]:
            await socket.start(token, self.access_token if signed_in else None)
            return await socket.last_words()

        async with wire(self.stage.server, cookies=self.cookies) as socket:
            return await last_words(socket)

    @property
    def cookies(self) -> str:
        """The Cookie header."""
        return "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())

    async def me(self) -> dict[str, Any]:
        """The account that is signed in."""
        me: dict[str, Any] = await self.ask(ME)
        return me

    async def events(self) -> list[str]:
        """What the audit log tells its owner, newest first."""
        return [event["event"] for event in (await self.ask(EVENTS))["nodes"]]

    def _keep(self, auth: dict[str, Any] | None) -> None:
        if auth and auth.get("accessToken"):
            self.access_token = auth["accessToken"]


@asynccontextmanager
async def browser(stage: Studio, *, ip: str | None = None) -> AsyncIterator[Browser]:
    """A browser with nothing in it yet; `ip` needs TRUST_FORWARDED_FOR."""
    headers = {"user-agent": USER_AGENT} | ({} if ip is None else {"x-forwarded-for": ip})
    async with httpx.AsyncClient(base_url=stage.server.http_url, headers=headers, trust_env=False, timeout=60) as http:
        yield Browser(stage, http)


async def sql(stage: Studio, text: str, *values: object) -> list[asyncpg.Record]:
    """What the database itself says."""
    url = stage.server.services.settings.database_url
    assert url is not None
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        rows: list[asyncpg.Record] = await connection.fetch(text, *values)
    finally:
        await connection.close()
    return rows


async def nobody_known(stage: Studio) -> None:
    """Empties the gallery and forgets every limit and failure."""
    await stage.server.services.redis.flushall()
    await sql(stage, "delete from face_templates")


async def letters(stage: Studio) -> Mailbox:
    """The mail of the server, once all of it was sent."""
    await stage.server.services.background.settled()
    mailer = stage.server.services.mailer
    assert isinstance(mailer, Mailbox)
    return mailer

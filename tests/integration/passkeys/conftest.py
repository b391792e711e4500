"""People with passkeys, at the shipped application."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import httpx
import pytest
from redis.asyncio import Redis

from app.audit import AuditEvent
from app.settings import Settings
from app.wiring import Services
from tests.passkey_device import HONEST, UV, Device, Says, saying
from tests.serving import Visitor

OPTIONS = "{ challengeId options }"
PASSKEY = "{ id name synced createdAt lastUsedAt }"
PAYLOAD = "{ requiresTwoFactor tempToken accessToken refreshToken isNewUser user { handle twoFactorEnabled } }"
BEGIN_ADD = (
    "mutation ($password: String, $code: String) "
    f"{{ beginPasskeyRegistration(password: $password, code: $code) {OPTIONS} }}"
)
FINISH_ADD = (
    "mutation ($challengeId: ID!, $credential: String!, $name: String) "
    f"{{ finishPasskeyRegistration(challengeId: $challengeId, credential: $credential, name: $name) {PASSKEY} }}"
)
BEGIN_LOGIN = f"mutation {{ beginPasskeyLogin {OPTIONS} }}"
FINISH_LOGIN = (
    "mutation ($challengeId: ID!, $credential: String!) "
    f"{{ passkeyLogin(challengeId: $challengeId, credential: $credential) {PAYLOAD} }}"
)
BEGIN_STEP = f"mutation ($tempToken: String!) {{ beginPasskeySecondStep(tempToken: $tempToken) {OPTIONS} }}"
FINISH_STEP = (
    "mutation ($tempToken: String!, $challengeId: ID!, $credential: String!) "
    "{ passkeySecondStep(tempToken: $tempToken, challengeId: $challengeId, credential: $credential) "
    f"{PAYLOAD} }}"
)
BEGIN_CONFIRM = f"mutation {{ beginPasskeyConfirmation {OPTIONS} }}"
FINISH_CONFIRM = (
    "mutation ($challengeId: ID!, $credential: String!) "
    "{ confirmWithPasskey(challengeId: $challengeId, credential: $credential) }"
)
RENAME = f"mutation ($id: ID!, $name: String!) {{ renamePasskey(id: $id, name: $name) {PASSKEY} }}"
REMOVE = (
    "mutation ($id: ID!, $password: String, $code: String) { removePasskey(id: $id, password: $password, code: $code) }"
)
MINE = f"{{ me {{ handle passkeys {PASSKEY} }} }}"
LOGIN = f"mutation ($email: String!, $password: String!) {{ login(email: $email, password: $password) {PAYLOAD} }}"

OVER = {"code": "GONE", "field": "challengeId", "reason": "CHALLENGE_OVER"}
WRONG = {"code": "UNAUTHENTICATED", "field": "credential", "reason": "WRONG_PASSKEY"}

NOT_OURS = [
    saying(origin="https://evil.example"),
    saying(origin="http://evil.localhost:8000"),
    saying(origin="http://localhost.evil.example:8000"),
    saying(origin="http://127.0.0.1:8000"),
    saying(origin="http://localhost:8001"),
    saying(origin="http://localhost"),
    saying(origin="https://localhost:8000"),
    saying(origin="http://localhost:8000/"),
    saying(origin="null"),
    saying(origin="android:apk-key-hash:abc"),
    saying(host="example.org"),
    saying(host="evil.localhost"),
    saying(host="127.0.0.1"),
    saying(challenge=bytes(32)),
    saying(challenge=b""),
    saying(flags=UV),
    saying(flags=0),
    saying(client_data={"crossOrigin": True, "topOrigin": "https://evil.example"}),
    saying(client_data={"origin": ["http://localhost:8000"]}),
    saying(client_data={"type": "payment.get"}),
]


@dataclass(frozen=True)
class Begun:
    """What a page was given to ask a device."""

    id: str
    options: str

    @classmethod
    def of(cls, data: dict[str, Any]) -> "Begun":
        (begun,) = data.values()
        return cls(begun["challengeId"], begun["options"])

    @property
    def asked(self) -> dict[str, Any]:
        asked: dict[str, Any] = json.loads(self.options)
        return asked

    def answer(self, device: Device, says: Says = HONEST, **changes: Any) -> dict[str, Any]:
        """The variables that finish it by a use of the device's key."""
        return {"challengeId": self.id, "credential": device.get(self.options, says, **changes)}


@dataclass
class Owner:
    """Somebody in their browser, with the devices of their own."""

    visitor: Visitor
    devices: list[Device] = field(default_factory=list)

    @property
    def device(self) -> Device:
        return self.devices[0]

    async def add(self, device: Device | None = None, *, name: str | None = None) -> dict[str, Any]:
        """Adds a passkey as a page does."""
        device = device or Device()
        begun = Begun.of(await self.visitor.data(BEGIN_ADD))
        finish = {"challengeId": begun.id, "credential": device.create(begun.options), "name": name}
        added: dict[str, Any] = (await self.visitor.data(FINISH_ADD, finish))["finishPasskeyRegistration"]
        self.devices.append(device)
        return added


@dataclass(frozen=True)
class Town:
    """Where people come from."""

    transport: httpx.ASGITransport
    sql: asyncpg.Connection
    redis: Redis

    async def forget_limits(self) -> None:
        """Lets a test go on where people would have to wait."""
        async for key in self.redis.scan_iter(match="limit:*"):
            await self.redis.delete(key)

    def stranger(self) -> Visitor:
        """A browser in which nobody is signed in."""
        return Visitor(self.transport)

    async def owner(self, name: str = "ada", **device: Any) -> Owner:
        """Somebody who signed up and added a passkey."""
        owner = Owner(self.stranger())
        await owner.visitor.signup(name)
        await owner.add(Device(**device))
        return owner

    async def events(self, event: AuditEvent) -> list[dict[str, Any]]:
        """The details of each event of this kind, oldest first."""
        rows = await self.sql.fetch("select detail from audit_events where event = $1 order by id", event.value)
        return [json.loads(row["detail"]) for row in rows]

    async def sessions(self) -> int:
        count: int = await self.sql.fetchval("select count(*) from sessions where revoked_at is null")
        return count


@pytest.fixture
async def town(transport: httpx.ASGITransport, services: Services, settings: Settings) -> AsyncIterator[Town]:
    assert settings.database_url is not None
    sql = await asyncpg.connect(settings.database_url.replace("postgresql+asyncpg://", "postgresql://", 1))
    yield Town(transport, sql, services.redis)
    await sql.close()

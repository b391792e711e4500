"""Attempts over the wire at the pace of the processor: the server's clock stands still unless the test moves it.

The camera's frames carry simulated times, so that ten seconds before a camera cost one of computing, a time limit
costs nothing, and every run is the same. Challenges are drawn by the server as ever, only the die is loaded.
"""

import base64
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import asyncpg
import cv2
import httpx
import numpy as np
import numpy.typing as npt
from redis.asyncio import Redis
from websockets.exceptions import ConnectionClosed

from app.client.animation import PhotoAnimator
from app.client.api import Challenge
from app.client.performance import Sway, posed
from app.client.sources import Source
from app.embedded import EmbeddedServices
from app.ids import Ids
from app.settings import Settings
from liveness.challenge import draw_steps
from liveness.frames import decode_frame
from liveness.steps import LivenessStep
from tests.fakes import FixedClock
from tests.running import PASSWORD, Person, RunningServer, Wire, person, running, wire

Rgb = npt.NDArray[np.uint8]
FPS = 15
NOBODY_FOR_S = 21.0  # ends every wait of the policy: 12 s for a gesture, 20 s for a neutral face


class LoadedDie(Ids):
    """Randomness as ever, but the next challenge asks for `wanted`."""

    wanted: tuple[LivenessStep, ...] | None = None

    def below(self, bound: int) -> int:
        if self.wanted is None:
            return super().below(bound)
        wanted, self.wanted = self.wanted, None
        return next(i for i in range(bound) if draw_steps(lambda _, i=i: i) == wanted)


@dataclass(frozen=True)
class Take:
    """What an attempt came to: the server's last message, its close code, the steps that passed, every hint given."""

    last: dict[str, Any]
    code: int | None
    passed: list[int]
    hints: list[str]

    @property
    def outcome(self) -> str:
        """SUCCESS, or the error's name."""
        return "SUCCESS" if self.last.get("success") else str(self.last.get("error") or self.last.get("code"))


@dataclass(frozen=True, kw_only=True)
class Studio:
    """A running server whose time the test owns."""

    server: RunningServer
    clock: FixedClock
    die: LoadedDie

    @asynccontextmanager
    async def newcomer(self, photo: Path | None = None) -> AsyncIterator[Person]:
        """Somebody with a new account, and no limits counted so far."""
        await self.server.services.redis.flushall()
        async with person(self.server, f"n{self.die.uuid7().hex}", photo=photo) as opened:
            yield opened

    async def challenge(self, who: Person, *steps: LivenessStep) -> Challenge:
        """A challenge that asks for exactly these steps."""
        self.die.wanted = steps
        drawn = await who.challenge()
        assert drawn.steps == steps
        return drawn

    async def film(
        self, who: Person, camera: Source, *steps: LivenessStep, fps: float = FPS, mirrored: bool = False
    ) -> Take:
        """One whole attempt. A camera that gives None has been put down: time runs on without frames."""
        challenge = await self.challenge(who, *steps)
        async with wire(self.server) as socket:
            await socket.start(challenge.token, who.access_token, mirrored=mirrored)
            return await self.shoot(socket, camera, fps=fps)

    async def shoot(self, socket: Wire, camera: Source, *, fps: float = FPS, begin: int = 0, frames: int = 900) -> Take:
        """Streams to a socket that was started, until the result or for so many frames, the first numbered `begin`."""
        take = Take({}, None, [], [])
        for seq in range(begin, begin + frames):
            t_ms = round(1000 * seq / fps)
            if take.last.get("type") in ("result", "error"):
                break
            if seq == 0:
                take = await self._heard(socket, camera, take, until="ready")
            jpeg = camera.frame(t_ms)
            if jpeg is None:
                self.clock.advance(NOBODY_FOR_S)
                break
            try:
                await socket.frame(seq, jpeg, captured_ms=t_ms)
            except ConnectionClosed:
                break
            take = await self._heard(socket, camera, take, until="feedback")
            self.clock.advance(1 / fps)
        else:
            return take
        return await self._heard(socket, camera, take, until="the end")

    async def _heard(self, socket: Wire, camera: Source, take: Take, *, until: str) -> Take:
        last = take.last
        try:
            while True:
                last = await socket.heard()
                match last["type"]:
                    case "ready":
                        camera.prompt(LivenessStep(last["step"]))
                    case "feedback":
                        take.hints.append(last["hint"])
                    case "step":
                        take.passed.append(last["index"])
                        if last["next"]:
                            camera.prompt(LivenessStep(last["next"]))
                if last["type"] == until:
                    return replace(take, last=last)
        except ConnectionClosed:
            return replace(take, last=last, code=socket.connection.close_code)


async def refreshed(stage: Studio, who: Person, email: str) -> Person:
    """The same person as on the first day: signed in just now, without a badge, no limit or failure counted."""
    services = stage.server.services
    await services.redis.flushall()
    await who.api.sign_in(email=email, password=PASSWORD)
    account_id = (await services.sessions.authenticate(who.access_token)).account_id
    for query in (services.database.queries.set_account_verified, services.database.queries.set_profile_verified):
        await services.database.run(query, account_id=account_id, verified_at=None)
    return who


@asynccontextmanager
async def studio(
    embedded: EmbeddedServices,
    folder: Path,
    models: Path,
    *,
    database: str | None = None,
    database_at: str | None = None,
    **settings: str,
) -> AsyncIterator[Studio]:
    """A server on `database`, which stays, or on a fresh one of its own, reached at `database_at` (host:port).

    `settings` are further environment variables.
    """
    die, clock = LoadedDie(), FixedClock()
    name = database or f"studio_{die.uuid7().hex}"
    redis = Redis.from_url(embedded.redis_url)
    await redis.flushall()
    await redis.aclose()
    (folder / "models").symlink_to(models)
    direct = embedded.database_url.replace("@/bonafide", f"@/{name}", 1)
    environment = {
        "DATABASE_URL": f"postgresql+asyncpg://postgres@{database_at}/{name}" if database_at else direct,
        "REDIS_URL": embedded.redis_url,
        "BONAFIDE_DATA": str(folder),
        "ARGON2_MEMORY_KIB": "64",
        "ARGON2_TIME_COST": "1",
        "PUBLIC_URL": "http://127.0.0.1:8000",
    }
    async with AsyncExitStack() as stack:
        if database is None:
            admin = await asyncpg.connect(embedded.database_url.replace("+asyncpg", ""))
            stack.push_async_callback(admin.close)
            await admin.execute(f"create database {name} template template_bonafide")
            stack.push_async_callback(admin.execute, f"drop database {name} with (force)")
        server = await stack.enter_async_context(
            running(Settings.from_environment(environment | settings), clock=clock, ids=die)
        )
        yield Studio(server=server, clock=clock, die=die)


# Cameras


@dataclass
class Cut:
    """`first` answers until `steps` prompts were answered; from then on the camera shows `second`."""

    first: Source
    second: Source
    steps: int = 1
    _prompts: int = 0

    def prompt(self, step: LivenessStep) -> None:
        self._prompts += 1
        self.first.prompt(step)
        self.second.prompt(step)

    def frame(self, t_ms: int) -> bytes | None:
        pictures = self.first.frame(t_ms), self.second.frame(t_ms)
        return pictures[self._prompts > self.steps]


@dataclass
class Looking:
    """The same picture over and over, with a sensor's noise in it; `frames` of them, then nothing."""

    picture: Rgb
    frames: int
    _shown: int = 0

    def prompt(self, step: LivenessStep) -> None:
        return None

    def frame(self, t_ms: int) -> bytes | None:
        self._shown += 1
        if self._shown > self.frames:
            return None
        noise = np.random.default_rng(self._shown).normal(0, 2, self.picture.shape)
        return jpeg_of(np.clip(self.picture + noise, 0, 255).astype(np.uint8))


@dataclass
class Company:
    """A second face beside the first from the prompt number `steps` on, half its size, in the picture's corner."""

    first: Source
    second: Source
    steps: int = 0
    _prompts: int = 0

    def prompt(self, step: LivenessStep) -> None:
        self._prompts += 1
        self.first.prompt(step)

    def frame(self, t_ms: int) -> bytes | None:
        main, other = self.first.frame(t_ms), self.second.frame(t_ms)
        if main is None or other is None or self._prompts <= self.steps:
            return main
        picture, guest = decode_frame(main).copy(), decode_frame(other)[20:-20, 80:-80]
        small = cv2.resize(guest, None, fx=0.62, fy=0.62, interpolation=cv2.INTER_AREA)
        picture[: small.shape[0], -small.shape[1] :] = small
        return jpeg_of(picture)


@dataclass
class Disobedient:
    """Answers another step than the one that is asked."""

    source: Source
    instead: dict[LivenessStep, LivenessStep]

    def prompt(self, step: LivenessStep) -> None:
        self.source.prompt(self.instead.get(step, step))

    def frame(self, t_ms: int) -> bytes | None:
        return self.source.frame(t_ms)


@dataclass
class Recording:
    """Frames made before anything was asked, played by their own time."""

    frames: Iterator[tuple[int, Rgb]]

    def prompt(self, step: LivenessStep) -> None:
        return None

    def frame(self, t_ms: int) -> bytes | None:
        try:
            return jpeg_of(next(self.frames)[1])
        except StopIteration:
            return None


@dataclass
class Reflexes:
    """Makes the gesture in the very frame in which it is asked, as no person can."""

    animator: PhotoAnimator
    _step: LivenessStep | None = None
    _frames: int = 0
    _since: int = 0
    _sway: Sway = field(default_factory=lambda: Sway(seed=0))

    def prompt(self, step: LivenessStep) -> None:
        self._step, self._since = step, self._frames

    def frame(self, t_ms: int) -> bytes:
        self._frames += 1
        sway, shift = self._sway.at(t_ms)
        # At rest for the neutral face, and for one frame after each later prompt: a gesture has to begin somewhere.
        moving = self._frames > 25 and self._frames > self._since + 1
        return self.animator.jpeg(posed(self._step, 1.0 if moving else 0.0, sway), shift=shift)


def jpeg_of(picture: Rgb) -> bytes:
    done, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    assert done
    return bytes(data)


# Browsers

CONFIRM = """mutation ($token: String!, $frame: String!, $evidence: [StepFrame!]) {
  confirmLiveness(token: $token, frame: $frame, evidence: $evidence) { success verifiedAt error retryAfterS } }"""


@dataclass(frozen=True)
class Claim:
    """What a page sends beside the token: a still, and (step, JPEG, captured at ms) for each step."""

    still: bytes
    evidence: tuple[tuple[LivenessStep, bytes, int], ...]

    @staticmethod
    def of(animator: PhotoAnimator, steps: Collection[LivenessStep], *, apart_ms: int = 2000) -> "Claim":
        """The claim of a page that watched a person answer `steps`, one every `apart_ms`."""
        sway = Sway(seed=len(steps))
        shown = []
        for number, step in enumerate(steps, start=1):
            motion, shift = sway.at(number * apart_ms)
            pose = posed(step, 1.0, motion)
            shown.append((step, animator.jpeg(pose, shift=shift), number * apart_ms))
        return Claim(animator.jpeg(posed(None, 0.0)), tuple(shown))

    def variables(self, token: str) -> dict[str, Any]:
        evidence = [
            {"step": step.value, "frame": base64.b64encode(jpeg).decode(), "capturedAtMs": at}
            for step, jpeg, at in self.evidence
        ]
        return {"token": token, "frame": base64.b64encode(self.still).decode(), "evidence": evidence}


async def graphql(server: RunningServer, who: Person | None, query: str, **variables: Any) -> dict[str, Any]:
    """The whole answer, errors and all."""
    headers = {"authorization": f"Bearer {who.access_token}"} if who else {}
    async with httpx.AsyncClient(base_url=server.http_url, trust_env=False, timeout=30) as http:
        answer = await http.post("/graphql", json={"query": query, "variables": variables}, headers=headers)
    payload: dict[str, Any] = answer.json()
    return payload


async def confirm(server: RunningServer, who: Person, token: str, claim: Claim) -> dict[str, Any]:
    """What came of the claim: the VerificationResult, or the first error's extensions."""
    payload = await graphql(server, who, CONFIRM, **claim.variables(token))
    if payload.get("errors"):
        return dict(payload["errors"][0]["extensions"])
    return dict(payload["data"]["confirmLiveness"])

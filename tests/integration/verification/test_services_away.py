"""Redis or PostgreSQL away before, during and at the end of an attempt: said clearly, in time, and then over.

Both are reached through a wire of the test's own, which can be cut (connections break, new ones are refused) or
silenced (nothing answers any more), so nobody restarts anything.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from app.client.animation import PhotoAnimator
from app.client.errors import Refused
from app.client.sources import PhotoSource
from app.embedded import EmbeddedServices
from liveness.steps import LivenessStep
from tests.attempts import Claim, Disobedient, Studio, confirm, studio
from tests.cables import Cable
from tests.running import Person, person, wire

pytestmark = pytest.mark.asyncio(loop_scope="module")

LEFT, MOUTH, RIGHT = LivenessStep.LOOK_LEFT, LivenessStep.OPEN_MOUTH, LivenessStep.LOOK_RIGHT
ANSWER_WITHIN_S = 30.0  # the longest time-out below is 10 s, for a statement; without one nothing would ever come


class Cables:
    """The two wires that everything depends on."""

    def __init__(self, embedded: EmbeddedServices) -> None:
        folder = embedded.database_url.partition("host=")[2]
        self.database = Cable(f"{folder}/.s.PGSQL.5432")
        self.redis = Cable(embedded.redis_url.removeprefix("unix://"))

    def __getitem__(self, name: str) -> Cable:
        return {"database": self.database, "redis": self.redis}[name]

    async def plug_in(self) -> None:
        await self.database.plug_in()
        await self.redis.plug_in()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cables(embedded: EmbeddedServices) -> AsyncIterator[Cables]:
    pair = Cables(embedded)
    await pair.plug_in()
    yield pair
    await pair.database.unplug()
    await pair.redis.unplug()


def wired(embedded: EmbeddedServices, folder: Path, models: Path, pair: Cables) -> AbstractAsyncContextManager[Studio]:
    """A server that reaches both through the cables."""
    return studio(
        embedded,
        folder,
        models,
        database_at=f"127.0.0.1:{pair.database.port}",
        REDIS_URL=f"redis://127.0.0.1:{pair.redis.port}",
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(
    embedded: EmbeddedServices, cables: Cables, tmp_path_factory: pytest.TempPathFactory, face_models: Path
) -> AsyncIterator[Studio]:
    """One server for all tests here: each finds it recovered from the outage of the one before."""
    async with wired(embedded, tmp_path_factory.mktemp("away"), face_models, cables) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def eileen(stage: Studio, cables: Cables, astronaut_path: Path) -> AsyncIterator[Person]:
    await cables.plug_in()
    async with person(stage.server, f"e{stage.die.uuid7().hex}", photo=astronaut_path) as opened:
        yield opened
    await cables.plug_in()


async def readiness(stage: Studio) -> tuple[int, dict[str, Any]]:
    async with httpx.AsyncClient(base_url=stage.server.http_url, trust_env=False, timeout=30) as http:
        answer = await http.get("/readyz")
    return answer.status_code, answer.json()["checks"]


async def hears_busy(stage: Studio, who: Person, token: str) -> None:
    """A start is refused with 4503 and seconds to wait, in time."""
    async with asyncio.timeout(ANSWER_WITHIN_S), wire(stage.server) as socket:
        await socket.start(token, who.access_token)
        words, code = await socket.last_words()
    assert (words["type"], words["code"], code) == ("error", "BUSY", 4503)
    assert words["retryAfterS"] > 0


async def passes(stage: Studio, who: Person, face: PhotoAnimator) -> None:
    """Everything works, without a restart."""
    take = await stage.film(who, PhotoSource(face), LEFT, MOUTH, RIGHT)
    assert take.outcome == "SUCCESS"
    assert (await readiness(stage))[0] == 200
    await stage.server.graphs_given_back()


@pytest.mark.parametrize("which", ["redis", "database"])
async def test_away_before_the_start_nothing_is_spent(
    stage: Studio, cables: Cables, eileen: Person, astronaut: PhotoAnimator, which: str
) -> None:
    """The person would lose the challenge, or wait without a word, for a fault that is not theirs."""
    challenge = await stage.challenge(eileen, LEFT, MOUTH, RIGHT)
    await cables[which].cut()
    await hears_busy(stage, eileen, challenge.token)
    with pytest.raises(Refused) as refused:
        await eileen.challenge()
    assert refused.value.code == "BUSY"
    assert refused.value.retry_after_s
    status, checks = await readiness(stage)
    assert status == 503
    assert [name for name, fault in checks.items() if fault != "ok"] == [which]
    await stage.server.graphs_given_back()
    await cables[which].plug_in()
    async with wire(stage.server) as socket:
        await socket.start(challenge.token, eileen.access_token)
        take = await stage.shoot(socket, PhotoSource(astronaut))
    assert take.outcome == "SUCCESS"
    await passes(stage, eileen, astronaut)


async def test_a_database_that_goes_in_the_middle(
    stage: Studio, cables: Cables, eileen: Person, astronaut: PhotoAnimator
) -> None:
    """The person would see success and have no badge, or see nothing at all."""
    challenge = await stage.challenge(eileen, LEFT, MOUTH, RIGHT)
    camera = PhotoSource(astronaut)
    async with wire(stage.server) as socket:
        await socket.start(challenge.token, eileen.access_token)
        await stage.shoot(socket, camera, frames=20)
        await cables.database.cut()
        async with asyncio.timeout(ANSWER_WITHIN_S):
            take = await stage.shoot(socket, camera, begin=20)
    assert (take.last["code"], take.code, take.passed) == ("BUSY", 4503, [0, 1, 2])
    assert take.last["retryAfterS"] > 0
    await cables.plug_in()
    me = await eileen.api.me()
    assert me is not None
    assert me["verifiedAt"] is None
    await passes(stage, eileen, astronaut)


async def test_a_failure_that_cannot_be_counted_is_no_free_attempt(
    stage: Studio, cables: Cables, eileen: Person, astronaut: PhotoAnimator
) -> None:
    """While Redis is away an attacker could fail without end; the person would see a broken connection."""
    challenge = await stage.challenge(eileen, LEFT, MOUTH, RIGHT)
    camera = Disobedient(PhotoSource(astronaut), {LEFT: RIGHT})
    async with wire(stage.server) as socket:
        await socket.start(challenge.token, eileen.access_token)
        await stage.shoot(socket, camera, frames=10)
        await cables.redis.cut()
        async with asyncio.timeout(ANSWER_WITHIN_S):
            take = await stage.shoot(socket, camera, begin=10)
    assert (take.last["code"], take.code) == ("BUSY", 4503)
    assert take.last["retryAfterS"] > 0
    await hears_busy(stage, eileen, challenge.token)
    await cables.plug_in()
    async with wire(stage.server) as socket:
        await socket.start(challenge.token, eileen.access_token)
        words, _ = await socket.last_words()
    assert words["error"] == "TOKEN_EXPIRED"
    await passes(stage, eileen, astronaut)


async def test_an_attempt_that_cannot_be_checked_at_its_end_earns_nothing(
    stage: Studio, cables: Cables, eileen: Person, astronaut: PhotoAnimator
) -> None:
    """Without Redis nobody knows which of several attempts counts: a badge would be given on trust."""
    challenge = await stage.challenge(eileen, LEFT, MOUTH, RIGHT)
    camera = PhotoSource(astronaut)
    async with wire(stage.server) as socket:
        await socket.start(challenge.token, eileen.access_token)
        await stage.shoot(socket, camera, frames=20)
        await cables.redis.cut()
        take = await stage.shoot(socket, camera, begin=20)
    assert (take.last["code"], take.code, take.passed) == ("BUSY", 4503, [0, 1, 2])
    assert take.last["retryAfterS"] > 0
    await cables.plug_in()
    me = await eileen.api.me()
    assert me is not None
    assert me["verifiedAt"] is None
    await passes(stage, eileen, astronaut)


@pytest.mark.parametrize("which", ["redis", "database"])
async def test_a_claim_while_a_service_is_away_is_busy_and_costs_nothing(
    stage: Studio, cables: Cables, eileen: Person, astronaut: PhotoAnimator, which: str
) -> None:
    """A browser would get an internal error, or lose the challenge."""
    challenge = await stage.challenge(eileen, LEFT, MOUTH, RIGHT)
    stage.clock.advance(7)
    claim = Claim.of(astronaut, (LEFT, MOUTH, RIGHT))
    await cables[which].cut()
    async with asyncio.timeout(ANSWER_WITHIN_S):
        refused = await confirm(stage.server, eileen, challenge.token, claim)
    assert refused["code"] == "BUSY"
    assert refused["retryAfter"] > 0
    await cables.plug_in()
    assert (await confirm(stage.server, eileen, challenge.token, claim))["success"]


async def test_services_that_hang_are_given_up_in_time(
    stage: Studio, cables: Cables, eileen: Person, astronaut: PhotoAnimator
) -> None:
    """A server that accepts and never answers is worse than none: people would stare at a spinner."""
    challenge = await stage.challenge(eileen, LEFT, MOUTH, RIGHT)
    cables.redis.silence()
    cables.database.silence()
    (status, checks), _ = await asyncio.gather(readiness(stage), hears_busy(stage, eileen, challenge.token))
    assert status == 503
    assert {name for name, fault in checks.items() if fault != "ok"} == {"redis", "database"}
    await cables.plug_in()
    await passes(stage, eileen, astronaut)


async def test_both_away_at_the_start_of_the_server_are_found_when_they_come(
    embedded: EmbeddedServices, tmp_path: Path, face_models: Path, astronaut_path: Path, astronaut: PhotoAnimator
) -> None:
    """After a power cut the first to start would have to be restarted by hand."""
    pair = Cables(embedded)
    await pair.plug_in()
    await pair.database.cut()
    await pair.redis.cut()
    async with wired(embedded, tmp_path, face_models, pair) as early:
        status, checks = await readiness(early)
        assert status == 503
        assert {name for name, fault in checks.items() if fault != "ok"} == {"redis", "database"}
        async with wire(early.server) as socket:
            await socket.start("any", "x.y.z")
            words, code = await socket.last_words()
        assert (words["code"], code) == ("BUSY", 4503)
        await pair.plug_in()
        async with person(early.server, "eileen", photo=astronaut_path) as eileen:
            await passes(early, eileen, astronaut)
    await pair.database.unplug()
    await pair.redis.unplug()

"""Somebody who knows the protocol and means harm: odd numbers, odd JSON, slow bytes, floods, many sockets at once."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from app.client.animation import PhotoAnimator
from app.client.sources import PhotoSource
from app.embedded import EmbeddedServices
from app.verification.inbox import HEADER
from liveness.steps import LivenessStep
from tests.attempts import NOBODY_FOR_S, Studio, refreshed, studio
from tests.running import Person, Wire, person, wire

pytestmark = pytest.mark.asyncio(loop_scope="module")

LEFT, MOUTH, RIGHT = LivenessStep.LOOK_LEFT, LivenessStep.OPEN_MOUTH, LivenessStep.LOOK_RIGHT
LARGEST = 2**32 - 1


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(
    embedded: EmbeddedServices, tmp_path_factory: pytest.TempPathFactory, face_models: Path
) -> AsyncIterator[Studio]:
    folder = tmp_path_factory.mktemp("attacks")
    async with studio(embedded, folder, face_models, LIVENESS_MAX_STREAMS="4") as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def account(stage: Studio, astronaut_path: Path) -> AsyncIterator[Person]:
    async with person(stage.server, "eileen", photo=astronaut_path) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def eileen(stage: Studio, account: Person) -> Person:
    """The astronaut, whom earlier tests left no trace on; a test that changes photo or session takes a newcomer."""
    return await refreshed(stage, account, "eileen@example.org")


async def started(stage: Studio, who: Person, socket: Wire) -> None:
    """A socket whose stream waits for frames."""
    challenge = await stage.challenge(who, LEFT, MOUTH, RIGHT)
    await socket.start(challenge.token, who.access_token)
    assert (await socket.heard())["type"] == "ready"


START: dict[str, Callable[[str, str], str]] = {
    "NaN": lambda token, access: f'{{"type":"start","challengeToken":NaN,"accessToken":"{access}"}}',
    "Infinity": lambda token, access: f'{{"type":"start","challengeToken":"{token}","accessToken":Infinity}}',
    "mirrored NaN": lambda token, access: json.dumps(
        {"type": "start", "challengeToken": token, "accessToken": access, "mirrored": float("nan")}
    ),
    "mirrored 1": lambda token, access: json.dumps(
        {"type": "start", "challengeToken": token, "accessToken": access, "mirrored": 1}
    ),
    "number of 5000 digits": lambda token, access: f'{{"type":"start","challengeToken":{"9" * 5000}}}',
    "a key twice, the last one wrong": lambda token, access: (
        f'{{"type":"start","challengeToken":"{token}","accessToken":"{access}","type":"stop"}}'
    ),
    "nested": lambda token, access: '{"type":"start","challengeToken":' + "[" * 4000 + "}",
}


@pytest.mark.parametrize("oddity", START)
async def test_json_that_libraries_disagree_on_is_malformed(stage: Studio, eileen: Person, oddity: str) -> None:
    """A value that only some parsers take could pass a check in front and mean something else behind."""
    challenge = await stage.challenge(eileen, LEFT, MOUTH, RIGHT)
    async with wire(stage.server) as socket:
        await socket.say(START[oddity](challenge.token, eileen.access_token))
        words, code = await socket.last_words()
    assert (words["code"], code) == ("BAD_USER_INPUT", 4400)
    async with wire(stage.server) as socket:
        await socket.start(challenge.token, eileen.access_token)
        assert (await socket.heard())["type"] == "ready", "nothing was spent"


@pytest.mark.parametrize("text", [r"\ud800", r"\u0000", "a.b.c.d", "é", "x" * 4000, r"eyJhbGciOiJub25lIn0.e30."])
async def test_hostile_tokens_are_refused_as_tokens(stage: Studio, eileen: Person, text: str) -> None:
    """A token that no one issued would be an internal error, an entry in the log, or worse: a way in."""
    challenge = await stage.challenge(eileen, LEFT, MOUTH, RIGHT)
    async with wire(stage.server) as socket:
        await socket.say(f'{{"type":"start","challengeToken":"{challenge.token}","accessToken":"{text}"}}')
        words, code = await socket.last_words()
    assert (words["code"], code) == ("UNAUTHENTICATED", 4401)
    async with wire(stage.server) as socket:
        await socket.say(f'{{"type":"start","challengeToken":"{text}","accessToken":"{eileen.access_token}"}}')
        words, code = await socket.last_words()
    assert (words["error"], code) == ("TOKEN_EXPIRED", 1000)


@pytest.mark.parametrize(
    "numbers",
    [
        [(0, LARGEST), (1, 0)],
        [(0, 0), (1, LARGEST)],
        [(0, LARGEST), (1, LARGEST), (2, 5)],
        [(LARGEST, 0), (0, 100)],
        [(0, 0), (LARGEST, 100), (LARGEST, 200)],
    ],
)
async def test_numbers_at_their_end_fail_and_break_nothing(
    stage: Studio, eileen: Person, astronaut_at_rest: bytes, numbers: list[tuple[int, int]]
) -> None:
    """A counter that wraps round would let a recording be played backwards, or stop the server."""
    async with wire(stage.server) as socket:
        await started(stage, eileen, socket)
        for seq, captured_ms in numbers[:-1]:
            await socket.frame(seq, astronaut_at_rest, captured_ms=captured_ms)
            assert (await socket.heard())["type"] == "feedback"
            stage.clock.advance(0.1)
        seq, captured_ms = numbers[-1]
        await socket.frame(seq, astronaut_at_rest, captured_ms=captured_ms)
        words, code = await socket.last_words()
    assert (words.get("error") or words["code"]) in ("CHALLENGE_FAILED", "BAD_USER_INPUT")
    assert code in (1000, 4400)
    await stage.server.graphs_given_back()


@pytest.mark.parametrize("way", ["silent", "a byte now and then", "pings"])
async def test_who_sends_no_picture_loses_the_stream(
    stage: Studio, eileen: Person, astronaut_at_rest: bytes, way: str
) -> None:
    """A few idle sockets would hold every landmark graph, and nobody else could be verified."""
    async with wire(stage.server) as socket:
        await started(stage, eileen, socket)
        assert stage.server.services.graphs.leased == 1
        if way == "a byte now and then":
            socket.connection.transport.write(b"\x82\xfe\x4e\x20" + b"\x00\x00\x00\x00")
            for byte in astronaut_at_rest[:20]:
                socket.connection.transport.write(bytes([byte]))
                await asyncio.sleep(0)
        if way == "pings":
            for number in range(2000):
                await socket.connection.ping(str(number))
        stage.clock.advance(NOBODY_FOR_S)
        words = await socket.heard()
        assert (words["type"], words["error"]) == ("result", "NO_FACE")
        socket.connection.transport.abort()  # an orderly end is impossible in the middle of a message
    await stage.server.graphs_given_back()


async def test_a_flood_of_pings_does_not_keep_others_waiting(
    stage: Studio, eileen: Person, astronaut_at_rest: bytes
) -> None:
    """One socket could make the server deaf."""
    async with wire(stage.server) as flood, wire(stage.server) as socket:
        await started(stage, eileen, socket)

        flood.connection.transport.write(b"\x89\x80\x00\x00\x00\x00" * 20_000)
        for seq in range(5):
            await socket.frame(seq, astronaut_at_rest)
            async with asyncio.timeout(15):  # at most 2 s seen, while ten programs wanted each of the two cores
                assert (await socket.heard())["type"] == "feedback"
            stage.clock.advance(0.1)
        flood.connection.transport.abort()
    await stage.server.graphs_given_back()


async def test_when_all_streams_are_taken_the_next_is_told_when_and_keeps_its_challenge(
    stage: Studio, eileen: Person, astronaut_path: Path, astronaut: PhotoAnimator
) -> None:
    """A full server would use up people's challenges, or slow down everybody instead of refusing one."""
    async with (
        person(stage.server, f"o{stage.die.uuid7().hex}", photo=astronaut_path) as other,
        wire(stage.server) as one,
        wire(stage.server) as two,
        wire(stage.server) as three,
        wire(stage.server) as four,
    ):
        for socket in (one, two, three, four):
            await started(stage, other, socket)
        challenge = await stage.challenge(eileen, LEFT, MOUTH, RIGHT)
        async with wire(stage.server) as fifth:
            await fifth.start(challenge.token, eileen.access_token)
            words, code = await fifth.last_words()
        assert (words["code"], code) == ("BUSY", 4503)
        assert words["retryAfterS"] > 0
        one.connection.transport.abort()
        await stage.server.graphs_given_back(but=3)
        async with wire(stage.server) as fifth:
            await fifth.start(challenge.token, eileen.access_token)
            take = await stage.shoot(fifth, PhotoSource(astronaut))
        assert take.outcome == "SUCCESS"


async def test_a_stream_cannot_be_replayed_into_another(
    stage: Studio, eileen: Person, astronaut: PhotoAnimator
) -> None:
    """Whoever recorded one passed attempt, byte for byte, could pass every later one."""
    recorded: list[bytes] = []

    class Recorder:
        camera = PhotoSource(astronaut)

        def prompt(self, step: LivenessStep) -> None:
            self.camera.prompt(step)

        def frame(self, t_ms: int) -> bytes:
            recorded.append(self.camera.frame(t_ms))
            return recorded[-1]

    class Player:
        frames = iter(recorded)

        def prompt(self, step: LivenessStep) -> None:
            return None

        def frame(self, t_ms: int) -> bytes | None:
            return next(self.frames, None)

    assert (await stage.film(eileen, Recorder(), LEFT, MOUTH, RIGHT)).outcome == "SUCCESS"
    take = await stage.film(eileen, Player(), RIGHT, MOUTH, LEFT)
    assert take.outcome == "CHALLENGE_FAILED"
    assert 1 not in take.passed


async def test_of_two_attempts_at_once_only_the_later_can_succeed(
    stage: Studio, eileen: Person, astronaut: PhotoAnimator
) -> None:
    """Thirty attempts side by side would be thirty tries before the first failure counts."""
    async with wire(stage.server) as first, wire(stage.server) as second:
        early = await stage.challenge(eileen, LEFT, MOUTH, RIGHT)
        await first.start(early.token, eileen.access_token)
        await stage.shoot(first, camera := PhotoSource(astronaut), frames=3)
        late = await stage.challenge(eileen, LEFT, MOUTH, RIGHT)
        await second.start(late.token, eileen.access_token)
        await stage.shoot(second, PhotoSource(astronaut), frames=3)
        assert (await stage.shoot(first, camera, begin=3)).outcome == "TOKEN_EXPIRED"


async def test_frames_without_credit_are_not_kept(stage: Studio, eileen: Person, astronaut_at_rest: bytes) -> None:
    """Hundreds of frames sent ahead would be queued in memory, and judged late."""
    async with wire(stage.server) as socket:
        await started(stage, eileen, socket)
        for seq in range(200):
            await socket.connection.send(HEADER.pack(seq, seq * 10) + astronaut_at_rest)
            if socket.connection.close_code is not None:
                break
        words, code = await socket.last_words()
    assert (words["code"], code) == ("RATE_LIMITED", 4429)
    await stage.server.graphs_given_back()

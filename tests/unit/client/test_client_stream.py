"""The stream client against a server that keeps the contract strictly."""

import asyncio
import struct
from typing import Any

import pytest

from app.client.errors import CannotConnect, ConnectionLost, Refused, SourceEnded, SourceError
from app.client.stream import stream_attempt
from liveness.steps import LivenessStep
from tests.unit.client.strict_server import Talk, strict_server


class Counter:
    """A camera whose pictures say when they were taken."""

    def __init__(self, *, ends_after_ms: int | None = None, size: int = 8) -> None:
        self.prompts: list[LivenessStep] = []
        self.asked_ms: list[int] = []
        self.began_s = 0.0
        self._ends_after_ms = ends_after_ms
        self._size = size

    def prompt(self, step: LivenessStep) -> None:
        self.prompts.append(step)

    def frame(self, t_ms: int) -> bytes | None:
        self.began_s = self.began_s or asyncio.get_running_loop().time()
        if self._ends_after_ms is not None and t_ms > self._ends_after_ms:
            raise SourceEnded("the clip is over")
        self.asked_ms.append(t_ms)
        return struct.pack(">Q", t_ms).ljust(self._size, b".")


async def play(url: str, source: Any = None, **more: Any) -> dict[str, Any]:
    tokens = {"challenge_token": "the-challenge", "access_token": "the-access"}
    return await stream_attempt(source or Counter(), url=url, **{**tokens, "fps": 100, **more})


async def test_a_whole_attempt_is_carried_out_and_its_result_returned() -> None:
    """Without it: `bonafide stream` cannot earn a badge."""
    events: list[Any] = []

    async def script(talk: Talk) -> None:
        await talk.ready("LOOK_LEFT")
        seq, _, _ = await talk.frame()
        await talk.feedback(seq)
        seq, _, _ = await talk.frame()
        await talk.say(type="step", index=0, passed=True, next="SMILE")
        await talk.feedback(seq)
        seq, _, _ = await talk.frame()
        await talk.say(type="step", index=1, passed=True, next=None)
        await talk.say(type="comparing")
        await talk.result()

    source = Counter()
    async with strict_server(script) as (url, seen):
        result = await play(url, source, on_event=events.append)
    assert result["success"] is True
    assert seen.start == {
        "type": "start",
        "challengeToken": "the-challenge",
        "accessToken": "the-access",
        "mirrored": False,
    }
    assert seen.subprotocol == "bonafide.liveness.v1"
    assert "the-" not in seen.url_path
    assert source.prompts == [LivenessStep.LOOK_LEFT, LivenessStep.SMILE]
    assert [event["type"] for event in events] == [
        "ready",
        "feedback",
        "step",
        "feedback",
        "step",
        "comparing",
        "result",
    ]


async def test_no_access_token_and_a_mirrored_camera_are_said_in_the_start_message() -> None:
    """Without it: face login could not use the client, and left and right would swap on selfie cameras."""

    async def script(talk: Talk) -> None:
        await talk.result(success=False, error="TOKEN_EXPIRED")

    async with strict_server(script) as (url, seen):
        result = await play(url, access_token=None, mirrored=True)
    assert result["error"] == "TOKEN_EXPIRED"
    assert "accessToken" not in seen.start
    assert seen.start["mirrored"] is True


async def test_frames_carry_a_big_endian_sequence_and_their_capture_time() -> None:
    """Without it: the server reads other numbers than were meant and refuses the stream."""

    async def script(talk: Talk) -> None:
        await talk.ready()
        for _ in range(12):
            seq, _, _ = await talk.frame()
            await talk.feedback(seq)
        await talk.result()

    async with strict_server(script) as (url, seen):
        await play(url)
    assert [seq for seq, _, _ in seen.frames] == list(range(12))
    assert all(struct.unpack(">Q", jpeg)[0] == captured_ms for _, captured_ms, jpeg in seen.frames)
    times = [captured_ms for _, captured_ms, _ in seen.frames]
    assert times == sorted(set(times))


async def test_a_client_without_credit_waits_and_then_sends_the_newest_frame() -> None:
    """Without it: a slow server is flooded, or judges what the person did seconds ago."""
    source = Counter()

    async def script(talk: Talk) -> None:
        await talk.ready(credit=2)
        await talk.frame()
        seq, _, _ = await talk.frame()
        assert await talk.nothing_comes(0.3)
        latest_ms = source.asked_ms[-1]
        await talk.feedback(seq)
        _, captured_ms, _ = await talk.frame()
        assert captured_ms >= latest_ms
        await talk.result()

    async with strict_server(script) as (url, seen):
        assert (await play(url, source))["success"]
    assert seen.overdrawn == 0
    assert len(source.asked_ms) > len(seen.frames)


async def test_a_step_gives_only_the_credit_that_it_states() -> None:
    """Without it: a client overdraws once a step and a strict server closes the stream."""

    async def script(talk: Talk) -> None:
        await talk.ready(credit=1)
        await talk.frame()
        await talk.say(type="step", index=0, passed=True, next="SMILE")
        assert await talk.nothing_comes(0.2)
        await talk.say(type="step", index=1, passed=True, next="BLINK", credit=2)
        await talk.frame()
        await talk.frame()
        assert await talk.nothing_comes(0.2)
        await talk.result()

    async with strict_server(script) as (url, seen):
        assert (await play(url))["success"]
    assert seen.overdrawn == 0


async def test_nothing_is_sent_while_the_faces_are_compared() -> None:
    """Without it: a poor uplink carries frames that nobody judges."""

    async def script(talk: Talk) -> None:
        await talk.ready(credit=5)
        for _ in range(2):
            await talk.frame()
        await talk.say(type="comparing")
        while not await talk.nothing_comes(0.2):
            pass  # at most the frames that were under way
        assert len(talk.seen.frames) <= 5
        await talk.result()

    async with strict_server(script) as (url, _):
        assert (await play(url))["success"]


async def test_the_frame_rate_is_the_lower_of_the_callers_and_the_servers() -> None:
    """Without it: a weak device spends itself on frames the server drops."""
    source = Counter()

    async def script(talk: Talk) -> None:
        await talk.ready(credit=100, targetFps=20)
        while (await talk.frame())[1] < 500:
            pass
        await talk.result()

    async with strict_server(script) as (url, _):
        await play(url, source, fps=100)
    # The first half second; how long the last message takes is the machine's affair.
    assert len([t_ms for t_ms in source.asked_ms if t_ms < 500]) <= 0.5 * 20 + 1


async def test_lost_frames_are_lost() -> None:
    """Without it: the client cannot play a poor device, and the server is never tested with one."""
    source = Counter()

    async def script(talk: Talk) -> None:
        await talk.ready(credit=1000, targetFps=200)
        for _ in range(40):
            await talk.frame()
        await talk.result()

    async with strict_server(script) as (url, seen):
        await play(url, source, fps=200, drop=0.5)
    taken = [t_ms for t_ms in source.asked_ms if t_ms <= seen.frames[-1][1]]
    assert 0.75 * len(taken) > 40, "which are lost is drawn frame by frame, however long each takes"


async def test_late_frames_keep_their_capture_time() -> None:
    """Without it: a poor uplink cannot be played, or would look to the server like a camera that lags."""
    source, late_s = Counter(), list[float]()

    async def script(talk: Talk) -> None:
        await talk.ready(credit=1000, targetFps=200)
        for _ in range(10):
            _, captured_ms, _ = await talk.frame()
            late_s.append(asyncio.get_running_loop().time() - source.began_s - captured_ms / 1000)
        await talk.result()

    async with strict_server(script) as (url, seen):
        await play(url, source, fps=200, delay_ms=40, jitter_ms=40)
    assert min(late_s) > 0.02, "40 to 80 ms; the camera's own beginning is not known to the last"
    times = [captured_ms for _, captured_ms, _ in seen.frames]
    assert times == sorted(times)


@pytest.mark.parametrize("before_ready", [True, False])
async def test_a_servers_error_is_raised_with_its_code_wait_and_close_code(before_ready: bool) -> None:
    """Without it: a person reads a stack trace where the server said "busy, come back in 15 s"."""

    async def script(talk: Talk) -> None:
        if not before_ready:
            await talk.ready()
            await talk.frame()
        await talk.refuse("BUSY", 4503, detail="All streams are taken.", retryAfterS=15)

    async with strict_server(script) as (url, _):
        with pytest.raises(Refused, match=r"BUSY: All streams are taken\.; try again in 15 s") as caught:
            await play(url)
    assert (caught.value.code, caught.value.close_code, caught.value.retry_after_s) == ("BUSY", 4503, 15.0)


async def test_a_close_without_an_error_message_still_names_the_code() -> None:
    """Without it: an intermediary that only passes the close leaves the person without a reason."""

    async def script(talk: Talk) -> None:
        await talk.ready()
        await talk.close(4408, "TIMED_OUT")

    async with strict_server(script) as (url, _):
        with pytest.raises(Refused, match="TIMED_OUT") as caught:
            await play(url)
    assert caught.value.close_code == 4408


async def test_a_cut_connection_is_told_from_a_refusal() -> None:
    """Without it: a network fault looks like a failed check."""

    async def script(talk: Talk) -> None:
        await talk.ready()
        await talk.frame()
        talk.cut()

    async with strict_server(script) as (url, _):
        with pytest.raises(ConnectionLost, match="spent"):
            await play(url)


async def test_a_server_that_goes_silent_is_given_up() -> None:
    """Without it: the command hangs for ever on a dead server."""
    released = asyncio.Event()

    async def script(talk: Talk) -> None:
        await talk.ready()
        await released.wait()

    async with strict_server(script) as (url, _):
        with pytest.raises(ConnectionLost, match="said nothing"):
            await play(url, silence_s=0.2)
        released.set()


@pytest.mark.parametrize("raw", ["not json", "[1, 2]", '{"type": 7}', '{"type": "ready"}', '{"type":"feedback"}'])
async def test_messages_outside_the_contract_end_the_stream_in_words(raw: str) -> None:
    """Without it: a proxy's own page crashes the client."""

    async def script(talk: Talk) -> None:
        await talk.text(raw)
        await talk.nothing_comes(2.0)

    async with strict_server(script) as (url, _):
        with pytest.raises(ConnectionLost):
            await play(url)


async def test_an_unknown_step_is_named() -> None:
    """Without it: an old client stands still before a new server and nobody knows why."""

    async def script(talk: Talk) -> None:
        await talk.ready("WIGGLE_EARS")
        await talk.nothing_comes(2.0)

    async with strict_server(script) as (url, _):
        with pytest.raises(ConnectionLost, match="WIGGLE_EARS"):
            await play(url)


async def test_a_clip_that_ends_waits_for_the_result_that_is_under_way() -> None:
    """Without it: a clip whose last frame passes would be reported as a failure."""

    async def script(talk: Talk) -> None:
        await talk.ready(credit=1000, targetFps=50)
        while not await talk.nothing_comes(0.3):
            pass
        await talk.result()

    async with strict_server(script) as (url, _):
        assert (await play(url, Counter(ends_after_ms=100)))["success"]


async def test_a_frame_over_the_servers_limit_is_not_sent() -> None:
    """Without it: the challenge is spent on a frame that the server must refuse."""

    async def script(talk: Talk) -> None:
        await talk.ready(maxFrameBytes=1000)
        await talk.nothing_comes(2.0)

    async with strict_server(script) as (url, seen):
        with pytest.raises(SourceError, match="1001 bytes"):
            await play(url, Counter(size=1001))
    assert seen.frames == []


@pytest.mark.parametrize("url", ["ws://127.0.0.1:9/liveness/stream", "http://127.0.0.1/", "nonsense"])
async def test_an_unreachable_or_impossible_address_is_said_so(url: str) -> None:
    """Without it: a typing error in --url ends in a stack trace."""
    with pytest.raises(CannotConnect):
        await play(url)


async def test_a_server_without_the_subprotocol_is_not_streamed_to() -> None:
    """Without it: faces would be sent to whatever WebSocket listens there."""

    async def script(talk: Talk) -> None:
        await talk.nothing_comes(2.0)

    from websockets.asyncio.server import ServerConnection, serve

    received: list[object] = []

    async def handle(socket: ServerConnection) -> None:
        received.extend([message async for message in socket])

    async with serve(handle, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(CannotConnect, match=r"bonafide\.liveness\.v1"):
            await play(f"ws://127.0.0.1:{port}/")
    assert received == []

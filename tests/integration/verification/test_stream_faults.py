"""What a liveness stream answers to everything but a person: each fault its code, and nothing lost but the attempt."""

import asyncio
import io
import json
from pathlib import Path

import pytest
from PIL import Image

from app.audit import NOBODY
from app.client.animation import PhotoAnimator
from app.client.sources import PhotoSource
from app.verification.inbox import HEADER, INITIAL_CREDIT, MAX_OVERDRAWN
from app.verification.stream import SESSION_CHECK_S
from liveness.frames import MAX_FRAME_BYTES
from tests.running import RunningServer, person, wire


async def test_frames_before_the_start_are_malformed(server: RunningServer, astronaut_at_rest: bytes) -> None:
    """A stream of nobody would be judged."""
    async with wire(server) as socket:
        await socket.frame(0, astronaut_at_rest)
        words, code = await socket.last_words()
    assert (words["type"], words["code"], code) == ("error", "BAD_USER_INPUT", 4400)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json",
        "[]",
        "null",
        "{}",
        '{"type":"start"}',
        '{"type":"stop","challengeToken":"x","accessToken":"y"}',
        '{"type":"start","challengeToken":5,"accessToken":"y"}',
        '{"type":"start","challengeToken":"x","accessToken":["y"]}',
        '{"type":"start","challengeToken":"x","accessToken":"y","mirrored":"yes"}',
        "[" * 8000,
    ],
)
async def test_a_malformed_start_is_told_what_is_wrong(server: RunningServer, text: str) -> None:
    """A client's author would search in the dark."""
    async with wire(server) as socket:
        await socket.say(text)
        words, code = await socket.last_words()
    assert (words["code"], code) == ("BAD_USER_INPUT", 4400)
    assert words["detail"]


async def test_an_endless_start_is_too_large(server: RunningServer) -> None:
    """A megabyte of text would be parsed for anybody."""
    async with wire(server) as socket:
        await socket.say({"type": "start", "challengeToken": "x" * 100_000})
        words, code = await socket.last_words()
    assert (words["code"], code) == ("PAYLOAD_TOO_LARGE", 4413)


async def test_silence_is_ended_after_five_seconds(server: RunningServer) -> None:
    """Idle sockets would pile up until none is left for people."""
    async with wire(server) as socket:
        words, code = await socket.last_words()
    assert (words["code"], code) == ("TIMED_OUT", 4408)


async def test_another_site_may_not_open_a_stream(server: RunningServer) -> None:
    """A page on another origin could run a check in the visitor's name."""
    async with wire(server, origin="https://evil.example") as socket:
        words, code = await socket.last_words()
    assert (words["code"], code) == ("FORBIDDEN", 4403)


async def test_a_client_of_another_protocol_is_told(server: RunningServer) -> None:
    """A client of a later protocol would misread our messages."""
    async with wire(server, subprotocol=None) as socket:
        words, code = await socket.last_words()
    assert (words["code"], code) == ("BAD_USER_INPUT", 4400)


@pytest.mark.parametrize("access_token", [None, "", "x.y.z"])
async def test_without_a_valid_access_token_nothing_is_spent(
    server: RunningServer, astronaut_path: Path, access_token: str | None
) -> None:
    """A stranger could use up somebody's challenge, or answer it."""
    async with person(server, "eileen", photo=astronaut_path) as eileen:
        challenge = await eileen.challenge()
        async with wire(server) as socket:
            await socket.start(challenge.token, access_token)
            words, code = await socket.last_words()
        assert (words["code"], code) == ("UNAUTHENTICATED", 4401)
        async with wire(server) as socket:
            await socket.start(challenge.token, eileen.access_token)
            assert (await socket.heard())["type"] == "ready"


async def test_a_second_socket_on_one_challenge_gets_nothing(server: RunningServer, astronaut_path: Path) -> None:
    """An attacker would try many videos against one challenge."""
    async with person(server, "eileen", photo=astronaut_path) as eileen:
        challenge = await eileen.challenge()
        async with wire(server) as first, wire(server) as second:
            await first.start(challenge.token, eileen.access_token)
            assert (await first.heard())["type"] == "ready"
            await second.start(challenge.token, eileen.access_token)
            words, code = await second.last_words()
            assert (words["type"], words["error"], code) == ("result", "TOKEN_EXPIRED", 1000)


async def test_challenges_of_others_or_altered_are_expired(server: RunningServer, astronaut_path: Path) -> None:
    """Somebody else's challenge, or a changed one, would be honoured; and the answer must not tell which it was."""
    async with (
        person(server, "eileen", photo=astronaut_path) as eileen,
        person(server, "mallory", photo=astronaut_path) as mallory,
    ):
        token = (await eileen.challenge()).token
        middle = len(token) // 3
        flipped = token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]
        for challenge_token, who in ((token, mallory), (flipped, eileen), ("x", eileen)):
            async with wire(server) as socket:
                await socket.start(challenge_token, who.access_token)
                words, code = await socket.last_words()
            assert (words["error"], code) == ("TOKEN_EXPIRED", 1000)


async def test_without_a_profile_photo_the_challenge_is_kept(server: RunningServer, astronaut_path: Path) -> None:
    """A person who forgot the photo would have to start over."""
    async with person(server, "eileen") as eileen:
        challenge = await eileen.challenge()
        async with wire(server) as socket:
            await socket.start(challenge.token, eileen.access_token)
            words, _ = await socket.last_words()
        assert words["error"] == "NO_PROFILE_PHOTO"
        await eileen.api.upload_avatar(astronaut_path.read_bytes(), mime="image/png")
        async with wire(server) as socket:
            await socket.start(challenge.token, eileen.access_token)
            assert (await socket.heard())["type"] == "ready"


FAULTY = {
    "garbage": b"\x00" * 500,
    "text": b"I am a picture" * 20,
    "png": b"\x89PNG\r\n\x1a\n" + b"\x00" * 200,
    "bomb": b"\xff\xd8\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01" + b"\x00" * 100,
}


def of_another_make(make: str) -> bytes:
    """A whole JPEG of a kind that no camera client sends; `16 bit` says so in its header only."""
    stream = io.BytesIO()
    picture = Image.new("CMYK" if make == "CMYK" else "RGB", (320, 240), "grey")
    picture.save(stream, "JPEG", progressive=make == "progressive")
    data = stream.getvalue()
    return data if make != "16 bit" else data.replace(b"\xff\xc0\x00\x11\x08", b"\xff\xc0\x00\x11\x10", 1)


@pytest.mark.parametrize("make", ["progressive", "CMYK", "16 bit"])
async def test_a_picture_that_is_dear_to_decode_is_refused_by_its_header(
    server: RunningServer, astronaut_path: Path, make: str
) -> None:
    """A frame of many scans would hold a core for whoever sends it, and the client's author would not know why."""
    async with person(server, "eileen", photo=astronaut_path) as eileen:
        challenge = await eileen.challenge()
        async with wire(server) as socket:
            await socket.start(challenge.token, eileen.access_token)
            await socket.heard()
            await socket.frame(0, of_another_make(make))
            words, code = await socket.last_words()
    assert (words["code"], words["field"], code) == ("BAD_USER_INPUT", "frame", 4400)
    assert words["detail"]


@pytest.mark.parametrize("fault", [*FAULTY, "truncated"])
async def test_a_frame_that_is_no_frame_ends_the_stream(
    server: RunningServer, astronaut_path: Path, astronaut_at_rest: bytes, fault: str
) -> None:
    """A broken or hostile picture would reach the native decoder and landmark code."""
    jpeg = astronaut_at_rest[: len(astronaut_at_rest) // 2] if fault == "truncated" else FAULTY[fault]
    async with person(server, "eileen", photo=astronaut_path) as eileen:
        challenge = await eileen.challenge()
        async with wire(server) as socket:
            await socket.start(challenge.token, eileen.access_token)
            await socket.heard()
            await socket.frame(0, jpeg)
            words, code = await socket.last_words()
    assert words["type"] == "error"
    assert code in (4400, 4413)
    assert words["field"] == "frame"
    await server.graphs_given_back()


async def test_a_frame_over_the_limit_is_too_large(server: RunningServer, astronaut_path: Path) -> None:
    """Megabytes per frame would fill memory."""
    async with person(server, "eileen", photo=astronaut_path) as eileen:
        challenge = await eileen.challenge()
        async with wire(server) as socket:
            await socket.start(challenge.token, eileen.access_token)
            await socket.heard()
            await socket.frame(0, b"\xff\xd8\xff" + b"x" * MAX_FRAME_BYTES)
            words, code = await socket.last_words()
    assert (words["code"], code) == ("PAYLOAD_TOO_LARGE", 4413)


@pytest.mark.parametrize("second", ["start", "text", "same seq", "earlier seq", "header only"])
async def test_messages_out_of_order_are_malformed(
    server: RunningServer, astronaut_path: Path, astronaut_at_rest: bytes, second: str
) -> None:
    """A second start could swap the account mid-way, a replayed sequence the frame."""
    async with person(server, "eileen", photo=astronaut_path) as eileen:
        challenge = await eileen.challenge()
        async with wire(server) as socket:
            await socket.start(challenge.token, eileen.access_token)
            await socket.heard()
            await socket.frame(5, astronaut_at_rest)
            match second:
                case "start":
                    await socket.start(challenge.token, eileen.access_token)
                case "text":
                    await socket.say("hello")
                case "same seq":
                    await socket.frame(5, astronaut_at_rest)
                case "earlier seq":
                    await socket.frame(4, astronaut_at_rest)
                case "header only":
                    await socket.connection.send(HEADER.pack(6, 600))
            words, code = await socket.last_words()
    assert (words["code"], code) == ("BAD_USER_INPUT", 4400)


async def test_a_client_that_sends_without_credit_is_stopped(
    server: RunningServer, astronaut_path: Path, astronaut_at_rest: bytes
) -> None:
    """One client that never listens would take the server's whole attention."""
    async with person(server, "eileen", photo=astronaut_path) as eileen:
        challenge = await eileen.challenge()
        async with wire(server) as socket:
            await socket.start(challenge.token, eileen.access_token)
            for seq in range(20 * (INITIAL_CREDIT + MAX_OVERDRAWN)):
                try:
                    await socket.frame(seq, astronaut_at_rest, captured_ms=seq)
                except Exception:
                    break
            words, code = await socket.last_words()
    assert (words["code"], code) == ("RATE_LIMITED", 4429)


async def test_every_frame_earns_feedback_and_credit(
    server: RunningServer, astronaut_path: Path, astronaut_at_rest: bytes
) -> None:
    """An honest client would run out of credit and stand still."""
    async with person(server, "eileen", photo=astronaut_path) as eileen:
        challenge = await eileen.challenge()
        async with wire(server) as socket:
            await socket.start(challenge.token, eileen.access_token)
            ready = await socket.heard()
            assert ready["credit"] == INITIAL_CREDIT
            assert ready["maxFrameBytes"] == MAX_FRAME_BYTES
            for seq in range(3):
                await socket.frame(seq, astronaut_at_rest)
                feedback = await socket.heard()
                assert (feedback["type"], feedback["seq"], feedback["credit"]) == ("feedback", seq, 1)
                assert 0.0 <= feedback["progress"] <= 1.0


@pytest.mark.parametrize("state", ["accepted", "started", "mid-frame", "streaming"])
async def test_a_socket_cut_in_any_state_gives_its_graph_back(
    server: RunningServer, astronaut_path: Path, astronaut_at_rest: bytes, state: str
) -> None:
    """Every lost phone would take a landmark graph with it, until nobody can be verified."""
    async with person(server, "eileen", photo=astronaut_path) as eileen:
        for _ in range(3):
            challenge = await eileen.challenge()
            async with wire(server) as socket:
                if state != "accepted":
                    await socket.start(challenge.token, eileen.access_token)
                    await socket.heard()
                if state == "streaming":
                    await socket.frame(0, astronaut_at_rest)
                transport = socket.connection.transport
                if state == "mid-frame":
                    # A binary frame header that announces 20,000 bytes, then only a few of them.
                    transport.write(b"\x82\xfe\x4e\x20" + b"\x00\x00\x00\x00" + astronaut_at_rest[:500])
                transport.abort()
        await server.graphs_given_back()
        async with wire(server) as socket:
            await socket.start((await eileen.challenge()).token, eileen.access_token)
            assert (await socket.heard())["type"] == "ready"


async def test_frames_and_tokens_never_reach_the_log(
    server: RunningServer, astronaut_path: Path, astronaut_at_rest: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """A log file would hold faces and keys to accounts."""
    caplog.set_level("DEBUG")
    async with person(server, "eileen", photo=astronaut_path) as eileen:
        challenge = await eileen.challenge()
        async with wire(server) as socket:
            await socket.start(challenge.token, eileen.access_token)
            await socket.heard()
            await socket.frame(0, astronaut_at_rest)
            await socket.heard()
            await socket.frame(1, b"garbage")
            await socket.last_words()
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("app"))
    for secret in (eileen.access_token, challenge.token, "eileen@example.org", json.dumps("garbage")):
        assert secret not in ours


async def test_leaving_when_it_goes_badly_is_counted(
    server: RunningServer, astronaut_path: Path, astronaut: PhotoAnimator
) -> None:
    """An attacker would hang up before each refusal and never be blocked."""
    async with person(server, "eileen", photo=astronaut_path) as eileen:
        source = PhotoSource(astronaut)
        for _ in range(5):
            challenge = await eileen.challenge()
            async with wire(server) as socket:
                await socket.start(challenge.token, eileen.access_token)
                await socket.heard()
                seq = 0
                # Until the neutral face is held: from then on a person was seen.
                while True:
                    await socket.frame(seq, source.frame(seq * 150), captured_ms=seq * 150)
                    seq += 1
                    if (await socket.heard())["hint"] == "OK":
                        break
                    await asyncio.sleep(0.1)
        async with asyncio.timeout(10):
            while True:
                async with wire(server) as socket:
                    await socket.start(challenge.token, eileen.access_token)
                    words, _ = await socket.last_words()
                if words["error"] == "TOO_MANY_ATTEMPTS":
                    break
        assert words["retryAfterS"] >= 1


async def test_signing_out_ends_the_stream_within_a_second(server: RunningServer, astronaut_path: Path) -> None:
    """Whoever stole a session could go on with it after its owner ended it."""
    async with person(server, "eileen", photo=astronaut_path) as eileen:
        challenge = await eileen.challenge()
        async with wire(server) as socket:
            await socket.start(challenge.token, eileen.access_token)
            await socket.heard()
            viewer = await server.services.sessions.authenticate(eileen.access_token)
            await server.services.sessions.sign_out(
                account_id=viewer.account_id, session_id=viewer.session_id, origin=NOBODY
            )
            async with asyncio.timeout(10):  # a second, and what a loaded machine is busy with besides
                words, code = await socket.last_words()
    assert (words["code"], code) == ("UNAUTHENTICATED", 4401)
    assert SESSION_CHECK_S < 1


async def test_a_client_that_never_reads_is_stopped(
    server: RunningServer, astronaut_path: Path, astronaut_at_rest: bytes
) -> None:
    """Answers to somebody who does not listen would pile up in the server's memory."""
    async with person(server, "eileen", photo=astronaut_path) as eileen:
        challenge = await eileen.challenge()
        async with wire(server) as socket:
            await socket.start(challenge.token, eileen.access_token)
            await socket.heard()
            socket.connection.transport.pause_reading()
            # What it knows of its credit is what it was first told; it sends on regardless.
            for seq in range(10 * MAX_OVERDRAWN):
                await socket.frame(seq, astronaut_at_rest, captured_ms=seq)
            await server.graphs_given_back()
            socket.connection.transport.resume_reading()
            words, code = await socket.last_words()
    assert (words["code"], code) == ("RATE_LIMITED", 4429)

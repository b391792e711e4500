"""Flow control of the liveness stream: credit, the newest frame, order and size."""

import asyncio

import pytest

from app.errors import Code, Problem
from app.verification.inbox import HEADER, INITIAL_CREDIT, MAX_OVERDRAWN, FrameInbox
from liveness.frames import MAX_FRAME_BYTES


def message(seq: int, jpeg: bytes = b"jpeg") -> bytes:
    return HEADER.pack(seq, seq * 100) + jpeg


async def newest_seq(inbox: FrameInbox) -> int | None:
    frame = await inbox.newest(timeout_s=0.01)
    return None if frame is None else frame.seq


async def test_the_newest_frame_wins_and_the_older_is_counted() -> None:
    """A slow server would judge what the camera saw seconds ago."""
    inbox = FrameInbox()
    inbox.offer(message(1), received_ms=0)
    inbox.offer(message(2), received_ms=10)
    assert await newest_seq(inbox) == 2
    assert inbox.dropped == 1
    assert await newest_seq(inbox) is None


async def test_credit_comes_back_for_judged_and_dropped_frames() -> None:
    """A stream whose frames were dropped would run out of credit and stand still."""
    inbox = FrameInbox()
    inbox.offer(message(1), received_ms=0)
    inbox.offer(message(2), received_ms=0)
    await newest_seq(inbox)
    assert inbox.grant() == 2
    assert inbox.grant() == 0


async def test_an_unread_frame_keeps_its_credit() -> None:
    """The client would send faster than the server reads, and every frame would be late."""
    inbox = FrameInbox()
    inbox.offer(message(1), received_ms=0)
    await newest_seq(inbox)
    inbox.offer(message(2), received_ms=0)
    assert inbox.grant() == 1


async def test_frames_without_credit_are_dropped_then_refused() -> None:
    """A client that never reads could make the server read for ever."""
    inbox = FrameInbox()
    for seq in range(INITIAL_CREDIT + MAX_OVERDRAWN):
        inbox.offer(message(seq), received_ms=0)
    assert await newest_seq(inbox) == INITIAL_CREDIT - 1
    with pytest.raises(Problem) as caught:
        inbox.offer(message(1000), received_ms=0)
    assert caught.value.code is Code.RATE_LIMITED


@pytest.mark.parametrize("second", [1, 0])
def test_a_sequence_that_does_not_grow_is_refused(second: int) -> None:
    """A replayed frame would be judged twice."""
    inbox = FrameInbox()
    inbox.offer(message(1), received_ms=0)
    with pytest.raises(Problem) as caught:
        inbox.offer(message(second), received_ms=0)
    assert (caught.value.code, caught.value.field) == (Code.BAD_USER_INPUT, "seq")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", Code.BAD_USER_INPUT),
        (HEADER.pack(1, 1), Code.BAD_USER_INPUT),
        (message(1, b"x" * (MAX_FRAME_BYTES + 1)), Code.PAYLOAD_TOO_LARGE),
    ],
)
def test_a_message_of_the_wrong_size_is_refused(data: bytes, code: Code) -> None:
    """A header without a picture, or a huge one, would reach the decoder."""
    with pytest.raises(Problem) as caught:
        FrameInbox().offer(data, received_ms=0)
    assert caught.value.code is code


async def test_waiting_ends_when_a_frame_arrives() -> None:
    """Every frame would wait for the next tick."""
    inbox = FrameInbox()
    waiting = asyncio.create_task(inbox.newest(timeout_s=5))
    await asyncio.sleep(0)
    inbox.offer(message(7), received_ms=3)
    frame = await waiting
    assert frame is not None
    assert (frame.seq, frame.captured_ms, frame.received_ms, frame.jpeg) == (7, 700, 3, b"jpeg")

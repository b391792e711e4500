"""The newest frame of one stream: flow control by credit, older unread frames dropped and counted."""

import asyncio
import struct
from dataclasses import dataclass

from app.errors import Code, Problem
from liveness.frames import MAX_FRAME_BYTES, FrameError, FrameFault

HEADER = struct.Struct(">II")  # sequence, capture time in ms since the stream began
INITIAL_CREDIT = 2
MAX_OVERDRAWN = 8
"""Frames sent without credit that are forgiven (and dropped) before the stream is closed: a slow network can delay
our feedback, so one or two are no fault; a client that never reads soon passes any such number."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame as it was received; `received_ms` is the server's clock, ms since the stream began."""

    seq: int
    captured_ms: int
    received_ms: float
    jpeg: bytes


class FrameInbox:
    """Holds at most one unread frame."""

    def __init__(self) -> None:
        self._frame: Frame | None = None
        self._arrival: asyncio.Future[None] | None = None
        self._last_seq = -1
        self._credit = INITIAL_CREDIT
        self._owed = 0
        self._overdrawn = 0
        self.dropped = 0

    def offer(self, message: bytes, *, received_ms: float) -> None:
        """Takes one binary message; raises Problem for one that breaks the protocol."""
        if len(message) > HEADER.size + MAX_FRAME_BYTES:
            raise Problem(Code.PAYLOAD_TOO_LARGE, f"A frame has at most {MAX_FRAME_BYTES} bytes.", field="frame")
        if len(message) <= HEADER.size:
            raise Problem(Code.BAD_USER_INPUT, "A frame is 8 bytes of header and a JPEG.", field="frame")
        seq, captured_ms = HEADER.unpack_from(message)
        if seq <= self._last_seq:
            raise Problem(Code.BAD_USER_INPUT, f"Sequence {seq} follows {self._last_seq}.", field="seq")
        self._last_seq = seq
        if self._credit == 0:
            self._refuse_overdraft()
            return
        self._credit -= 1
        if self._frame is not None:
            self.dropped += 1
            self._owed += 1
        self._frame = Frame(seq, captured_ms, received_ms, message[HEADER.size :])
        self._wake()

    async def newest(self, *, timeout_s: float) -> Frame | None:
        """The newest unread frame, or None when none came in time."""
        if self._frame is None:
            loop = asyncio.get_running_loop()
            self._arrival = loop.create_future()
            alarm = loop.call_later(timeout_s, self._wake)
            try:
                await self._arrival
            finally:
                alarm.cancel()
                self._arrival = None
        frame, self._frame = self._frame, None
        if frame is not None:
            self._owed += 1
        return frame

    def _wake(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    def grant(self) -> int:
        """The credit to give back with the next feedback: one for each frame judged or dropped since the last."""
        granted, self._owed = self._owed, 0
        self._credit += granted
        return granted

    def _refuse_overdraft(self) -> None:
        self._overdrawn += 1
        self.dropped += 1
        if self._overdrawn > MAX_OVERDRAWN:
            raise Problem(
                Code.RATE_LIMITED,
                "Frames were sent without credit; wait for feedback.",
                field="credit",
                retry_after_s=1,
            )


def frame_problem(error: FrameError, *, field: str) -> Problem:
    """A frame's fault in the words of the edge: which field, which limit."""
    too_large = error.reason in (FrameFault.TOO_MANY_BYTES, FrameFault.TOO_LARGE)
    code = Code.PAYLOAD_TOO_LARGE if too_large else Code.BAD_USER_INPUT
    return Problem(code, f"{str(error).capitalize()}.", field=field, reason=error.reason)

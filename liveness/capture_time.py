"""From the client's capture times and the server's clock to one time per frame, and frames seen before."""

import zlib
from collections import deque

import numpy as np
import numpy.typing as npt

from liveness.effects import Reason
from liveness.policy import Policy


class CaptureClock:
    """Places frames on the server's time axis.

    The server's clock decides. The client's capture time only refines *when* within the network's delay a
    frame was taken: the first frame ties both clocks together, later ones may lie up to `max_capture_lag_ms`
    before their arrival, never after it and never before the frame before. A client whose clock runs away by
    more than `max_clock_drift_ms` either way, or backwards, is refused.
    """

    def __init__(self, *, policy: Policy) -> None:
        self._policy = policy
        self._offset_ms: float | None = None
        self._last_captured_ms = 0.0
        self._last_t_ms = 0.0

    def place(self, *, captured_ms: float, received_ms: float) -> float | Reason:
        """Returns the frame's time in the server's milliseconds, or why the stream cannot be trusted."""
        if self._offset_ms is None:
            self._offset_ms = received_ms - captured_ms
            self._last_captured_ms, self._last_t_ms = captured_ms, received_ms
            return received_ms
        if captured_ms < self._last_captured_ms:
            return Reason.FRAMES_OUT_OF_ORDER
        self._last_captured_ms = captured_ms
        claimed_ms = captured_ms + self._offset_ms
        if abs(claimed_ms - received_ms) > self._policy.max_clock_drift_ms:
            return Reason.CLOCK_BROKEN
        earliest = max(self._last_t_ms, received_ms - self._policy.max_capture_lag_ms)
        self._last_t_ms = max(self._last_t_ms, min(max(claimed_ms, earliest), received_ms))
        return self._last_t_ms


class RepeatWatch:
    """Notices frames that came before, pixel for pixel; a camera's noise never repeats itself."""

    _MEMORY = 4096  # fingerprints, over two minutes at 30 a second

    def __init__(self, *, policy: Policy) -> None:
        self._policy = policy
        self._known: set[int] = set()
        self._order: deque[int] = deque()
        self._last: int | None = None
        self._frozen_since: float | None = None
        self._looped = 0

    def check(self, rgb: npt.NDArray[np.uint8], t_ms: float) -> Reason | None:
        """Returns why these frames are no live camera's, or None; 7 us at 320x240."""
        # Every 8th row, whole: each crosses another row of a JPEG's blocks, and noise touches them all, so equal ones
        # mean an equal frame.
        fingerprint = zlib.crc32(np.ascontiguousarray(rgb[::8]).data)
        if fingerprint == self._last:
            if self._frozen_since is None:
                self._frozen_since = t_ms
            return Reason.FRAMES_FROZEN if t_ms - self._frozen_since >= self._policy.frozen_ms else None
        self._last, self._frozen_since = fingerprint, None
        if fingerprint in self._known:
            self._looped += 1
            return Reason.FRAMES_LOOPED if self._looped >= self._policy.max_looped_frames else None
        self._looped = 0
        self._known.add(fingerprint)
        self._order.append(fingerprint)
        if len(self._order) > self._MEMORY:
            self._known.discard(self._order.popleft())
        return None

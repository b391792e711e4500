"""The frame rate as it is measured, not as it was promised."""

from collections import deque


class FrameRate:
    """Frames a second over the last two seconds of capture time."""

    _WINDOW_MS = 2000.0
    _LEAST_MS = 400.0  # a shorter stretch says nothing: one late frame halves it
    _LEAST_FRAMES = 4

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def add(self, t_ms: float) -> None:
        """Takes the next frame's time."""
        self._times.append(t_ms)
        while t_ms - self._times[0] > self._WINDOW_MS:
            self._times.popleft()

    @property
    def fps(self) -> float | None:
        """The rate, None while there is too little to tell."""
        if len(self._times) < self._LEAST_FRAMES:
            return None
        span_ms = self._times[-1] - self._times[0]
        return (len(self._times) - 1) * 1000 / span_ms if span_ms >= self._LEAST_MS else None

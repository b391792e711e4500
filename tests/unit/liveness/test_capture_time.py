"""The server's clock decides when a frame was; the client's only refines it."""

import numpy as np
import pytest

from liveness.capture_time import CaptureClock, RepeatWatch
from liveness.effects import Reason
from liveness.policy import DEFAULT_POLICY


def clock() -> CaptureClock:
    clock = CaptureClock(policy=DEFAULT_POLICY)
    assert clock.place(captured_ms=0, received_ms=10_000) == 10_000
    return clock


def test_jitter_of_the_network_is_taken_out() -> None:
    """A gesture held long enough would look short when frames arrive in bursts."""
    ours = clock()
    assert ours.place(captured_ms=100, received_ms=10_350) == 10_100
    assert ours.place(captured_ms=200, received_ms=10_351) == 10_200


def test_a_frame_is_never_later_than_its_arrival() -> None:
    """A client could stretch a short gesture by claiming later capture times."""
    ours = clock()
    assert ours.place(captured_ms=1000, received_ms=10_100) == 10_100


def test_a_frame_is_never_much_earlier_than_its_arrival() -> None:
    """A client could claim that a late answer had been given in time."""
    ours = clock()
    assert ours.place(captured_ms=100, received_ms=14_000) == 14_000 - DEFAULT_POLICY.max_capture_lag_ms


def test_time_never_goes_back() -> None:
    """Holds would be measured negative."""
    ours = clock()
    ours.place(captured_ms=500, received_ms=10_500)
    assert ours.place(captured_ms=400, received_ms=10_600) is Reason.FRAMES_OUT_OF_ORDER


@pytest.mark.parametrize("captured_ms", [60_000, 100])
def test_a_clock_that_runs_away_is_refused(captured_ms: float) -> None:
    """A recording played faster or slower than life would be taken for life."""
    assert clock().place(captured_ms=captured_ms, received_ms=30_000) is Reason.CLOCK_BROKEN


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (48, 64, 3), dtype=np.uint8)


def test_live_frames_never_repeat() -> None:
    """A live camera would be taken for a loop."""
    watch = RepeatWatch(policy=DEFAULT_POLICY)
    assert all(watch.check(noise(number), number * 33.0) is None for number in range(500))


def test_a_camera_polled_too_fast_is_forgiven() -> None:
    """A 10 frames a second camera read at 30 sends each picture three times."""
    watch = RepeatWatch(policy=DEFAULT_POLICY)
    assert all(watch.check(noise(number // 3), number * 33.0) is None for number in range(300))


def test_a_still_picture_is_frozen() -> None:
    """A photo file would be held in front of the server for the whole attempt."""
    watch = RepeatWatch(policy=DEFAULT_POLICY)
    found = [watch.check(noise(1), number * 100.0) for number in range(20)]
    assert found[:12] == [None] * 12
    assert found[-1] is Reason.FRAMES_FROZEN


def test_frames_that_come_back_are_a_loop() -> None:
    """A short recording repeated until it fits would pass."""
    watch = RepeatWatch(policy=DEFAULT_POLICY)
    found = [watch.check(noise(number % 40), number * 33.0) for number in range(50)]
    assert found.index(Reason.FRAMES_LOOPED) == 40 + DEFAULT_POLICY.max_looped_frames - 1

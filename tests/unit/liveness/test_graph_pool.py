"""Each stream has a graph of its own, as many as there may be, and gives it back."""

import threading

import numpy as np
import numpy.typing as npt
import pytest

from liveness.graph_pool import GraphPool, GraphsBusy
from liveness.landmarks import LandmarksError

Rgb = npt.NDArray[np.uint8]


def test_a_stream_whose_graph_failed_gives_its_place_back(astronaut: Rgb) -> None:
    """Its end would raise, and the next stream would get a graph that sees nothing any more."""
    pool = GraphPool(size=1, keep_idle=1)
    with pool.lease() as lease:
        lease.graph.read(astronaut)
        lease.graph._run._time_us = 0  # its clock goes back, at which the native graph fails
        with pytest.raises(LandmarksError, match="failed"):
            lease.graph.read(astronaut)
    with pool.lease() as lease:
        assert len(lease.graph.read(astronaut)) == 1
    pool.close()


def test_pool_is_bounded_and_gives_back() -> None:
    """Streams beyond the limit would slow down everybody else's."""
    pool = GraphPool(size=2, keep_idle=1)
    first, second = pool.lease(), pool.lease()
    with pytest.raises(GraphsBusy):
        pool.lease()
    first.release()
    first.release()
    assert pool.leased == 1
    with pool.lease() as again:
        assert again.graph is first.graph
    second.release()
    assert pool.leased == 0
    pool.close()
    with pytest.raises(LandmarksError):
        pool.lease()


def test_pool_holds_under_threads() -> None:
    """Two streams would share a graph and see each other's faces."""
    pool = GraphPool(size=3, keep_idle=3)
    pool.warm(3)
    busy = 0
    in_use: set[int] = set()
    shared: list[int] = []
    lock = threading.Lock()

    def stream() -> None:
        nonlocal busy
        for _ in range(10):
            try:
                lease = pool.lease()
            except GraphsBusy:
                with lock:
                    busy += 1
                continue
            with lock:
                if id(lease.graph) in in_use:
                    shared.append(id(lease.graph))
                in_use.add(id(lease.graph))
            lease.graph.read(np.zeros((64, 64, 3), np.uint8))
            with lock:
                in_use.discard(id(lease.graph))
            lease.release()

    threads = [threading.Thread(target=stream) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not shared
    assert pool.leased == 0
    pool.close()

"""FaceMesh graphs for many streams: one each, bounded in number, some kept loaded in between."""

import threading
from collections import deque

from liveness.landmarks import FaceMeshGraph, LandmarksError


class GraphsBusy(LandmarksError):
    """Raised when every graph of the pool is leased."""


class Lease:
    """The right to use one graph of a pool until released; releasing twice is harmless."""

    def __init__(self, *, pool: "GraphPool", graph: FaceMeshGraph) -> None:
        self._pool = pool
        self._released = False
        self.graph = graph

    def release(self) -> None:
        """Gives the graph back, its tracked face forgotten."""
        if not self._released:
            self._released = True
            self._pool.take_back(self.graph)

    def __enter__(self) -> "Lease":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class GraphPool:
    """At most `size` FaceMesh graphs, of which up to `keep_idle` stay loaded between streams; thread-safe."""

    def __init__(self, *, size: int, keep_idle: int) -> None:
        if size < 1 or keep_idle < 0:
            raise ValueError("size must be at least 1 and keep_idle at least 0")
        self._size = size
        self._keep_idle = min(keep_idle, size)
        self._lock = threading.Lock()
        self._idle: deque[FaceMeshGraph] = deque()
        self._leased = 0
        self._closed = False

    @property
    def leased(self) -> int:
        """How many graphs are in use now."""
        return self._leased

    def warm(self, count: int = 1) -> None:
        """Loads graphs ahead of the first stream, at most `keep_idle` of them."""
        while True:
            with self._lock:
                if self._closed or len(self._idle) >= min(count, self._keep_idle):
                    return
            graph = FaceMeshGraph()
            with self._lock:
                self._idle.append(graph)

    def lease(self) -> Lease:
        """Returns a lease on a fresh graph; raises GraphsBusy when `size` are out."""
        with self._lock:
            if self._closed:
                raise LandmarksError("the pool is closed")
            if self._leased >= self._size:
                raise GraphsBusy(f"all {self._size} landmark graphs are in use")
            self._leased += 1
            graph = self._idle.pop() if self._idle else None
        if graph is None:
            try:
                graph = FaceMeshGraph()  # 20 to 30 ms, outside the lock
            except BaseException:
                with self._lock:
                    self._leased -= 1
                raise
        return Lease(pool=self, graph=graph)

    def take_back(self, graph: FaceMeshGraph) -> None:
        """Returns a leased graph; a graph that cannot be reset is dropped."""
        with self._lock:
            keep = not self._closed and len(self._idle) < self._keep_idle
        if keep:
            try:
                graph.reset()
            except LandmarksError:
                keep = False
        with self._lock:
            self._leased -= 1
            keep = keep and not self._closed and len(self._idle) < self._keep_idle
            if keep:
                self._idle.append(graph)
        if not keep:
            graph.close()

    def close(self) -> None:
        """Frees the idle graphs; leased ones are freed as they come back."""
        with self._lock:
            self._closed = True
            idle, self._idle = list(self._idle), deque()
        for graph in idle:
            graph.close()

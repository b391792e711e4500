"""Face work off the event loop: a fixed number of threads, a bounded queue, and a time limit for every job.

A job is either answered, refused or timed out, and always to its own caller: a caller that goes away, or an
engine that raises, touches nobody else's job. The engines release the GIL (ONNX) or block only their
thread's share (dlib).
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from facecore.engine import DescriptorEngine
from facecore.errors import FaceBusy, FaceError, FaceTimeout, PoolClosed

T = TypeVar("T")

# 2,000 times what one chip takes: only a machine that has stalled gets there, never a queue of allowed
# length.
DEFAULT_TIMEOUT_S = 10.0
# Before the first job is done: one chip takes about 4 ms, a decode with landmarks about 15.
_FIRST_GUESS_S = 0.02
_SHORTEST_RETRY_S = 0.1
# How far one new measurement moves the estimate of a job's length.
_LEARNING_RATE = 0.1


@dataclass(frozen=True, eq=False)
class _Job:
    work: Callable[[], Any]
    answer: Future[Any] = field(default_factory=Future)


class FacePool:
    """Runs descriptors, and other face work, on `workers` threads; `max_waiting` jobs may queue for them.

    `timeout_s` counts from the call, waiting included. `close()` must be awaited before the loop ends.
    """

    def __init__(
        self,
        *,
        engine: DescriptorEngine,
        workers: int,
        max_waiting: int,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> None:
        if workers < 1 or max_waiting < 0 or timeout_s <= 0:
            raise ValueError("a face pool needs a worker, no negative queue and a positive timeout")
        self._engine = engine
        self._max_waiting = max_waiting
        self._timeout_s = timeout_s
        self._changed = threading.Condition()
        self._waiting: deque[_Job] = deque()
        self._running = 0
        self._typical_s = _FIRST_GUESS_S
        self._is_closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"face-{index}", daemon=True) for index in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def engine(self) -> DescriptorEngine:
        return self._engine

    @property
    def waiting(self) -> int:
        """Jobs that no thread has taken up yet."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """Jobs on a thread now, also those whose caller has stopped waiting."""
        return self._running

    async def describe(self, chips: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Descriptors, (n, 128), of chips, uint8 (n, 150, 150, 3).

        Raises FaceBusy at once when the queue is full, FaceTimeout when no answer came in time, PoolClosed,
        or whatever the engine raised for these chips.
        """
        return await self.run(lambda: self._engine.describe(chips))

    async def run(self, work: Callable[[], T]) -> T:
        """Any other face work (decode, landmarks, alignment) under the same limits; raises as `describe`
        does.
        """
        job = _Job(work)
        self._enter(job)
        try:
            async with asyncio.timeout(self._timeout_s) as limit:
                answer: T = await asyncio.wrap_future(job.answer)
                return answer
        except TimeoutError:
            if not limit.expired():
                raise
            raise FaceTimeout(f"no answer within {self._timeout_s:g} s") from None
        finally:
            self._leave(job)

    async def close(self) -> None:
        """Refuse what waits, let what runs finish (`timeout_s` at most), end the threads; may be called
        twice.
        """
        with self._changed:
            self._is_closed = True
            refused = list(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
        for job in refused:
            if job.answer.set_running_or_notify_cancel():
                job.answer.set_exception(PoolClosed("the face pool was closed"))
        deadline = time.perf_counter() + self._timeout_s
        for thread in self._threads:
            # A job that hangs has lost its caller to the timeout by then; its thread ends with the process.
            await asyncio.to_thread(thread.join, max(0.0, deadline - time.perf_counter()))

    def _enter(self, job: _Job) -> None:
        with self._changed:
            if self._is_closed:
                raise PoolClosed("the face pool is closed")
            idle = len(self._threads) - self._running
            if len(self._waiting) >= self._max_waiting + idle:
                queued_s = self._typical_s * (len(self._waiting) + 1) / len(self._threads)
                raise FaceBusy(retry_after_s=max(_SHORTEST_RETRY_S, queued_s))
            self._waiting.append(job)
            self._changed.notify()

    def _leave(self, job: _Job) -> None:
        """Take an abandoned job out of the queue, so that it neither runs nor keeps its pictures in memory."""
        if not job.answer.done() or job.answer.cancelled():
            with self._changed:
                if job in self._waiting:
                    self._waiting.remove(job)

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting:
                    if self._is_closed:
                        return
                    self._changed.wait()
                job = self._waiting.popleft()
                self._running += 1
            started = time.perf_counter()
            try:
                self._answer(job)
            finally:
                took_s = time.perf_counter() - started
                with self._changed:
                    self._running -= 1
                    self._typical_s += _LEARNING_RATE * (took_s - self._typical_s)

    def _answer(self, job: _Job) -> None:
        if not job.answer.set_running_or_notify_cancel():
            return
        try:
            answer = job.work()
        except Exception as fault:
            job.answer.set_exception(fault)
        except BaseException as fault:
            # An engine that asks the program to stop must not stop this thread, nor the caller's loop.
            job.answer.set_exception(FaceError(f"the face engine failed: {fault!r}"))
        else:
            job.answer.set_result(answer)

"""The pool never loses a job, never blocks the loop, and lets one job's fault touch no other."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest
from numpy.typing import NDArray

from facecore.engine import OnnxEngine
from facecore.errors import FaceBusy, FaceError, FaceTimeout, PoolClosed
from facecore.pool import FacePool

Rgb = NDArray[np.uint8]


@asynccontextmanager
async def pool_of(engine: OnnxEngine, **settings: float) -> AsyncIterator[FacePool]:
    chosen = {"workers": 1, "max_waiting": 2, "timeout_s": 30.0, **settings}
    pool = FacePool(
        engine=engine,
        workers=int(chosen["workers"]),
        max_waiting=int(chosen["max_waiting"]),
        timeout_s=chosen["timeout_s"],
    )
    try:
        yield pool
    finally:
        await pool.close()


class Gate:
    """Work that runs until the test lets it go."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()

    def __call__(self) -> str:
        self.entered.set()
        if not self.opened.wait(30):
            raise TimeoutError("the test never opened the gate")
        return "through"

    async def until_entered(self) -> None:
        assert await asyncio.to_thread(self.entered.wait, 30)


@pytest.fixture
def chips() -> Rgb:
    return np.random.default_rng(1).integers(0, 256, (3, 150, 150, 3), dtype=np.uint8)


async def test_it_answers_as_the_engine_does(onnx_engine: OnnxEngine, chips: Rgb) -> None:
    """Two people checked at once would get each other's verdict."""
    async with pool_of(onnx_engine, workers=2, max_waiting=20) as pool:
        answers = await asyncio.gather(*(pool.describe(chips[index % 3][None]) for index in range(20)))
    expected = onnx_engine.describe(chips)
    for index, answer in enumerate(answers):
        assert np.abs(answer[0] - expected[index % 3]).max() < 1e-5


async def test_the_loop_runs_while_work_does(onnx_engine: OnnxEngine) -> None:
    """Every stream and every page would stand still during a comparison."""
    gate = Gate()
    async with pool_of(onnx_engine) as pool:
        job = asyncio.create_task(pool.run(gate))
        await gate.until_entered()
        gate.opened.set()  # only a loop that runs gets here
        assert await job == "through"


async def test_a_full_queue_refuses_at_once(onnx_engine: OnnxEngine, chips: Rgb) -> None:
    """Under a rush everybody would wait for minutes instead of being told when to come back."""
    gate = Gate()
    async with pool_of(onnx_engine, max_waiting=2) as pool:
        running = asyncio.create_task(pool.run(gate))
        await gate.until_entered()
        queued = [asyncio.create_task(pool.describe(chips)) for _ in range(2)]
        await asyncio.sleep(0)
        assert (pool.running, pool.waiting) == (1, 2)
        with pytest.raises(FaceBusy) as refused:
            await pool.describe(chips)
        assert refused.value.retry_after_s > 0
        gate.opened.set()
        assert await running == "through"
        assert [answer.shape for answer in await asyncio.gather(*queued)] == [(3, 128)] * 2


async def test_a_queue_of_none_still_uses_idle_workers(onnx_engine: OnnxEngine, chips: Rgb) -> None:
    """A pool without a queue would refuse even the first job."""
    async with pool_of(onnx_engine, workers=2, max_waiting=0) as pool:
        both = await asyncio.gather(pool.describe(chips), pool.describe(chips))
        assert len(both) == 2


async def test_one_engine_fault_reaches_one_caller(onnx_engine: OnnxEngine, chips: Rgb) -> None:
    """One broken picture would fail everybody's check, or end the worker for good."""
    async with pool_of(onnx_engine, max_waiting=10) as pool:
        bad = chips[:, :100]
        answers = await asyncio.gather(
            *(pool.describe(each) for each in (chips, bad, chips, bad, chips)), return_exceptions=True
        )
        assert [isinstance(answer, FaceError) for answer in answers] == [False, True, False, True, False]
        assert (await pool.describe(chips)).shape == (3, 128)


async def test_work_that_wants_to_exit_ends_nothing(onnx_engine: OnnxEngine, chips: Rgb) -> None:
    """A library that calls exit() would take a worker with it and jobs would hang."""

    def leave() -> None:
        raise SystemExit(3)

    async with pool_of(onnx_engine) as pool:
        with pytest.raises(FaceError, match="SystemExit"):
            await pool.run(leave)
        assert (await pool.describe(chips)).shape == (3, 128)


async def test_a_cancelled_waiter_takes_nobody_along(onnx_engine: OnnxEngine, chips: Rgb) -> None:
    """Somebody closing a page would cancel a stranger's check."""
    gate = Gate()
    async with pool_of(onnx_engine, max_waiting=5) as pool:
        running = asyncio.create_task(pool.run(gate))
        await gate.until_entered()
        ran: list[int] = []
        queued = [asyncio.create_task(pool.run(lambda n=n: ran.append(n))) for n in range(3)]  # type: ignore[misc]
        await asyncio.sleep(0)
        queued[1].cancel()
        with pytest.raises(asyncio.CancelledError):
            await queued[1]
        assert pool.waiting == 2
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        gate.opened.set()
        await asyncio.gather(queued[0], queued[2])
        assert ran == [0, 2]
        assert (await pool.describe(chips)).shape == (3, 128)


async def test_a_late_answer_is_a_timeout_and_frees_its_place(onnx_engine: OnnxEngine) -> None:
    """A stuck check would hold its caller for ever, and its place in the queue too."""
    gate = Gate()
    async with pool_of(onnx_engine, max_waiting=1, timeout_s=0.05) as pool:
        running = asyncio.create_task(pool.run(gate))
        await gate.until_entered()
        ran: list[int] = []
        waiting = asyncio.create_task(pool.run(lambda: ran.append(1)))
        for job in (running, waiting):
            with pytest.raises(FaceTimeout):
                await job
        assert pool.waiting == 0
        gate.opened.set()
    assert ran == []


async def test_a_timeout_of_the_work_itself_stays_what_it_is(onnx_engine: OnnxEngine) -> None:
    """A fault inside the work would be reported as a busy server."""

    def late() -> None:
        raise TimeoutError("the work's own")

    async with pool_of(onnx_engine) as pool:
        with pytest.raises(TimeoutError, match="own"):
            await pool.run(late)


async def test_close_finishes_or_refuses_everything(onnx_engine: OnnxEngine, chips: Rgb) -> None:
    """A stop of the server would leave callers waiting for answers that never come."""
    gate = Gate()
    pool = FacePool(engine=onnx_engine, workers=1, max_waiting=5, timeout_s=30)
    running = asyncio.create_task(pool.run(gate))
    await gate.until_entered()
    queued = [asyncio.create_task(pool.describe(chips)) for _ in range(3)]
    await asyncio.sleep(0)
    closing = asyncio.create_task(pool.close())
    for job in queued:
        with pytest.raises(PoolClosed):
            await job
    with pytest.raises(PoolClosed):
        await pool.describe(chips)
    gate.opened.set()
    assert await running == "through"
    await closing
    await pool.close()
    assert not any(thread.name.startswith("face-") for thread in threading.enumerate())


async def test_a_thousand_jobs_and_none_is_lost(onnx_engine: OnnxEngine) -> None:
    """One check in a thousand would hang without a trace."""
    done: list[int] = []
    async with pool_of(onnx_engine, workers=4, max_waiting=2000) as pool:
        jobs = [asyncio.create_task(pool.run(lambda n=n: done.append(n))) for n in range(1000)]  # type: ignore[misc]
        await asyncio.sleep(0)
        for job in jobs[::3]:
            job.cancel()
        outcomes = await asyncio.gather(*jobs, return_exceptions=True)
    kept = [index for index in range(1000) if index % 3]
    assert all(outcomes[index] is None for index in kept)
    assert set(kept) <= set(done)
    assert len(done) == len(set(done))


@pytest.mark.parametrize("wrong", [{"workers": 0}, {"max_waiting": -1}, {"timeout_s": 0}])
def test_senseless_settings_are_refused(onnx_engine: OnnxEngine, wrong: dict[str, float]) -> None:
    """A pool without workers would accept jobs and answer none."""
    settings = {"workers": 1, "max_waiting": 1, "timeout_s": 1.0, **wrong}
    with pytest.raises(ValueError, match="worker"):
        FacePool(engine=onnx_engine, **settings)  # type: ignore[arg-type]

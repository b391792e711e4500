"""One liveness stream from its first frame to its outcome, without a word of sockets."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from contextlib import suppress
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Any, TypeVar

from app.errors import Code, Problem
from app.metrics import Metrics
from app.verification.attempts import Aim, Attempts, OpenAttempt
from app.verification.inbox import Frame, FrameInbox, frame_problem
from app.verification.key_faces import KeyFaces
from app.verification.model import Outcome, VerificationError
from liveness.attempt import Attempt
from liveness.frames import FrameError, decode_frame
from liveness.graph_pool import GraphPool, GraphsBusy, Lease
from liveness.landmarks import FaceCounter
from liveness.session import Effect, Finish, Hint, StepPassed, Verdict
from liveness.steps import LivenessStep

log = logging.getLogger(__name__)

T = TypeVar("T")
StreamAnswer = dict[str, Any]

TICK_S = 0.25
"""How often time passes for a stream that sends nothing; its time limits are seconds long."""
SESSION_CHECK_S = 0.8
"""A revoked session's stream ends within a second (standards.md); one primary-key read each time."""
RETRY_BUSY_S = 15
"""A passed attempt takes 5 to 15 s, so a graph is free again after about that."""


class LivenessStreams:
    """Opens streams while landmark graphs are free."""

    def __init__(
        self,
        *,
        attempts: Attempts,
        graphs: GraphPool,
        counter: FaceCounter,
        metrics: Metrics,
        executor: Executor,
    ) -> None:
        self._attempts = attempts
        self._graphs = graphs
        self._counter = counter
        self._metrics = metrics
        self._executor = executor

    async def open(self, aim: Aim, token: str, *, mirrored: bool) -> "JudgedStream | Outcome":
        """A stream ready for frames, or the outcome that refuses it; raises Problem(BUSY) with seconds to wait.

        The graph is leased before the token is spent: a busy server costs the person nothing.
        """
        try:
            lease = await asyncio.get_running_loop().run_in_executor(self._executor, self._graphs.lease)
        except GraphsBusy as error:
            raise Problem(
                Code.BUSY, f"All streams are taken. Try again in {RETRY_BUSY_S} s.", retry_after_s=RETRY_BUSY_S
            ) from error
        try:
            attempt = await self._attempts.begin(aim, token)
        except BaseException:
            self._executor.submit(lease.release)
            raise
        if isinstance(attempt, Outcome):
            self._executor.submit(lease.release)
            return attempt
        return JudgedStream(
            attempts=self._attempts,
            attempt=attempt,
            lease=lease,
            counter=self._counter,
            metrics=self._metrics,
            executor=self._executor,
            mirrored=mirrored,
        )


class JudgedStream:
    """Judges the frames of one open attempt; a context manager that gives its graph back."""

    def __init__(
        self,
        *,
        attempts: Attempts,
        attempt: OpenAttempt,
        lease: Lease,
        counter: FaceCounter,
        metrics: Metrics,
        executor: Executor,
        mirrored: bool,
    ) -> None:
        self._attempts = attempts
        self._attempt = attempt
        self._lease = lease
        self._executor = executor
        self._faces = KeyFaces()
        self._counter = counter
        self._metrics = metrics
        self._ended = False
        self._mirrored = mirrored

    @property
    def steps(self) -> tuple[LivenessStep, ...]:
        """What is asked, in order."""
        return self._attempt.challenge.steps

    @property
    def expires_at(self) -> datetime:
        """When the challenge ends."""
        return self._attempt.challenge.expires_at

    def __enter__(self) -> "JudgedStream":
        self._metrics.stream_opened()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._metrics.stream_closed()
        try:
            self._executor.submit(self._lease.release)  # a reset reads a picture: not for the event loop
        except RuntimeError:  # the server is closing, and its threads are gone already
            self._lease.release()

    async def judge(
        self,
        inbox: FrameInbox,
        elapsed_ms: Callable[[], float],
        answer: Callable[[StreamAnswer], Awaitable[None]],
    ) -> Outcome:
        """Judges the newest frame again and again until the verdict; raises Problem for a frame that is no frame.

        Call it as soon as the first step is revealed: the person's time begins with it.
        """
        liveness = Attempt(
            steps=self.steps,
            graph=self._lease.graph,
            counter=self._counter,
            on_key_frame=lambda key: self._faces.keep(key.role, key.rgb, key.mesh),
            mirrored=self._mirrored,
            started_ms=elapsed_ms(),
            blink_substitute=self._attempt.blink_substitute,
        )
        waits_ms: list[float] = []
        try:
            return await self._judge_frames(liveness, inbox, elapsed_ms, answer, waits_ms)
        except BaseException:
            # Ended by the client's leaving or by a message of its own, not by a verdict.
            if not self._ended and self._faces.chips:
                await self._attempts.left(self._attempt)
            raise
        finally:
            self._metrics.frames_dropped(inbox.dropped)
            log.info(
                "liveness stream ended %s of %s judged=%d dropped=%d fps=%.1f p95_ms=%.1f",
                self._attempt.aim.purpose,
                self._attempt.aim.subject,
                len(waits_ms),
                inbox.dropped,
                liveness.fps or 0.0,
                sorted(waits_ms)[int(len(waits_ms) * 0.95)] if waits_ms else 0.0,
            )

    async def until_unwanted(self) -> None:
        """Returns when the attempt can earn nothing any more, its session having ended, at most a second later.

        A database that is away ends nothing here: the award asks again, and fails with the reason.
        """
        is_wanted = True
        while is_wanted:
            await asyncio.sleep(SESSION_CHECK_S)
            with suppress(Problem):
                is_wanted = await self._attempt.rules.still_wanted()

    async def _judge_frames(
        self,
        liveness: Attempt,
        inbox: FrameInbox,
        elapsed_ms: Callable[[], float],
        answer: Callable[[StreamAnswer], Awaitable[None]],
        waits_ms: list[float],
    ) -> Outcome:
        """Fills `waits_ms` with the time from each frame's arrival to its feedback being sent."""
        while True:
            frame = await inbox.newest(timeout_s=TICK_S)
            effects = await self._on_thread(partial(_receive, liveness, frame, elapsed_ms()))
            for effect in effects:
                match effect:
                    case Hint():
                        await answer(
                            {
                                "type": "feedback",
                                "seq": effect.seq,
                                "hint": effect.hint,
                                "progress": round(effect.progress, 3),
                                "credit": inbox.grant(),
                            }
                        )
                        if frame is not None:
                            waits_ms.append(elapsed_ms() - frame.received_ms)
                            self._metrics.frame_judged(waits_ms[-1] / 1000)
                    case StepPassed():
                        await answer({"type": "step", "index": effect.index, "passed": True, "next": effect.next_step})
                    case Finish():
                        return await self._end(effect.verdict, answer)

    async def _end(self, verdict: Verdict, answer: Callable[[StreamAnswer], Awaitable[None]]) -> Outcome:
        self._ended = True
        if not verdict.passed:
            error = VerificationError(verdict.error or VerificationError.CHALLENGE_FAILED)
            return await self._attempts.fail(self._attempt, error, verdict.reasons)
        await answer({"type": "comparing"})
        return await self._attempts.settle(self._attempt, self._faces)

    async def _on_thread(self, work: Callable[[], T]) -> T:
        """Runs on a worker; when cancelled, waits for it first: a graph in use must not be given to another stream."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        job = self._executor.submit(_report, work, loop, done)
        try:
            return await done  # woken by one call; wrap_future(job) takes three, for every frame
        except asyncio.CancelledError:
            if not job.cancelled():
                await asyncio.wait({asyncio.wrap_future(job)})
            raise


def _report(work: Callable[[], T], loop: asyncio.AbstractEventLoop, done: "asyncio.Future[T]") -> None:
    """Runs `work` and tells its end to whoever waits for `done` on the loop."""
    try:
        outcome = partial(_settle, done, work())
    except Exception as error:
        outcome = partial(_break, done, error)
    loop.call_soon_threadsafe(outcome)


def _settle(done: "asyncio.Future[T]", result: T) -> None:
    if not done.done():
        done.set_result(result)


def _break(done: "asyncio.Future[T]", error: Exception) -> None:
    if not done.done():
        done.set_exception(error)


def _receive(liveness: Attempt, frame: Frame | None, now_ms: float) -> list[Effect]:
    if frame is None:
        return liveness.tick(now_ms)
    try:
        rgb = decode_frame(frame.jpeg)
    except FrameError as error:
        raise frame_problem(error, field="frame") from error
    return liveness.judge(rgb, seq=frame.seq, captured_ms=frame.captured_ms, received_ms=frame.received_ms)

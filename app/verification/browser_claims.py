"""A browser's claim, judged on the server's own reading of its pictures, off the event loop.

Claims wait for each other on a thread of their own: a crowd of them takes turns with the streams for a core, and never
fills the threads that judge frames.
"""

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from app.clock import Clock
from app.errors import Code, Problem
from app.verification.inbox import frame_problem
from app.verification.key_faces import NEUTRAL, KeyFaces
from app.verification.model import ClaimedStep, Rgb, VerificationError
from liveness.challenge import CHALLENGE_LIFE_S, Challenge
from liveness.evidence import ClaimedFrame, EvidenceVerdict, judge_evidence
from liveness.frames import FrameError, decode_frame
from liveness.landmarks import FaceCounter, StillFaceMesh

MOST_WAITING = 32
"""Claims at once; about 0.1 s each, so the last waits 3 s. One more is told BUSY with the seconds to wait."""
RETRY_BUSY_S = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class JudgedClaim:
    """Why a claim does not hold (`error` None when it does), and the faces it showed."""

    error: VerificationError | None = None
    reasons: tuple[str, ...] = ()
    faces: KeyFaces = field(default_factory=KeyFaces)


class BrowserClaims:
    """Decodes and judges claims one at a time: about 20 ms a picture."""

    def __init__(self, *, reader: StillFaceMesh, counter: FaceCounter, allow_bare_stills: bool, clock: Clock) -> None:
        self._reader = reader
        self._counter = counter
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="claims")
        self._waiting = 0
        self._allow_bare_stills = allow_bare_stills
        self._clock = clock

    @contextmanager
    def turn(self) -> Iterator[None]:
        """A place among the claims at work, for decoding and judging one; raises Problem(BUSY) when all are taken."""
        if self._waiting >= MOST_WAITING:
            raise Problem(
                Code.BUSY, f"Many checks are waiting. Try again in {RETRY_BUSY_S} s.", retry_after_s=RETRY_BUSY_S
            )
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    async def decode(self, jpeg: bytes, *, field: str) -> Rgb:
        """The picture, uint8 (H, W, 3); raises Problem naming `field` for what is no frame."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, decode_frame, jpeg)
        except FrameError as error:
            raise frame_problem(error, field=field) from error

    async def judge(
        self, challenge: Challenge, *, still: Rgb, evidence: Sequence[ClaimedStep], frames: Sequence[Rgb]
    ) -> "JudgedClaim":
        """Reads every picture again, whatever the page says it saw."""
        claimed = [
            ClaimedFrame(step=each.step, rgb=rgb, captured_at_ms=each.captured_at_ms)
            for each, rgb in zip(evidence, frames, strict=True)
        ]
        work = self._bare_still if not claimed and self._allow_bare_stills else self._judge
        return await asyncio.get_running_loop().run_in_executor(
            self._executor, work, challenge, still, claimed, self._clock.now()
        )

    def close(self) -> None:
        """Finishes what is being judged."""
        self._executor.shutdown()

    def _judge(self, challenge: Challenge, still: Rgb, claimed: list[ClaimedFrame], now: datetime) -> "JudgedClaim":
        left_ms = (challenge.expires_at - now).total_seconds() * 1000
        verdict = judge_evidence(
            steps=challenge.steps,
            still=still,
            frames=claimed,
            reader=self._reader,
            counter=self._counter,
            life_ms=int(CHALLENGE_LIFE_S * 1000 - left_ms),
        )
        if not verdict.passed:
            error = VerificationError(verdict.error or VerificationError.CHALLENGE_FAILED)
            return JudgedClaim(error=error, reasons=verdict.reasons)
        return JudgedClaim(faces=_kept(verdict))

    def _bare_still(
        self, _challenge: Challenge, still: Rgb, _claimed: list[ClaimedFrame], _now: datetime
    ) -> "JudgedClaim":
        """LIVENESS_ALLOW_BARE_STILLS: any single face counts, and nothing is proved."""
        meshes = self._reader.read(still)
        if len(meshes) != 1:
            return JudgedClaim(error=VerificationError.MULTIPLE_FACES if meshes else VerificationError.NO_FACE)
        faces = KeyFaces()
        faces.keep(NEUTRAL, still, meshes[0])
        return JudgedClaim(faces=faces)


def _kept(verdict: EvidenceVerdict) -> KeyFaces:
    faces = KeyFaces()
    for role, (rgb, mesh) in verdict.key_faces.items():
        faces.keep(role, rgb, mesh)
    return faces

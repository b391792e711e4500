"""Attempts: opened by a token, judged and settled here alike, whatever they are for and however they came.

What an attempt is for stands in its `Aim`; what it earns, and who hears of a failure, in the `AttemptRules` that the
aim opens. Everything between, from the challenge to one person throughout, is the same for every purpose.
"""

import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.accounts.model import Viewer
from app.errors import Code, Problem
from app.metrics import Metrics
from app.rate_limits import Limit, RateLimits
from app.verification.browser_claims import BrowserClaims
from app.verification.challenges import Challenges
from app.verification.key_faces import KeyFaces
from app.verification.limits import CLAIMS_PER_CHALLENGE, CREATE_CHALLENGE, FailureRow, FailureStreaks
from app.verification.model import ClaimedStep, Descriptor, IssuedChallenge, Outcome, VerificationError
from facecore.errors import FaceBusy, FaceTimeout
from facecore.pool import FacePool
from liveness.challenge import MAX_STEPS, Challenge, LivenessPurpose
from liveness.steps import LivenessStep

log = logging.getLogger(__name__)

_FACE_REFUSED = frozenset({VerificationError.FACE_MISMATCH, VerificationError.FACE_AMBIGUOUS})


class AttemptRules(Protocol):
    """What one opened attempt is about, for its purpose alone."""

    async def earn(self, face: Descriptor) -> Outcome:
        """What the one person of the attempt gets for their `face`; refuses with FACE_MISMATCH or FACE_AMBIGUOUS."""

    async def refused(self, outcome: Outcome) -> None:
        """Writes down a failure that was counted, and tells whoever is concerned."""

    async def still_wanted(self) -> bool:
        """Whether the attempt can still earn anything: the session that began it may have ended."""


@dataclass(frozen=True, kw_only=True)
class Aim:
    """Who attempts what.

    `subject` is whose challenge it must be, `rows` are the rows of failures that it counts in and is blocked by,
    `limits` what each challenge spends. `open` is asked before a token is spent, and may refuse with an outcome or a
    Problem.
    """

    purpose: LivenessPurpose
    subject: str
    rows: tuple[FailureRow, ...]
    limits: tuple[tuple[Limit, str], ...]
    open: Callable[[], Awaitable[AttemptRules | VerificationError]]

    @classmethod
    def of_viewer(
        cls, viewer: Viewer, purpose: LivenessPurpose, open: Callable[[], Awaitable[AttemptRules | VerificationError]]
    ) -> "Aim":
        """What somebody attempts who is signed in; all their purposes share one row of failures."""
        account = str(viewer.account_id)
        return cls(
            purpose=purpose,
            subject=account,
            rows=(FailureRow(account),),
            limits=((CREATE_CHALLENGE, account),),
            open=open,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class OpenAttempt:
    """An attempt whose challenge is spent: it ends in exactly one outcome."""

    aim: Aim
    rules: AttemptRules
    attempt: str
    challenge: Challenge
    blink_substitute: LivenessStep | None


class Attempts:
    """Opens attempts and brings each to its outcome."""

    def __init__(
        self,
        *,
        challenges: Challenges,
        streaks: FailureStreaks,
        limits: RateLimits,
        claims: BrowserClaims,
        pool: FacePool,
        metrics: Metrics,
    ) -> None:
        self._challenges = challenges
        self._streaks = streaks
        self._limits = limits
        self._claims = claims
        self._pool = pool
        self._metrics = metrics

    async def create_challenge(self, aim: Aim, *, exclude: Collection[LivenessStep]) -> IssuedChallenge:
        """A fresh challenge; raises Problem when blocked, over the limit, or nothing is left to ask."""
        if (wait_s := await self._streaks.blocked_for_s(*aim.rows)) is not None:
            raise Problem(
                Code.RATE_LIMITED,
                f"Several attempts failed in a row. Wait {wait_s} seconds.",
                retry_after_s=wait_s,
                reason="TOO_MANY_ATTEMPTS",
            )
        await self._limits.spend_each(*aim.limits)
        return await self._challenges.issue(subject=aim.subject, purpose=aim.purpose, exclude=exclude)

    async def begin(self, aim: Aim, token: str) -> OpenAttempt | Outcome:
        """Spends the token; an Outcome says why no attempt was opened.

        Nothing is spent while the person is blocked or has no usable profile photo: the same token still
        serves after the photo is there.
        """
        challenge = await self._readable(aim, token)
        if isinstance(challenge, Outcome):
            return challenge
        rules = await aim.open()
        if isinstance(rules, VerificationError):
            return self._refused(rules)
        spent = await self._challenges.spend(token, challenge)
        if spent is None:
            return self._refused(VerificationError.TOKEN_EXPIRED)
        self._metrics.attempt_started()
        return OpenAttempt(
            aim=aim,
            rules=rules,
            attempt=spent.attempt,
            challenge=challenge,
            blink_substitute=spent.blink_substitute,
        )

    async def confirm(self, aim: Aim, *, token: str, frame: bytes, evidence: Sequence[ClaimedStep]) -> Outcome:
        """Judges a browser's claim: its still, and one frame for each step; raises Problem for unreadable input.

        Pictures are decoded before the token is spent, so a broken upload loses nothing; and after the token was
        found good and open, so that a stranger's pictures are not decoded at all. How many uploads one token is worth
        is counted: RATE_LIMITED.
        """
        if len(evidence) > MAX_STEPS:
            # A plain picture of 8 KB decodes to 3.7 MB: one request could hold hundreds of them.
            raise Problem(
                Code.PAYLOAD_TOO_LARGE, f"A challenge has at most {MAX_STEPS} steps to show.", field="evidence"
            )
        challenge = await self._readable(aim, token)
        if isinstance(challenge, Outcome):
            return challenge
        if not await self._challenges.is_open(token, challenge):
            return self._refused(VerificationError.TOKEN_EXPIRED)
        await self._limits.spend(CLAIMS_PER_CHALLENGE, token)
        with self._claims.turn():
            still = await self._claims.decode(frame, field="frame")
            frames = [await self._claims.decode(claimed.jpeg, field="evidence") for claimed in evidence]
            attempt = await self.begin(aim, token)
            if isinstance(attempt, Outcome):
                return attempt
            claim = await self._claims.judge(attempt.challenge, still=still, evidence=evidence, frames=frames)
        if claim.error is not None:
            return await self.fail(attempt, claim.error, claim.reasons)
        return await self.settle(attempt, claim.faces)

    async def left(self, attempt: OpenAttempt) -> None:
        """Counts an attempt that ended without an outcome after a face was seen.

        Somebody who leaves whenever it goes badly would otherwise try without end.
        """
        try:
            await self.fail(attempt, VerificationError.CHALLENGE_FAILED, ["the client left before the end"])
        except Problem as problem:
            log.warning("an abandoned attempt could not be counted: %s", problem.code)

    async def fail(self, attempt: OpenAttempt, error: VerificationError, reasons: Sequence[str] = ()) -> Outcome:
        """Ends an attempt that earned nothing, and counts it; `reasons` are for the operator's log."""
        aim = attempt.aim
        await self._streaks.failed(*aim.rows)
        log.info("liveness refused %s of %s error=%s: %s", aim.purpose, aim.subject, error, "; ".join(reasons))
        wait_s = await self._streaks.blocked_for_s(*aim.rows)
        outcome = self._refused(error, retry_after_s=wait_s)
        await attempt.rules.refused(outcome)
        return outcome

    async def settle(self, attempt: OpenAttempt, faces: KeyFaces) -> Outcome:
        """Ends an attempt whose challenge was met: one person throughout, who then gets what their face earns.

        That face is the neutral one seen inside the challenge, never a frame that was sent beside it.
        """
        try:
            person = await faces.judge(self._pool)
        except (FaceBusy, FaceTimeout):
            return self._refused(VerificationError.BUSY, retry_after_s=5)
        if not person.same_person:
            return await self.fail(
                attempt, VerificationError.CHALLENGE_FAILED, ["the frames show more than one person"]
            )
        if not await self._challenges.is_current(attempt.aim.subject, attempt.attempt):
            return self._refused(VerificationError.TOKEN_EXPIRED)
        # Failures are counted as they end: of many attempts begun at once, those that end after the block earn nothing.
        if (wait_s := await self._streaks.blocked_for_s(*attempt.aim.rows)) is not None:
            return self._refused(VerificationError.TOO_MANY_ATTEMPTS, retry_after_s=wait_s)
        outcome = await attempt.rules.earn(person.neutral)
        if outcome.error in _FACE_REFUSED:
            return await self.fail(attempt, outcome.error, ["it is not the face that was wanted"])
        if outcome.error is not None:
            self._metrics.attempt_refused(outcome.error)
            return outcome
        await self._streaks.succeeded(*attempt.aim.rows)
        self._metrics.attempt_passed()
        log.info("liveness passed %s of %s", attempt.aim.purpose, attempt.aim.subject)
        return outcome

    async def _readable(self, aim: Aim, token: str) -> Challenge | Outcome:
        if (wait_s := await self._streaks.blocked_for_s(*aim.rows)) is not None:
            return self._refused(VerificationError.TOO_MANY_ATTEMPTS, retry_after_s=wait_s)
        challenge = self._challenges.read(token, subject=aim.subject, purpose=aim.purpose)
        return challenge or self._refused(VerificationError.TOKEN_EXPIRED)

    def _refused(self, error: VerificationError, *, retry_after_s: int | None = None) -> Outcome:
        self._metrics.attempt_refused(error)
        return Outcome.refused(error, retry_after_s=retry_after_s)

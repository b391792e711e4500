"""The badge: an attempt is opened, judged and settled here, whether it came by stream or from a browser."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.accounts.model import Viewer
from app.audit import AuditEvent, AuditLog
from app.clock import Clock
from app.errors import Code, Problem
from app.events import AccountEvents
from app.metrics import Metrics
from app.rate_limits import RateLimits
from app.verification.browser_claims import BrowserClaims
from app.verification.challenges import Challenges
from app.verification.key_faces import KeyFaces
from app.verification.limits import CREATE_CHALLENGE, FailureStreaks
from app.verification.model import (
    VERIFICATION_ENDED,
    ClaimedStep,
    IssuedChallenge,
    Outcome,
    PhotoTemplate,
    VerificationError,
)
from app.verification.store import VerificationStore
from facecore.distance import distance, is_match
from facecore.errors import FaceBusy, FaceTimeout
from facecore.pool import FacePool
from liveness.challenge import MAX_STEPS, Challenge, LivenessPurpose
from liveness.steps import LivenessStep

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, eq=False)
class OpenAttempt:
    """An attempt whose challenge is spent: it ends in exactly one outcome."""

    account_id: UUID
    session_id: UUID
    attempt: str
    challenge: Challenge
    blink_substitute: LivenessStep | None
    template: PhotoTemplate


class VerificationService:
    """The rules of the Verified badge."""

    def __init__(
        self,
        *,
        challenges: Challenges,
        streaks: FailureStreaks,
        limits: RateLimits,
        store: VerificationStore,
        claims: BrowserClaims,
        pool: FacePool,
        audit: AuditLog,
        events: AccountEvents,
        threshold: float,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._challenges = challenges
        self._streaks = streaks
        self._limits = limits
        self._store = store
        self._claims = claims
        self._pool = pool
        self._audit = audit
        self._events = events
        self._threshold = threshold
        self._metrics = metrics
        self._clock = clock

    async def create_challenge(
        self, viewer: Viewer, *, purpose: LivenessPurpose, exclude: Collection[LivenessStep]
    ) -> IssuedChallenge:
        """A fresh challenge for the viewer; raises Problem when blocked, over the limit, or nothing is left to ask."""
        if purpose is not LivenessPurpose.VERIFY:
            raise Problem(Code.BAD_USER_INPUT, f"{purpose} is not served yet; use VERIFY.", field="purpose")
        if (wait_s := await self._streaks.blocked_for_s(viewer.account_id)) is not None:
            raise Problem(
                Code.RATE_LIMITED,
                f"Several attempts failed in a row. Wait {wait_s} seconds.",
                retry_after_s=wait_s,
                reason="TOO_MANY_ATTEMPTS",
            )
        await self._limits.spend(CREATE_CHALLENGE, str(viewer.account_id))
        return await self._challenges.issue(subject=str(viewer.account_id), purpose=purpose, exclude=exclude)

    async def begin(self, viewer: Viewer, token: str) -> OpenAttempt | Outcome:
        """Spends the token; an Outcome says why no attempt was opened.

        Nothing is spent while the person is blocked or has no usable profile photo: the same token still
        serves after the photo is there.
        """
        challenge = await self._readable(viewer, token)
        if isinstance(challenge, Outcome):
            return challenge
        template = await self._store.photo_template(viewer.account_id)
        if template is None:
            return self._refused(VerificationError.NO_PROFILE_PHOTO)
        spent = await self._challenges.spend(token, challenge)
        if spent is None:
            return self._refused(VerificationError.TOKEN_EXPIRED)
        self._metrics.attempt_started()
        return OpenAttempt(
            account_id=viewer.account_id,
            session_id=viewer.session_id,
            attempt=spent.attempt,
            challenge=challenge,
            blink_substitute=spent.blink_substitute,
            template=template,
        )

    async def confirm(self, viewer: Viewer, *, token: str, frame: bytes, evidence: Sequence[ClaimedStep]) -> Outcome:
        """Judges a browser's claim: its still, and one frame for each step; raises Problem for unreadable input.

        Pictures are decoded before the token is spent, so a broken upload loses nothing; and after the token was
        found good, so that a stranger's pictures are not decoded at all.
        """
        if len(evidence) > MAX_STEPS:
            # A plain picture of 8 KB decodes to 3.7 MB: one request could hold hundreds of them.
            raise Problem(
                Code.PAYLOAD_TOO_LARGE, f"A challenge has at most {MAX_STEPS} steps to show.", field="evidence"
            )
        challenge = await self._readable(viewer, token)
        if isinstance(challenge, Outcome):
            return challenge
        with self._claims.turn():
            still = await self._claims.decode(frame, field="frame")
            frames = [await self._claims.decode(claimed.jpeg, field="evidence") for claimed in evidence]
            attempt = await self.begin(viewer, token)
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

    async def session_lives(self, attempt: OpenAttempt) -> bool:
        """Whether the session that began the attempt has not been ended meanwhile."""
        return await self._store.session_lives(attempt.session_id, now=self._clock.now())

    async def fail(self, attempt: OpenAttempt, error: VerificationError, reasons: Sequence[str] = ()) -> Outcome:
        """Ends an attempt that earned nothing, and counts it; `reasons` are for the operator's log."""
        await self._streaks.failed(attempt.account_id)
        await self._audit.record(AuditEvent.BADGE_REFUSED, account_id=attempt.account_id, detail={"error": error.value})
        log.info("liveness refused account=%s error=%s: %s", attempt.account_id, error, "; ".join(reasons))
        wait_s = await self._streaks.blocked_for_s(attempt.account_id)
        return await self._told(attempt, self._refused(error, retry_after_s=wait_s))

    async def settle(self, attempt: OpenAttempt, faces: KeyFaces) -> Outcome:
        """Ends an attempt whose challenge was met: one person throughout, and the person of the profile photo."""
        try:
            person = await faces.judge(self._pool)
        except (FaceBusy, FaceTimeout):
            return self._refused(VerificationError.BUSY, retry_after_s=5)
        if not person.same_person:
            return await self.fail(
                attempt, VerificationError.CHALLENGE_FAILED, ["the frames show more than one person"]
            )
        matches = is_match(distance(person.neutral, attempt.template.descriptor), self._threshold)
        self._metrics.faces_compared(is_match=matches)
        if not matches:
            return await self.fail(
                attempt, VerificationError.FACE_MISMATCH, ["the face is not that of the profile photo"]
            )
        return await self._award(attempt)

    async def _readable(self, viewer: Viewer, token: str) -> Challenge | Outcome:
        if (wait_s := await self._streaks.blocked_for_s(viewer.account_id)) is not None:
            return self._refused(VerificationError.TOO_MANY_ATTEMPTS, retry_after_s=wait_s)
        challenge = self._challenges.read(token, subject=str(viewer.account_id), purpose=LivenessPurpose.VERIFY)
        return challenge or self._refused(VerificationError.TOKEN_EXPIRED)

    async def _award(self, attempt: OpenAttempt) -> Outcome:
        if not await self._challenges.is_current(str(attempt.account_id), attempt.attempt):
            return self._refused(VerificationError.TOKEN_EXPIRED)
        at = self._clock.now()
        awarded = await self._store.award_badge(
            attempt.account_id, session_id=attempt.session_id, avatar_key=attempt.template.avatar_key, at=at
        )
        if not awarded:
            # The photo was changed or the session revoked while the attempt ran: it was an attempt at something else.
            return self._refused(VerificationError.TOKEN_EXPIRED)
        await self._streaks.succeeded(attempt.account_id)
        self._metrics.attempt_passed()
        log.info("badge earned account=%s", attempt.account_id)
        return await self._told(attempt, Outcome(success=True, verified_at=at))

    async def _told(self, attempt: OpenAttempt, outcome: Outcome) -> Outcome:
        """The outcome, once the account's other devices were told of it."""
        await self._events.publish(attempt.account_id, VERIFICATION_ENDED, outcome.happening)
        return outcome

    def _refused(self, error: VerificationError, *, retry_after_s: int | None = None) -> Outcome:
        self._metrics.attempt_refused(error)
        return Outcome.refused(error, retry_after_s=retry_after_s)

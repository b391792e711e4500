"""The badge: what the face of an attempt must match, and what it earns then."""

from dataclasses import dataclass
from functools import partial

from app.accounts.model import Viewer
from app.audit import AuditEvent, AuditLog
from app.clock import Clock
from app.events import AccountEvents
from app.metrics import Metrics
from app.verification.attempts import Aim, AttemptRules
from app.verification.model import VERIFICATION_ENDED, Descriptor, Outcome, PhotoTemplate, VerificationError
from app.verification.store import VerificationStore
from facecore.distance import distance, is_match
from liveness.challenge import LivenessPurpose


class VerificationService:
    """The rules of the Verified badge."""

    def __init__(
        self,
        *,
        store: VerificationStore,
        audit: AuditLog,
        events: AccountEvents,
        threshold: float,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._store = store
        self._audit = audit
        self._events = events
        self._threshold = threshold
        self._metrics = metrics
        self._clock = clock

    def aim(self, viewer: Viewer) -> Aim:
        """An attempt of the viewer at the badge."""
        return Aim.of_viewer(viewer, LivenessPurpose.VERIFY, partial(self._open, viewer))

    async def _open(self, viewer: Viewer) -> AttemptRules | VerificationError:
        template = await self._store.photo_template(viewer.account_id)
        if template is None:
            return VerificationError.NO_PROFILE_PHOTO
        return _BadgeRules(service=self, viewer=viewer, template=template)

    async def earn(self, viewer: Viewer, template: PhotoTemplate, face: Descriptor) -> Outcome:
        """The badge, for the person of the profile photo."""
        matches = is_match(distance(face, template.descriptor), self._threshold)
        self._metrics.faces_compared(is_match=matches)
        if not matches:
            return Outcome.refused(VerificationError.FACE_MISMATCH)
        at = self._clock.now()
        awarded = await self._store.award_badge(
            viewer.account_id, session_id=viewer.session_id, avatar_key=template.avatar_key, at=at
        )
        if not awarded:
            # The photo was changed or the session revoked while the attempt ran: it was an attempt at something else.
            return Outcome.refused(VerificationError.TOKEN_EXPIRED)
        return await self.tell(viewer, Outcome(success=True, verified_at=at))

    async def write_down(self, viewer: Viewer, outcome: Outcome) -> None:
        """Records a failure, and tells the account's other devices."""
        await self._audit.record(
            AuditEvent.BADGE_REFUSED, account_id=viewer.account_id, detail={"error": outcome.error}
        )
        await self.tell(viewer, outcome)

    async def tell(self, viewer: Viewer, outcome: Outcome) -> Outcome:
        """The outcome, once the account's other devices were told of it."""
        await self._events.publish(viewer.account_id, VERIFICATION_ENDED, outcome.happening)
        return outcome

    async def session_lives(self, viewer: Viewer) -> bool:
        """Whether the session that began an attempt has not been ended meanwhile."""
        return await self._store.session_lives(viewer.session_id, now=self._clock.now())


@dataclass(frozen=True, kw_only=True, eq=False)
class _BadgeRules:
    """One attempt at the badge, bound to the profile photo as it was when it began."""

    service: VerificationService
    viewer: Viewer
    template: PhotoTemplate

    async def earn(self, face: Descriptor) -> Outcome:
        return await self.service.earn(self.viewer, self.template, face)

    async def refused(self, outcome: Outcome) -> None:
        await self.service.write_down(self.viewer, outcome)

    async def still_wanted(self) -> bool:
        return await self.service.session_lives(self.viewer)

"""Enrolling a face to sign in with, confirming with it, and having it forgotten.

The first face of an account must be that of its profile photo, and adds a way in, so it wants a fresh proof. A later
one must match the first: the photo says nothing any more, because whoever stole a session could have replaced it. And
no face is enrolled that is, or could be, somebody else's: of two people who look alike only one can sign in by face.
"""

from dataclasses import dataclass
from functools import partial
from uuid import UUID

from app.accounts.alarms import Alarms
from app.accounts.model import Origin, Proof, SignInMethod, Viewer
from app.accounts.proofs import SensitiveDeed, demand_enough
from app.accounts.reauthentication import Reauthentication
from app.accounts.sessions import SessionService
from app.audit import AuditEvent, AuditLog
from app.background import Post
from app.clock import Clock
from app.database import Database, Transaction
from app.errors import Code, Problem
from app.faces import letters
from app.faces.gallery import Gallery
from app.faces.model import Descriptor, FaceLoginMode
from app.metrics import Metrics
from app.verification.attempts import Aim, AttemptRules
from app.verification.model import Outcome, PhotoTemplate, VerificationError
from app.verification.store import VerificationStore
from facecore.distance import distance, is_match
from facecore.identification import Ambiguous, Match, NoMatch
from liveness.challenge import LivenessPurpose


class Enrolment:
    """What an owner does with their enrolled face."""

    def __init__(
        self,
        *,
        database: Database,
        gallery: Gallery,
        verification: VerificationStore,
        sessions: SessionService,
        reauthentication: Reauthentication,
        audit: AuditLog,
        alarms: Alarms,
        metrics: Metrics,
        post: Post,
        clock: Clock,
        threshold: float,
        mode: FaceLoginMode,
    ) -> None:
        self._database = database
        self._gallery = gallery
        self._verification = verification
        self._sessions = sessions
        self._reauthentication = reauthentication
        self._audit = audit
        self._alarms = alarms
        self._metrics = metrics
        self._post = post
        self._clock = clock
        self._threshold = threshold
        self._mode = mode

    def aim(self, viewer: Viewer, *, password: str | None = None, code: str | None = None, origin: Origin) -> Aim:
        """An attempt of the viewer to enrol; raises Problem(FORBIDDEN) with reason FACE_LOGIN_OFF.

        The first enrolment wants a fresh proof, or `password` or `code`, before its token is spent.
        """
        self._mode.demand_on()
        return Aim.of_viewer(
            viewer, LivenessPurpose.ENROLL, partial(self._open_enrolment, viewer, password, code, origin)
        )

    def confirmation(self, viewer: Viewer, *, origin: Origin) -> Aim:
        """An attempt of the viewer to confirm something with their face; raises as `aim` does."""
        self._mode.demand_on()
        return Aim.of_viewer(viewer, LivenessPurpose.STEP_UP, partial(self._open_confirmation, viewer, origin))

    async def forget(
        self, viewer: Viewer, *, password: str | None = None, code: str | None = None, origin: Origin
    ) -> bool:
        """Deletes every template of the viewer; False when there was none. Also where sign-in by face is off.

        Raises Problem: FORBIDDEN with the reason REAUTHENTICATION_NEEDED, RATE_LIMITED, BUSY.
        """
        await self._reauthentication.demand(
            viewer, SensitiveDeed.FORGET_FACE, password=password, code=code, origin=origin
        )

        async def work(tx: Transaction) -> bool:
            await self._sessions.hold(tx, viewer)
            had_some = await self._gallery.forget(tx, viewer.account_id) > 0
            if had_some:
                await self._audit.record(AuditEvent.FACE_FORGOTTEN, account_id=viewer.account_id, origin=origin, tx=tx)
            return had_some

        had_some = await self._database.transact(work)
        if had_some and viewer.email is not None:
            self._post.send(letters.face_forgotten(viewer.email), account_id=viewer.account_id)
        return had_some

    async def _open_enrolment(
        self, viewer: Viewer, password: str | None, code: str | None, origin: Origin
    ) -> AttemptRules | VerificationError:
        template = None
        if not await self._gallery.has_templates(viewer.account_id):
            template = await self._verification.photo_template(viewer.account_id)
            if template is None:
                return VerificationError.NO_PROFILE_PHOTO
            await self._reauthentication.demand(
                viewer, SensitiveDeed.ENROL_FACE, password=password, code=code, origin=origin
            )
        return _EnrolmentRules(enrolment=self, viewer=viewer, origin=origin, template=template)

    async def _open_confirmation(self, viewer: Viewer, origin: Origin) -> AttemptRules | VerificationError:
        if not await self._gallery.has_templates(viewer.account_id):
            raise Problem(Code.FORBIDDEN, "No face is enrolled to confirm this with.", reason="FACE_NOT_ENROLLED")
        demand_enough(Proof.FACE, viewer)  # before the person stands before the camera for nothing
        return _ConfirmationRules(enrolment=self, viewer=viewer, origin=origin)

    async def enrol(
        self, viewer: Viewer, template: PhotoTemplate | None, face: Descriptor, *, origin: Origin
    ) -> Outcome:
        """Keeps the face; `template` is the profile photo's, where this is the account's first."""
        if template is not None and not self._is_same(distance(face, template.descriptor)):
            return Outcome.refused(VerificationError.FACE_MISMATCH)
        outcome = await self._database.transact(partial(self._keep, viewer, template, face, origin))
        if outcome.success and viewer.email is not None:
            self._post.send(letters.face_enrolled(viewer.email), account_id=viewer.account_id)
        return outcome

    async def confirm(self, viewer: Viewer, face: Descriptor, *, origin: Origin) -> Outcome:
        """Notes in the session that its owner has just shown their face; compared with enrolled faces alone.

        Raises Problem as `SessionService.mark_proved` does.
        """
        return await self._database.transact(partial(self._mark, viewer, face, origin))

    async def _mark(self, viewer: Viewer, face: Descriptor, origin: Origin, tx: Transaction) -> Outcome:
        await self._sessions.hold(tx, viewer)
        apart = await self._gallery.compare(viewer.account_id, face, on=tx)
        if apart is None:  # forgotten since the attempt began
            return Outcome.refused(VerificationError.TOKEN_EXPIRED)
        if not self._is_same(apart):
            return Outcome.refused(VerificationError.FACE_MISMATCH)
        await self._sessions.mark_proved(tx, viewer, by=Proof.FACE, origin=origin)
        return Outcome(success=True)

    async def write_down(self, viewer: Viewer, outcome: Outcome, *, purpose: LivenessPurpose, origin: Origin) -> None:
        """Records a failure for its owner to read."""
        await self._audit.record(
            AuditEvent.FACE_REFUSED,
            account_id=viewer.account_id,
            origin=origin,
            detail={"error": outcome.error, "purpose": purpose.value},
        )
        self._alarms.failed(viewer.account_id, origin=origin)

    async def session_lives(self, viewer: Viewer) -> bool:
        """Whether the session that began an attempt has not been ended meanwhile."""
        return await self._verification.session_lives(viewer.session_id, now=self._clock.now())

    async def _keep(
        self, viewer: Viewer, template: PhotoTemplate | None, face: Descriptor, origin: Origin, tx: Transaction
    ) -> Outcome:
        account_id = viewer.account_id
        current = await self._sessions.hold(tx, viewer)
        if template is None:
            if not await self._gallery.has_templates(account_id, on=tx):
                return Outcome.refused(VerificationError.TOKEN_EXPIRED)  # forgotten: what follows would be a first one
        elif current.avatar_key != template.avatar_key:
            return Outcome.refused(VerificationError.TOKEN_EXPIRED)  # it was compared with another photo
        await self._gallery.hold(tx)
        if _others(await self._gallery.search(face, tx=tx), account_id):
            return Outcome.refused(VerificationError.FACE_AMBIGUOUS)
        if not await self._gallery.add(tx, account_id, face, now=self._clock.now()):
            return Outcome.refused(VerificationError.FACE_MISMATCH)
        await self._audit.record(
            AuditEvent.FACE_ENROLLED,
            account_id=account_id,
            origin=origin,
            detail={"method": SignInMethod.FACE.value},
            tx=tx,
        )
        return Outcome(success=True)

    def _is_same(self, apart: float) -> bool:
        matches = is_match(apart, self._threshold)
        self._metrics.faces_compared(is_match=matches)
        return matches


def _others(found: Match[UUID] | NoMatch | Ambiguous[UUID], account_id: UUID) -> bool:
    """Whether somebody other than the account is, or could be, meant."""
    people = (
        {found.person} if isinstance(found, Match) else set(found.people) if isinstance(found, Ambiguous) else set()
    )
    return not people <= {account_id}


@dataclass(frozen=True, kw_only=True, eq=False)
class _EnrolmentRules:
    """One attempt to enrol; `template` is the profile photo's where the account has no face yet."""

    enrolment: Enrolment
    viewer: Viewer
    origin: Origin
    template: PhotoTemplate | None

    async def earn(self, face: Descriptor) -> Outcome:
        return await self.enrolment.enrol(self.viewer, self.template, face, origin=self.origin)

    async def refused(self, outcome: Outcome) -> None:
        await self.enrolment.write_down(self.viewer, outcome, purpose=LivenessPurpose.ENROLL, origin=self.origin)

    async def still_wanted(self) -> bool:
        return await self.enrolment.session_lives(self.viewer)


@dataclass(frozen=True, kw_only=True, eq=False)
class _ConfirmationRules:
    """One attempt to confirm something with the enrolled face."""

    enrolment: Enrolment
    viewer: Viewer
    origin: Origin

    async def earn(self, face: Descriptor) -> Outcome:
        return await self.enrolment.confirm(self.viewer, face, origin=self.origin)

    async def refused(self, outcome: Outcome) -> None:
        await self.enrolment.write_down(self.viewer, outcome, purpose=LivenessPurpose.STEP_UP, origin=self.origin)

    async def still_wanted(self) -> bool:
        return await self.enrolment.session_lives(self.viewer)

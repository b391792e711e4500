"""Which attempt a challenge is for: the one place that knows every purpose."""

from app.accounts.model import Origin, Viewer
from app.errors import Code, Problem
from app.faces.enrolment import Enrolment
from app.faces.sign_in import FaceSignIn
from app.verification.attempts import Aim
from app.verification.challenges import Challenges
from app.verification.handoffs import Handoffs
from app.verification.service import VerificationService
from liveness.challenge import LivenessPurpose


class Purposes:
    """Turns a purpose, or the token of a challenge, into an aim."""

    def __init__(
        self,
        *,
        challenges: Challenges,
        verification: VerificationService,
        sign_in: FaceSignIn,
        enrolment: Enrolment,
        handoffs: Handoffs,
    ) -> None:
        self._challenges = challenges
        self._verification = verification
        self._sign_in = sign_in
        self._enrolment = enrolment
        self._handoffs = handoffs

    def aim(self, purpose: LivenessPurpose, viewer: Viewer | None, *, origin: Origin) -> Aim:
        """What a challenge is drawn for.

        Raises Problem: UNAUTHENTICATED where the purpose is somebody's who is signed in, FORBIDDEN where a face opens
        nothing.
        """
        if purpose is LivenessPurpose.LOGIN:
            return self._sign_in.aim(origin)
        if viewer is None:
            raise Problem(Code.UNAUTHENTICATED, "Sign in first.")
        match purpose:
            case LivenessPurpose.ENROLL:
                return self._enrolment.aim(viewer, origin=origin)
            case LivenessPurpose.STEP_UP:
                return self._enrolment.confirmation(viewer, origin=origin)
            case LivenessPurpose.VERIFY:
                return self._verification.aim(viewer)

    async def of_token(self, token: str, viewer: Viewer | None, *, origin: Origin) -> Aim:
        """What a stream is for. The signed token says so, once it is found to be of the account or the browser.

        One that is not goes on as an attempt at the badge, which refuses it; where nobody is signed in, as one to sign
        in, unless it is of an account that handed its check over to this browser.
        """
        if viewer is None:
            handed = await self._handoffs.aim(origin)
            if handed and self._challenges.read(token, subject=handed.subject, purpose=handed.purpose):
                return handed
            return self._sign_in.aim(origin)
        subject = str(viewer.account_id)
        purposes = (purpose for purpose in LivenessPurpose if purpose is not LivenessPurpose.LOGIN)
        purpose = next((p for p in purposes if self._challenges.read(token, subject=subject, purpose=p)), None)
        return self.aim(purpose or LivenessPurpose.VERIFY, viewer, origin=origin)

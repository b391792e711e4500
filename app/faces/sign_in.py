"""Sign-in with the face: whose it is, and an account where it is nobody's.

Nobody is signed in yet, so the challenge belongs to the browser, by the id in its cookie. What the attempt earns is a
ticket, also where one call does everything: there is one way from a face to a session (app/faces/entrance.py).
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from app.accounts.alarms import Alarms
from app.accounts.model import Origin, SignInMethod
from app.audit import AuditEvent, AuditLog
from app.database import Database
from app.errors import Problem
from app.faces.entrance import normalised_name
from app.faces.gallery import Gallery
from app.faces.limits import (
    CHALLENGE_PER_DEVICE,
    CHALLENGE_PER_NETWORK,
    FAILURES_OF_A_NETWORK,
)
from app.faces.model import Descriptor, FaceLoginMode
from app.faces.newcomers import Newcomers
from app.faces.tickets import FaceTickets
from app.profiles.photos import PhotoService
from app.secrets import digest
from app.verification.attempts import Aim, AttemptRules, Attempts
from app.verification.limits import FailureRow
from app.verification.model import ClaimedStep, Outcome, VerificationError
from facecore.identification import Ambiguous, Match, NoMatch
from liveness.challenge import LivenessPurpose

log = logging.getLogger(__name__)


class FaceSignIn:
    """Finds people by their face."""

    def __init__(
        self,
        *,
        database: Database,
        attempts: Attempts,
        gallery: Gallery,
        newcomers: Newcomers,
        tickets: FaceTickets,
        photos: PhotoService,
        audit: AuditLog,
        alarms: Alarms,
        mode: FaceLoginMode,
    ) -> None:
        self._database = database
        self._attempts = attempts
        self._gallery = gallery
        self._newcomers = newcomers
        self._tickets = tickets
        self._photos = photos
        self._audit = audit
        self._alarms = alarms
        self._mode = mode

    @property
    def is_on(self) -> bool:
        """Whether a face opens anything here."""
        return self._mode is not FaceLoginMode.OFF

    def aim(self, origin: Origin, *, name: str | None = None) -> Aim:
        """An attempt of a browser to sign in; raises Problem(FORBIDDEN) with reason FACE_LOGIN_OFF.

        A browser without an id has no challenge: every token is somebody else's.
        """
        self._mode.demand_on()
        device = "nobody" if origin.device_hash is None else origin.device_hash.hex()
        return Aim(
            purpose=LivenessPurpose.LOGIN,
            subject=f"device:{device}",
            rows=(
                FailureRow(f"device:{device}"),
                FailureRow(f"network:{digest(origin.network).hex()}", FAILURES_OF_A_NETWORK),
            ),
            limits=((CHALLENGE_PER_DEVICE, device), (CHALLENGE_PER_NETWORK, origin.network)),
            open=partial(self._open, origin, name),
        )

    async def look(
        self,
        *,
        token: str,
        frame: bytes,
        evidence: Sequence[ClaimedStep],
        name: str | None,
        keep_photo: bool,
        origin: Origin,
    ) -> Outcome:
        """Judges a browser's claim; a success carries the ticket.

        `keep_photo`: the person of a new account wants the still as their profile photo. Nothing else keeps it.
        Raises Problem for unreadable input, RATE_LIMITED, BUSY, FORBIDDEN.
        """
        aim = self.aim(origin, name=normalised_name(name))
        outcome = await self._attempts.confirm(aim, token=token, frame=frame, evidence=evidence)
        if outcome.ticket is not None and keep_photo:
            arrival = self._tickets.read(outcome.ticket, origin=origin)
            if arrival.is_new:
                await self._keep_photo(arrival.account_id, frame)
        return outcome

    async def _open(self, origin: Origin, name: str | None) -> AttemptRules | VerificationError:
        await self._database.check()  # without a gallery to search the person would lose the challenge for nothing
        return _SignInRules(sign_in=self, origin=origin, name=name)

    async def earn(self, face: Descriptor, *, name: str | None, origin: Origin) -> Outcome:
        """The ticket of whoever has the face; a refusal where that cannot be said."""
        found: Match[UUID] | Ambiguous[UUID] | NoMatch | UUID = await self._gallery.search(face)
        if isinstance(found, NoMatch):
            found = await self._newcomers.welcome(face, name=name, origin=origin)
        if isinstance(found, Ambiguous):
            for account_id in found.people:
                await self._audit.record(
                    AuditEvent.FACE_AMBIGUOUS,
                    account_id=account_id,
                    origin=origin,
                    detail={"method": SignInMethod.FACE.value},
                )
                self._alarms.failed(account_id, origin=origin)
            return Outcome.refused(VerificationError.FACE_AMBIGUOUS)
        is_new = isinstance(found, UUID)
        account_id = found if isinstance(found, UUID) else found.person
        template_id = await self._gallery.nearest_own(account_id, face, on=self._database)
        if template_id is None:  # deleted, or forgotten, since it was found
            return Outcome.refused(VerificationError.TOKEN_EXPIRED)
        ticket = await self._tickets.issue(account_id, template_id=template_id, is_new=is_new, origin=origin)
        return Outcome(success=True, ticket=ticket)

    async def _keep_photo(self, account_id: UUID, frame: bytes) -> None:
        """The account stands already: without its photo, where that cannot be kept."""
        try:
            await self._photos.adopt(account_id, frame)
        except Problem as problem:
            log.warning("the photo of a new account could not be kept account=%s: %s", account_id, problem.code)


@dataclass(frozen=True, kw_only=True, eq=False)
class _SignInRules:
    """One attempt to sign in."""

    sign_in: FaceSignIn
    origin: Origin
    name: str | None

    async def earn(self, face: Descriptor) -> Outcome:
        return await self.sign_in.earn(face, name=self.name, origin=self.origin)

    async def refused(self, outcome: Outcome) -> None:
        """Nobody is known who could be told; those whom a face might have been were told with the refusal."""

    async def still_wanted(self) -> bool:
        return True

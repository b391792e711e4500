"""The faces slice, put together."""

from dataclasses import dataclass

from app.accounts.wiring import AccountServices
from app.faces.enrolment import Enrolment
from app.faces.entrance import FaceEntrance
from app.faces.gallery import Gallery
from app.faces.model import FaceLoginMode
from app.faces.newcomers import Newcomers
from app.faces.purposes import Purposes
from app.faces.sign_in import FaceSignIn
from app.faces.tickets import FaceTickets
from app.foundation import Foundation
from app.profiles.wiring import ProfileServices
from app.verification.handoffs import Handoffs
from app.verification.wiring import VerificationServices


@dataclass(frozen=True, kw_only=True)
class FaceServices:
    """The services of the faces slice."""

    gallery: Gallery
    face_sign_in: FaceSignIn
    face_entrance: FaceEntrance
    enrolment: Enrolment
    handoffs: Handoffs
    purposes: Purposes


def wire_faces(
    base: Foundation, accounts: AccountServices, verification: VerificationServices, profiles: ProfileServices
) -> FaceServices:
    """Builds them, with the thresholds and the mode of the settings."""
    settings, mode = base.settings, FaceLoginMode(base.settings.face_login)
    gallery = Gallery(
        database=base.database,
        ids=base.ids,
        threshold=settings.face_threshold,
        search_threshold=settings.face_search_threshold,
        search_margin=settings.face_search_margin,
    )
    newcomers = Newcomers(
        database=base.database,
        gallery=gallery,
        limits=base.limits,
        audit=base.audit,
        clock=base.clock,
        ids=base.ids,
    )
    tickets = FaceTickets(secret_keys=settings.secret_keys, redis=base.redis, clock=base.clock, ids=base.ids)
    face_sign_in = FaceSignIn(
        database=base.database,
        attempts=verification.attempts,
        gallery=gallery,
        newcomers=newcomers,
        tickets=tickets,
        photos=profiles.photos,
        audit=base.audit,
        alarms=accounts.alarms,
        mode=mode,
    )
    face_entrance = FaceEntrance(
        database=base.database,
        gallery=gallery,
        tickets=tickets,
        entry=accounts.entry,
        codes=accounts.sign_in_codes,
        limits=base.limits,
        clock=base.clock,
        mode=mode,
    )
    enrolment = Enrolment(
        database=base.database,
        gallery=gallery,
        verification=verification.verification_store,
        sessions=accounts.sessions,
        reauthentication=accounts.reauthentication,
        audit=base.audit,
        alarms=accounts.alarms,
        metrics=base.metrics,
        post=base.post,
        clock=base.clock,
        threshold=settings.face_threshold,
        mode=mode,
    )
    handoffs = Handoffs(
        redis=base.redis,
        sessions=accounts.sessions,
        verification=verification.verification,
        limits=base.limits,
        audit=base.audit,
        clock=base.clock,
        ids=base.ids,
    )
    return FaceServices(
        gallery=gallery,
        face_sign_in=face_sign_in,
        face_entrance=face_entrance,
        enrolment=enrolment,
        handoffs=handoffs,
        purposes=Purposes(
            challenges=verification.challenges,
            verification=verification.verification,
            sign_in=face_sign_in,
            enrolment=enrolment,
            handoffs=handoffs,
        ),
    )

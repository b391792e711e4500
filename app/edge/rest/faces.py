"""Source D's two endpoints: a face is seen, then its session is opened. Between them travels a ticket."""

from collections.abc import Mapping
from types import MappingProxyType
from uuid import UUID

from app.edge.frames import jpeg_bytes
from app.edge.rest.face_models import (
    FaceDataOut,
    FaceFoundOut,
    FaceNotFoundOut,
    FaceOwnerOut,
    FaceSecondStepOut,
    FaceSignedInOut,
    FaceStepIn,
    FaceTicketRequest,
    FaceTokensOut,
    FaceUploadRequest,
    FaceUserOut,
)
from app.edge.rest.operations import Link, Operation
from app.edge.visit import Visit
from app.errors import Code, Problem
from app.faces.entrance import Owner
from app.verification.model import ClaimedStep, VerificationError
from liveness.steps import LivenessStep

WHAT_TO_DO: Mapping[VerificationError, str] = MappingProxyType(
    {
        VerificationError.FACE_MISMATCH: "This is not the face that was expected.",
        VerificationError.TOKEN_EXPIRED: "This challenge has expired or was used already. Ask for a new one.",
        VerificationError.NO_PROFILE_PHOTO: "There is no profile photo to compare with. Upload one first.",
        VerificationError.CHALLENGE_FAILED: "The gestures were not seen as asked. Try again with a new challenge.",
        VerificationError.FACE_AMBIGUOUS: "It cannot be said for sure whose face this is. Sign in another way.",
        VerificationError.NO_FACE: "No face was seen. Look straight at the camera and try again.",
        VerificationError.MULTIPLE_FACES: "More than one face was seen. Be alone in the picture and try again.",
        VerificationError.LOW_QUALITY: "The picture is too dark, too bright, too small or not sharp. Try again.",
        VerificationError.TOO_MANY_ATTEMPTS: "There were too many failures in a row. Wait before you try again.",
        VerificationError.BUSY: "Too many people are being checked right now. Try again shortly.",
    }
)
"""What a person can do about each failure; source D shows these to them."""


async def upload_verification(visit: Visit, body: FaceUploadRequest) -> FaceFoundOut | FaceNotFoundOut:
    """Judges a liveness challenge and finds, or makes, the account of the face; nobody is signed in yet.

    A failed check is an answer with `success` false. No picture is kept but with `keepPhoto`, and no score is shown.
    """
    outcome = await visit.services.face_sign_in.look(
        token=body.token,
        frame=jpeg_bytes(body.image, field="image"),
        evidence=[_claimed(step) for step in body.evidence or ()],
        name=body.name,
        keep_photo=bool(body.keepPhoto),
        origin=visit.origin,
    )
    if outcome.ticket is None:
        assert outcome.error is not None, "a success has a ticket"
        waiting = {} if outcome.retry_after_s is None else {"retryAfterS": outcome.retry_after_s}
        return FaceNotFoundOut(
            success=False,
            matchFound=False,
            isNewUser=False,
            error=outcome.error,
            message=WHAT_TO_DO[outcome.error],
            **waiting,
        )
    arrival, owner = await visit.services.face_entrance.owner(outcome.ticket, origin=visit.origin)
    return FaceFoundOut(
        success=True,
        matchFound=not arrival.is_new,
        isNewUser=arrival.is_new,
        data=None if owner is None else _data(visit, owner, arrival.template_id),
        ticket=outcome.ticket,
        message="A new account was made." if arrival.is_new else "You are known.",
    )


async def face_verification(visit: Visit, body: FaceTicketRequest) -> FaceSignedInOut | FaceSecondStepOut:
    """Opens the session that the ticket of the first call stands for, or asks for the second step.

    Nothing that a client could make up is taken: no `vectorId`, no `confidence`.
    """
    entered = await visit.services.face_entrance.trade(body.ticket, name=body.name, origin=visit.entering_origin)
    payload = visit.hand_over(entered.admission)
    if payload.temp_token is not None:
        return FaceSecondStepOut(
            success=False,
            requiresTwoFactor=True,
            tempToken=payload.temp_token,
            message="Give the code of your second factor, or the one that was mailed to you.",
        )
    viewer = payload.user
    assert viewer is not None
    assert payload.access_token is not None
    user = FaceOwnerOut(
        id=viewer.account_id,
        vectorId=entered.arrival.template_id,
        fullName=viewer.display_name,
        username=viewer.handle,
        profilePictureUrl=visit.services.photos.photo_url(viewer),
        **({} if viewer.email is None else {"email": viewer.email}),
    )
    in_body = {} if payload.refresh_token is None else {"refreshToken": payload.refresh_token}
    return FaceSignedInOut(
        success=True,
        isNewUser=entered.arrival.is_new,
        user=user,
        tokens=FaceTokensOut(accessToken=payload.access_token, **in_body),
        message="Your account was made." if entered.arrival.is_new else "You are signed in.",
    )


def _claimed(given: FaceStepIn) -> ClaimedStep:
    try:
        step = LivenessStep(given.step)
    except ValueError as error:
        raise Problem(Code.BAD_USER_INPUT, "This step is not known.", field="evidence") from error
    return ClaimedStep(step=step, jpeg=jpeg_bytes(given.frame, field="evidence"), captured_at_ms=given.capturedAtMs)


def _data(visit: Visit, owner: Owner, vector_id: UUID) -> FaceDataOut:
    picture = visit.services.photos.url_of(owner.avatar_key)
    return FaceDataOut(
        vectorId=vector_id,
        cloudinaryUrl=picture,
        userName=owner.display_name,
        user=FaceUserOut(
            id=owner.account_id, username=owner.handle, fullName=owner.display_name, profilePictureUrl=picture
        ),
    )


OPERATIONS = (
    Operation(
        "POST",
        "/api/upload/verification",
        upload_verification,
        (Code.FORBIDDEN, Code.RATE_LIMITED),
        leads_to=(Link("face_verification", {"ticket": "$response.body#/ticket"}),),
    ),
    Operation(
        "POST",
        "/api/auth/face-verification",
        face_verification,
        (Code.FORBIDDEN, Code.GONE, Code.RATE_LIMITED),
        leads_to=(Link("login_second_factor", {"temp_token": "$response.body#/tempToken"}),),
    ),
)

"""Signing in with the face, enrolling it, confirming with it, having it forgotten."""

from dataclasses import dataclass, field
from typing import Any

from ariadne import MutationType, ObjectType

from app.accounts.model import Viewer
from app.edge.frames import jpeg_bytes
from app.errors import Code, Problem
from app.graphql.context import AuthPayload, Context, Info
from app.graphql.verification import claimed_step
from app.verification.attempts import Aim
from app.verification.model import Outcome, VerificationError

mutation = MutationType()
user = ObjectType("User")


_CODES = {
    VerificationError.TOKEN_EXPIRED: Code.GONE,
    VerificationError.TOO_MANY_ATTEMPTS: Code.RATE_LIMITED,
    VerificationError.BUSY: Code.BUSY,
}


@dataclass(frozen=True, kw_only=True)
class FaceLoginPayload:
    """What came of a face."""

    success: bool
    error: VerificationError | None = None
    retry_after_s: int | None = None
    match_found: bool = False
    is_new_user: bool = False
    auth: AuthPayload | None = field(default=None, repr=False)


@mutation.field("faceLogin")
async def resolve_face_login(
    _: object,
    info: Info,
    *,
    token: str,
    frame: str,
    evidence: list[dict[str, Any]] | None = None,
    name: str | None = None,
    keep_photo: bool | None = False,
) -> FaceLoginPayload:
    """The session of whoever the face is, or why there is none."""
    context = info.context
    outcome = await context.services.face_sign_in.look(
        token=token,
        frame=jpeg_bytes(frame, field="frame"),
        evidence=[claimed_step(**step) for step in evidence or ()],
        name=name,
        keep_photo=bool(keep_photo),
        origin=context.origin,
    )
    if outcome.ticket is None:
        return FaceLoginPayload(success=False, error=outcome.error, retry_after_s=outcome.retry_after_s)
    return await _traded(context, outcome.ticket, None)


@mutation.field("tradeFaceTicket")
async def resolve_trade_face_ticket(_: object, info: Info, *, ticket: str, name: str | None = None) -> FaceLoginPayload:
    """The session that the ticket stands for."""
    return await _traded(info.context, ticket, name)


@mutation.field("enrollFace")
async def resolve_enroll_face(
    _: object,
    info: Info,
    *,
    token: str,
    frame: str,
    evidence: list[dict[str, Any]] | None = None,
    password: str | None = None,
    code: str | None = None,
) -> bool:
    """True once the viewer's face opens the account; a check that failed is told as a refusal."""
    context, viewer = info.context, await info.context.signed_in()
    aim = context.services.enrolment.aim(viewer, password=password, code=code, origin=context.origin)
    demand_success(await _confirmed(context, aim, token=token, frame=frame, evidence=evidence))
    return True


@mutation.field("confirmWithFace")
async def resolve_confirm_with_face(
    _: object, info: Info, *, token: str, frame: str, evidence: list[dict[str, Any]] | None = None
) -> Outcome:
    """Whether the face is the viewer's."""
    context, viewer = info.context, await info.context.signed_in()
    aim = context.services.enrolment.confirmation(viewer, origin=context.origin)
    return await _confirmed(context, aim, token=token, frame=frame, evidence=evidence)


@mutation.field("forgetFace")
async def resolve_forget_face(_: object, info: Info, *, password: str | None = None, code: str | None = None) -> bool:
    """Whether there was a face to forget."""
    context, viewer = info.context, await info.context.signed_in()
    return await context.services.enrolment.forget(viewer, password=password, code=code, origin=context.origin)


async def _confirmed(
    context: Context, aim: Aim, *, token: str, frame: str, evidence: list[dict[str, Any]] | None
) -> Outcome:
    claims = [claimed_step(**step) for step in evidence or ()]
    jpeg = jpeg_bytes(frame, field="frame")
    return await context.services.attempts.confirm(aim, token=token, frame=jpeg, evidence=claims)


def demand_success(outcome: Outcome) -> None:
    """Raises the Problem that a failed check is where only true or false can be answered; its reason is the error."""
    if outcome.error is not None:
        code = _CODES.get(outcome.error, Code.FORBIDDEN)
        raise Problem(code, "The face was not enrolled.", reason=outcome.error, retry_after_s=outcome.retry_after_s)


async def _traded(context: Context, ticket: str, name: str | None) -> FaceLoginPayload:
    entered = await context.services.face_entrance.trade(ticket, name=name, origin=context.entering_origin)
    return FaceLoginPayload(
        success=True,
        match_found=not entered.arrival.is_new,
        is_new_user=entered.arrival.is_new,
        auth=context.hand_over(entered.admission),
    )


@user.field("faceLoginEnabled")
async def resolve_face_login_enabled(viewer: Viewer, info: Info) -> bool:
    """Whether a face opens the account."""
    services = info.context.services
    return services.face_sign_in.is_on and await services.gallery.has_templates(viewer.account_id)


@user.field("faceTemplates")
async def resolve_face_templates(viewer: Viewer, info: Info) -> int:
    """How many views are enrolled."""
    return await info.context.services.gallery.count_of(viewer.account_id)

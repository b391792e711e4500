"""Liveness challenges and the badge."""

from typing import Any

from ariadne import MutationType

from app.edge.frames import jpeg_bytes
from app.graphql.context import Info
from app.verification.model import ClaimedStep, IssuedChallenge, Outcome
from liveness.challenge import LivenessPurpose
from liveness.steps import LivenessStep

mutation = MutationType()


@mutation.field("createLivenessChallenge")
async def resolve_create_liveness_challenge(
    _: object, info: Info, *, purpose: LivenessPurpose | None, exclude: list[LivenessStep] | None = None
) -> IssuedChallenge:
    """A fresh challenge: of the viewer, or of the browser where nobody is signed in yet."""
    context, services = info.context, info.context.services
    is_login = purpose is LivenessPurpose.LOGIN
    viewer = None if is_login else await context.signed_in()
    origin = context.entering_origin if is_login else context.origin
    aim = services.purposes.aim(purpose or LivenessPurpose.VERIFY, viewer, origin=origin)
    return await services.attempts.create_challenge(aim, exclude=exclude or ())


@mutation.field("confirmLiveness")
async def resolve_confirm_liveness(
    _: object, info: Info, *, token: str, frame: str, evidence: list[dict[str, Any]] | None = None
) -> Outcome:
    """What came of the viewer's claim."""
    context = info.context
    viewer = await context.signed_in()
    claims = [claimed_step(**step) for step in evidence or ()]
    jpeg = jpeg_bytes(frame, field="frame")
    aim = context.services.verification.aim(viewer)
    return await context.services.attempts.confirm(aim, token=token, frame=jpeg, evidence=claims)


def claimed_step(*, step: LivenessStep, frame: str, captured_at_ms: int) -> ClaimedStep:
    """One piece of evidence as the service takes it; raises Problem(BAD_USER_INPUT) for text that is not base64."""
    return ClaimedStep(step=step, jpeg=jpeg_bytes(frame, field="evidence"), captured_at_ms=captured_at_ms)

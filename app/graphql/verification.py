"""Liveness challenges and the badge."""

import base64
import binascii
from typing import Any

from ariadne import MutationType

from app.errors import Code, Problem
from app.graphql.context import Info
from app.verification.model import ClaimedStep, IssuedChallenge, Outcome
from liveness.challenge import LivenessPurpose
from liveness.steps import LivenessStep

mutation = MutationType()


@mutation.field("createLivenessChallenge")
async def resolve_create_liveness_challenge(
    _: object, info: Info, *, purpose: LivenessPurpose | None, exclude: list[LivenessStep] | None = None
) -> IssuedChallenge:
    """A fresh challenge for the viewer."""
    context = info.context
    viewer = await context.signed_in()
    return await context.services.attempts.create_challenge(
        context.services.verification.aim(viewer), exclude=exclude or ()
    )


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


def jpeg_bytes(text: str, *, field: str) -> bytes:
    """The bytes of base64 text, with or without the `data:image/jpeg;base64,` that a canvas puts in front."""
    encoded = text.partition(",")[2] if text.startswith("data:") else text
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Problem(Code.BAD_USER_INPUT, "The frame is not the base64 of a JPEG.", field=field) from error

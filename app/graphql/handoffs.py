"""Handing the check for the badge over to a phone."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ariadne import MutationType

from app.accounts.one_time_codes import qr_code
from app.edge.frames import jpeg_bytes
from app.graphql.context import Info
from app.graphql.verification import claimed_step
from app.verification.handoffs import HandoffTask
from app.verification.model import IssuedChallenge, Outcome
from liveness.steps import LivenessStep

mutation = MutationType()


@dataclass(frozen=True, kw_only=True)
class HandoffLink:
    """A link as its owner shows it."""

    url: str = field(repr=False)
    qr_code: str = field(repr=False)
    expires_at: datetime


@mutation.field("beginHandoff")
async def resolve_begin_handoff(_: object, info: Info) -> HandoffLink:
    """A link to the viewer's own check. The token stands in the fragment, which a browser sends to nobody."""
    services = info.context.services
    handoff = await services.handoffs.begin(await info.context.signed_in())
    url = f"{services.settings.public_url}/handoff#token={handoff.token}"
    return HandoffLink(url=url, qr_code=qr_code(url), expires_at=handoff.expires_at)


@mutation.field("openHandoff")
async def resolve_open_handoff(_: object, info: Info, *, token: str | None = None) -> HandoffTask:
    """Whose check this browser may make."""
    return await info.context.services.handoffs.open(token, origin=info.context.entering_origin)


@mutation.field("createHandoffChallenge")
async def resolve_create_handoff_challenge(
    _: object, info: Info, *, exclude: list[LivenessStep] | None = None
) -> IssuedChallenge:
    """A challenge of the account that handed its check over."""
    services = info.context.services
    aim = await services.handoffs.draw(origin=info.context.origin)
    return await services.attempts.create_challenge(aim, exclude=exclude or ())


@mutation.field("confirmHandoff")
async def resolve_confirm_handoff(
    _: object, info: Info, *, token: str, frame: str, evidence: list[dict[str, Any]] | None = None
) -> Outcome:
    """What came of the claim."""
    services = info.context.services
    claims = [claimed_step(**step) for step in evidence or ()]
    jpeg = jpeg_bytes(frame, field="frame")
    aim = await services.handoffs.demanded_aim(info.context.origin)
    return await services.attempts.confirm(aim, token=token, frame=jpeg, evidence=claims)

"""What a signed-in device hears as it happens: its badge, and sessions that were ended."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ariadne import SubscriptionType

from app.accounts.session_watch import EndedSession
from app.graphql.context import Info
from app.verification.model import VERIFICATION_ENDED, Outcome

subscription = SubscriptionType()


@dataclass(frozen=True, kw_only=True)
class SessionEvent:
    """A session of the account that was ended."""

    session_id: UUID
    current: bool
    at: datetime


@subscription.source("verificationUpdated")
async def verification_updates(_: object, info: Info) -> AsyncGenerator[Outcome, None]:
    """Every outcome of the account's checks, whichever device made them."""
    viewer = await info.context.signed_in()
    async with info.context.services.events.listen(viewer.account_id, VERIFICATION_ENDED) as heard:
        while True:
            yield Outcome.of_happening(await heard.get())


@subscription.field("verificationUpdated")
def resolve_verification_updated(outcome: Outcome, _: Info) -> Outcome:
    """The outcome as it was heard."""
    return outcome


@subscription.source("sessionRevoked")
async def revoked_sessions(_: object, info: Info) -> AsyncGenerator[SessionEvent, None]:
    """Every session of the account that is ended from now on."""
    viewer = await info.context.signed_in()
    async with info.context.services.session_watch.watching(viewer) as watched:
        while True:
            ended: EndedSession = await watched.revoked.get()
            current = ended.session_id == viewer.session_id
            yield SessionEvent(session_id=ended.session_id, current=current, at=ended.at)
            if current:
                return


@subscription.field("sessionRevoked")
def resolve_session_revoked(event: SessionEvent, _: Info) -> SessionEvent:
    """The event as it was heard."""
    return event

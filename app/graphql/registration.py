"""Registering at a campus, and proving an address."""

from typing import Any

from ariadne import MutationType, QueryType

from app.accounts.campuses import Campus
from app.accounts.registration import Registered
from app.graphql.context import Info

query = QueryType()
mutation = MutationType()


@query.field("campuses")
async def resolve_campuses(_: object, info: Info) -> tuple[Campus, ...]:
    """Where one can register."""
    return await info.context.services.campuses.all()


@mutation.field("register")
async def resolve_register(_: object, info: Info, *, input: dict[str, Any]) -> Registered:
    """Takes a member of a campus in."""
    return await info.context.services.registration.register(**input, origin=info.context.origin)


@mutation.field("verifyEmail")
async def resolve_verify_email(
    _: object, info: Info, *, token: str | None = None, code: str | None = None, email: str | None = None
) -> bool:
    """Proves an address by the link or by the code."""
    origin = info.context.origin
    await info.context.services.email_proofs.prove(token=token, code=code, email=email, origin=origin)
    return True


@mutation.field("resendVerification")
async def resolve_resend_verification(_: object, info: Info, *, email: str) -> bool:
    """Mails a new proof where there is something to prove."""
    await info.context.services.email_proofs.resend(email=email, origin=info.context.origin)
    return True

"""Signing up, in and out."""

from typing import Any

from ariadne import MutationType

from app.graphql.context import AuthPayload, Info

mutation = MutationType()


@mutation.field("signup")
async def resolve_signup(_: object, info: Info, *, input: dict[str, Any]) -> AuthPayload:
    """Creates an account and hands over its first session."""
    context = info.context
    signed_in = await context.services.accounts.signup(**input, origin=context.entering_origin)
    return context.hand_over(signed_in)


@mutation.field("login")
async def resolve_login(_: object, info: Info, *, email: str, password: str) -> AuthPayload:
    """Hands over a session for the right password."""
    context = info.context
    signed_in = await context.services.accounts.login(email=email, password=password, origin=context.entering_origin)
    return context.hand_over(signed_in)


@mutation.field("refreshToken")
async def resolve_refresh_token(_: object, info: Info, *, token: str | None = None) -> AuthPayload:
    """Hands over the successor of the token given, or of the cookie's."""
    return await info.context.refresh(token)


@mutation.field("logout")
async def resolve_logout(_: object, info: Info, *, token: str | None = None) -> bool:
    """Ends the session of the token given, of the cookie, or of the access token."""
    return await info.context.sign_out(token)

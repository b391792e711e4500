"""Signing up, in and out."""

from typing import Any

from ariadne import MutationType

from app.accounts.model import Viewer
from app.errors import Code, Problem
from app.graphql.context import AuthPayload, Context, Info

mutation = MutationType()


@mutation.field("signup")
async def resolve_signup(_: object, info: Info, *, input: dict[str, Any]) -> AuthPayload:
    """Creates an account and hands over its first session."""
    context = info.context
    signed_in = await context.services.accounts.signup(**input, origin=context.origin)
    return context.hand_over(signed_in)


@mutation.field("login")
async def resolve_login(_: object, info: Info, *, email: str, password: str) -> AuthPayload:
    """Hands over a session for the right password."""
    context = info.context
    signed_in = await context.services.accounts.login(email=email, password=password, origin=context.origin)
    return context.hand_over(signed_in)


@mutation.field("refreshToken")
async def resolve_refresh_token(_: object, info: Info, *, token: str | None = None) -> AuthPayload:
    """Hands over the successor of the token given, or of the cookie's."""
    context = info.context
    held = token if token is not None else context.token_of_browser()
    if held is None:
        raise Problem(Code.UNAUTHENTICATED, "There is no session to refresh. Sign in.", reason="NO_REFRESH_TOKEN")
    refreshed = await context.services.sessions.refresh(held, origin=context.origin)
    return context.hand_over(refreshed, held_by_cookie=token is None)


@mutation.field("logout")
async def resolve_logout(_: object, info: Info, *, token: str | None = None) -> bool:
    """Ends the session of the token given, of the cookie, or of the access token."""
    context = info.context
    held = token if token is not None else context.token_of_browser()
    accounts = context.services.accounts
    ended = await accounts.logout(refresh_token=held, viewer=None)
    # The cookie may be of an older session than the access token beside it: who signs out means the one in use.
    if not ended and token is None:
        ended = await accounts.logout(refresh_token=None, viewer=await _holder_of_access_token(context, held))
    if token is None:
        context.set_cookies += context.cookies.clear()
    return ended


@mutation.field("verifyEmail")
async def resolve_verify_email(_: object, info: Info, *, token: str | None = None) -> bool:
    """Proves an address by the token of its link."""
    if token is None:
        raise Problem(Code.BAD_USER_INPUT, "Give the token from the link.", field="token")
    await info.context.services.accounts.verify_email(token, origin=info.context.origin)
    return True


async def _holder_of_access_token(context: Context, cookie_token: str | None) -> Viewer | None:
    """Who is signed in; beside a cookie an access token that is not good is no fault, only nobody."""
    try:
        return await context.viewer()
    except Problem as problem:
        if cookie_token is None or problem.code is not Code.UNAUTHENTICATED:
            raise
        return None

"""Other people's sign-in, and the ways in that a person links."""

from typing import Any

from ariadne import MutationType, ObjectType

from app.accounts.model import Viewer
from app.edge.provider_routes import away_cookie
from app.errors import Code, Problem
from app.graphql.context import AuthPayload, Info
from app.social.model import LinkedIdentity

mutation = MutationType()
user = ObjectType("User")


@mutation.field("socialLogin")
async def resolve_social_login(
    _: object, info: Info, *, provider: str, id_token: str, nonce: str | None = None
) -> AuthPayload:
    """Hands over a session for a provider's ID token."""
    context = info.context
    admission = await context.services.social.sign_in(
        provider=provider, id_token=id_token, nonce=nonce, origin=context.entering_origin
    )
    return context.hand_over(admission)


@mutation.field("linkIdentity")
async def resolve_link_identity(_: object, info: Info, **arguments: Any) -> Viewer:
    """Lets a provider open the viewer's account."""
    viewer = await info.context.signed_in()
    return await info.context.services.social.link(viewer, **arguments, origin=info.context.origin)


@mutation.field("linkByCode")
async def resolve_link_by_code(_: object, info: Info, *, provider: str, **arguments: Any) -> Viewer:
    """Lets a provider that wants a code traded open the viewer's account."""
    context = info.context
    viewer = await context.signed_in()
    there = {place.value: (place, sign_in) for place, sign_in in context.services.code_sign_ins.items()}
    if provider not in there:
        raise Problem(Code.BAD_USER_INPUT, f"Only {', '.join(there)} can be linked so.", field="provider")
    place, sign_in = there[provider]
    cookie = away_cookie(context, place)
    browser = cookie.read(context.caller.cookies)
    linked = await sign_in.link(viewer, **arguments, browser=browser, origin=context.origin)
    context.set_cookies.append(cookie.clear())
    return linked


@mutation.field("unlinkIdentity")
async def resolve_unlink_identity(_: object, info: Info, **arguments: Any) -> Viewer:
    """Takes a provider's key to the viewer's account away."""
    viewer = await info.context.signed_in()
    await info.context.services.social.unlink(viewer, **arguments, origin=info.context.origin)
    return viewer


@user.field("identities")
async def resolve_identities(viewer: Viewer, info: Info) -> tuple[LinkedIdentity, ...]:
    """The providers that open the account."""
    return await info.context.services.social.identities(viewer)

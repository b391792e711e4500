"""GitHub for pages that take code and state themselves."""

from typing import Any

from ariadne import MutationType

from app.accounts.model import Viewer
from app.edge.provider_routes import away_cookie, back_from
from app.graphql.context import AuthPayload, Info
from app.social.model import Provider

mutation = MutationType()


@mutation.field("loginWithGithub")
async def resolve_login_with_github(_: object, info: Info, *, code: str, state: str) -> AuthPayload:
    """Hands over a session for GitHub's code."""
    context = info.context
    context.csrf.check_origin(context.caller)
    pending = await back_from(context, Provider.GITHUB, context.services.github, state)
    admission = await context.services.github.sign_in(pending, code=code, origin=context.entering_origin)
    return context.hand_over(admission)


@mutation.field("linkGithub")
async def resolve_link_github(_: object, info: Info, **arguments: Any) -> Viewer:
    """Lets GitHub open the viewer's account."""
    context = info.context
    viewer = await context.signed_in()
    cookie = away_cookie(context, Provider.GITHUB)
    browser = cookie.read(context.caller.cookies)
    linked = await context.services.github.link(viewer, **arguments, browser=browser, origin=context.origin)
    context.set_cookies.append(cookie.clear())
    return linked

"""GitHub for pages that take code and state themselves."""

from ariadne import MutationType

from app.edge.github import back_from_github
from app.graphql.context import AuthPayload, Info

mutation = MutationType()


@mutation.field("loginWithGithub")
async def resolve_login_with_github(_: object, info: Info, *, code: str, state: str) -> AuthPayload:
    """Hands over a session for GitHub's code."""
    context = info.context
    context.csrf.check_origin(context.caller)
    pending = await back_from_github(context, state)
    admission = await context.services.github.sign_in(pending, code=code, origin=context.origin)
    return context.hand_over(admission)

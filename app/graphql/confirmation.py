"""Step-up: the owner shows once more who they are, and a page learns what it may ask for."""

from datetime import datetime

from ariadne import MutationType, ObjectType

from app.accounts.model import Proof, Viewer
from app.accounts.proofs import confirmation_methods, confirmed_until
from app.graphql.context import Info

mutation = MutationType()
user = ObjectType("User")


@mutation.field("confirmIdentity")
async def resolve_confirm_identity(
    _: object, info: Info, *, password: str | None = None, code: str | None = None
) -> bool:
    """Takes a proof for the five minutes to come."""
    context = info.context
    viewer = await context.signed_in()
    await context.services.reauthentication.confirm(viewer, password=password, code=code, origin=context.origin)
    return True


@user.field("confirmedUntil")
def resolve_confirmed_until(viewer: Viewer, info: Info) -> datetime | None:
    """When the proof of this session ends."""
    return confirmed_until(viewer, info.context.services.clock.now())


@user.field("confirmationMethods")
def resolve_confirmation_methods(viewer: Viewer, info: Info) -> tuple[Proof, ...]:
    """What begins the five minutes here."""
    return confirmation_methods(viewer, face_login=info.context.services.face_sign_in.is_on)

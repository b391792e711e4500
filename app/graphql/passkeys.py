"""Passkeys: added and removed, and what they prove."""

from typing import Any
from uuid import UUID

from ariadne import MutationType, ObjectType

from app.accounts.model import Passkey, PasskeyOptions, Viewer
from app.accounts.passkeys import no_such_passkey
from app.graphql.context import AuthPayload, Info

mutation = MutationType()
user = ObjectType("User")


@mutation.field("beginPasskeyRegistration")
async def resolve_begin_registration(_: object, info: Info, **proof: Any) -> PasskeyOptions:
    """What the viewer's device is asked for a new passkey."""
    context, viewer = info.context, await info.context.signed_in()
    return await context.services.passkeys.begin_registration(
        viewer, **proof, page=context.caller.origin, origin=context.origin
    )


@mutation.field("finishPasskeyRegistration")
async def resolve_finish_registration(_: object, info: Info, **answer: Any) -> Passkey:
    """The viewer's new passkey."""
    context, viewer = info.context, await info.context.signed_in()
    return await context.services.passkeys.finish_registration(viewer, **answer, origin=context.origin)


@mutation.field("beginPasskeyLogin")
async def resolve_begin_login(_: object, info: Info) -> PasskeyOptions:
    """What the browser's devices are asked."""
    context = info.context
    return await context.services.passkey_proofs.begin_login(page=context.caller.origin, origin=context.entering_origin)


@mutation.field("passkeyLogin")
async def resolve_login(_: object, info: Info, **answer: Any) -> AuthPayload:
    """Hands over a session of the passkey's account."""
    context = info.context
    return context.hand_over(await context.services.passkey_proofs.login(**answer, origin=context.entering_origin))


@mutation.field("beginPasskeySecondStep")
async def resolve_begin_second_step(_: object, info: Info, *, temp_token: str) -> PasskeyOptions:
    """What the devices of whoever passed the first step are asked."""
    context = info.context
    return await context.services.passkey_proofs.begin_second_step(
        temp_token=temp_token, page=context.caller.origin, origin=context.origin
    )


@mutation.field("passkeySecondStep")
async def resolve_second_step(_: object, info: Info, **answer: Any) -> AuthPayload:
    """Hands over the session of a sign-in whose second step is done."""
    context = info.context
    return context.hand_over(
        await context.services.passkey_proofs.second_step(**answer, origin=context.entering_origin)
    )


@mutation.field("beginPasskeyConfirmation")
async def resolve_begin_confirmation(_: object, info: Info) -> PasskeyOptions:
    """What the viewer's devices are asked."""
    context, viewer = info.context, await info.context.signed_in()
    return await context.services.passkey_proofs.begin_confirmation(viewer, page=context.caller.origin)


@mutation.field("confirmWithPasskey")
async def resolve_confirm(_: object, info: Info, **answer: Any) -> bool:
    """Takes the viewer's fresh proof."""
    context, viewer = info.context, await info.context.signed_in()
    await context.services.passkey_proofs.confirm(viewer, **answer, origin=context.origin)
    return True


@mutation.field("renamePasskey")
async def resolve_rename(_: object, info: Info, *, id: str, name: str) -> Passkey:
    """The viewer's passkey under its new name."""
    viewer = await info.context.signed_in()
    return await info.context.services.passkeys.rename(viewer, passkey_id(id), name)


@mutation.field("removePasskey")
async def resolve_remove(_: object, info: Info, *, id: str, **proof: Any) -> bool:
    """Removes the viewer's passkey."""
    context, viewer = info.context, await info.context.signed_in()
    await context.services.passkeys.remove(viewer, passkey_id(id), **proof, origin=context.origin)
    return True


@user.field("passkeys")
async def resolve_passkeys(viewer: Viewer, info: Info) -> tuple[Passkey, ...]:
    """The viewer's passkeys."""
    return await info.context.services.passkeys.of(viewer)


def passkey_id(text: str) -> UUID:
    """The id; text that is none names no passkey of anybody."""
    try:
        return UUID(text)
    except ValueError as error:
        raise no_such_passkey() from error

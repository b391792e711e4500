"""The second factor: switched on and off, and asked for."""

from ariadne import MutationType, ObjectType

from app.accounts.model import SecondFactorSetup, Viewer
from app.graphql.context import AuthPayload, Info

mutation = MutationType()
user = ObjectType("User")


@mutation.field("enable2FA")
async def resolve_enable(_: object, info: Info, *, password: str | None = None) -> SecondFactorSetup:
    """Begins a set-up."""
    context, viewer = info.context, await info.context.signed_in()
    return await context.services.second_factors.enable(viewer, password=password, origin=context.origin)


@mutation.field("verify2FA")
async def resolve_verify(_: object, info: Info, *, code: str) -> bool:
    """Confirms the set-up."""
    context = info.context
    await context.services.second_factors.verify(await context.signed_in(), code, origin=context.origin)
    return True


@mutation.field("disable2FA")
async def resolve_disable(_: object, info: Info, *, code: str) -> bool:
    """Switches it off."""
    context = info.context
    await context.services.second_factors.disable(await context.signed_in(), code, origin=context.origin)
    return True


@mutation.field("regenerateBackupCodes")
async def resolve_regenerate_backup_codes(_: object, info: Info, *, code: str) -> tuple[str, ...]:
    """Replaces the backup codes."""
    context, viewer = info.context, await info.context.signed_in()
    return await context.services.second_factors.regenerate_backup_codes(viewer, code, origin=context.origin)


@mutation.field("verify2FALogin")
async def resolve_verify_login(_: object, info: Info, *, temp_token: str, code: str) -> AuthPayload:
    """Hands over the session of a sign-in whose second step is done."""
    context = info.context
    signed_in = await context.services.second_factors.verify_login(
        temp_token=temp_token, code=code, origin=context.entering_origin
    )
    return context.hand_over(signed_in)


@user.field("backupCodesLeft")
async def resolve_backup_codes_left(viewer: Viewer, info: Info) -> int | None:
    """How many are unused."""
    return await info.context.services.second_factors.backup_codes_left(viewer)

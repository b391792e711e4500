"""The settings page "Security": passwords, devices, what happened to the account, and its end."""

from uuid import UUID

from ariadne import MutationType, ObjectType, QueryType

from app.accounts.model import Session
from app.audit import AuditEntry
from app.errors import Code, Problem
from app.graphql.context import Info
from app.pages import Connection

query = QueryType()
mutation = MutationType()
session = ObjectType("Session")
audit_event = ObjectType("AuditEvent")


@query.field("sessions")
async def resolve_sessions(_: object, info: Info) -> tuple[Session, ...]:
    """Where the viewer is signed in."""
    return await info.context.services.sessions.live(await info.context.signed_in())


@query.field("auditEvents")
async def resolve_audit_events(
    _: object, info: Info, *, first: int | None = None, after: str | None = None
) -> Connection[AuditEntry]:
    """What happened to the viewer's account."""
    viewer = await info.context.signed_in()
    return await info.context.services.audit.page(viewer.account_id, first=50 if first is None else first, after=after)


@mutation.field("revokeSession")
async def resolve_revoke_session(_: object, info: Info, *, id: str) -> bool:
    """Ends one of the viewer's sessions."""
    viewer = await info.context.signed_in()
    await info.context.services.sessions.end(viewer, session_id(id), origin=info.context.origin)
    return True


@mutation.field("revokeOtherSessions")
async def resolve_revoke_other_sessions(_: object, info: Info) -> int:
    """Ends every session of the viewer but the one asking."""
    viewer = await info.context.signed_in()
    return await info.context.services.sessions.end_others(viewer, origin=info.context.origin)


@mutation.field("requestPasswordReset")
async def resolve_request_password_reset(_: object, info: Info, *, email: str) -> bool:
    """True, whoever has the address."""
    await info.context.services.recovery.request(email=email, origin=info.context.origin)
    return True


@mutation.field("resetPassword")
async def resolve_reset_password(_: object, info: Info, *, token: str, password: str) -> bool:
    """Makes the password that of the link's account."""
    await info.context.services.recovery.reset(token=token, password=password, origin=info.context.origin)
    return True


@mutation.field("reportNotMe")
async def resolve_report_not_me(_: object, info: Info, *, token: str) -> bool:
    """Closes the account of the link to whoever came in."""
    await info.context.services.not_me.report(token=token, origin=info.context.origin)
    return True


@session.field("device")
@audit_event.field("device")
async def resolve_device(seen: Session | AuditEntry, info: Info) -> str:
    """What a person calls it."""
    return await info.context.services.device_names.of(seen.user_agent)


@session.field("country")
@audit_event.field("country")
def resolve_country(seen: Session | AuditEntry, info: Info) -> str | None:
    """Where its address is, as far as the operator's file tells."""
    return info.context.services.places.of(seen.ip).country


@mutation.field("changePassword")
async def resolve_change_password(
    _: object, info: Info, *, password: str, current: str | None = None, code: str | None = None
) -> bool:
    """Makes the password the viewer's."""
    context = info.context
    viewer = await context.signed_in()
    await context.services.credentials.change_password(
        viewer, current=current, password=password, code=code, origin=context.origin
    )
    return True


@mutation.field("changeEmail")
async def resolve_change_email(
    _: object, info: Info, *, email: str, password: str | None = None, code: str | None = None
) -> bool:
    """Mails a proof to the viewer's new address."""
    context = info.context
    viewer = await context.signed_in()
    await context.services.credentials.change_email(
        viewer, email=email, password=password, code=code, origin=context.origin
    )
    return True


@mutation.field("exportMyData")
async def resolve_export_my_data(_: object, info: Info) -> str:
    """Everything held about the viewer."""
    viewer = await info.context.signed_in()
    return await info.context.services.erasure.export(viewer, origin=info.context.origin)


@mutation.field("deleteAccount")
async def resolve_delete_account(
    _: object, info: Info, *, password: str | None = None, code: str | None = None
) -> bool:
    """Deletes the viewer's account, and the cookies with it."""
    context = info.context
    viewer = await context.signed_in()
    await context.services.erasure.delete(viewer, password=password, code=code, origin=context.origin)
    context.set_cookies += context.cookies.clear()
    return True


def session_id(text: str) -> UUID:
    """The id; text that is none names no session of anybody."""
    try:
        return UUID(text)
    except ValueError as error:
        raise Problem(Code.NOT_FOUND, "There is no such session, or it has ended already.", field="id") from error

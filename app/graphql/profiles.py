"""The account as its owner sees it, its photo, and what they change about it."""

from typing import Any

from ariadne import MutationType, ObjectType, QueryType

from app.accounts.campuses import Campus
from app.accounts.model import Viewer
from app.graphql.context import Info
from app.profiles.model import AvatarSize, ContactLink, PhotoUpload, Privacy, ProfilePatch, Skill, Status

query = QueryType()
mutation = MutationType()
user = ObjectType("User")

user.set_alias("id", "account_id")
user.set_alias("username", "handle")


@query.field("me")
async def resolve_me(_: object, info: Info) -> Viewer | None:
    """Who is signed in."""
    return await info.context.viewer()


@mutation.field("updateProfile")
async def resolve_update_profile(_: object, info: Info, *, input: dict[str, Any]) -> Viewer:
    """The account with what was changed."""
    viewer = await info.context.signed_in()
    return await info.context.services.profiles.update(viewer, ProfilePatch(**input), origin=info.context.origin)


@mutation.field("presignAvatar")
async def resolve_presign_avatar(_: object, info: Info, *, mime: str, bytes: int) -> PhotoUpload:
    """Where the photo may be uploaded to."""
    viewer = await info.context.signed_in()
    return await info.context.services.photos.presign_photo(viewer, mime=mime, length_bytes=bytes)


@mutation.field("commitAvatar")
async def resolve_commit_avatar(_: object, info: Info, *, key: str) -> Viewer:
    """The account with its new photo."""
    viewer = await info.context.signed_in()
    return await info.context.services.photos.commit_photo(viewer, key=key)


@user.field("emailVerified")
def resolve_email_verified(viewer: Viewer, _: Info) -> bool:
    """Whether the address has been proved."""
    return viewer.email_verified_at is not None


@user.field("avatarUrl")
def resolve_avatar_url(viewer: Viewer, info: Info, *, size: AvatarSize) -> str | None:
    """Where the photo can be fetched."""
    return info.context.services.photos.photo_url(viewer, size)


@user.field("status")
def resolve_status(viewer: Viewer, _: Info) -> Status:
    """What the person says they are doing."""
    return Status.of(viewer.status)


@user.field("privacy")
def resolve_privacy(viewer: Viewer, _: Info) -> Privacy:
    """Who sees the profile."""
    return Privacy.of(viewer.privacy)


@user.field("contactLinks")
def resolve_contact_links(viewer: Viewer, _: Info) -> tuple[ContactLink, ...]:
    """Addresses elsewhere, by kind."""
    return ContactLink.all_of(viewer.contact_links)


@user.field("campus")
async def resolve_campus(viewer: Viewer, info: Info) -> Campus | None:
    """The campus that the account belongs to."""
    return None if viewer.campus_id is None else await info.context.services.campuses.by_id(viewer.campus_id)


@user.field("skills")
async def resolve_skills(viewer: Viewer, info: Info) -> tuple[Skill, ...]:
    """What the person can do, by name."""
    return await info.context.services.profiles.skills(viewer.account_id)

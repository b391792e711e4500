"""The account as its owner sees it, and its photo."""

from ariadne import MutationType, ObjectType, QueryType

from app.accounts.model import Viewer
from app.graphql.context import Info
from app.profiles.model import AvatarSize, PhotoUpload

query = QueryType()
mutation = MutationType()
user = ObjectType("User")

user.set_alias("id", "account_id")
user.set_alias("username", "handle")


@query.field("me")
async def resolve_me(_: object, info: Info) -> Viewer | None:
    """Who is signed in."""
    return await info.context.viewer()


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

"""The account as its owner sees it, and its photo."""

from ariadne import MutationType, ObjectType, QueryType
from graphql import GraphQLResolveInfo

from app.accounts.model import Viewer
from app.profiles.model import PhotoUpload

query = QueryType()
mutation = MutationType()
user = ObjectType("User")

user.set_alias("id", "account_id")
user.set_alias("username", "handle")


@query.field("me")
async def resolve_me(_: object, info: GraphQLResolveInfo) -> Viewer | None:
    """Who is signed in."""
    viewer: Viewer | None = await info.context.viewer()
    return viewer


@mutation.field("presignAvatar")
async def resolve_presign_avatar(_: object, info: GraphQLResolveInfo, *, mime: str, bytes: int) -> PhotoUpload:
    """Where the photo may be uploaded to."""
    viewer = await info.context.signed_in()
    upload: PhotoUpload = await info.context.services.profiles.presign_photo(viewer, mime=mime, length_bytes=bytes)
    return upload


@mutation.field("commitAvatar")
async def resolve_commit_avatar(_: object, info: GraphQLResolveInfo, *, key: str) -> Viewer:
    """The account with its new photo."""
    viewer: Viewer = await info.context.signed_in()
    changed: Viewer = await info.context.services.profiles.commit_photo(viewer, key=key)
    return changed


@user.field("emailVerified")
def resolve_email_verified(viewer: Viewer, _: GraphQLResolveInfo) -> bool:
    """Whether the address has been proved."""
    return viewer.email_verified_at is not None


@user.field("avatarUrl")
def resolve_avatar_url(viewer: Viewer, info: GraphQLResolveInfo) -> str | None:
    """Where the photo can be fetched."""
    url: str | None = info.context.services.profiles.photo_url(viewer)
    return url

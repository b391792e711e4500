"""Other people as they show themselves, and the names and skills that can be had."""

from ariadne import ObjectType, QueryType

from app.graphql.context import Info
from app.pages import Connection
from app.profiles.model import AvatarSize, HandleAvailability, Profile, Skill

query = QueryType()
profile = ObjectType("Profile")

profile.set_alias("id", "account_id")


@query.field("user")
async def resolve_user(_: object, info: Info, *, handle: str) -> Profile | None:
    """The profile with that handle."""
    context = info.context
    return await context.services.profiles.public(handle, await context.viewer(), origin=context.origin)


@query.field("searchUsers")
async def resolve_search_users(
    _: object, info: Info, *, query: str, first: int | None = None, after: str | None = None
) -> Connection[Profile]:
    """The people who fit."""
    context = info.context
    return await context.services.directory.search(
        query=query,
        first=20 if first is None else first,
        after=after,
        viewer=await context.viewer(),
        origin=context.origin,
    )


@query.field("handleAvailable")
async def resolve_handle_available(_: object, info: Info, *, handle: str) -> HandleAvailability:
    """Whether the handle can be had."""
    context = info.context
    return await context.services.profiles.handle_available(handle, await context.viewer(), origin=context.origin)


@query.field("skills")
async def resolve_skills(_: object, info: Info, *, search: str | None = None) -> tuple[Skill, ...]:
    """Skills by name."""
    return await info.context.services.directory.skills(search)


@profile.field("avatarUrl")
def resolve_avatar_url(person: Profile, info: Info, *, size: AvatarSize) -> str | None:
    """Where the photo can be fetched."""
    return info.context.services.photos.photo_url(person, size)

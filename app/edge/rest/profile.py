"""One's own profile over REST."""

from app.accounts.model import Viewer
from app.edge.rest.models import CommitRequest, PresignRequest, PresignResponse, ProfileOut, ProfilePatchRequest
from app.edge.rest.operations import Link, Operation
from app.edge.visit import Visit
from app.errors import Code
from app.profiles.model import ProfilePatch


async def profile(visit: Visit) -> ProfileOut:
    """The account as its owner sees it."""
    return _shown(visit, await visit.signed_in())


async def update_profile(visit: Visit, body: ProfilePatchRequest) -> ProfileOut:
    """Changes what the body names, all of it or nothing."""
    patch = ProfilePatch(**body.model_dump(exclude_unset=True))
    return _shown(visit, await visit.services.profiles.update(await visit.signed_in(), patch, origin=visit.origin))


async def presign_avatar(visit: Visit, body: PresignRequest) -> PresignResponse:
    """A URL for one upload of exactly this type and length."""
    photos = visit.services.photos
    return PresignResponse.of(
        await photos.presign_photo(await visit.signed_in(), mime=body.mime, length_bytes=body.bytes)
    )


async def commit_avatar(visit: Visit, body: CommitRequest) -> ProfileOut:
    """Makes the uploaded picture the profile photo; a Verified badge earned with another photo is lost."""
    return _shown(visit, await visit.services.photos.commit_photo(await visit.signed_in(), key=body.key))


def _shown(visit: Visit, viewer: Viewer) -> ProfileOut:
    return ProfileOut.of(viewer, avatar_url=visit.services.photos.photo_url(viewer))


OPERATIONS = (
    Operation("GET", "/profile/me", profile, signed_in=True),
    Operation("PATCH", "/profile/me", update_profile, (Code.NOT_FOUND,), signed_in=True),
    Operation(
        "POST",
        "/profile/avatar/presign",
        presign_avatar,
        signed_in=True,
        leads_to=(Link("commit_avatar", {"key": "$response.body#/key"}),),
    ),
    Operation(
        "POST",
        "/profile/avatar/commit",
        commit_avatar,
        (Code.FORBIDDEN, Code.NOT_FOUND),
        signed_in=True,
    ),
)

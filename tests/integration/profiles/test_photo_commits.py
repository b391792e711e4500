"""An upload becomes the profile photo: once, for its owner alone, and whatever happens at the same time."""

import asyncio

import asyncpg
import httpx
import pytest

from app.accounts.model import Origin
from app.audit import NOBODY
from app.errors import Code, Problem
from app.profiles.model import ProfilePatch
from app.profiles.onboarding import OnboardingInput
from app.wiring import Services
from tests.integration.profiles.photos import COMMIT, commit, copies_of, shown, stored_objects
from tests.serving import LOGIN, ME, PASSWORD, Visitor


async def test_nothing_is_left_behind(ada: Visitor, services: Services, portrait: bytes, other_portrait: bytes) -> None:
    """Photos that people replaced would stay readable, metadata and all."""
    first = await ada.upload(portrait)
    old = await commit(ada, first)
    new = await commit(ada, await ada.upload(other_portrait))
    assert stored_objects(services) == copies_of(new["avatarUrl"])
    for gone in ("", "-96", "-320"):
        assert (await ada.http.get(old["avatarUrl"] + gone)).status_code == 404


async def test_the_upload_url_cannot_change_a_photo_that_was_judged(
    ada: Visitor, portrait: bytes, other_portrait: bytes
) -> None:
    """The URL lives for ten minutes: another face could be put behind an earned badge."""
    size = max(len(portrait), len(other_portrait))
    photos = [photo + b"\0" * (size - len(photo)) for photo in (portrait, other_portrait)]
    presigned = await ada.presign(size=size)
    await ada.put(presigned, photos[0])
    account = await commit(ada, presigned["key"])
    before = (await ada.http.get(account["avatarUrl"])).content
    await ada.put(presigned, photos[1])
    assert (await ada.http.get(account["avatarUrl"])).content == before
    assert (await commit(ada, presigned["key"]))["avatarUrl"] == account["avatarUrl"]


async def test_committing_twice_changes_nothing(
    ada: Visitor, portrait: bytes, sql: asyncpg.Connection, services: Services
) -> None:
    """A repeated click, or a retry after a lost answer, would show an error or take the badge away."""
    key = await ada.upload(portrait)
    first = await commit(ada, key)
    await sql.execute("update accounts set verified_at = now()")
    assert (await commit(ada, key))["avatarUrl"] == first["avatarUrl"]
    assert (await ada.data(ME))["me"]["verifiedAt"] is not None
    assert len(stored_objects(services)) == 3


async def test_an_upload_is_committed_once(ada: Visitor, portrait: bytes, other_portrait: bytes) -> None:
    """An old photo could be brought back by whoever has an old key."""
    old = await ada.upload(portrait)
    await commit(ada, old)
    await commit(ada, await ada.upload(other_portrait))
    assert await ada.refusal(COMMIT, {"key": old}) == {"code": "NOT_FOUND", "field": "key"}


async def test_eight_commits_of_one_upload_at_once(ada: Visitor, services: Services, portrait: bytes) -> None:
    """A double click would leave a profile that points to a deleted photo."""
    key = await ada.upload(portrait)
    answers = [answer.json() for answer in await asyncio.gather(*(ada.post(COMMIT, {"key": key}) for _ in range(8)))]
    urls = {answer["data"]["commitAvatar"]["avatarUrl"] for answer in answers if "errors" not in answer}
    # Whoever comes after the winner has tidied up finds the upload gone; everybody else gets the winner's photo.
    refusals = [answer["errors"][0]["extensions"]["code"] for answer in answers if "errors" in answer]
    assert set(refusals) <= {"NOT_FOUND"}
    assert urls == {(await ada.data(ME))["me"]["avatarUrl"]}
    assert (await shown(ada, urls.pop())).size == (512, 512)
    assert len(stored_objects(services)) == 3


async def test_two_photos_committed_at_once(
    ada: Visitor, services: Services, portrait: bytes, other_portrait: bytes, sql: asyncpg.Connection
) -> None:
    """Photo, template and file could end up being of two different people."""
    keys = [await ada.upload(portrait), await ada.upload(other_portrait)]
    await asyncio.gather(*(commit(ada, key) for key in keys))
    url = (await ada.data(ME))["me"]["avatarUrl"]
    assert stored_objects(services) == copies_of(url)
    assert url.endswith(await sql.fetchval("select avatar_key from photo_templates"))
    await shown(ada, url)


async def test_somebody_elses_upload(ada: Visitor, transport: httpx.ASGITransport, portrait: bytes) -> None:
    """Anyone could show another person's photo as their own, or learn that it exists."""
    eve = Visitor(transport)
    await eve.signup("eve")
    key = await ada.upload(portrait)
    assert await eve.refusal(COMMIT, {"key": key}) == {"code": "FORBIDDEN", "field": "key"}
    assert (await commit(ada, key))["avatarUrl"]


async def test_a_key_that_we_never_gave(ada: Visitor) -> None:
    """A crafted key could reach files that are none of the person's business."""
    key = (await ada.presign())["key"]
    crafted = [
        "",
        "/etc/passwd",
        f"{key}/../../x",
        f"../{key}",
        key.upper(),
        f"{key}\n",
        f"{key}-copy",
        "avatars/" + "a" * 9000,
    ]
    for made_up in [*crafted, key.replace("avatars/", "templates/")]:
        assert await ada.refusal(COMMIT, {"key": made_up}) == {"code": "BAD_USER_INPUT", "field": "key"}, made_up


async def test_nothing_uploaded_yet(ada: Visitor) -> None:
    """An upload that failed would look like a broken photo."""
    key = (await ada.presign())["key"]
    assert await ada.refusal(COMMIT, {"key": key}) == {"code": "NOT_FOUND", "field": "key"}
    made_up = key[:-12] + "0" * 12
    assert await ada.refusal(COMMIT, {"key": made_up}) == {"code": "NOT_FOUND", "field": "key"}


async def test_a_session_that_was_ended_meanwhile_changes_nothing(
    ada: Visitor, services: Services, portrait: bytes, other_portrait: bytes
) -> None:
    """A thief could have thirty uploads wait in line, and the owner who ends their session would lose photo, badge and
    name to them a moment later."""
    mine = (await commit(ada, await ada.upload(portrait)))["avatarUrl"]
    key = await ada.upload(other_portrait)
    before = stored_objects(services)
    assert ada.access_token is not None
    thief = await services.sessions.authenticate(ada.access_token)
    await services.sessions.sign_out(account_id=thief.account_id, session_id=thief.session_id, origin=NOBODY)
    told = OnboardingInput(display_name="Mallory", primary_role="founder", timezone="Europe/Lisbon")
    for attempt in (
        services.photos.commit_photo(thief, key=key),
        services.profiles.update(thief, ProfilePatch(handle="mallory"), origin=Origin()),
        services.onboarding.complete(thief, told),
    ):
        with pytest.raises(Problem) as refused:
            await attempt
        assert (refused.value.code, refused.value.reason) == (Code.UNAUTHENTICATED, "SESSION_ENDED")
    assert stored_objects(services) == before, "nor is anything left behind"
    again = await ada.data(LOGIN, {"email": "ada@example.org", "password": PASSWORD})
    ada.access_token = again["login"]["accessToken"]
    me = (await ada.data(ME))["me"]
    assert (me["avatarUrl"], me["handle"], me["displayName"]) == (mine, "ada", "Ada")

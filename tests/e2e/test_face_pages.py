"""Pages that have to do with the face, in a real browser before a camera that plays a part, on the shipped server."""

from dataclasses import replace
from typing import Any

from app.settings import Settings
from tests.e2e.site import Site, in_a_browser, site, walk

pytestmark = in_a_browser


async def test_the_badge_is_everywhere_at_once(here: Site, given: dict[str, Any]) -> None:
    """A person would be told that they are verified, and not see it; or reload, and lose what they were doing."""
    await walk(here, "faces:badgeArrives", **given)


async def test_without_a_photo_the_camera_does_not_start(here: Site) -> None:
    """A person would stand before the camera to hear that there is nothing to compare them with."""
    await walk(here, "faces:photoFirst")


async def test_a_face_opens_the_account_until_it_is_forgotten(here: Site, given: dict[str, Any]) -> None:
    """Nobody could sign in by face, come back to where they were going, or be rid of it again."""
    await walk(here, "faces:signInAndForget", **given)


async def test_a_face_confirms_what_wants_a_proof(here: Site, given: dict[str, Any]) -> None:
    """Who has enrolled a face could not use it for what it is good for."""
    await walk(here, "faces:proof", **given)


async def test_somebody_new_gets_an_account_by_face(here: Site, given: dict[str, Any]) -> None:
    """A newcomer would be let in without a name or a welcome, or believe that their picture was kept."""
    await walk(here, "faces:newFace", **given)


async def test_the_picture_is_kept_where_somebody_new_wants_it(here: Site, given: dict[str, Any]) -> None:
    """A tick would do nothing, and the newcomer have no photo."""
    await walk(here, "faces:newFaceWithPhoto", **given)


async def test_the_second_factor_is_asked_for_beside_the_face(here: Site, given: dict[str, Any]) -> None:
    """Who has a second factor could not sign in by face, or would have to do it all anew for a slip."""
    await walk(here, "faces:secondStep", **given)


async def test_a_new_device_takes_a_mailed_code(settings: Settings, given: dict[str, Any]) -> None:
    """In production's own mode nobody could sign in by face on a second device."""
    async with site(replace(settings, face_login="second_factor")) as here:
        await walk(here, "faces:mailedCode", **given)


async def test_switched_off_there_is_no_way_to_the_camera(settings: Settings) -> None:
    """People would be sent to a camera that opens nothing."""
    async with site(replace(settings, face_login="off")) as here:
        await walk(here, "faces:switchedOff")


async def test_who_is_not_let_in_hears_why_and_how_else(here: Site, given: dict[str, Any]) -> None:
    """A person whose face is not recognised would have lost the way in."""
    await walk(here, "faces:refusedInWords", **given)


async def test_a_check_goes_on_on_a_phone(here: Site, given: dict[str, Any]) -> None:
    """A link that is seen by somebody else would work twice; or nobody at the computer knew how it went."""
    found = await walk(here, "faces:handoff", **given)
    assert found["asked"] == [], "the token travels in an address"
    assert "/handoff#token=" in found["link"]


async def test_the_badge_of_a_phone_is_on_the_computer(here: Site, given: dict[str, Any]) -> None:
    """Whoever has no camera at the computer could not be verified; or the phone would be signed in by it."""
    await walk(here, "faces:handoffSucceeds", **given)


async def test_going_back_in_the_middle_leaves_nothing_on(here: Site, given: dict[str, Any]) -> None:
    """A person would be filmed by a page that they have left."""
    await walk(here, "faces:backInTheMiddle", **given)

"""The check by the browser's own way, in a real browser, judged by the real server."""

import base64
from typing import Any

import pytest

from liveness.frames import MAX_FRAME_BYTES
from tests.e2e.site import Site, in_a_browser, walk

pytestmark = in_a_browser


async def test_a_person_earns_the_badge_by_the_browsers_own_way(here: Site, given: dict[str, Any]) -> None:
    """Nobody's browser could check by itself; or it would load megabytes for people who only look at the page."""
    found = await walk(here, "engine:passes", **given)
    (claim,) = found["claims"]
    pictures = [claim["frame"], *(shown["frame"] for shown in claim["evidence"])]
    sizes = [len(base64.b64decode(picture)) for picture in pictures]
    figures = {name: found[name] for name in ("bytes", "firstPromptMs", "framesPerSecond", "steps")}
    print(f"{figures}, claim of {sum(sizes)} bytes")
    assert len(set(found["steps"])) == 3
    assert max(sizes) <= MAX_FRAME_BYTES
    assert 4_000_000 < found["bytes"] < 6_000_000


async def test_a_photo_held_before_the_camera_claims_nothing(here: Site, given: dict[str, Any]) -> None:
    """Whoever has a picture of a person could be them."""
    await walk(here, "engine:heldPhoto", **given)


async def test_the_server_looks_for_itself(here: Site, given: dict[str, Any]) -> None:
    """A page that says that it saw the gestures would be believed."""
    await walk(here, "engine:forged", **given)


async def test_somebody_else_does_not_match_the_photo(here: Site, given: dict[str, Any]) -> None:
    """Anybody could earn the badge for somebody else's photo."""
    await walk(here, "engine:somebodyElse", **given)


@pytest.mark.parametrize(
    ("plays", "words"),
    [("dark", "It is too dark"), ("nobody", "Bring your face into the oval"), ("two", "Only one person")],
)
async def test_the_device_says_what_is_wrong_with_the_picture(
    here: Site, given: dict[str, Any], plays: str, words: str
) -> None:
    """A person would do as asked in the dark, and hear only at the end that it was for nothing."""
    await walk(here, "engine:hints", plays=plays, words=words, **given)


async def test_a_device_that_cannot_load_facemesh_lets_the_server_look(here: Site, given: dict[str, Any]) -> None:
    """Where WebAssembly is blocked nobody could be verified."""
    await walk(here, "engine:withoutFaceMesh", **given)


async def test_a_device_without_simd_checks_by_itself_too(here: Site, given: dict[str, Any]) -> None:
    """Who has an older device would load megabytes for a check that never begins."""
    await walk(here, "engine:withoutSimd", **given)


async def test_a_slow_device_lets_the_server_look_or_is_asked_for_no_blink(here: Site, given: dict[str, Any]) -> None:
    """A person with a weak phone would blink again and again before a page that cannot see it."""
    await walk(here, "engine:slowDevice", **given)

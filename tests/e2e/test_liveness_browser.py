"""<bonafide-liveness> in a real browser, before a camera that plays a part, on the shipped server."""

from typing import Any

from app.edge.liveness_socket import TARGET_FPS
from app.errors import Code
from app.verification.model import VerificationError
from tests.e2e.site import Site, in_a_browser, walk

pytestmark = in_a_browser


async def test_a_person_earns_the_badge_by_way_of_the_server(here: Site, given: dict[str, Any]) -> None:
    """Who has a weak phone could not be verified at all."""
    found = await walk(here, "liveness:streamPasses", **given)
    assert len(set(found["steps"])) == 3
    assert found["framesPerS"] <= TARGET_FPS + 1
    assert found["bytesPerFrame"] < 32 * 1024
    print(found)


async def test_a_photo_held_before_the_camera_earns_nothing_in_words(here: Site, given: dict[str, Any]) -> None:
    """Anybody with a picture of a person could be them; or a person would not know why they were refused."""
    await walk(here, "liveness:heldPhoto", **given)


async def test_every_fault_of_the_camera_has_words_and_a_way_on(here: Site, given: dict[str, Any]) -> None:
    """A person would stand before a black picture and not know that one click in the browser is missing."""
    await walk(here, "device:cameraFaults", **given)


async def test_the_camera_is_on_for_the_check_alone(here: Site, given: dict[str, Any]) -> None:
    """A person would be filmed after they had stopped, left or turned to something else."""
    await walk(here, "device:cameraOff", **given)


async def test_the_check_is_carried_out_by_keyboard_and_ear(here: Site, given: dict[str, Any]) -> None:
    """Who has no mouse or does not see the screen could not be verified; who cannot blink, neither."""
    await walk(here, "liveness:keyboardOnly", **given)


async def test_one_turn_of_the_head_remains(here: Site, given: dict[str, Any]) -> None:
    """A person who left out too much would stand before an error without a way back."""
    await walk(here, "liveness:nothingLeft", **given)


async def test_three_tries_then_a_pause_with_the_reason(here: Site, given: dict[str, Any]) -> None:
    """A person would try for ever what cannot work, or an attacker would."""
    await walk(here, "liveness:threeTries", **given)


async def test_a_busy_server_says_when_to_come_back(here: Site, given: dict[str, Any]) -> None:
    """A person would lose their tries to a server that had no place for them."""
    await walk(here, "network:busyServer", **given)


async def test_a_socket_that_drops_ends_in_words_and_a_new_try(here: Site, given: dict[str, Any]) -> None:
    """On a poor network a person would wait for an answer that never comes."""
    await walk(here, "network:droppingSocket", **given)


async def test_a_socket_that_is_blocked_is_told_from_one_that_broke(here: Site, given: dict[str, Any]) -> None:
    """In a company's network a person would try again and again what cannot work there."""
    await walk(here, "network:blockedSocket", **given)


async def test_every_end_of_a_stream_has_its_own_screen(here: Site, given: dict[str, Any]) -> None:
    """A person would read a code, or nothing, and not know what to do."""
    seen = await walk(here, "network:everyEnd", outcomes=list(VerificationError), codes=list(Code), **given)
    assert set(seen) == set(VerificationError) | set(Code)


async def test_left_is_the_persons_own_left(here: Site, given: dict[str, Any]) -> None:
    """A person would follow the arrow and be refused for turning to the wrong side."""
    await walk(here, "liveness:ownLeft", **given)


async def test_frames_wait_for_credit_and_hints_for_a_reason(here: Site, given: dict[str, Any]) -> None:
    """Pictures would pile up on a slow line; a screen reader would talk without end."""
    await walk(here, "liveness:patient", **given)


async def test_a_slow_network_ends_in_a_result_or_in_words(here: Site, given: dict[str, Any]) -> None:
    """A person far out in the country would wait for an answer that never comes."""
    end = await walk(here, "network:slowNetwork", **given)
    assert end["name"] in ("result", "fault")


async def test_where_facemesh_cannot_run_the_server_looks(here: Site, given: dict[str, Any]) -> None:
    """Who only opens the page would load ten megabytes; who blocks WebAssembly could not be verified."""
    await walk(here, "device:blockedWasm", **given)


async def test_nobody_has_to_wait_for_ten_megabytes(here: Site, given: dict[str, Any]) -> None:
    """A person on a slow line would look at a black picture for minutes."""
    await walk(here, "device:slowLoading", **given)


async def test_everybody_can_use_every_state(here: Site, given: dict[str, Any]) -> None:
    """A person with a screen reader, little sight or a small screen could not be verified."""
    await walk(here, "states:accessible", **given)

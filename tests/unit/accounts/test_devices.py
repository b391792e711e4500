"""Devices: names that people understand, whatever a stranger's program calls itself, and what is known again."""

import asyncio
import re

import pytest

from app.accounts.devices import UNKNOWN, DeviceNames, device_keys
from app.accounts.model import Origin

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:141.0) Gecko/20100101 Firefox/141.0"
CHROME = (
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 "
    "Mobile Safari/537.36"
)
SAFARI = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 "
    "Safari/605.1.15"
)


@pytest.fixture(scope="module")
def names() -> DeviceNames:
    return DeviceNames()


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (FIREFOX, "Firefox 141 on Windows"),
        (CHROME, "Chrome Mobile 141 on Android 15"),
        (SAFARI, "Safari 17 on macOS"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0", "Firefox 141 on Linux"),
        ("curl/8.4.0", "curl 8"),
        ("okhttp/4.12.0", "okhttp 4"),
        ("python-httpx/0.28.1", "python-httpx"),
        ("bonafide-stream/0.1", "Bonafide stream client"),
        ("", UNKNOWN),
        ("   ", UNKNOWN),
        ("???", UNKNOWN),
        ("Mozilla/5.0", UNKNOWN),
    ],
)
async def test_a_name_is_what_a_person_would_say(names: DeviceNames, user_agent: str, name: str) -> None:
    """A person could not tell which of the sessions in the list is their phone."""
    assert await names.of(user_agent) == name


@pytest.mark.parametrize(
    "user_agent",
    [
        "<script>alert(1)</script>/1",
        "a\r\nBcc: everybody@example.org/1",
        "Your account is closed. Visit http://evil.example/now?x=1 CFNetwork/1 Darwin/23",
        "https://evil.example/x CFNetwork/1494 Darwin/23.4.0",
        "\u202eevil/1",
        "x" * 100_000,
        "evil.example/1",
        "\ud800/1",
        "Mozilla/5.0 (" + "Linux; Android " * 1000,
    ],
)
async def test_a_name_is_never_a_link_nor_markup_nor_long(names: DeviceNames, user_agent: str) -> None:
    """What an attacker calls their program stands in a letter of ours, and a mail program would make it a link."""
    name = await names.of(user_agent)
    assert re.fullmatch(r"[A-Za-z0-9 ()+_-]{1,120}", name), name


async def test_names_are_kept_and_only_so_many() -> None:
    """Whoever sends a new name with every request would fill the memory."""
    few = DeviceNames(max_remembered=3)
    for number in range(10):
        await few.of(f"curl/{number}")
    assert len(few._names) == 3
    assert await few.of("curl/9") == "curl 9"


async def test_a_first_name_is_read_once_for_all_who_wait() -> None:
    """Fifty people at the start would each load six hundred patterns, and nobody would get in meanwhile."""
    fresh = DeviceNames()
    named = await asyncio.gather(*(fresh.of(f"curl/{number}") for number in range(50)))
    assert len(set(named)) == 50


def known(first: Origin, then: Origin) -> bool:
    return device_keys(first).stored in device_keys(then).accepted


def test_a_browser_is_known_by_its_cookie_alone() -> None:
    """Everybody on the campus's network with the same browser would be let through as the owner's."""
    mine = Origin(ip="192.0.2.1", user_agent=FIREFOX, device="a" * 43, device_is_fresh=True)
    assert known(mine, Origin(ip="198.51.100.9", user_agent=FIREFOX.replace("141", "142"), device="a" * 43))
    assert not known(mine, Origin(ip="192.0.2.1", user_agent=FIREFOX, device="b" * 43, device_is_fresh=True))
    assert not known(mine, Origin(ip="192.0.2.1", user_agent="curl/8", device="b" * 43, device_is_fresh=True))


def test_a_program_without_a_cookie_is_known_by_name_and_network() -> None:
    """A person's backup script would have them mailed at each of its sign-ins."""
    script = Origin(ip="2001:db8::1", user_agent="python-httpx/0.28.1", device="a" * 43, device_is_fresh=True)
    again = Origin(ip="2001:db8::2", user_agent="python-httpx/0.29", device="b" * 43, device_is_fresh=True)
    assert known(script, again)
    assert known(script, Origin(ip="2001:db8::3", user_agent="python-httpx/0.29"))
    # It keeps its cookie after all.
    assert known(script, Origin(ip="2001:db8::3", user_agent="python-httpx/0.29", device="a" * 43))
    assert not known(script, Origin(ip="203.0.113.1", user_agent="python-httpx/0.29", device="b" * 43))
    assert not known(script, Origin(ip="2001:db8::1", user_agent="curl/8", device="b" * 43, device_is_fresh=True))


def test_a_browser_whose_cookie_nobody_sees_is_known_by_its_whole_name() -> None:
    """Over a bearer token of another site no cookie comes: each of a person's sign-ins would be a new device."""
    mine = Origin(ip="192.0.2.1", user_agent=FIREFOX)
    assert known(mine, Origin(ip="192.0.2.1", user_agent=FIREFOX.replace("141", "142")))
    assert not known(mine, Origin(ip="192.0.2.1", user_agent=SAFARI))

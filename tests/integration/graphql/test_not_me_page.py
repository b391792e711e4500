"""The link in a letter of alarm, and the list of devices as a person reads it."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from app.settings import Settings
from app.wiring import Services
from tests.fakes import Mailbox
from tests.geoip_file import BERLIN, write_places
from tests.serving import HOME, LOGIN, PASSWORD, Visitor

ADA = {"email": "ada@example.org", "password": PASSWORD}
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:141.0) Gecko/20100101 Firefox/141.0"
CHROME = (
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 "
    "Mobile Safari/537.36"
)
SESSIONS = "{ sessions { current device userAgent ip country method } }"
EVENTS = "{ auditEvents { nodes { event device userAgent country } } }"
REPORT = "mutation ($token: String!) { reportNotMe(token: $token) }"


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    return replace(settings, trust_forwarded_for=True, geoip_file=write_places(tmp_path / "cities.mmdb"))


def by(user_agent: str, *, ip: str = BERLIN) -> dict[str, str]:
    return {"user-agent": user_agent, "x-forwarded-for": ip}


async def test_opening_the_mailed_link_closes_nothing_and_the_button_does(
    visitor: Visitor, services: Services, mailbox: Mailbox
) -> None:
    """A scanner that opens every link of a mail would lock its reader out; or the link would be dead."""
    await visitor.signup(headers=by(FIREFOX))
    thief = Visitor(visitor.http._transport)  # type: ignore[arg-type]
    thief.access_token = (await thief.data(LOGIN, ADA, headers=by(CHROME)))["login"]["accessToken"]
    link = re.search(r"http\S+", mailbox.sent[-1].text)
    assert link is not None
    address, _, token = link[0].partition("#token=")
    assert address == f"{HOME}/not-me"
    for method in ("GET", "HEAD", "OPTIONS", "POST"):
        await visitor.http.request(method, link[0])
        await visitor.http.request(method, f"/not-me?token={token}")
    assert (await thief.data(SESSIONS))["sessions"] != []
    anybody = Visitor(visitor.http._transport)  # type: ignore[arg-type]
    assert await anybody.data(REPORT, {"token": token}) == {"reportNotMe": True}
    assert (await thief.refusal(SESSIONS))["reason"] == "SESSION_ENDED"
    assert (await thief.refusal(LOGIN, ADA, headers=by(CHROME)))["reason"] == "PASSWORD_RESET_REQUIRED"
    assert (await anybody.refusal(REPORT, {"token": token}))["code"] == "GONE"
    assert "/reset#token=" in mailbox.sent[-1].text


async def test_devices_have_names_and_places(visitor: Visitor) -> None:
    """A person could not tell which of three long lines is their phone, and which is the thief's."""
    await visitor.signup(headers=by(FIREFOX))
    phone = Visitor(visitor.http._transport)  # type: ignore[arg-type]
    await phone.data(LOGIN, ADA, headers=by(CHROME, ip="2a01:238:1::1"))
    script = Visitor(visitor.http._transport)  # type: ignore[arg-type]
    await script.data(LOGIN, ADA, headers=by("<script>alert(1)</script>", ip="10.0.0.7"))
    listed = {each["device"]: each for each in (await visitor.data(SESSIONS))["sessions"]}
    assert set(listed) == {"Firefox 141 on Windows", "Chrome Mobile 141 on Android 15", "Unknown device"}
    assert listed["Firefox 141 on Windows"]["current"]
    assert [each["country"] for each in listed.values()].count("DE") == 2
    assert listed["Unknown device"]["country"] is None
    assert listed["Unknown device"]["userAgent"] == "<script>alert(1)</script>"
    told = (await visitor.data(EVENTS))["auditEvents"]["nodes"]
    assert {(each["event"], each["device"], each["country"]) for each in told} == {
        ("SIGNED_UP", "Firefox 141 on Windows", "DE"),
        ("SIGNED_IN", "Chrome Mobile 141 on Android 15", "DE"),
        ("NEW_DEVICE", "Chrome Mobile 141 on Android 15", "DE"),
        ("SIGNED_IN", "Unknown device", None),
        ("NEW_DEVICE", "Unknown device", None),
    }


async def test_a_browser_that_comes_back_with_its_cookie_is_known_and_one_without_is_not(
    visitor: Visitor, mailbox: Mailbox
) -> None:
    """The owner would be alarmed by their own browser; or a stranger's on the same network would pass for it."""
    await visitor.signup(headers=by(FIREFOX))
    for _ in range(2):
        await visitor.data(LOGIN, ADA, headers=by(FIREFOX))
    assert [mail for mail in mailbox.sent if "/not-me#" in mail.text] == []
    forged = Visitor(visitor.http._transport)  # type: ignore[arg-type]
    forged.http.cookies["bonafide_device"] = "A" * 43
    await forged.data(LOGIN, ADA, headers=by(FIREFOX))
    assert len([mail for mail in mailbox.sent if "/not-me#" in mail.text]) == 1


async def test_a_program_without_cookies_is_told_of_once(visitor: Visitor, mailbox: Mailbox) -> None:
    """A person's nightly script would have them mailed every night."""
    await visitor.signup(headers=by(FIREFOX))
    for version in ("8.1", "8.1", "8.2"):
        program = Visitor(visitor.http._transport)  # type: ignore[arg-type]
        await program.data(LOGIN, ADA, headers=by(f"curl/{version}"))
    assert len([mail for mail in mailbox.sent if "/not-me#" in mail.text]) == 1

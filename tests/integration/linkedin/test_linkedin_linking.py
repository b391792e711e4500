"""Linking LinkedIn from the settings of an account that one is signed in to."""

import asyncio
from typing import Any

import pytest

from tests.integration.linkedin.conftest import LINK, Browser, Site
from tests.linkedin_server import member
from tests.serving import ME, PASSWORD


@pytest.fixture
async def ada(browser: Browser, site: Site) -> Browser:
    """Signed in with a password, the address proved, and not the one that LinkedIn knows."""
    await browser.signup("ada")
    await site.sql.execute("update accounts set email_verified_at = now()")
    site.linkedin.member = member(email="ada@work.example.org")
    return browser


async def link(browser: Browser, **more: Any) -> Any:
    return (await browser.data(LINK, {**await browser.code_and_state(), **more}))["linkByCode"]


async def test_linkedin_opens_the_account_from_then_on(ada: Browser, site: Site) -> None:
    """A person could not add the LinkedIn button to the account they have."""
    linked = await link(ada)
    assert linked["identities"] == [{"provider": "LINKEDIN", "email": "ada@work.example.org"}]
    assert linked["email"] == "ada@example.org"
    assert "bonafide_linkedin" not in ada.http.cookies
    other = site.browser()
    assert (await other.sign_in()).told["is_new_user"] == "false"
    assert (await other.data(ME))["me"]["handle"] == "ada"
    assert site.mailbox.sent[-1].subject == "LinkedIn can now sign in to your account"
    assert await site.sql.fetchval("select count(*) from audit_events where event = 'IDENTITY_LINKED'") == 1


async def test_nobody_links_signed_out_or_by_the_state_of_another_browser(ada: Browser, site: Site) -> None:
    """Anybody could add a key to an account: an attacker's LinkedIn would open the victim's."""
    stranger = site.browser()
    attackers = await stranger.code_and_state()
    assert (await stranger.refusal(LINK, attackers))["code"] == "UNAUTHENTICATED"
    await ada.depart()
    refused = await ada.refusal(LINK, attackers)
    assert (refused["code"], refused["reason"]) == ("GONE", "PROVIDER_STATE_UNKNOWN")
    assert await site.count("identities") == 0


async def test_what_opens_another_account_is_not_taken_over(ada: Browser, site: Site) -> None:
    """A key to one's own account would turn into a key to somebody else's."""
    await site.browser().sign_in()
    refused = await ada.refusal(LINK, await ada.code_and_state())
    assert (refused["code"], refused["reason"]) == ("CONFLICT", "IDENTITY_TAKEN")


async def test_after_five_minutes_the_password_is_wanted(ada: Browser, site: Site) -> None:
    """Whoever finds a device unlocked could give themselves a lasting way in; or a typing error cost the whole way."""
    site.clock.advance(301)
    answered = await ada.code_and_state()
    for given in ({}, {"password": "not this one"}, {"second": "123456"}):
        refused = await ada.refusal(LINK, {**answered, **given})
        assert (refused["code"], refused["reason"]) == ("FORBIDDEN", "REAUTHENTICATION_NEEDED")
    assert await site.count("identities") == 0
    assert (await ada.data(LINK, {**answered, "password": PASSWORD}))["linkByCode"]["identities"]


async def test_an_unproved_account_takes_only_what_proves_it(browser: Browser, site: Site) -> None:
    """Whoever signed up with a stranger's address could keep a way in after the stranger reset the password."""
    await browser.signup("ada")
    site.linkedin.member = member(email="other@example.org")
    refused = await browser.refusal(LINK, await browser.code_and_state())
    assert (refused["code"], refused["reason"]) == ("FORBIDDEN", "EMAIL_NOT_PROVED")
    site.linkedin.member = member()
    assert (await link(browser))["emailVerified"]


async def test_ten_clicks_link_once(ada: Browser, site: Site) -> None:
    """A double click would end in an error of ours, or in two letters."""
    answered = await ada.code_and_state()
    answers = await asyncio.gather(*(ada.post(LINK, answered) for _ in range(10)))
    assert len([answer for answer in answers if "errors" not in answer.json()]) == 1
    assert await site.count("identities") == 1


async def test_another_provider_is_not_linked_so(ada: Browser) -> None:
    """A person would be told that their code is unknown, where the way itself is wrong."""
    wrong = LINK.replace("LINKEDIN", "GITHUB")
    refused = await ada.refusal(wrong, {"code": "x", "state": "y"})
    assert (refused["code"], refused["field"]) == ("BAD_USER_INPUT", "provider")

"""Linking GitHub from the settings of an account that one is signed in to."""

import asyncio
from typing import Any

import pytest

from tests.github_server import GithubUser, address
from tests.integration.github.conftest import Browser, Site
from tests.serving import ME, PASSWORD

LINK = (
    "mutation ($code: String!, $state: String!, $password: String, $second: String) "
    "{ linkGithub(code: $code, state: $state, password: $password, secondFactorCode: $second) "
    "{ id email emailVerified identities { provider email username } } }"
)


@pytest.fixture
async def ada(browser: Browser, site: Site) -> Browser:
    """Signed in with a password, the address proved, and not the one that GitHub knows."""
    await browser.signup("ada")
    await site.sql.execute("update accounts set email_verified_at = now()")
    return browser


async def link(browser: Browser, **more: Any) -> Any:
    return (await browser.data(LINK, {**await browser.code_and_state(), **more}))["linkGithub"]


async def test_github_opens_the_account_from_then_on(ada: Browser, site: Site) -> None:
    """A person could not add the GitHub button to the account they have."""
    linked = await link(ada)
    shown = {"provider": "GITHUB", "email": "octocat@example.org", "username": "octocat"}
    assert linked["identities"] == [shown]
    assert linked["email"] == "ada@example.org"
    assert "bonafide_github" not in ada.http.cookies
    other = site.browser()
    assert (await other.sign_in()).told["is_new_user"] == "false"
    assert (await other.data(ME))["me"]["handle"] == "ada"
    await site.services.background.settled()
    assert site.mailbox.sent[-1].subject == "GitHub can now sign in to your account"
    assert await site.sql.fetchval("select count(*) from audit_events where event = 'IDENTITY_LINKED'") == 1
    assert (await site.identity())["token_sealed"] is not None


async def test_nobody_links_signed_out(browser: Browser, site: Site) -> None:
    """Anybody could add a key to an account."""
    refused = await browser.refusal(LINK, await browser.code_and_state())
    assert refused["code"] == "UNAUTHENTICATED"
    assert await site.count("identities") == 0


async def test_a_state_of_another_browser_links_nothing(ada: Browser, site: Site) -> None:
    """An attacker's GitHub would open the victim's account."""
    attackers = await site.browser().code_and_state()
    await ada.depart()
    refused = await ada.refusal(LINK, attackers)
    assert (refused["code"], refused["reason"]) == ("GONE", "GITHUB_STATE_UNKNOWN")
    assert await site.count("identities") == 0


async def test_what_opens_another_account_is_not_taken_over(ada: Browser, site: Site) -> None:
    """A key to one's own account would turn into a key to somebody else's."""
    await site.browser().sign_in()
    refused = await ada.refusal(LINK, await ada.code_and_state())
    assert (refused["code"], refused["reason"]) == ("CONFLICT", "IDENTITY_TAKEN")


async def test_a_second_github_is_refused(ada: Browser, site: Site) -> None:
    """A person would not know which of their GitHub accounts opens this one."""
    await link(ada)
    site.github.browser_user = GithubUser(id=7, login="other", emails=[address("other@example.org")])
    refused = await ada.refusal(LINK, await ada.code_and_state())
    assert (refused["code"], refused["reason"]) == ("CONFLICT", "PROVIDER_LINKED")


async def test_after_five_minutes_the_password_is_wanted(ada: Browser, site: Site) -> None:
    """Whoever finds a device unlocked could give themselves a lasting way in; or a typing error cost the whole way."""
    site.clock.advance(301)
    answered = await ada.code_and_state()
    for given in ({}, {"password": "not this one"}, {"second": "123456"}):
        refused = await ada.refusal(LINK, {**answered, **given})
        assert (refused["code"], refused["reason"]) == ("FORBIDDEN", "REAUTHENTICATION_NEEDED")
    assert await site.count("identities") == 0
    assert (await ada.data(LINK, {**answered, "password": PASSWORD}))["linkGithub"]["identities"]


async def test_an_unproved_account_takes_only_what_proves_it(browser: Browser, site: Site) -> None:
    """Whoever signed up with a stranger's address could keep a way in after the stranger reset the password."""
    await browser.signup("ada")
    refused = await browser.refusal(LINK, await browser.code_and_state())
    assert (refused["code"], refused["reason"]) == ("FORBIDDEN", "EMAIL_NOT_PROVED")
    assert site.github.browser_user is not None
    site.github.browser_user.emails = [address("ada@example.org")]
    assert (await link(browser))["emailVerified"]


async def test_twenty_clicks_link_once(ada: Browser, site: Site) -> None:
    """A double click would end in an error of ours, or in two letters."""
    answered = await ada.code_and_state()
    answers = await asyncio.gather(*(ada.post(LINK, answered) for _ in range(20)))
    linked = [answer for answer in answers if "errors" not in answer.json()]
    assert len(linked) == 1
    assert await site.count("identities") == 1

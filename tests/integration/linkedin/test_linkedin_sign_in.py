"""Signing in with LinkedIn as people do it: away, back, in."""

import asyncio
import logging
from urllib.parse import parse_qs, urlsplit

import pytest

from app.accounts.model import Origin
from app.settings import Settings
from app.social.pkce import nonce_of
from tests.authenticator import Phone
from tests.integration.linkedin.conftest import CALLBACK, LOGIN, Browser, Site, through_linkedin
from tests.linkedin_server import CLIENT_ID, CLIENT_SECRET, member
from tests.serving import HOME, ME, REFRESH, served


async def test_a_newcomer_is_signed_in_with_what_linkedin_knows(browser: Browser, site: Site) -> None:
    """Nobody could come in with LinkedIn; or everybody would come without an address, as LinkedIn says its truths in
    words."""
    arrival = await browser.sign_in()
    assert arrival.page == f"{HOME}/auth/callback"
    assert set(arrival.told) == {"access_token", "token_type", "expires_in", "is_new_user"}
    assert (arrival.told["expires_in"], arrival.told["is_new_user"]) == ("900", "true")
    me = (await browser.data(ME))["me"]
    assert (me["displayName"], me["email"], me["emailVerified"]) == ("Ada Lovelace", "ada@example.org", True)
    assert await site.rows() == {"accounts": 1, "profiles": 1, "identities": 1, "sessions": 1}
    assert await site.sql.fetchval("select method from sessions") == "social"
    identity = await site.identity()
    assert (identity["provider"], identity["subject"]) == ("LINKEDIN", "782bbtaQ")
    assert identity["token_sealed"] is None, "what we do not need, we do not keep"
    details = await site.sql.fetchval("select detail from audit_events where event = 'SIGNED_UP'")
    assert "social" in str(details)


async def test_the_session_is_carried_on_by_cookie(browser: Browser) -> None:
    """Who came with LinkedIn would be signed out after 15 minutes."""
    await browser.sign_in()
    assert browser.session_cookies == {"bonafide_refresh", "bonafide_csrf"}
    refreshed = (await browser.data(REFRESH, headers=browser.csrf_headers()))["refreshToken"]
    assert refreshed["user"]["email"] == "ada@example.org"


async def test_coming_again_opens_the_same_account(browser: Browser, site: Site) -> None:
    """Every sign-in would be a new account; and who changes their address at LinkedIn would lose the one they have."""
    await browser.sign_in()
    site.linkedin.member = member(email="ada@new.example.org")
    other = site.browser()
    assert (await other.sign_in()).told["is_new_user"] == "false"
    assert (await other.data(ME))["me"]["email"] == "ada@example.org"
    assert await site.count("accounts") == 1


async def test_what_is_asked_of_linkedin_is_what_it_takes(browser: Browser, site: Site) -> None:
    """LinkedIn answers `invalid_client` to a code_verifier beside a secret: nobody could come in."""
    url = await browser.depart()
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert set(asked) == {"response_type", "client_id", "redirect_uri", "scope", "state", "nonce"}
    assert (asked["response_type"], asked["client_id"]) == ("code", CLIENT_ID)
    assert asked["redirect_uri"] == HOME + CALLBACK
    assert set(asked["scope"].split()) == {"openid", "profile", "email"}
    assert len(asked["state"]) == 43
    await browser.arrive(await through_linkedin(url))
    (form,) = site.forms()
    assert set(form) == {"grant_type", "code", "redirect_uri", "client_id", "client_secret"}
    assert (form["grant_type"], form["redirect_uri"]) == ("authorization_code", asked["redirect_uri"])


async def test_nothing_of_it_stays_in_caches_referers_or_logs(
    browser: Browser, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """A shared computer's cache, the next page's Referer or a log would hold a way in."""
    caplog.set_level(logging.DEBUG, logger="app")
    there = await browser.http.get(LOGIN)
    returned = await through_linkedin(there.headers["location"])
    arrival = await browser.arrive(returned)
    for answer in (there, arrival.response):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
    mark = there.headers["set-cookie"]
    assert mark.startswith("bonafide_linkedin=")
    assert mark.endswith("; Path=/; Max-Age=600; SameSite=Lax; HttpOnly")
    site.linkedin.signing_key = None
    site.linkedin.member = member(sub="")
    bad = await browser.sign_in()
    assert bad.told["reason"] == "INVALID_TOKEN"
    assert "LinkedIn gave an ID token that is not good: INVALID_TOKEN" in caplog.text
    for form in site.forms():
        assert form["code"] not in caplog.text
    for secret in (CLIENT_SECRET, arrival.told["access_token"], "eyJ"):
        assert secret not in caplog.text


async def test_the_counters_count_it(browser: Browser, site: Site) -> None:
    """An operator would not see that nobody comes in with LinkedIn any more."""
    await browser.sign_in()
    site.linkedin.member = member(aud="somebody-elses")
    await browser.sign_in()
    figures = site.services.metrics.text().decode()
    assert "identity_login_total 1.0" in figures
    assert 'reason="INVALID_TOKEN"} 1.0' in figures


async def test_both_sides_have_proved_the_address(browser: Browser, site: Site) -> None:
    """A person who signed up with a password would find a second, empty account."""
    visitor = site.browser()
    await visitor.signup("ada")
    await site.sql.execute("update accounts set email_verified_at = now()")
    assert (await browser.sign_in()).told["is_new_user"] == "false"
    assert await site.count("accounts") == 1
    assert site.mailbox.sent[-1].subject == "LinkedIn can now sign in to your account"


async def test_who_says_no_at_linkedin_is_told_kindly(browser: Browser, site: Site) -> None:
    """Pressing "Cancel" would end on an error page without a way back."""
    site.linkedin.member = None
    arrival = await browser.sign_in(return_to="/login")
    assert arrival.page == f"{HOME}/login"
    assert (arrival.told["error"], arrival.told["reason"]) == ("FORBIDDEN", "PROVIDER_DENIED")
    assert arrival.told["error_description"] == "You did not allow LinkedIn to sign you in."
    assert not browser.session_cookies


async def test_twenty_newcomers_with_one_identity_make_one_account(site: Site) -> None:
    """A person who comes first from several devices at once would have several accounts."""
    arrivals = await asyncio.gather(*(site.browser().sign_in() for _ in range(20)))
    assert sum(arrival.told["is_new_user"] == "true" for arrival in arrivals) == 1
    assert await site.rows() == {"accounts": 1, "profiles": 1, "identities": 1, "sessions": 20}


async def test_the_second_factor_is_asked_for_on_the_way_back(browser: Browser, site: Site) -> None:
    """LinkedIn would be the way around the second factor."""
    arrival = await browser.sign_in()
    viewer = await site.services.sessions.authenticate(arrival.told["access_token"])
    setup = await site.services.second_factors.enable(viewer, origin=Origin())
    phone = Phone.of(setup.otpauth_url, site.clock)
    await site.services.second_factors.verify(viewer, phone.code(), origin=Origin())
    sessions = await site.count("sessions")
    again = site.browser()
    arrival = await again.sign_in(return_to="/second-step")
    assert arrival.page == f"{HOME}/second-step"
    assert set(arrival.told) == {"temp_token", "requires_two_factor"}
    assert not again.session_cookies
    assert await site.count("sessions") == sessions


async def test_another_instance_finishes_what_one_began(
    browser: Browser, site: Site, linkedin_settings: Settings
) -> None:
    """Behind a proxy with two instances every second sign-in would fail."""
    returned = await through_linkedin(await browser.depart())
    async with served(linkedin_settings, clock=site.clock, mailbox=site.mailbox) as (_, transport):
        other = Browser(transport)
        other.http.cookies = browser.http.cookies
        assert "access_token" in (await other.arrive(returned)).told


async def test_should_linkedin_begin_to_echo_the_nonce_it_counts(browser: Browser, site: Site) -> None:
    """A token made for somebody else's way would be taken on this one, though it says so itself."""
    site.linkedin.member = member(nonce="somebody else's")
    assert (await browser.sign_in()).told["reason"] == "INVALID_TOKEN"
    url = await browser.depart()
    asked = parse_qs(urlsplit(url).query)["nonce"][0]
    assert asked != nonce_of("")
    site.linkedin.member = member(nonce=asked)
    assert "access_token" in (await browser.arrive(await through_linkedin(url))).told

"""Signing in with GitHub as people do it: away, back, in."""

import asyncio
import logging
from dataclasses import replace
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest

from app.accounts.model import Origin
from app.secrets import Encryption, SealBroken
from app.settings import Settings
from app.social.github import token_context
from app.social.pkce import challenge_of
from tests.authenticator import Phone
from tests.fakes import FixedClock
from tests.github_server import CLIENT_ID, GithubServer, GithubUser, address
from tests.integration.github.conftest import LOGIN_WITH_GITHUB, PAGE, Arrival, Browser, Site, through_github
from tests.running import running
from tests.serving import HOME, ME, REFRESH, served


async def test_a_newcomer_is_signed_in_with_what_github_knows(browser: Browser, site: Site) -> None:
    """Nobody could come in with GitHub."""
    arrival = await browser.sign_in()
    assert arrival.page == f"{HOME}/auth/callback"
    assert set(arrival.told) == {"access_token", "token_type", "expires_in", "is_new_user"}
    assert (arrival.told["expires_in"], arrival.told["is_new_user"]) == ("900", "true")
    me = (await browser.data(ME))["me"]
    assert (me["handle"], me["displayName"]) == ("octocat", "The Octocat")
    assert (me["email"], me["emailVerified"]) == ("octocat@example.org", True)
    assert await site.rows() == {"accounts": 1, "profiles": 1, "identities": 1, "sessions": 1}
    assert await site.sql.fetchval("select method from sessions") == "github"


async def test_the_session_is_carried_on_by_cookie(browser: Browser) -> None:
    """Who came with GitHub would be signed out after 15 minutes."""
    await browser.sign_in()
    assert browser.session_cookies == {"bonafide_refresh", "bonafide_csrf"}
    refreshed = (await browser.data(REFRESH, headers=browser.csrf_headers()))["refreshToken"]
    assert refreshed["user"]["handle"] == "octocat"


async def test_the_refresh_token_never_stands_in_an_address(browser: Browser) -> None:
    """A week's worth of access would lie in the browser's history, or be lost where the answer has no body."""
    returned = await through_github(await browser.depart())
    arrival = Arrival.of(await browser.http.get(returned, headers={"x-token-delivery": "body"}))
    assert "refresh_token" not in arrival.told
    assert browser.session_cookies == {"bonafide_refresh", "bonafide_csrf"}


async def test_what_is_asked_of_github(browser: Browser, site: Site) -> None:
    """More would be asked of people than sign-in needs, or the way back would be open to a stolen code."""
    url = await browser.depart()
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert asked["client_id"] == CLIENT_ID
    assert asked["redirect_uri"] == f"{HOME}/auth/github/callback"
    assert asked["scope"] == "read:user user:email"
    assert asked["code_challenge_method"] == "S256"
    assert len(asked["code_challenge"]) == 43
    assert len(asked["state"]) == 43
    await browser.arrive(await through_github(url))
    form = next(form for path, _, form in site.github.asked if path.endswith("access_token"))
    assert form["redirect_uri"] == asked["redirect_uri"]
    assert challenge_of(form["code_verifier"]) == asked["code_challenge"]


async def test_nothing_of_it_stays_in_caches_or_referers(browser: Browser) -> None:
    """A shared computer's cache, or the next page's Referer, would hold a way in."""
    there = await browser.http.get("/auth/github/login")
    back = (await browser.arrive(await through_github(there.headers["location"]))).response
    for answer in (there, back):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
    mark = there.headers["set-cookie"]
    assert mark.startswith("bonafide_github=")
    assert mark.endswith("; Path=/; Max-Age=600; SameSite=Lax; HttpOnly")


async def test_coming_again_opens_the_same_account(browser: Browser, site: Site) -> None:
    """Every sign-in would be a new account."""
    await browser.sign_in()
    other = site.browser()
    assert (await other.sign_in()).told["is_new_user"] == "false"
    assert (await other.data(ME))["me"]["handle"] == "octocat"
    assert await site.count("accounts") == 1


async def test_a_person_is_known_by_number_not_by_name(browser: Browser, site: Site, octocat: GithubUser) -> None:
    """Whoever takes a user name that its owner gave up would own their account (source C looked accounts up by it)."""
    await browser.sign_in()
    site.github.browser_user = GithubUser(id=999, login="octocat", emails=[address("thief@example.org")])
    thief = site.browser()
    assert (await thief.sign_in()).told["is_new_user"] == "true"
    assert (await thief.data(ME))["me"]["email"] == "thief@example.org"
    octocat.login = "octocat-renamed"
    site.github.browser_user = octocat
    owner = site.browser()
    await owner.sign_in()
    assert (await owner.data(ME))["me"]["handle"] == "octocat"
    names = await site.sql.fetch("select subject, username from identities order by subject")
    assert [tuple(row) for row in names] == [("583231", "octocat-renamed"), ("999", "octocat")]


async def test_the_primary_address_counts_and_no_other(browser: Browser, site: Site, octocat: GithubUser) -> None:
    """An address that somebody merely typed in at GitHub would become theirs here."""
    octocat.emails = [
        address("victim@example.org", primary=False, verified=False),
        address("second@example.org", primary=False),
        address("Octocat@Example.org"),
    ]
    await browser.sign_in()
    assert (await browser.data(ME))["me"]["email"] == "octocat@example.org"


async def test_both_sides_have_proved_the_address(browser: Browser, site: Site) -> None:
    """A person who signed up with a password would find a second, empty account."""
    visitor = site.browser()
    account = (await visitor.signup("octocat"))["user"]["id"]
    await site.sql.execute("update accounts set email_verified_at = now()")
    assert (await browser.sign_in()).told["is_new_user"] == "false"
    assert (await browser.data(ME))["me"]["id"] == account


async def test_an_address_that_only_github_has_proved_is_not_linked(browser: Browser, site: Site) -> None:
    """Whoever signs up with a stranger's address and waits would share the stranger's account (pre-registration)."""
    await site.browser().signup("octocat")
    before = await site.rows()
    arrival = await browser.sign_in(return_to="/welcome")
    assert (arrival.page, arrival.told["error"], arrival.told["reason"]) == (
        f"{HOME}/welcome",
        "CONFLICT",
        "LINK_NEEDED",
    )
    assert not browser.session_cookies
    assert await site.rows() == before


async def test_a_known_person_comes_in_without_an_address(browser: Browser, site: Site, octocat: GithubUser) -> None:
    """Who changes their address at GitHub and has not opened its link yet would be locked out here."""
    await browser.sign_in()
    octocat.emails = [address("new@example.org", verified=False)]
    again = site.browser()
    await again.sign_in()
    assert (await again.data(ME))["me"]["email"] == "octocat@example.org"


async def test_the_token_is_sealed_for_its_person(browser: Browser, site: Site) -> None:
    """A copy of the database would open people's GitHub, or a row put in another's place pass for it."""
    await browser.sign_in()
    row = await site.identity()
    encryption = Encryption(keys=site.services.settings.encryption_keys, ids=site.services.ids)
    token = encryption.open(row["token_sealed"], context=token_context(row["issuer"], row["subject"])).decode()
    assert list(site.github.tokens) == [token]
    assert token.encode() not in row["token_sealed"]
    with pytest.raises(SealBroken):
        encryption.open(row["token_sealed"], context=token_context(row["issuer"], "1"))


async def test_a_rotated_key_is_no_longer_needed_after_the_next_sign_in(
    browser: Browser, site: Site, github_settings: Settings
) -> None:
    """A key that leaked would have to be kept for ever."""
    await browser.sign_in()
    new_key = bytes(range(32))
    rotated = replace(github_settings, encryption_keys=(new_key, *github_settings.encryption_keys))
    async with served(rotated, clock=site.clock, mailbox=site.mailbox) as (_, transport):
        assert (await Browser(transport).sign_in()).told["is_new_user"] == "false"
    row = await site.identity()
    alone = Encryption(keys=(new_key,), ids=site.services.ids)
    token = alone.open(row["token_sealed"], context=token_context(row["issuer"], row["subject"])).decode()
    assert token in site.github.tokens


async def test_no_log_holds_a_token_a_code_or_a_state(
    browser: Browser, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever reads the logs could be anybody."""
    caplog.set_level(logging.DEBUG)
    returned = await through_github(await browser.depart())
    arrival = await browser.arrive(returned)
    secrets = [arrival.told["access_token"], *site.github.tokens]
    secrets += [values[0] for values in parse_qs(urlsplit(returned).query).values()]
    ours = [record for record in caplog.records if record.name.startswith("app")]
    assert ours
    for record in ours:
        assert not any(secret in record.getMessage() for secret in secrets), record


async def test_back_to_the_page_that_was_asked_for(browser: Browser, site: Site) -> None:
    """A page on another of our origins could not offer the button."""
    arrival = await browser.sign_in(return_to="https://good.example/in?tab=2")
    assert arrival.page == "https://good.example/in?tab=2"
    assert "access_token" in arrival.told


async def test_a_page_that_finishes_itself(browser: Browser, site: Site) -> None:
    """A single-page app could not sign anybody in."""
    answered = await browser.code_and_state()
    payload = (await browser.data(LOGIN_WITH_GITHUB, answered, headers=PAGE))["loginWithGithub"]
    assert (payload["isNewUser"], payload["requiresTwoFactor"], payload["refreshToken"]) == (True, False, None)
    assert payload["user"]["handle"] == "octocat"
    assert browser.session_cookies == {"bonafide_refresh", "bonafide_csrf"}
    browser.access_token = payload["accessToken"]
    assert (await browser.data(ME))["me"]["displayName"] == "The Octocat"


async def test_who_says_no_at_github_is_told_kindly(browser: Browser, site: Site) -> None:
    """Pressing "Cancel" would end on an error page without a way back."""
    site.github.browser_user = None
    arrival = await browser.sign_in(return_to="/sign-in")
    assert arrival.page == f"{HOME}/sign-in"
    assert (arrival.told["error"], arrival.told["reason"]) == ("FORBIDDEN", "GITHUB_DENIED")
    assert not browser.session_cookies


async def test_fifty_newcomers_with_one_identity_make_one_account(site: Site) -> None:
    """A person who comes first from several devices at once would have several accounts."""
    browsers = [site.browser() for _ in range(50)]
    arrivals = await asyncio.gather(*(browser.sign_in() for browser in browsers))
    assert sum(arrival.told["is_new_user"] == "true" for arrival in arrivals) == 1
    assert await site.rows() == {"accounts": 1, "profiles": 1, "identities": 1, "sessions": 50}


VERIFY_LOGIN = (
    "mutation ($tempToken: String!, $code: String!) "
    "{ verify2FALogin(tempToken: $tempToken, code: $code) { accessToken user { handle } } }"
)


async def guard(browser: Browser, site: Site) -> Phone:
    """Signs in and switches the second factor on."""
    arrival = await browser.sign_in()
    viewer = await site.services.sessions.authenticate(arrival.told["access_token"])
    setup = await site.services.second_factors.enable(viewer, origin=Origin())
    phone = Phone.of(setup.otpauth_url, site.clock)
    await site.services.second_factors.verify(viewer, phone.code(), origin=Origin())
    return phone


async def test_the_second_factor_is_asked_for_on_the_way_back(browser: Browser, site: Site) -> None:
    """GitHub would be the way around the second factor."""
    phone = await guard(browser, site)
    sessions = await site.count("sessions")
    again = site.browser()
    arrival = await again.sign_in(return_to="/second-step")
    assert arrival.page == f"{HOME}/second-step"
    assert set(arrival.told) == {"temp_token", "requires_two_factor"}
    assert arrival.told["requires_two_factor"] == "true"
    assert not again.session_cookies
    assert await site.count("sessions") == sessions
    variables = {"tempToken": arrival.told["temp_token"], "code": phone.next_code()}
    assert (await again.data(VERIFY_LOGIN, variables))["verify2FALogin"]["user"]["handle"] == "octocat"
    assert await site.sql.fetch("select distinct method from sessions") == [("github",)]


async def test_the_second_factor_is_asked_for_in_a_page_that_finishes_itself(browser: Browser, site: Site) -> None:
    """The mutation would be the way around the second factor."""
    phone = await guard(browser, site)
    again = site.browser()
    payload = (await again.data(LOGIN_WITH_GITHUB, await again.code_and_state(), headers=PAGE))["loginWithGithub"]
    assert payload.pop("requiresTwoFactor")
    temp_token = payload.pop("tempToken")
    assert set(payload.values()) == {None, False}
    assert not again.session_cookies
    answered = await again.data(VERIFY_LOGIN, {"tempToken": temp_token, "code": phone.next_code()})
    assert answered["verify2FALogin"]["accessToken"]


async def test_another_instance_finishes_what_one_began(
    browser: Browser, site: Site, github_settings: Settings
) -> None:
    """Behind a proxy with two instances every second sign-in would fail."""
    returned = await through_github(await browser.depart())
    async with served(github_settings, clock=site.clock, mailbox=site.mailbox) as (_, transport):
        other = Browser(transport)
        other.http.cookies = browser.http.cookies
        assert "access_token" in (await other.arrive(returned)).told


async def test_over_the_network_from_the_button_to_the_session(
    github_settings: Settings, github: GithubServer, clock: FixedClock
) -> None:
    """A real browser, which follows redirects and keeps cookies by itself, would not get through."""
    async with running(github_settings, clock=clock) as server:
        github.callback_url = server.http_url + "/"
        async with httpx.AsyncClient(
            base_url=server.http_url, follow_redirects=True, trust_env=False, timeout=30
        ) as browser:
            arrived = await browser.get("/auth/github/login")
            assert [hop.status_code for hop in arrived.history] == [303, 302, 303]
            assert (arrived.url.path, arrived.status_code) == ("/auth/callback", 200)
            token = dict(parse_qsl(arrived.url.fragment))["access_token"]
            headers = {"authorization": f"Bearer {token}"}
            me = (await browser.post("/graphql", json={"query": ME}, headers=headers)).json()
            assert me["data"]["me"]["handle"] == "octocat"

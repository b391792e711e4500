"""What must not work on the way to LinkedIn and back."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from app.settings import Settings
from app.social.departures import PendingSignIns
from tests.fakes import FixedClock, Mailbox
from tests.integration.linkedin.conftest import CALLBACK, LINK, LOGIN, NOTHING, Browser, Site, through_linkedin
from tests.linkedin_server import member
from tests.openid import signing_key
from tests.serving import HOME, ME, Visitor, served


async def test_the_callback_of_another_browser_is_refused(browser: Browser, site: Site) -> None:
    """An attacker could sign a victim in to the attacker's account and read what they then write (login CSRF)."""
    returned = await through_linkedin(await site.browser().depart())
    arrival = await browser.arrive(returned)  # a browser that never left
    assert (arrival.told["error"], arrival.told["reason"]) == ("GONE", "PROVIDER_STATE_UNKNOWN")
    await browser.depart()
    arrival = await browser.arrive(returned)  # one that is away itself
    assert arrival.told["reason"] == "PROVIDER_STATE_UNKNOWN"
    assert not browser.session_cookies, "its mark is forgotten, and it has no session"
    assert await site.rows() == NOTHING
    assert site.forms() == [], "the code was not even traded"


async def test_a_refused_stranger_takes_nothing_from_the_owner(browser: Browser, site: Site) -> None:
    """Who learns a state, from a log for one, could keep its owner from signing in."""
    returned = await through_linkedin(await browser.depart())
    await site.browser().arrive(returned)
    assert "access_token" in (await browser.arrive(returned)).told


async def test_a_callback_works_once(browser: Browser, site: Site) -> None:
    """The address in the browser's history would sign in whoever opens it."""
    marked = await browser.depart()
    mark = browser.http.cookies["bonafide_linkedin"]
    returned = await through_linkedin(marked)
    await browser.arrive(returned)
    browser.http.cookies.set("bonafide_linkedin", mark)
    arrival = await browser.arrive(returned)
    assert (arrival.told["error"], arrival.told["reason"]) == ("GONE", "PROVIDER_STATE_UNKNOWN")
    assert await site.count("sessions") == 1


async def test_twenty_callbacks_at_once_give_one_session(browser: Browser, site: Site) -> None:
    """A double click, or a copied cookie, would open several sessions from one permission."""
    returned = await through_linkedin(await browser.depart())
    mark = browser.http.cookies["bonafide_linkedin"]

    async def come() -> bool:
        other = site.browser()
        other.http.cookies.set("bonafide_linkedin", mark)
        return "access_token" in (await other.arrive(returned)).told

    assert sum(await asyncio.gather(*(come() for _ in range(20)))) == 1
    assert await site.rows() == {"accounts": 1, "profiles": 1, "identities": 1, "sessions": 1}


async def test_a_code_works_once(browser: Browser, site: Site) -> None:
    """A code that was seen on the way would open the account a second time."""
    returned = await through_linkedin(await browser.depart())
    await browser.arrive(returned)
    spent = returned.partition("code=")[2].partition("&")[0]
    thief = site.browser()
    own = await through_linkedin(await thief.depart())
    forged = own.replace(own.partition("code=")[2].partition("&")[0], spent)
    arrival = await thief.arrive(forged)
    assert (arrival.told["error"], arrival.told["reason"]) == ("UNAUTHENTICATED", "PROVIDER_CODE_REFUSED")
    assert await site.count("sessions") == 1


async def test_a_stolen_unused_code_is_an_honest_limit(browser: Browser, site: Site) -> None:
    """Without it: the README's honest limit says what is no longer so. LinkedIn takes no PKCE and echoes no nonce."""
    stolen = await through_linkedin(await browser.depart())
    thief = site.browser()
    own = await through_linkedin(await thief.depart())
    code, mine = (url.partition("code=")[2].partition("&")[0] for url in (stolen, own))
    assert "access_token" in (await thief.arrive(own.replace(mine, code))).told


async def test_the_ways_of_two_providers_do_not_cross(browser: Browser, site: Site, clock: FixedClock) -> None:
    """A state made for one provider would be good at the other, where the code means somebody else."""
    returned = await through_linkedin(await browser.depart())
    state, mark = returned.partition("state=")[2], browser.http.cookies["bonafide_linkedin"]
    redis = Redis.from_url(site.services.settings.redis_url or "")
    githubs = PendingSignIns(redis=redis, clock=clock, name="github")
    assert await githubs.take(state=state, browser=mark) is None
    own = PendingSignIns(redis=redis, clock=clock, name="linkedin")
    assert await own.take(state=state, browser=mark) is not None
    await redis.aclose()


async def test_a_sign_in_is_finished_within_ten_minutes(browser: Browser, site: Site, clock: FixedClock) -> None:
    """A window left open on a shared computer would sign in whoever finds it; LinkedIn's codes live half an hour."""
    returned = await through_linkedin(await browser.depart())
    clock.advance(600)
    assert (await browser.arrive(returned)).told["reason"] == "PROVIDER_STATE_UNKNOWN"
    assert await site.rows() == NOTHING


@pytest.mark.parametrize("name", ["return_to", "redirect_uri"])
async def test_nobody_is_sent_to_a_foreign_page(browser: Browser, name: str) -> None:
    """A link to us would carry a person's access token, or code, to somebody else's page."""
    for given in ("//evil.example/", "https://good.example.evil.com/", "javascript:alert(1)", "/page#access_token=x"):
        answer = await browser.http.get(LOGIN, params={name: given})
        assert answer.status_code == 400, answer.headers.get("location")
        assert (answer.json()["code"], answer.json()["field"]) == ("BAD_USER_INPUT", name)
    assert not browser.session_cookies


async def test_a_state_without_a_departure_goes_to_our_own_page_only(browser: Browser) -> None:
    """The callback would be an open redirect."""
    for query in ("", "?state=x&code=y&return_to=https://evil.example", "?state=%00&code=%ff", "?error=%0d%0aset:"):
        arrival = await browser.arrive(CALLBACK + query)
        assert (arrival.page, arrival.told["error"]) == (f"{HOME}/auth/callback", "GONE")


async def test_a_parameter_that_comes_twice_or_a_code_that_is_none(browser: Browser, site: Site) -> None:
    """A proxy and we could read two different codes out of one address, or LinkedIn be asked for whatever is sent."""
    returned = await through_linkedin(await browser.depart())
    assert (await browser.arrive(returned + "&code=other")).told["error"] == "BAD_USER_INPUT"
    for code in ("", "x" * 2049, "%09", "%C3%A9", "a%E2%80%8B"):
        returned = await through_linkedin(await browser.depart())
        given = returned.partition("code=")[2].partition("&")[0]
        assert (await browser.arrive(returned.replace(given, code))).told["error"] == "BAD_USER_INPUT"
    assert await site.rows() == NOTHING
    assert site.forms() == []


async def test_the_button_is_pressed_sixty_times_a_minute_at_most(browser: Browser) -> None:
    """A stranger could fill the memory with departures."""
    for _ in range(60):
        await browser.depart()
    answer = await browser.http.get(LOGIN)
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 60


BAD_TOKENS: dict[str, dict[str, Any]] = {
    "of another issuer": {"iss": "https://accounts.google.com"},
    "of nobody": {"iss": None},
    "for another client": {"aud": "somebody-elses"},
    "for another of our clients": {"aud": "our-phone-app"},
    "for two": {"aud": ["somebody-elses", "86vhj2q7ukf83q"]},
    "presented by another": {"azp": "somebody-elses"},
    "that has ended": {"exp": 1_000_000_000},
    "from the future": {"iat": 4_000_000_000},
    "without an end": {"exp": None},
    "of no person": {"sub": None},
    "through a broker": {"iss": "https://tenant.example.org/", "sub": "linkedin|ada"},
}


async def test_a_token_that_is_not_for_us_opens_nothing(browser: Browser, site: Site) -> None:
    """Whatever stands in the way between LinkedIn and us could write anybody's name."""
    for name, claims in BAD_TOKENS.items():
        site.linkedin.member = member(**claims)
        arrival = await browser.sign_in()
        assert arrival.told["error"] == "UNAUTHENTICATED", name
        assert arrival.told["reason"] in ("INVALID_TOKEN", "TOKEN_EXPIRED"), name
    site.linkedin.member = member()
    for key in (signing_key(site.linkedin.key.kid or ""), signing_key("unknown"), signing_key("curve", "EC")):
        site.linkedin.signing_key = key
        assert (await browser.sign_in()).told["reason"] == "INVALID_TOKEN"
    assert await site.rows() == NOTHING
    assert not browser.session_cookies


async def test_an_account_that_waits_for_the_owner_of_the_address_is_not_opened(browser: Browser, site: Site) -> None:
    """Pre-registration takeover: an attacker signs up with the victim's address, and shares the account when the victim
    comes with LinkedIn."""
    attacker = site.browser()
    await attacker.signup("ada")
    arrival = await browser.sign_in()
    assert (arrival.told["error"], arrival.told["reason"]) == ("CONFLICT", "LINK_NEEDED")
    assert not browser.session_cookies
    assert await site.count("identities") == 0


@pytest.mark.parametrize("claim", [None, False, "false", "True", "TRUE", 1, "yes", ["true"]])
async def test_an_address_that_linkedin_has_not_proved_links_nothing(
    browser: Browser, site: Site, claim: object
) -> None:
    """Whoever types in a stranger's address at LinkedIn would open the stranger's account here."""
    owner = site.browser()
    await owner.signup("ada")
    await site.sql.execute("update accounts set email_verified_at = now()")
    site.linkedin.member = member(email_verified=claim)
    assert (await browser.sign_in()).told["is_new_user"] == "true"
    assert (await browser.data(ME))["me"]["email"] is None
    assert await site.count("accounts") == 2


async def test_where_linkedin_is_not_set_up_it_says_so(settings: Settings, clock: FixedClock, mailbox: Mailbox) -> None:
    """A person would be sent to LinkedIn with nobody's name, and see LinkedIn's "Bummer, something went wrong"."""
    async with served(settings, clock=clock, mailbox=mailbox) as (_, transport):
        visitor = Visitor(transport)
        for path in (LOGIN, CALLBACK + "?code=x&state=y"):
            answer = await visitor.http.get(path)
            assert (answer.status_code, answer.json()["reason"]) == (404, "PROVIDER_NOT_CONFIGURED")
        await visitor.signup("ada")
        refused = await visitor.refusal(LINK, {"code": "x", "state": "y"})
        assert refused == {"code": "NOT_FOUND", "reason": "PROVIDER_NOT_CONFIGURED"}

"""What must not work on the way to GitHub and back."""

import asyncio
from dataclasses import replace
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from app.settings import Settings
from tests.fakes import FixedClock, Mailbox
from tests.github_server import GithubUser, address
from tests.integration.github.conftest import LOGIN, LOGIN_WITH_GITHUB, NOTHING, PAGE, Browser, Site, through_github
from tests.serving import HOME, Visitor, served

CALLBACK = "/auth/github/callback"
GONE = {"code": "GONE", "field": "state", "reason": "GITHUB_STATE_UNKNOWN"}


async def test_the_callback_of_another_browser_is_refused(browser: Browser, site: Site) -> None:
    """An attacker could sign a victim in to the attacker's account and read what they then write (login CSRF)."""
    attackers = await site.browser().depart()
    returned = await through_github(attackers)
    arrival = await browser.arrive(returned)  # a browser that never left
    assert (arrival.told["error"], arrival.told["reason"]) == ("GONE", "GITHUB_STATE_UNKNOWN")
    await browser.depart()
    arrival = await browser.arrive(returned)  # one that is away itself
    assert arrival.told["reason"] == "GITHUB_STATE_UNKNOWN"
    assert not browser.session_cookies, "its mark is forgotten, and it has no session"
    assert await site.rows() == NOTHING


async def test_a_refused_stranger_takes_nothing_from_the_owner(browser: Browser, site: Site) -> None:
    """Who learns a state, from a log for one, could keep its owner from signing in."""
    returned = await through_github(await browser.depart())
    await site.browser().arrive(returned)
    assert "access_token" in (await browser.arrive(returned)).told


async def test_without_the_cookie_a_state_is_worth_nothing(browser: Browser, site: Site) -> None:
    """A code and state that leaked would open an account anywhere."""
    answered = await browser.code_and_state()
    stranger = site.browser()
    assert await stranger.refusal(LOGIN_WITH_GITHUB, answered, headers=PAGE) == GONE
    assert await stranger.refusal(LOGIN_WITH_GITHUB, {**answered, "state": "x" * 5000}, headers=PAGE) == GONE
    assert await site.rows() == NOTHING


async def test_a_foreign_page_cannot_finish_for_the_browser(browser: Browser, site: Site) -> None:
    """A page elsewhere could sign the browser in to an account of its choice."""
    answered = await browser.code_and_state()
    for headers in ({"origin": "https://evil.example"}, {}, {"origin": "null"}):
        refused = await browser.refusal(LOGIN_WITH_GITHUB, answered, headers=headers)
        assert (refused["code"], refused["reason"]) == ("FORBIDDEN", "ORIGIN_NOT_ALLOWED")
    form = await browser.http.post("/graphql", data={"query": LOGIN_WITH_GITHUB, **answered}, headers=PAGE)
    assert form.status_code == 415
    assert await site.rows() == NOTHING
    assert (await browser.data(LOGIN_WITH_GITHUB, answered, headers=PAGE))["loginWithGithub"]["isNewUser"]


async def test_a_callback_works_once(browser: Browser, site: Site) -> None:
    """The address in the browser's history would sign in whoever opens it."""
    marked = await browser.depart()
    mark = browser.http.cookies["bonafide_github"]
    returned = await through_github(marked)
    await browser.arrive(returned)
    browser.http.cookies.set("bonafide_github", mark)
    arrival = await browser.arrive(returned)
    assert (arrival.told["error"], arrival.told["reason"]) == ("GONE", "GITHUB_STATE_UNKNOWN")
    assert await site.count("sessions") == 1


async def test_fifty_callbacks_at_once_give_one_session(browser: Browser, site: Site) -> None:
    """A double click, or a copied cookie, would open several sessions from one permission."""
    returned = await through_github(await browser.depart())
    mark = browser.http.cookies["bonafide_github"]

    async def come() -> bool:
        other = site.browser()
        other.http.cookies.set("bonafide_github", mark)
        return "access_token" in (await other.arrive(returned)).told

    assert sum(await asyncio.gather(*(come() for _ in range(50)))) == 1
    assert await site.rows() == {"accounts": 1, "profiles": 1, "identities": 1, "sessions": 1}


async def test_a_code_works_once(browser: Browser, site: Site) -> None:
    """A code that was seen on the way would open the account a second time."""
    spent = await browser.code_and_state()
    await browser.data(LOGIN_WITH_GITHUB, spent, headers=PAGE)
    thief = site.browser()
    own = await thief.code_and_state()
    refused = await thief.refusal(LOGIN_WITH_GITHUB, {**own, "code": spent["code"]}, headers=PAGE)
    assert refused == {"code": "UNAUTHENTICATED", "field": "code", "reason": "GITHUB_CODE_REFUSED"}
    assert await site.count("sessions") == 1


async def test_a_stolen_unused_code_works_for_nobody_else(browser: Browser, site: Site) -> None:
    """Whoever reads a code before its owner used it would be its owner: PKCE binds it to the browser that left."""
    stolen = await browser.code_and_state()
    thief = site.browser()
    own = await thief.code_and_state()
    refused = await thief.refusal(LOGIN_WITH_GITHUB, {**own, "code": stolen["code"]}, headers=PAGE)
    assert refused["reason"] == "GITHUB_CODE_REFUSED"
    assert await site.rows() == NOTHING


async def test_a_way_there_without_pkce_is_still_bound_to_the_browser(browser: Browser, site: Site) -> None:
    """Whoever strips the challenge from a victim's way to GitHub would get a code that anybody can trade."""
    url = urlsplit(await site.browser().depart(redirect_uri=f"{HOME}/settings"))
    asked = {name: values[0] for name, values in parse_qs(url.query).items() if not name.startswith("code_challenge")}
    returned = await through_github(url._replace(query=urlencode(asked)).geturl())
    await browser.depart()
    answered = {name: values[0] for name, values in parse_qs(urlsplit(returned).query).items()}
    assert await browser.refusal(LOGIN_WITH_GITHUB, answered, headers=PAGE) == GONE
    assert await site.rows() == NOTHING


async def test_a_sign_in_is_finished_within_ten_minutes(browser: Browser, site: Site, clock: FixedClock) -> None:
    """A window left open on a shared computer would sign in whoever finds it."""
    answered = await browser.code_and_state()
    clock.advance(600)
    assert await browser.refusal(LOGIN_WITH_GITHUB, answered, headers=PAGE) == GONE
    assert await site.rows() == NOTHING


@pytest.mark.parametrize("name", ["return_to", "redirect_uri"])
async def test_nobody_is_sent_to_a_foreign_page(browser: Browser, name: str) -> None:
    """A link to us would carry a person's access token, or code, to somebody else's page."""
    for given in ("//evil.example/", "https://good.example.evil.com/", "javascript:alert(1)", "/page#access_token=x"):
        answer = await browser.http.get(LOGIN, params={name: given})
        assert answer.status_code == 400, answer.headers.get("location")
        problem = answer.json()
        assert (problem["code"], problem["field"]) == ("BAD_USER_INPUT", name)
        assert "evil" not in answer.text
    assert not browser.session_cookies


async def test_a_state_without_a_departure_goes_to_our_own_page_only(browser: Browser) -> None:
    """The callback would be an open redirect."""
    for query in (
        "",
        "?state=x&code=y&return_to=https://evil.example",
        "?state=%00&code=%ff",
        "?error=%0d%0aset-cookie:",
    ):
        arrival = await browser.arrive(CALLBACK + query)
        assert (arrival.page, arrival.told["error"]) == (f"{HOME}/auth/callback", "GONE")


async def test_a_parameter_that_comes_twice_is_refused(browser: Browser, site: Site) -> None:
    """A proxy and we could read two different codes out of one address."""
    returned = await through_github(await browser.depart())
    arrival = await browser.arrive(returned + "&code=other")
    assert arrival.told["error"] == "BAD_USER_INPUT"
    assert await site.rows() == NOTHING


@pytest.mark.parametrize("code", ["", "x" * 256, "tab\t", "é", "\u202e", "a b\u200b"])
async def test_a_code_that_is_none_is_named(browser: Browser, site: Site, code: str) -> None:
    """GitHub would be asked for whatever anybody sends."""
    answered = await browser.code_and_state()
    refused = await browser.refusal(LOGIN_WITH_GITHUB, {**answered, "code": code}, headers=PAGE)
    assert refused == {"code": "BAD_USER_INPUT", "field": "code"}
    assert not [path for path, _, _ in site.github.asked if path.endswith("access_token")]


async def test_the_button_is_pressed_sixty_times_a_minute_at_most(browser: Browser) -> None:
    """A stranger could fill the memory with departures."""
    for _ in range(60):
        await browser.depart()
    answer = await browser.http.get(LOGIN)
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 60


async def test_where_github_is_not_set_up_it_says_so(settings: Settings, clock: FixedClock, mailbox: Mailbox) -> None:
    """A person would be sent to GitHub with nobody's name, and see GitHub's "not found"."""
    async with served(settings, clock=clock, mailbox=mailbox) as (_, transport):
        visitor = Visitor(transport)
        for path in (LOGIN, CALLBACK + "?code=x&state=y"):
            answer = await visitor.http.get(path)
            assert (answer.status_code, answer.json()["reason"]) == (404, "GITHUB_NOT_CONFIGURED")
        refused = await visitor.refusal(LOGIN_WITH_GITHUB, {"code": "x", "state": "y"}, headers=PAGE)
        assert refused == {"code": "NOT_FOUND", "reason": "GITHUB_NOT_CONFIGURED"}


async def test_over_https_the_mark_is_guarded_by_its_name(
    github_settings: Settings, clock: FixedClock, mailbox: Mailbox
) -> None:
    """A neighbouring sub-domain could plant a mark, and with it its own sign-in."""
    secure = replace(github_settings, public_url="https://id.example.org", allowed_origins=("https://id.example.org",))
    async with served(secure, clock=clock, mailbox=mailbox) as (_, transport):
        answer = await Visitor(transport, base_url="https://id.example.org").http.get(LOGIN)
    mark = answer.headers["set-cookie"]
    assert mark.startswith("__Host-bonafide_github=")
    assert mark.endswith("; Path=/; Max-Age=600; SameSite=Lax; HttpOnly; Secure")


async def test_a_session_of_before_is_not_taken_over(browser: Browser, site: Site) -> None:
    """Coming back as somebody else would mix two people's sessions in one browser."""
    await browser.sign_in()
    first = browser.http.cookies["bonafide_refresh"]
    site.github.browser_user = GithubUser(id=7, login="other", emails=[address("other@example.org")])
    await browser.sign_in()
    assert browser.http.cookies["bonafide_refresh"] != first
    assert await site.count("accounts") == 2

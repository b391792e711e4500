"""Many tabs of one browser on the served application: one session, renewed once, and nobody signed out by accident."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import quote

import asyncpg
import pytest

from app.settings import Settings
from app.tokens import ACCESS_TTL
from tests.browser import Browser, browser
from tests.fakes import FixedClock
from tests.running import PASSWORD, RunningServer, person, running

TABS = 20
ME = "/profile/me"
TTL_S = ACCESS_TTL.total_seconds()
OFFLINE = {"path": "", "status": 0}


@dataclass(frozen=True, kw_only=True)
class Site:
    """A server with ada and grace, who have no session, and a browser without a tab."""

    server: RunningServer
    browser: Browser
    clock: FixedClock
    sql: asyncpg.Connection

    async def sign_in(self, name: str = "ada", *, tab: int = 0) -> None:
        await self.browser.tab(tab, "login", email=f"{name}@example.org", password=PASSWORD)

    async def renewals(self) -> int:
        """How many refresh tokens were made in place of another."""
        found: int = await self.sql.fetchval("select count(*) from refresh_tokens where parent_id is not null")
        return found

    def refreshes(self) -> int:
        """How many requests for one have reached the server."""
        counted = self.server.services.metrics.text().decode().splitlines()
        mark = 'http_request_seconds_count{method="POST",route="/auth/refresh"'
        return sum(int(float(line.rpartition(" ")[2])) for line in counted if line.startswith(mark))

    async def pass_by(self, seconds: float, *, asleep: bool = False) -> None:
        """Time passes, for the server and, unless they sleep, for all tabs."""
        self.clock.advance(seconds)
        await self.browser.every("pass", ms=seconds * 1000, asleep=asleep)

    async def who(self, tab: int) -> object:
        """Whom the server takes a tab for, or what the call ends in."""
        answer = await self.browser.tab(tab, "fetch", path=ME)
        return answer.get("error") or answer["body"].get("handle") or answer["body"]["code"]

    async def states(self) -> list[str]:
        return [tab["state"] for tab in await self.browser.every("state")]

    async def all_become(self, *expected: str) -> None:
        """Waits until every tab has heard the news, which travels beside what they answer us."""
        async with asyncio.timeout(20):
            while set(await self.states()) != set(expected):
                pass

    async def reused(self) -> int:
        found: int = await self.sql.fetchval("select count(*) from audit_events where event = 'REFRESH_REUSED'")
        return found


@pytest.fixture
async def site(settings: Settings, clock: FixedClock) -> AsyncIterator[Site]:
    assert settings.database_url is not None
    async with running(settings, clock=clock) as server, browser(server.http_url) as opened:
        sql = await asyncpg.connect(settings.database_url.replace("+asyncpg", ""))
        for name in ("ada", "grace"):
            async with person(server, name):
                pass
        await sql.execute("delete from sessions")
        yield Site(server=server, browser=opened, clock=clock, sql=sql)
        await sql.close()


@pytest.mark.parametrize("asleep", [False, True], ids=["on time", "after sleep"])
async def test_twenty_tabs_that_wake_at_once_renew_once(site: Site, asleep: bool) -> None:
    """A laptop is opened: twenty renewals would race, and one that comes late would end the session as stolen."""
    await site.browser.open()
    await site.sign_in()
    await site.browser.open(TABS - 1)
    assert await site.browser.every("token") == [True] * TABS
    assert (await site.renewals(), site.refreshes()) == (0, 0), "a new tab is handed the token"
    for renewed in (1, 2):
        await site.pass_by(TTL_S + 60, asleep=asleep)
        answers = await site.browser.every("fetch", path=ME)
        assert [answer["body"].get("handle") for answer in answers] == ["ada"] * TABS
        assert (await site.renewals(), site.refreshes()) == (renewed, renewed)
    assert await site.reused() == 0


async def test_tabs_renew_before_anything_is_refused(site: Site) -> None:
    """Whoever reads for a quarter of an hour would wait at the next click, each time."""
    await site.browser.open(5)
    await site.sign_in()
    await site.browser.every("token")
    await site.pass_by(TTL_S - 61)
    assert site.refreshes() == 0
    await site.pass_by(2)
    async with asyncio.timeout(20):
        while await site.renewals() == 0:  # they began when their time came; nobody waits for them
            await site.browser.every("state")
    await site.pass_by(10)
    assert await site.browser.every("token") == [True] * 5
    assert (await site.renewals(), site.refreshes()) == (1, 1)
    await site.browser.every("forgetRequests")
    await site.pass_by(TTL_S - 140)  # and the seconds that a busy machine takes: they pass in the tabs as well
    assert await site.browser.every("token") == [True] * 5
    assert await site.browser.requests("") == []


async def test_without_locks_tabs_race_and_none_loses(site: Site) -> None:
    """In a browser that has no Web Locks twenty tabs would sign each other out."""
    await site.browser.open(TABS, with_locks=False)
    await site.sign_in()
    await site.browser.every("token")
    before = await site.renewals()
    await site.pass_by(TTL_S + 60, asleep=True)
    answers = await site.browser.every("fetch", path=ME)
    assert [answer["body"].get("handle") for answer in answers] == ["ada"] * TABS
    assert (await site.reused(), set(await site.states())) == (0, {"in"})
    assert await site.renewals() >= before + 1


@pytest.mark.parametrize("off_by_h", [-2, 2])
async def test_a_clock_that_is_two_hours_off_changes_nothing(site: Site, off_by_h: int) -> None:
    """On a device whose clock is wrong each request would renew, or none would and all be refused."""
    await site.browser.open(2, clock_off_by_ms=off_by_h * 3_600_000)
    await site.sign_in()
    for _ in range(3):
        assert await site.who(0) == await site.who(1) == "ada"
    assert site.refreshes() == 0
    await site.pass_by(TTL_S + 60)
    await site.browser.every("forgetRequests")
    assert await site.who(0) == await site.who(1) == "ada"
    assert site.refreshes() == 1
    assert len(await site.browser.requests(ME)) == 2, "no token is sent that has ended"


async def test_what_is_refused_is_sent_once_more_and_whole(site: Site) -> None:
    """What a person typed would be lost because their token ended meanwhile, or be sent for ever."""
    await site.browser.open()
    await site.sign_in()
    await site.pass_by(TTL_S + 60, asleep=True)
    change = {
        "method": "PATCH",
        "headers": {"content-type": "application/json"},
        "body": '{"display_name": "Countess"}',
    }
    answer = await site.browser.tab(0, "fetch", path=ME, init=change)
    assert (answer["status"], answer["body"]["display_name"]) == (200, "Countess")
    assert len(await site.browser.requests(ME)) == 2
    await site.pass_by(TTL_S + 60, asleep=True)
    question = {
        "method": "POST",
        "headers": {"content-type": "application/json", "accept": "application/json"},
        "body": '{"query": "{ me { handle } }"}',
    }
    answer = await site.browser.tab(0, "fetch", path="graphql", init=question)
    assert answer["body"]["data"] == {"me": {"handle": "ada"}}
    assert (site.refreshes(), len(await site.browser.requests("/graphql"))) == (2, 2)
    refusal = {"code": "UNAUTHENTICATED", "reason": "TOKEN_EXPIRED"}
    await site.browser.cut({"path": ME, "status": 401, "body": refusal})
    await site.browser.every("forgetRequests")
    assert (await site.browser.tab(0, "fetch", path=ME))["status"] == 401
    assert (len(await site.browser.requests(ME)), len(await site.browser.requests("refresh"))) == (2, 1)


async def test_a_wrong_password_is_asked_once(site: Site) -> None:
    """Each wrong password would count twice against its owner, and renew the session for nothing."""
    await site.browser.open()
    await site.sign_in()
    guess = {
        "method": "POST",
        "headers": {"content-type": "application/json"},
        "body": '{"email": "grace@example.org", "password": "a wrong guess"}',
    }
    await site.browser.every("forgetRequests")
    assert (await site.browser.tab(0, "fetch", path="auth/login", init=guess))["status"] == 401
    assert len(await site.browser.requests("")) == 1


async def test_the_token_goes_nowhere_else(site: Site) -> None:
    """A picture from another site, fetched through the session, would bring that site the keys to the account."""
    await site.browser.open()
    await site.sign_in()
    await site.browser.every("forgetRequests")
    for elsewhere in ("https://evil.example/pixel", "//evil.example/profile/me"):
        await site.browser.tab(0, "fetch", path=elsewhere)
    assert [each["authorization"] for each in await site.browser.requests("")] == [None, None]
    assert await site.who(0) == "ada"
    assert (await site.browser.requests(ME))[-1]["authorization"].startswith("Bearer ")


async def test_signing_out_in_one_tab_signs_out_all(site: Site) -> None:
    """Whoever signs out at a shared computer would leave nineteen tabs open to the next."""
    await site.browser.open(TABS)
    await site.sign_in()
    await site.browser.every("token")
    assert await site.browser.tab(7, "signOut") is None
    await site.all_become("out")
    await site.browser.every("forgetRequests")
    answers = await site.browser.every("fetch", path=ME)
    assert {answer["status"] for answer in answers} == {401}
    assert [each for each in await site.browser.requests("") if each["authorization"] or each["path"] != ME] == []
    assert await site.sql.fetchval("select count(*) from sessions where revoked_at is null") == 0
    await site.sign_in("grace", tab=3)
    await site.all_become("in")
    assert [await site.who(tab) for tab in (3, 11)] == ["grace", "grace"], "the next person is in everywhere"


async def test_a_session_that_was_ended_elsewhere_ends_here(site: Site) -> None:
    """A tab would ask for ever for what it will not get, or look as if somebody were still signed in."""
    await site.browser.open(3)
    await site.sign_in()
    await site.browser.every("token")
    await site.sql.execute("update sessions set revoked_at = now()")
    assert [await site.who(tab) for tab in range(3)] == ["UNAUTHENTICATED"] * 3
    await site.all_become("out")
    await site.browser.every("forgetRequests")
    assert await site.browser.every("token") == [False] * 3
    assert await site.browser.requests("") == []


@pytest.mark.parametrize(
    ("fault", "wait_s"),
    [
        ({"path": "", "status": 0}, 1),
        ({"path": "refresh", "status": 503}, 1),
        ({"path": "refresh", "status": 429, "headers": {"retry-after": "40"}}, 40),
        ({"path": "refresh", "status": 200, "body": {"access_token": "a page of a hotel's network"}}, 1),
        ({"path": "refresh", "status": 403}, 1),
    ],
    ids=["offline", "busy", "limited", "captive", "forbidden"],
)
async def test_the_network_signs_nobody_out(site: Site, fault: dict[str, object], wait_s: float) -> None:
    """A tunnel, a restart of the server or a crowded hour would sign everybody out."""
    await site.browser.open(3)
    await site.sign_in()
    await site.browser.every("token")
    await site.browser.cut(fault)
    await site.browser.every("forgetRequests")
    await site.pass_by(TTL_S + 60)
    refused = await site.browser.every("fetch", path=ME)
    assert [each.get("error") for each in refused] == ["UNAVAILABLE"] * 3
    assert all(0 < each["retryAfterMs"] <= wait_s * 1000 for each in refused)
    assert set(await site.states()) == {"in"}
    assert len(await site.browser.requests("refresh")) <= 3, "each has asked once at most"
    await site.browser.cut()
    await site.pass_by(wait_s)
    assert [await site.who(tab) for tab in range(3)] == ["ada"] * 3
    assert (site.refreshes(), await site.renewals(), await site.reused()) == (1, 1, 0)


async def test_each_failure_waits_longer_than_the_last(site: Site) -> None:
    """A server that struggles would be kept down by the tabs of everybody who waits for it."""
    await site.browser.open()
    await site.sign_in()
    await site.browser.cut({"path": "refresh", "status": 503})
    await site.pass_by(TTL_S + 60)
    waits = []
    for _ in range(8):
        waits.append((await site.browser.tab(0, "token"))["retryAfterMs"])
        await site.browser.every("pass", ms=waits[-1] - 1)
        assert (await site.browser.tab(0, "token"))["retryAfterMs"] == pytest.approx(1, abs=0.01)
        await site.browser.every("pass", ms=1)
    assert len(await site.browser.requests("refresh")) <= 1 + 8
    assert waits[0] <= 1000
    assert 30_000 <= waits[-1] <= 60_000
    await site.browser.cut()
    await site.pass_by(60)
    assert await site.who(0) == "ada", "it tries again by itself"


async def test_tabs_of_two_accounts_do_not_mix(site: Site) -> None:
    """Somebody would read, or write, in the account of whoever signed in in the tab beside."""
    await site.browser.open(2)
    await site.sign_in("ada", tab=0)
    await site.browser.every("token")
    await site.browser.open(2)
    await site.sign_in("grace", tab=2)
    for _ in range(5):  # what one tab tells reaches the others a little later
        assert [await site.who(tab) for tab in range(4)] == ["ada", "ada", "grace", "grace"]
    await site.pass_by(TTL_S + 60)
    assert [await site.who(tab) for tab in range(4)] == ["SESSION_REPLACED"] * 2 + ["grace"] * 2
    assert await site.states() == ["replaced", "replaced", "in", "in"]
    await site.pass_by(TTL_S + 60)
    assert [await site.who(tab) for tab in (1, 3)] == ["SESSION_REPLACED", "grace"]
    assert await site.reused() == 0


async def test_a_tab_signs_out_its_own_account_alone(site: Site) -> None:
    """Whoever signs out in an old tab would throw out whoever signed in after them."""
    await site.browser.open(2)
    await site.sign_in("ada", tab=0)
    await site.sign_in("grace", tab=1)
    assert await site.browser.tab(0, "signOut") is None
    assert await site.states() == ["out", "in"]
    live = await site.sql.fetch(
        "select p.handle from sessions s join profiles p using (account_id) where s.revoked_at is null"
    )
    assert [row["handle"] for row in live] == ["grace"]
    assert await site.who(1) == "grace"


async def test_the_servers_word_that_a_session_has_ended_is_enough(site: Site) -> None:
    """A socket would hear that a thief was thrown out, and every tab go on until its next question."""
    await site.browser.open(3)
    await site.sign_in()
    await site.browser.every("token")
    await site.sql.execute("update sessions set revoked_at = now()")
    await site.browser.every("forgetRequests")
    await site.browser.tab(1, "ended")
    await site.all_become("out")
    assert [tab["wasEnded"] for tab in await site.browser.every("state")] == [True] * 3, "in words of its own"
    assert await site.browser.requests("") == [], "nobody had to ask"
    await site.sign_in("grace", tab=0)
    await site.all_become("in")
    assert await site.browser.tab(0, "signOut") is None
    await site.all_become("out")
    assert [tab["wasEnded"] for tab in await site.browser.every("state")] == [False] * 3


async def test_a_tab_hears_at_once_that_another_account_has_come(site: Site) -> None:
    """Somebody at the same computer would go on in an old tab, and their session lie about where nobody can end it."""
    await site.browser.open(2)
    await site.sign_in("ada", tab=0)
    await site.sign_in("grace", tab=1)
    async with asyncio.timeout(20):
        while "foreign" not in (await site.browser.tab(0, "state"))["states"]:
            pass
    await site.browser.tab(0, "abandon")
    assert await site.states() == ["replaced", "in"]
    assert await site.who(1) == "grace", "who has come is not thrown out with them"
    live = await site.sql.fetch(
        "select p.handle from sessions s join profiles p using (account_id) where s.revoked_at is null"
    )
    assert [row["handle"] for row in live] == ["grace"]


async def test_nobody_is_signed_out_before_the_server_says_so(site: Site) -> None:
    """A person would leave the library believing that they had signed out."""
    await site.browser.open(2)
    await site.sign_in()
    await site.browser.every("token")
    await site.browser.cut(OFFLINE)
    assert (await site.browser.tab(1, "signOut"))["error"] == "UNAVAILABLE"
    assert set(await site.states()) == {"in"}
    await site.browser.cut()
    assert await site.browser.tab(1, "signOut") is None
    await site.all_become("out")


async def test_a_page_is_guarded_and_leads_back(site: Site) -> None:
    """Whoever opens a link to their profile would end up on the first page after signing in."""
    await site.browser.open(2)
    standing = await site.browser.tab(0, "guard", path="/profile?tab=photo")
    assert (standing["signed_in"], standing["redirect_to"]) == (False, "/realtime?return_to=%2Fprofile%3Ftab%3Dphoto")
    assert (await site.browser.tab(0, "guard", path="//evil.example/"))["error"] == "BAD_PATH"
    await site.sign_in()
    standing = await site.browser.tab(0, "guard", path="/profile?tab=photo")
    assert (standing["redirect_to"], standing["user"]["handle"]) == (None, "ada")
    search = "?return_to=%2Fprofile%3Ftab%3Dphoto"
    assert await site.browser.tab(0, "destination", search=search) == "/profile?tab=photo"
    await site.browser.tab(1, "guard", path="/feed/7")
    await site.browser.open()
    assert (await site.browser.tab(2, "guard", path="/profile"))["user"]["handle"] == "ada", "by the cookie alone"
    await site.browser.cut(OFFLINE)
    assert (await site.browser.tab(0, "guard", path="/feed"))["error"] == "UNAVAILABLE"


async def test_where_one_was_going_is_remembered_once(site: Site) -> None:
    """A sign-in that leads over another site (GitHub) would forget where it came from, or always lead there."""
    await site.browser.open()
    await site.browser.tab(0, "guard", path="/feed/7")
    assert [await site.browser.tab(0, "destination", search="") for _ in range(2)] == ["/feed/7", "/feed"]


async def test_no_link_leads_from_the_sign_in_to_another_site(site: Site) -> None:
    """A mailed link to our own sign-in would end on a page that looks like it and asks for the password again."""
    await site.browser.open()
    for lure in (
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/x/..//evil.example/",
        "/.//evil.example/",
        "javascript:alert(1)",
        "/\t/evil.example",
        "",
        "feed",
    ):
        found = await site.browser.tab(0, "destination", search=f"?return_to={quote(lure)}")
        assert found == "/feed", lure


async def test_a_tab_of_one_account_notices_another_at_the_gate(site: Site) -> None:
    """A page would greet one person and show what belongs to another."""
    await site.browser.open(2)
    await site.sign_in("ada", tab=0)
    await site.sign_in("grace", tab=1)
    assert (await site.browser.tab(0, "guard", path="/profile"))["user"]["handle"] == "ada"
    await site.pass_by(TTL_S + 60)
    assert (await site.browser.tab(0, "guard", path="/profile"))["error"] == "SESSION_REPLACED"

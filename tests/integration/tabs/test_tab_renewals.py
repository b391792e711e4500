"""Many tabs, one session: renewed once for all of them, and never lost to the network."""

import asyncio

import pytest

from tests.integration.tabs.conftest import ME, TABS, TTL_S, Site


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
        await site.browser.pass_by(waits[-1] - 1)
        assert (await site.browser.tab(0, "token"))["retryAfterMs"] == pytest.approx(1, abs=0.01)
        await site.browser.pass_by(1)
    assert len(await site.browser.requests("refresh")) <= 1 + 8
    assert waits[0] <= 1000
    assert 30_000 <= waits[-1] <= 60_000
    await site.browser.cut()
    await site.pass_by(60)
    assert await site.who(0) == "ada", "it tries again by itself"

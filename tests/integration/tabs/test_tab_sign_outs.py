"""Many tabs, one session or two: who signs out, who is signed out, and that no two accounts mix."""

import asyncio

from tests.integration.tabs.conftest import ME, OFFLINE, TABS, TTL_S, Site


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
    # The socket of that tab may hear that its session has ended before the answer is there.
    await asyncio.gather(site.browser.tab(0, "abandon"), site.browser.tab(0, "ended"))
    assert await site.states() == ["replaced", "in"]
    assert "out" not in (await site.browser.tab(0, "state"))["states"], "it says that a stranger has ended the session"
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

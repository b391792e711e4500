"""A page asks whether it may be opened, and leads back to where one was going."""

from urllib.parse import quote

from tests.integration.tabs.conftest import OFFLINE, TTL_S, Site


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

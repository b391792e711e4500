"""Which pages of the web shell anybody may see, however their path is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.edge.page_list import Access, page_routes
from app.edge.paths import FACE_PAGE, SIGN_IN_PAGE, page_path
from app.errors import Code, Problem

READ_AS = {
    "/": "/",
    "/login": "/login",
    "/login/": "/login",
    "/realtime?return_to=%2Ffeed": "/realtime",
    "/facematch": "/facematch",
    "/%6Cogin": "/login",
    "/%2e%2e/login": "/login",
    "/feed/../login": "/login",
    "/./login": "/login",
    "/feed": "/feed",
    "/profile": "/profile",
    "/profile?tab=photo&x=%2F": "/profile",
    "/LOGIN": "/LOGIN",
    "/Login": "/Login",
    "/login/../feed": "/feed",
    "/login/%2e%2E/feed": "/feed",
    "/login/..": "/",
    "/..": "/",
    "/../../feed": "/feed",
    "/login/feed": "/login/feed",
    "/login;x=1": "/login;x=1",
    "/login%20": "/login%20",
    "/loginx": "/loginx",
    "/a:b/@c": "/a:b/@c",
    "/%E2%82%AC": "/%E2%82%AC",
    "/login..": "/login..",
    "/...": "/...",
}
NO_PATHS = (
    "",
    "login",
    "//evil.example",
    "//",
    "/feed//",
    "/feed//x",
    "/x/..//evil.example",
    "/.//evil.example",
    "/\\evil.example",
    "/%5Cevil.example",
    "/%2F%2Fevil.example",
    "/login%2F..%2Ffeed",
    "/login%2ffeed",
    "/%252e%252e/login",
    "/%zz",
    "/%",
    "/%2",
    "/login%00",
    "/login%0d%0aset-cookie:a=b",
    "/login%7f",
    "/%ff",
    "/%c0%ae%c0%ae/login",
    "/login\r\n",
    "/ login",
    "/login\t",
    "/lоgin",  # a Cyrillic letter
    "/login#feed",
    "https://id.example.org/login",
    "http:/login",
    "javascript:alert(1)",
    "javascript:/login",
    "data:,x",
    "?login",
    "/" + "x" * 2000,
    "/" + "%20" * 700,
)


@pytest.mark.parametrize(("written", "path"), READ_AS.items())
def test_a_path_is_read_as_a_browser_opens_it(written: str, path: str) -> None:
    """A protected page would open to everybody for whoever writes its path another way."""
    found = page_path(written, field="path")
    assert found.path == path
    assert found.access is (Access.PUBLIC if path in ("/", "/login", "/realtime", "/facematch") else Access.PROTECTED)
    assert page_path(str(found), field="path") == found, "the one form"


@pytest.mark.parametrize("written", NO_PATHS)
def test_what_readers_take_for_different_paths_is_refused(written: str) -> None:
    """The gate would judge one page and the browser open another, or another site."""
    with pytest.raises(Problem) as caught:
        page_path(written, field="path")
    assert (caught.value.code, caught.value.field) == (Code.BAD_USER_INPUT, "path")


def test_the_way_back_is_kept_whole() -> None:
    """Whoever signs in would come back to the page without what they had chosen on it."""
    found = page_path("/profile/?tab=a%26b&next=/x", field="path")
    assert str(found) == "/profile?tab=a%26b&next=/x"
    assert found.gate(by_face=True) == "/realtime?return_to=%2Fprofile%3Ftab%3Da%2526b%26next%3D%2Fx"
    assert found.gate(by_face=False).startswith("/login?return_to=%2Fprofile")


def test_client_and_server_read_one_list_of_pages() -> None:
    """Whoever opens a link to sign up, or from a mail, would be sent away to sign in; or be sent to no page at all."""
    access = {route.path: route.access for route in page_routes()}
    for public in ("/", "/login", "/realtime", "/facematch", "/signup", "/verify-email", "/reset", "/handoff"):
        assert page_path(public, field="path").access is access[public] is Access.PUBLIC, public
    for protected in ("/feed", "/profile", "/verify", "/settings"):
        assert page_path(protected, field="path").access is access[protected] is Access.PROTECTED, protected
    assert page_path("/people/ada", field="path").access is Access.PUBLIC
    assert page_path("/people/ada/x", field="path").access is Access.PROTECTED
    assert page_path("/settings/sessions", field="path").access is Access.PROTECTED
    assert page_path("/badge", field="path").access is Access.PROTECTED, "what is no page"
    assert {FACE_PAGE, SIGN_IN_PAGE} <= set(access), "people are sent to a page that is not there"


@given(st.text(alphabet="/.%2eEfF5cC0login\\#?:@ \t", max_size=24))
def test_no_spelling_leads_elsewhere(written: str) -> None:
    """A spelling that nobody thought of would be an open redirect, or a public page that is none."""
    try:
        found = page_path(f"/{written}", field="path")
    except Problem:
        return
    assert found.path == "/" or not any(part in ("", ".", "..") for part in found.path.split("/")[1:])
    assert "\\" not in found.path
    assert (found.access is Access.PUBLIC) == any(
        route.access is Access.PUBLIC and route.has(found.path) for route in page_routes()
    )
    assert page_path(str(found), field="path") == found

"""Cookies of a browser session and the check against cross-site requests."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from app.edge.cookies import DEVICE_BYTES, DeviceCookie, SessionCookies
from app.edge.csrf import Csrf
from app.edge.requests import Caller
from app.errors import Code, Problem
from app.ids import Ids
from app.origins import allowed_origins
from app.settings import Settings
from tests.own_secrets import OWN_SECRETS

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SESSION = UUID("019a0000-0000-7000-8000-000000000001")
OTHER_SESSION = UUID("019a0000-0000-7000-8000-000000000002")
HOME = "http://127.0.0.1:8000"
CALLER = Caller(
    request_id="r",
    ip=None,
    user_agent=None,
    origin=HOME,
    bearer=None,
    csrf_token=None,
    wants_token_in_body=False,
    cookies={},
)


def written(cookies: SessionCookies) -> list[str]:
    return cookies.write(
        session_id=SESSION,
        refresh_token="secret-token",
        csrf_token="n.mac",
        now=NOW,
        expires_at=NOW + timedelta(days=7),
    )


def test_the_refresh_cookie_is_out_of_reach() -> None:
    """A script injected into a page, a neighbouring sub-domain or plain http could take the session."""
    refresh, csrf = written(SessionCookies(secure=True))
    name, *attributes = refresh.split("; ")
    assert name == f"__Host-bonafide_refresh={SESSION}.secret-token"
    assert sorted(attributes) == ["HttpOnly", "Max-Age=604800", "Path=/", "SameSite=Lax", "Secure"]
    assert csrf == "__Host-bonafide_csrf=n.mac; Path=/; Max-Age=604800; SameSite=Lax; Secure"


def test_plain_names_are_for_loopback_only() -> None:
    """Browsers refuse __Host- cookies over http: nobody could try the program on their own machine."""
    assert all("__Host-" not in cookie and "Secure" not in cookie for cookie in written(SessionCookies(secure=False)))
    for url, secure in (("http://127.0.0.1:8000", False), ("https://id.example.org", True), ("http://id.lan", True)):
        assert Settings.from_environment({"PUBLIC_URL": url, **OWN_SECRETS}).secure_cookies is secure


def test_what_was_written_is_read() -> None:
    """The next refresh would find no session."""
    cookies = SessionCookies(secure=True)
    jar = dict(cookie.split(";")[0].split("=", 1) for cookie in written(cookies))
    session = cookies.read(jar)
    assert session is not None
    assert (session.session_id, session.refresh_token, session.csrf_token) == (SESSION, "secret-token", "n.mac")
    assert "secret-token" not in repr(session)


def test_signing_out_clears_both() -> None:
    """The next person at this computer would still be signed in."""
    for cookie in SessionCookies(secure=True).clear():
        assert "=; " in cookie
        assert "Max-Age=0" in cookie


@pytest.mark.parametrize(
    "value", ["", ".", "x.y", f"{SESSION}", f"{SESSION}.", ".token", "a" * 5000, f"{SESSION}." + "a" * 2000]
)
def test_a_cookie_not_of_our_making_is_no_session(value: str) -> None:
    """Anything can stand in a cookie; a crash here would answer 500 to every page view."""
    assert SessionCookies(secure=False).read({"bonafide_refresh": value}) is None


@pytest.fixture
def csrf() -> Csrf:
    return Csrf(keys=[b"new key"], origins=frozenset({HOME}), ids=Ids())


def refusal(csrf: Csrf, caller: Caller, *, session_id: UUID = SESSION, cookie: str | None = None) -> str | None:
    """The reason of the refusal, None when the request may pass."""
    try:
        csrf.check(caller, session_id=session_id, cookie_token=cookie)
    except Problem as problem:
        return problem.reason if problem.code is Code.FORBIDDEN else problem.code
    return None


def test_a_page_of_ours_passes(csrf: Csrf) -> None:
    """Nobody could stay signed in."""
    token = csrf.issue(SESSION)
    assert refusal(csrf, replace(CALLER, csrf_token=token), cookie=token) is None


def test_every_token_is_new(csrf: Csrf) -> None:
    """A token that repeats can be read out of compressed answers (BREACH)."""
    assert csrf.issue(SESSION) != csrf.issue(SESSION)


def test_another_site_is_refused(csrf: Csrf) -> None:
    """A page that a person merely visits could end or take over their session."""
    token = csrf.issue(SESSION)
    good = replace(CALLER, csrf_token=token)
    for origin in ("https://evil.example", "null", None, "http://127.0.0.1:8000.evil.example", "http://127.0.0.1"):
        assert refusal(csrf, replace(good, origin=origin), cookie=token) == "ORIGIN_NOT_ALLOWED"


def test_who_sends_no_origin_is_told_to(csrf: Csrf) -> None:
    """The author of a script with a cookie jar would search ALLOWED_ORIGINS for a page that there is not."""
    with pytest.raises(Problem, match="needs the Origin header"):
        csrf.check_origin(replace(CALLER, origin=None))
    with pytest.raises(Problem, match="ALLOWED_ORIGINS"):
        csrf.check_origin(replace(CALLER, origin="null"))


def test_the_header_must_repeat_the_sessions_own_token(csrf: Csrf) -> None:
    """A token planted by a neighbouring sub-domain, or read from another session, would open the door."""
    token, foreign = csrf.issue(SESSION), csrf.issue(OTHER_SESSION)
    changed = token[:-1] + ("0" if token[-1] != "0" else "1")
    cases = [
        (None, token),
        ("", ""),
        (token, None),
        (changed, token),
        (changed, changed),
        (foreign, foreign),
        (token, csrf.issue(SESSION)),
        (".", "."),
        ("é.ü", "é.ü"),
        ("a" * 10_000, "a" * 10_000),
    ]
    for header, cookie in cases:
        assert refusal(csrf, replace(CALLER, csrf_token=header), cookie=cookie) == "CSRF_TOKEN_WRONG", (header, cookie)


def test_a_rotated_key_still_verifies() -> None:
    """Everybody would be signed out of their browser when the operator rotates SECRET_KEY."""
    before = Csrf(keys=[b"old key"], origins=frozenset({HOME}), ids=Ids())
    after = Csrf(keys=[b"new key", b"old key"], origins=frozenset({HOME}), ids=Ids())
    without = Csrf(keys=[b"new key"], origins=frozenset({HOME}), ids=Ids())
    token = before.issue(SESSION)
    caller = replace(CALLER, csrf_token=token)
    assert refusal(after, caller, cookie=token) is None
    assert refusal(without, caller, cookie=token) == "CSRF_TOKEN_WRONG"


def test_allowed_origins_are_exact() -> None:
    """A look-alike origin would be trusted with people's sessions, or our own page would not."""
    settings = Settings.from_environment(
        {
            "PUBLIC_URL": "https://id.example.org",
            "ALLOWED_ORIGINS": "https://app.example.org, https://Two.example.org/",
            **OWN_SECRETS,
        }
    )
    assert allowed_origins(settings) == {
        "https://id.example.org",
        "https://app.example.org",
        "https://two.example.org",
    }


def test_development_takes_every_name_of_this_machine() -> None:
    """The tour in the README would fail for whoever types localhost."""
    assert allowed_origins(Settings.from_environment({})) == {
        "http://127.0.0.1:8000",
        "http://localhost:8000",
        "http://[::1]:8000",
    }


def test_a_device_is_known_by_an_id_of_our_making_only() -> None:
    """A planted or mangled cookie would pass for a device that somebody signed in on."""
    cookie = DeviceCookie(secure=True)
    device = Ids().token(DEVICE_BYTES)
    written = cookie.write(device)
    assert written.startswith(f"__Host-bonafide_device={device}; Path=/; Max-Age=34560000; SameSite=Lax")
    assert "HttpOnly" in written
    assert "Secure" in written
    assert cookie.read({cookie.name: device}) == device
    for other in ("", "x", device + "A", device[:-1] + "=", device[:-1] + " ", "ä" * 43):
        assert cookie.read({cookie.name: other}) is None
    assert cookie.read({"bonafide_device": device}) is None

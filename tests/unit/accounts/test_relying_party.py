"""On whose pages passkeys are made and used."""

import pytest

from app.accounts.relying_party import RelyingParty
from app.errors import Problem
from app.settings import Settings
from tests.own_secrets import OWN_SECRETS


def party(public_url: str, *allowed: str) -> RelyingParty:
    environment = {"PUBLIC_URL": public_url, **OWN_SECRETS}
    if allowed:
        environment["ALLOWED_ORIGINS"] = ",".join(allowed)
    return RelyingParty.of(Settings.from_environment(environment))


def refusal(of: RelyingParty, page: str | None) -> str | None:
    try:
        of.demand(page)
    except Problem as problem:
        return f"{problem.reason}: {problem.detail}"
    return None


def test_only_pages_of_the_host_and_below_it_are_ours() -> None:
    """A page of a look-alike host, listed for another purpose, could use people's passkeys."""
    ours = party(
        "https://ID.example.org:443/",
        "https://id.example.org",
        "https://app.id.example.org",
        "https://example.org",
        "https://other.example.org",
        "https://evil-id.example.org",
        "https://id.example.org.evil.example",
        "https://id.example.org:8443",
    )
    assert ours.id == "id.example.org"
    assert ours.origins == {
        "https://id.example.org",
        "https://app.id.example.org",
        "https://id.example.org:8443",
    }
    assert refusal(ours, "https://id.example.org") is None
    assert refusal(ours, "https://App.ID.example.org") is None
    assert refusal(ours, None) is None
    told = (
        "PASSKEYS_NOT_HERE: Passkeys of this server cannot be used on this page. Open https://id.example.org instead."
    )
    for page in ("https://example.org", "http://id.example.org", "https://x.id.example.org", "null", ""):
        assert refusal(ours, page) == told


@pytest.mark.parametrize("public_url", ["http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:8000"])
def test_on_this_machine_the_name_is_localhost(public_url: str) -> None:
    """Nobody could try passkeys out on their own machine, or would hear why not."""
    ours = RelyingParty.of(Settings.from_environment({"PUBLIC_URL": public_url}))
    assert (ours.id, ours.origins) == ("localhost", {"http://localhost:8000"})
    assert refusal(ours, "http://localhost:8000") is None
    assert "http://localhost:8000" in str(refusal(ours, "http://127.0.0.1:8000"))


@pytest.mark.parametrize("public_url", ["http://192.168.1.5:8000", "https://[2001:db8::1]"])
def test_an_address_has_no_passkeys(public_url: str) -> None:
    """Browsers would refuse with a word that nobody understands."""
    ours = party(public_url)
    assert ours.id is None
    for page in (None, public_url):
        assert "IP address" in str(refusal(ours, page))

"""What a page is told of the operator's decisions: enough for its buttons, and no secret."""

import re
from dataclasses import fields, replace
from urllib.parse import parse_qs, urlsplit

from app.edge.client_config import client_config
from app.settings import ProviderSettings, Settings
from tests.serving import Visitor


async def test_a_fresh_installation_offers_the_password_alone(visitor: Visitor) -> None:
    """A person would press a button that leads nowhere."""
    answer = await visitor.http.get("/client/config")
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert told["providers"] == []
    assert (told["passwordMinLength"], told["faceLogin"], told["outbox"]) == (8, "standalone", "/dev/outbox")
    assert re.fullmatch(told["handle"]["pattern"], "ada-lovelace_1")
    assert not re.fullmatch(told["handle"]["campusPattern"], "ada-lovelace")


def test_a_button_is_there_for_each_provider_that_is_set_up(settings: Settings) -> None:
    """Who has an account at a provider only could not sign in."""
    own = replace(
        settings,
        google=ProviderSettings(clients=("g-1", "g-2")),
        facebook=ProviderSettings(clients=("f-1",)),
        github_client_id="gh",
        github_client_secret="gh-secret",
    )
    told = client_config(own)["providers"]
    assert [(button["provider"], button["kind"]) for button in told] == [
        ("GOOGLE", "id_token"),
        ("FACEBOOK", "id_token"),
        ("GITHUB", "server"),
    ]
    google = urlsplit(told[0]["url"])
    assert google.hostname == "accounts.google.com"
    asked = {name: values[0] for name, values in parse_qs(google.query).items()}
    assert asked == {
        "client_id": "g-1",
        "response_type": "id_token",
        "response_mode": "fragment",
        "scope": "openid email profile",
    }


def test_linkedin_comes_through_auth0_and_an_issuer_of_ones_own_needs_an_address(settings: Settings) -> None:
    """A page would ask LinkedIn for what it gives to servers only, or send people to the wrong Google."""
    linked = ProviderSettings(clients=("l-1",))
    assert client_config(replace(settings, linkedin=linked))["providers"] == []
    through = replace(settings, linkedin=linked, auth0=ProviderSettings(clients=("a-1",), domain="x.example.org"))
    buttons = {button["provider"]: button["url"] for button in client_config(through)["providers"]}
    assert set(buttons) == {"GOOGLE", "FACEBOOK", "LINKEDIN", "GITHUB"}
    assert buttons["LINKEDIN"].startswith("https://x.example.org/authorize?client_id=a-1&")
    assert "connection=linkedin" in buttons["LINKEDIN"]
    self_hosted = ProviderSettings(
        clients=("g-1",), issuer="https://id.example.org", jwks_url="https://id.example.org/k"
    )
    assert client_config(replace(settings, google=self_hosted))["providers"] == []
    with_address = replace(self_hosted, authorize_url="https://id.example.org/auth?tenant=1")
    (button,) = client_config(replace(settings, google=with_address))["providers"]
    assert button["url"].startswith("https://id.example.org/auth?tenant=1&client_id=g-1&")


def test_linkedin_comes_by_our_own_server_where_it_has_a_secret(settings: Settings) -> None:
    """A person would be asked for trust in Auth0, or be sent to LinkedIn for a token that it never gives to a page."""
    own = ProviderSettings(clients=("l-1",), client_secret="SECRET", authorize_url="https://id.example.org/auth")
    auth0 = ProviderSettings(clients=("a-1",), domain="x.example.org")
    for known in (replace(settings, linkedin=own), replace(settings, linkedin=own, auth0=auth0)):
        told = client_config(known)["providers"]
        (button,) = [button for button in told if button["provider"] == "LINKEDIN"]
        assert button == {
            "provider": "LINKEDIN",
            "name": "LinkedIn",
            "kind": "server",
            "url": "auth/linkedin/login",
        }
        assert "SECRET" not in str(told)
        assert "SECRET" not in repr(known)


def test_no_secret_is_told(settings: Settings) -> None:
    """Whoever opens the sign-in page could sign tokens, or read the database."""
    secret = {field.name for field in fields(Settings) if not field.repr}
    known = {name: f"SECRET-{name}" for name in secret if isinstance(getattr(settings, name), str | None)}
    told = str(client_config(replace(settings, **known, github_client_id="gh")))  # type: ignore[arg-type]
    assert "SECRET" not in told

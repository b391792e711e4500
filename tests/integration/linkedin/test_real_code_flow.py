"""LINKEDIN at an issuer of the operator's own: a real OpenID provider (npm's oidc-provider), with PKCE and nonce.

Its tokens carry the real time, so the clock is the real one here.
"""

from collections.abc import AsyncIterator, Iterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from app.clock import Clock
from app.main import create_app
from app.settings import Settings
from app.wiring import Services, open_services
from tests.fakes import Mailbox
from tests.integration.linkedin.conftest import CALLBACK, Browser
from tests.node_peers import OpenIdProvider, openid_provider
from tests.openid import signing_key
from tests.serving import HOME, ME

SECRET = "a secret of the client, at this provider only"
CLIENT = {
    "client_id": "bonafide",
    "client_secret": SECRET,
    "token_endpoint_auth_method": "client_secret_post",
    "redirect_uris": [HOME + CALLBACK],
}
PEOPLE = {
    "ada": {"email": "ada@example.org", "email_verified": True, "name": "Ada Lovelace"},
    "bob": {"email": "ada@example.org", "email_verified": False, "name": "Bob"},
}


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIdProvider]:
    keys = [dict(signing_key("rsa-1").as_dict(private=True))]
    with openid_provider(keys=keys, clients=[CLIENT], people=PEOPLE) as running:
        yield running


def settings_with(settings: Settings, provider: OpenIdProvider, **more: str) -> Settings:
    environment = {
        "DATABASE_URL": settings.database_url or "",
        "REDIS_URL": settings.redis_url or "",
        "BONAFIDE_DATA": str(settings.data_dir),
        "PUBLIC_URL": HOME,
        "LINKEDIN_CLIENT_ID": "bonafide",
        "LINKEDIN_CLIENT_SECRET": SECRET,
        "LINKEDIN_ISSUER": provider.issuer,
        "LINKEDIN_JWKS_URL": provider.jwks_url,
        "LINKEDIN_AUTHORIZE_URL": f"{provider.issuer}/auth",
        "LINKEDIN_TOKEN_URL": f"{provider.issuer}/token",
    }
    return Settings.from_environment({**environment, **more})


@pytest.fixture
async def services(settings: Settings, provider: OpenIdProvider) -> AsyncIterator[Services]:
    async with open_services(settings_with(settings, provider), clock=Clock(), mailer=Mailbox()) as opened:
        yield opened


def browser_of(services: Services) -> Browser:
    return Browser(httpx.ASGITransport(app=create_app(services), client=("192.0.2.1", 4242)))


async def through(provider: OpenIdProvider, url: str, person: str) -> str:
    """Follows through the provider's own pages: the address to which that sends the browser back."""
    async with httpx.AsyncClient(base_url=provider.issuer, trust_env=False, timeout=30) as network:
        answer = await network.get(f"{url}&login_hint={person}")
        while not answer.headers["location"].startswith(HOME):
            answer = await network.get(answer.headers["location"])
    return answer.headers["location"]


async def sign_in(services: Services, provider: OpenIdProvider, person: str) -> tuple[Browser, dict[str, str]]:
    browser = browser_of(services)
    arrival = await browser.arrive(await through(provider, await browser.depart(), person))
    browser.access_token = arrival.told.get("access_token")
    return browser, arrival.told


async def test_a_person_comes_in_and_comes_again(services: Services, provider: OpenIdProvider) -> None:
    """What works with a LinkedIn of our own making might fail with a provider that keeps to the standard."""
    browser, told = await sign_in(services, provider, "ada")
    assert told["is_new_user"] == "true"
    me = (await browser.data(ME))["me"]
    assert (me["email"], me["emailVerified"], me["displayName"]) == ("ada@example.org", True, "Ada Lovelace")
    _, told = await sign_in(services, provider, "ada")
    assert told["is_new_user"] == "false"


async def test_an_address_that_is_not_proved_links_nothing(services: Services, provider: OpenIdProvider) -> None:
    """Bob, who only claims Ada's address at the provider, would be in her account."""
    await sign_in(services, provider, "ada")
    bob, told = await sign_in(services, provider, "bob")
    assert told["is_new_user"] == "true"
    assert (await bob.data(ME))["me"]["email"] is None


async def test_who_says_no_is_told_kindly(services: Services, provider: OpenIdProvider) -> None:
    """Saying no would end on an error page without a way back."""
    _, told = await sign_in(services, provider, "nobody")
    assert (told["error"], told["reason"]) == ("FORBIDDEN", "PROVIDER_DENIED")


async def test_a_stolen_unused_code_works_for_nobody_else(services: Services, provider: OpenIdProvider) -> None:
    """Whoever reads a code before its owner used it would be its owner: PKCE binds it to the browser that left."""
    victim, thief = browser_of(services), browser_of(services)
    stolen = await through(provider, await victim.depart(), "ada")
    own = await through(provider, await thief.depart(), "bob")
    code, mine = (parse_qs(urlsplit(url).query)["code"][0] for url in (stolen, own))
    arrival = await thief.arrive(own.replace(mine, code))
    assert (arrival.told["error"], arrival.told["reason"]) == ("UNAUTHENTICATED", "PROVIDER_CODE_REFUSED")
    assert not thief.session_cookies


async def test_a_token_of_another_way_is_refused_by_its_nonce(services: Services, provider: OpenIdProvider) -> None:
    """Where a provider forgets PKCE, a stolen code would still open the account: the nonce is the second bar."""
    asked = await browser_of(services).depart()
    nonce = parse_qs(urlsplit(asked).query)["nonce"][0]
    for other in (asked.replace(nonce, "of-somebody-else"), asked.replace(f"&nonce={nonce}", "")):
        browser = browser_of(services)
        own = await browser.depart()
        state, challenge = (parse_qs(urlsplit(own).query)[name][0] for name in ("state", "code_challenge"))
        theirs = parse_qs(urlsplit(other).query)
        mixed = other.replace(theirs["state"][0], state).replace(theirs["code_challenge"][0], challenge)
        arrival = await browser.arrive(await through(provider, mixed, "ada"))
        assert (arrival.told["error"], arrival.told["reason"]) == ("UNAUTHENTICATED", "INVALID_TOKEN")


async def test_a_wrong_secret_is_the_operators_to_mend(settings: Settings, provider: OpenIdProvider) -> None:
    """A person would be told to try again, for ever."""
    wrong = settings_with(settings, provider, LINKEDIN_CLIENT_SECRET="not this one")
    async with open_services(wrong, clock=Clock(), mailer=Mailbox()) as opened:
        _, told = await sign_in(opened, provider, "ada")
        assert (told["error"], told["reason"]) == ("BUSY", "PROVIDER_REFUSES_SERVER")

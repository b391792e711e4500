"""Tokens of a real OpenID provider (npm's oidc-provider): the whole code flow with PKCE, then socialLogin.

Its tokens carry the real time, so the clock is the real one here.
"""

import base64
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest
from joserfc.jwk import ECKey, RSAKey

from app.accounts.model import SignedIn
from app.clock import Clock
from app.errors import Code, Problem
from app.settings import ProviderSettings, Settings
from app.wiring import Services, open_services
from tests.fakes import Mailbox
from tests.integration.social.conftest import HOME
from tests.node_peers import OpenIdProvider, openid_provider
from tests.openid import base64url, signing_key

CLIENTS = (
    {"client_id": "by-rsa", "id_token_signed_response_alg": "RS256"},
    {"client_id": "by-curve", "id_token_signed_response_alg": "ES256"},
    {"client_id": "somebody-elses"},
)
PEOPLE = {
    "ada": {"email": "ada@example.org", "email_verified": True, "name": "Ada Lovelace"},
    "bob": {"email": "ada@example.org", "email_verified": False, "name": "Bob"},
}


def private(*keys: RSAKey | ECKey) -> list[dict[str, Any]]:
    return [dict(key.as_dict(private=True)) for key in keys]


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIdProvider]:
    keys = private(signing_key("rsa-1"), signing_key("ec-1", "EC"))
    with openid_provider(keys=keys, clients=CLIENTS, people=PEOPLE) as running:
        yield running


@pytest.fixture
async def services(settings: Settings, provider: OpenIdProvider) -> AsyncIterator[Services]:
    """GOOGLE, at an address of the operator's own."""
    google = ProviderSettings(clients=("by-rsa", "by-curve"), issuer=provider.issuer, jwks_url=provider.jwks_url)
    async with open_services(replace(settings, google=google), clock=Clock(), mailer=Mailbox()) as opened:
        yield opened


async def sign_in(services: Services, token: str, nonce: str | None = None) -> SignedIn:
    admission = await services.social.sign_in(provider="GOOGLE", id_token=token, nonce=nonce, origin=HOME)
    assert isinstance(admission, SignedIn)
    return admission


async def refused(services: Services, token: str, nonce: str | None = None) -> tuple[Code, str | None]:
    with pytest.raises(Problem) as caught:
        await sign_in(services, token, nonce)
    return caught.value.code, caught.value.reason


INVALID = (Code.UNAUTHENTICATED, "INVALID_TOKEN")


@pytest.mark.parametrize("client_id", ["by-rsa", "by-curve"])
async def test_a_person_comes_in_by_the_code_flow(services: Services, provider: OpenIdProvider, client_id: str) -> None:
    """What works with tokens of our own making might fail with a provider's."""
    signed_in = await sign_in(services, provider.sign_in("ada", client_id=client_id, nonce="n1"), "n1")
    assert signed_in.is_new
    assert (signed_in.viewer.email, signed_in.viewer.display_name) == ("ada@example.org", "Ada Lovelace")
    again = await sign_in(services, provider.sign_in("ada", client_id="by-rsa"))
    assert again.viewer.account_id == signed_in.viewer.account_id


async def test_an_unverified_address_does_not_link(services: Services, provider: OpenIdProvider) -> None:
    """Bob, who only claims Ada's address at the provider, would be in her account."""
    ada = await sign_in(services, provider.sign_in("ada", client_id="by-rsa"))
    bob = await sign_in(services, provider.sign_in("bob", client_id="by-rsa"))
    assert bob.viewer.account_id != ada.viewer.account_id
    assert bob.viewer.email is None


async def test_a_token_for_another_client_opens_nothing(services: Services, provider: OpenIdProvider) -> None:
    """Any other site at the same provider could sign in here as its visitors."""
    assert await refused(services, provider.sign_in("ada", client_id="somebody-elses")) == INVALID


async def test_a_wrong_nonce_opens_nothing(services: Services, provider: OpenIdProvider) -> None:
    """A token caught elsewhere could be slipped into a person's own sign-in."""
    token = provider.sign_in("ada", client_id="by-rsa", nonce="n1")
    assert await refused(services, token, "n2") == INVALID
    assert await refused(services, provider.sign_in("ada", client_id="by-rsa"), "n1") == INVALID


async def test_a_changed_token_opens_nothing(services: Services, provider: OpenIdProvider) -> None:
    """Whoever has one token could write another person's name into it."""
    header, body, signature = provider.sign_in("ada", client_id="by-rsa").split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    other = base64url(json.dumps({**claims, "sub": "grace"}).encode())
    unsigned = base64url(b'{"alg":"none","kid":"rsa-1"}')
    for forged in (f"{header}.{other}.{signature}", f"{unsigned}.{body}.", f"{unsigned}.{other}.{signature}"):
        assert await refused(services, forged) == INVALID


async def test_a_provider_that_rotates_its_keys_keeps_its_people(services: Services) -> None:
    """On the day a provider changes its keys nobody could sign in; a key it took back would still be good."""
    before, after = private(signing_key("rsa-1")), private(signing_key("rsa-2"))
    with openid_provider(keys=before, clients=CLIENTS, people=PEOPLE) as first:
        google = ProviderSettings(clients=("by-rsa",), issuer=first.issuer, jwks_url=first.jwks_url)
        async with open_services(replace(services.settings, google=google), clock=Clock(), mailer=Mailbox()) as rotated:
            await sign_in(rotated, first.sign_in("ada", client_id="by-rsa"))
            late = first.sign_in("ada", client_id="by-rsa")
            with_new_keys = openid_provider(keys=after, clients=CLIENTS, people=PEOPLE, before=first)
            first.stop()
            with with_new_keys as second:
                await sign_in(rotated, second.sign_in("ada", client_id="by-rsa"))
                assert await refused(rotated, late) == INVALID

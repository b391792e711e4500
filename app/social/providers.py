"""Providers of ID tokens as data: who issues them, for whom, signed how, and what their claims say of a person.

Documented values: Google "Authenticate with a backend server" (both forms of the issuer are in use), Facebook "OIDC
token for Limited Login", LinkedIn "Sign In using OpenID Connect" (its tokens and its discovery document name different
issuers), Firebase "Verify ID tokens using a third-party JWT library", Auth0 "Validate ID tokens".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from app.settings import Settings
from app.social.model import Provider

GOOGLE_ISSUERS = ("https://accounts.google.com", "accounts.google.com")
GOOGLE_JWKS = "https://www.googleapis.com/oauth2/v3/certs"
FACEBOOK_ISSUERS = ("https://www.facebook.com", "https://limited.facebook.com")
FACEBOOK_JWKS = "https://limited.facebook.com/.well-known/oauth/openid/jwks/"
LINKEDIN_ISSUERS = ("https://www.linkedin.com/oauth", "https://www.linkedin.com")
LINKEDIN_JWKS = "https://www.linkedin.com/oauth/openid/jwks"
FIREBASE_ISSUER = "https://securetoken.google.com/"
FIREBASE_JWKS = "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com"

PUBLISHED_ALGORITHMS = ("RS256",)
"""What all five sign with; a provider at an address of the operator's own may use ES256 too."""
OWN_ALGORITHMS = ("RS256", "ES256")

BROKERS = frozenset({Provider.FIREBASE, Provider.AUTH0})
"""Who signs people in by sending them to other providers, and says so in a token of their own."""

# How a broker's token names the provider that it sent the person to.
_THROUGH_FIREBASE = MappingProxyType(
    {
        Provider.GOOGLE: ("google.com",),
        Provider.FACEBOOK: ("facebook.com",),
        Provider.LINKEDIN: ("linkedin.com", "oidc.linkedin", "oidc.linkedin.com"),
        Provider.GITHUB: ("github.com",),
    }
)
_THROUGH_AUTH0 = MappingProxyType(
    {
        Provider.GOOGLE: ("google-oauth2",),
        Provider.FACEBOOK: ("facebook",),
        Provider.LINKEDIN: ("linkedin",),
        Provider.GITHUB: ("github",),
    }
)


@dataclass(frozen=True, kw_only=True)
class IdTokenProvider:
    """One issuer of ID tokens that the operator trusts.

    An identity is kept under the first of `issuers`, so that a person stays one whichever form their token names.
    """

    provider: Provider
    issuers: tuple[str, ...]
    audiences: tuple[str, ...]
    jwks_url: str
    algorithms: tuple[str, ...]
    says_true_in_words: bool = False
    """LinkedIn writes `"email_verified": "true"` into its tokens (logto-io/logto#6843) in place of a boolean (OpenID
    Connect Core 1.0, 5.1); else all its people would come without an address."""

    def vouches_through(self, wanted: Provider, claims: Mapping[str, Any]) -> bool:
        """Whether this provider's token stands for a sign-in at `wanted`: its own, or one that it brokered."""
        if wanted is self.provider:
            return True
        if self.provider is Provider.FIREBASE:
            return sign_in_provider(claims) in _THROUGH_FIREBASE.get(wanted, ())
        connection, bar, _ = str(claims.get("sub")).partition("|")
        return self.provider is Provider.AUTH0 and bool(bar) and connection in _THROUGH_AUTH0.get(wanted, ())


def sign_in_provider(claims: Mapping[str, Any]) -> str | None:
    """How the person of a Firebase token signed in: `google.com`, `password`, `anonymous`, …"""
    firebase = claims.get("firebase")
    named = firebase.get("sign_in_provider") if isinstance(firebase, dict) else None
    return named if isinstance(named, str) else None


def providers_from(settings: Settings) -> Mapping[Provider, IdTokenProvider]:
    """The providers that the settings name."""
    (project, *_), domain = settings.firebase.clients or ("",), settings.auth0.domain
    published = (
        (Provider.GOOGLE, settings.google, GOOGLE_ISSUERS, GOOGLE_JWKS),
        (Provider.FACEBOOK, settings.facebook, FACEBOOK_ISSUERS, FACEBOOK_JWKS),
        (Provider.LINKEDIN, settings.linkedin, LINKEDIN_ISSUERS, LINKEDIN_JWKS),
        (Provider.FIREBASE, settings.firebase, (f"{FIREBASE_ISSUER}{project}",), FIREBASE_JWKS),
        (Provider.AUTH0, settings.auth0, (f"https://{domain}/",), f"https://{domain}/.well-known/jwks.json"),
    )
    return MappingProxyType(
        {
            provider: IdTokenProvider(
                provider=provider,
                issuers=issuers if own.issuer is None else (own.issuer,),
                audiences=own.clients,
                jwks_url=own.jwks_url or jwks_url,
                algorithms=PUBLISHED_ALGORITHMS if own.issuer is None else OWN_ALGORITHMS,
                says_true_in_words=provider is Provider.LINKEDIN and own.issuer is None,
            )
            for provider, own, issuers, jwks_url in published
            if own.clients
        }
    )

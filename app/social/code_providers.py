"""OpenID providers that hand their ID tokens to servers only, against a code and a secret: each is a row of data.

LinkedIn, as its "Authorization Code Flow (3-legged OAuth)" and "Sign In with LinkedIn using OpenID Connect" say and
as others found:

- Its tokens carry no nonce, whatever is asked for (python-social-auth/social-core#833, authlib/authlib#763,
  linkedin-developers/linkedin-api-js-client#34). It is sent all the same, and compared should LinkedIn begin to echo
  it.
- A `code_verifier` beside a client secret makes the token endpoint answer `invalid_client` (nextauthjs/next-auth#8831);
  PKCE is for its native apps, which have no secret.
- A code that is used or too old, or comes from another address, is an `invalid_request` or `invalid_redirect_uri`
  with one text for all of it (d3xt3r2909/linkedin_login#75 and #77).
- Who says no is `user_cancelled_login` or `user_cancelled_authorize`.

An issuer of the operator's own is held to the standard: nonce and PKCE.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from app.settings import ProviderSettings, Settings
from app.social.model import Provider

_DENIED = frozenset({"access_denied"})
_CODE_REFUSED = frozenset({"invalid_grant"})


@dataclass(frozen=True, kw_only=True)
class CodeProvider:
    """Where a browser is sent, where its code is traded, and what this provider does in its own way."""

    provider: Provider
    client_id: str
    client_secret: str = field(repr=False)
    authorize_url: str
    token_url: str
    scope: str = "openid profile email"
    uses_pkce: bool = True
    echoes_nonce: bool = True
    denied: frozenset[str] = _DENIED
    code_refused: frozenset[str] = _CODE_REFUSED


CODE_PROVIDERS = (Provider.LINKEDIN,)
"""Those that have a way of their own through our server, set up or not."""


def code_providers_from(settings: Settings) -> Mapping[Provider, CodeProvider]:
    """Those that the operator set up, with a client and its secret."""
    return MappingProxyType({row.provider: row for row in _rows(settings)})


def _rows(settings: Settings) -> Iterator[CodeProvider]:
    own = settings.linkedin
    if own.clients and own.client_secret is not None:
        yield _linkedin(own, own.client_secret)


def _linkedin(own: ProviderSettings, secret: str) -> CodeProvider:
    is_linkedin_itself = own.issuer is None
    return CodeProvider(
        provider=Provider.LINKEDIN,
        client_id=own.clients[0],
        client_secret=secret,
        authorize_url=own.authorize_url or "https://www.linkedin.com/oauth/v2/authorization",
        token_url=own.token_url or "https://www.linkedin.com/oauth/v2/accessToken",
        uses_pkce=not is_linkedin_itself,
        echoes_nonce=not is_linkedin_itself,
        denied=_DENIED | {"user_cancelled_login", "user_cancelled_authorize"},
        code_refused=_CODE_REFUSED | ({"invalid_request", "invalid_redirect_uri"} if is_linkedin_itself else set()),
    )

"""GET /client/config: what the operator decided, as far as a page must know it. Public; it holds no secret."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from app.accounts.rules import CAMPUS_HANDLE_PATTERN, HANDLE_PATTERN
from app.edge import outbox_page
from app.edge.provider_routes import login_path
from app.profiles.limits import MAX_PHOTO_BYTES
from app.settings import ProviderSettings, Settings
from app.social.code_providers import code_providers_from
from app.social.model import Provider

if TYPE_CHECKING:
    from app.wiring import Services

PATH = "/client/config"
# What a page may ask for an ID token without a secret (OpenID Connect Core, 3.2). LinkedIn gives tokens to servers
# only: it is offered by our own server, which has a secret, or else through Auth0.
GOOGLE_AUTHORIZE = "https://accounts.google.com/o/oauth2/v2/auth"
FACEBOOK_AUTHORIZE = "https://www.facebook.com/dialog/oauth"
_CONNECTIONS = {"GOOGLE": "google-oauth2", "FACEBOOK": "facebook", "LINKEDIN": "linkedin", "GITHUB": "github"}
_NAMES = {"GOOGLE": "Google", "FACEBOOK": "Facebook", "LINKEDIN": "LinkedIn", "GITHUB": "GitHub"}


def routes(services: "Services") -> list[Route]:
    """GET /client/config."""
    told = client_config(services.settings)

    async def answer(_: Request) -> JSONResponse:
        return JSONResponse(told, headers={"cache-control": "no-store"})

    return [Route(PATH, answer, methods=["GET"])]


def client_config(settings: Settings) -> dict[str, Any]:
    """What a page is told."""
    return {
        "providers": [button for name in _NAMES if (button := _button(settings, name)) is not None],
        "faceLogin": settings.face_login,
        "passwordMinLength": settings.password_min_length,
        "handle": {"pattern": HANDLE_PATTERN, "campusPattern": CAMPUS_HANDLE_PATTERN},
        "maxPhotoBytes": MAX_PHOTO_BYTES,
        "outbox": outbox_page.PATH if outbox_page.is_offered(settings) else None,
    }


def _button(settings: Settings, provider: str) -> dict[str, str] | None:
    """How a page sends somebody to the provider: by our own server, at the provider itself, or through Auth0."""
    told = {"provider": provider, "name": _NAMES[provider]}
    if provider == "GITHUB" and settings.github_client_id is not None:
        return {**told, **_by_our_server(Provider.GITHUB)}
    if provider in code_providers_from(settings):
        return {**told, **_by_our_server(Provider(provider))}
    direct: Mapping[str, tuple[ProviderSettings, str | None]] = {
        "GOOGLE": (settings.google, GOOGLE_AUTHORIZE),
        "FACEBOOK": (settings.facebook, FACEBOOK_AUTHORIZE),
        "LINKEDIN": (settings.linkedin, None),
    }
    if provider in direct:
        own, published = direct[provider]
        address = own.authorize_url or (published if own.issuer is None else None)
        if own.clients and address is not None:
            return {**told, "kind": "id_token", "url": _authorize(address, own)}
    auth0 = settings.auth0
    address = auth0.authorize_url or (f"https://{auth0.domain}/authorize" if auth0.domain else None)
    if auth0.clients and address is not None:
        return {**told, "kind": "id_token", "url": _authorize(address, auth0, connection=_CONNECTIONS[provider])}
    return None


def _by_our_server(provider: Provider) -> dict[str, str]:
    return {"kind": "server", "url": login_path(provider).removeprefix("/")}


def _authorize(address: str, own: ProviderSettings, **more: str) -> str:
    """The address with everything in it but redirect_uri, state and nonce, which are the page's."""
    asked = {
        "client_id": own.clients[0],
        "response_type": "id_token",
        "response_mode": "fragment",
        "scope": "openid email profile",
        **more,
    }
    return f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}"

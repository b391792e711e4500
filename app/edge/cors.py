"""Which pages may talk to us: an exact allow-list of origins, used for CORS and for cookie-authenticated calls."""

from urllib.parse import urlsplit

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from app.settings import Settings

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_REQUEST_HEADERS = ("Authorization", "Content-Type", "X-CSRF-Token", "X-Token-Delivery")
_RESPONSE_HEADERS = ("Retry-After", "X-Request-Id")
_PREFLIGHT_S = 600


def allowed_origins(settings: Settings) -> frozenset[str]:
    """ALLOWED_ORIGINS and our own."""
    return own_origins(settings) | {origin.rstrip("/").lower() for origin in settings.allowed_origins}


def own_origins(settings: Settings) -> frozenset[str]:
    """That of PUBLIC_URL; in development on loopback, every loopback name of the same port."""
    own = urlsplit(settings.public_url)
    origins = {f"{own.scheme}://{own.netloc}".lower()}
    if not settings.production and own.hostname in ("127.0.0.1", "localhost", "::1"):
        port = f":{own.port}" if own.port else ""
        origins.update(f"{own.scheme}://{host}{port}" for host in _LOOPBACK)
    return frozenset(origins)


def cors(settings: Settings) -> Middleware:
    """Exact-match CORS with credentials; an origin that is not listed gets no permission header."""
    return Middleware(
        CORSMiddleware,
        allow_origins=sorted(allowed_origins(settings)),
        allow_methods=("GET", "POST", "PUT", "PATCH", "DELETE"),
        allow_headers=_REQUEST_HEADERS,
        expose_headers=_RESPONSE_HEADERS,
        allow_credentials=True,
        max_age=_PREFLIGHT_S,
    )

"""Cross-origin requests: which pages a browser lets read our answers."""

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from app.origins import allowed_origins
from app.settings import Settings

_REQUEST_HEADERS = ("Authorization", "Content-Type", "X-CSRF-Token", "X-Token-Delivery")
_RESPONSE_HEADERS = ("Retry-After", "X-Request-Id")
_PREFLIGHT_S = 600


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

"""The order in which every request is handled, outermost first."""

from typing import TYPE_CHECKING

from starlette.middleware import Middleware

from app.edge.cors import cors
from app.edge.headers import SecurityHeaders
from app.edge.problems import LastResort
from app.edge.requests import BodyLimit, RequestContext

if TYPE_CHECKING:
    from app.wiring import Services

DEFAULT_BODY_BYTES = 64 * 1024
# confirmLiveness carries a still and three step frames, each the base64 of at most 256 KiB: 1.4 MB.
GRAPHQL_BODY_BYTES = 2 * 1024 * 1024


def middleware(services: "Services", *, body_bytes_by_prefix: dict[str, int] | None = None) -> list[Middleware]:
    """For Starlette(middleware=…); `body_bytes_by_prefix` raises the body limit of further paths (local uploads)."""
    settings = services.settings
    return [
        Middleware(RequestContext, ids=services.ids, trust_forwarded_for=settings.trust_forwarded_for),
        Middleware(SecurityHeaders, production=settings.production),
        cors(settings),
        Middleware(LastResort),
        Middleware(
            BodyLimit,
            default_bytes=DEFAULT_BODY_BYTES,
            bytes_by_prefix={"/graphql": GRAPHQL_BODY_BYTES, **(body_bytes_by_prefix or {})},
        ),
    ]

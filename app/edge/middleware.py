"""The order in which every request is handled, outermost first."""

from typing import TYPE_CHECKING

from starlette.middleware import Middleware

from app.edge.cors import cors
from app.edge.headers import SecurityHeaders
from app.edge.problems import LastResort
from app.edge.requests import BodyBounds, BodyLimit, RequestContext

if TYPE_CHECKING:
    from app.wiring import Services

# Whoever sends a byte a minute would hold a connection and its memory for days.
BODY_WITHIN_S = 30.0
DEFAULT_BODY_BYTES = 64 * 1024
# A claim carries a still and three step frames, each the base64 of at most 256 KiB: 1.4 MB.
FRAMES_BODY_BYTES = 2 * 1024 * 1024
_WITH_FRAMES = ("/graphql", "/api/upload/verification")


def middleware(services: "Services", *, bodies_by_prefix: dict[str, BodyBounds] | None = None) -> list[Middleware]:
    """For Starlette(middleware=…); `bodies_by_prefix` bounds the bodies of further paths (local uploads)."""
    settings = services.settings
    return [
        Middleware(
            RequestContext,
            ids=services.ids,
            metrics=services.metrics,
            trust_forwarded_for=settings.trust_forwarded_for,
        ),
        Middleware(SecurityHeaders, production=settings.production),
        cors(settings),
        Middleware(LastResort),
        Middleware(
            BodyLimit,
            default=BodyBounds(max_bytes=DEFAULT_BODY_BYTES, within_s=BODY_WITHIN_S),
            by_prefix={
                **{path: BodyBounds(max_bytes=FRAMES_BODY_BYTES, within_s=BODY_WITHIN_S) for path in _WITH_FRAMES},
                **(bodies_by_prefix or {}),
            },
        ),
    ]

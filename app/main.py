"""The ASGI application: routes, middleware and lifespan over already wired services."""

import ctypes
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from app.edge import (
    client_config,
    client_files,
    embed,
    embed_page,
    health,
    liveness_policy,
    liveness_socket,
    metrics,
    not_found,
    outbox_page,
    provider_routes,
    web,
    well_known,
)
from app.edge.middleware import middleware
from app.edge.objects import ObjectRoutes
from app.edge.problems import exception_handlers
from app.edge.requests import BodyBounds
from app.edge.rest import routes as rest
from app.graphql.engine import GraphQLEngine
from app.graphql.handler import GraphQLHandler
from app.graphql.subscription_socket import SubscriptionSocket
from app.profiles.limits import MAX_PHOTO_BYTES
from app.settings import Settings
from app.storage import LocalStore
from app.wiring import Services, open_services

# Five megabytes over a poor mobile network (0.4 Mbit/s) take as long.
UPLOADS = BodyBounds(max_bytes=MAX_PHOTO_BYTES, within_s=120.0)


YOUNG_OBJECTS = 20_000
"""How many new objects set off a collection. Python's 700 is less than one request makes: 5 % of its time (perf)."""


def create_app(services: Services) -> Starlette:
    """The application over `services`, which the caller opened and will close."""
    graphql = GraphQLEngine.over(services)
    app = Starlette(
        routes=[
            Route("/graphql", GraphQLHandler(graphql)),
            WebSocketRoute("/graphql", SubscriptionSocket(graphql)),
            *liveness_socket.routes(services),
            *_local_objects(services),
            *rest.routes(services),
            *health.routes(services),
            *metrics.routes(services),
            *well_known.routes(services),
            *provider_routes.routes(services),
            *client_config.routes(services),
            *liveness_policy.routes(),
            *client_files.routes(),
            *outbox_page.routes(services),
            *embed.routes(),
            *embed_page.routes(services),
            *web.routes(services),
        ],
        middleware=middleware(services, bodies_by_prefix={"/objects/": UPLOADS}),
        exception_handlers={**exception_handlers(), 404: not_found.answer_not_found(services.settings.public_url)},
    )
    app.router.redirect_slashes = False  # not_found does it without naming a host
    return app


def _local_objects(services: Services) -> list[Route]:
    """Uploads and avatars over our own HTTP, where they are not on S3."""
    return ObjectRoutes(store=services.store).routes() if isinstance(services.store, LocalStore) else []


def application(settings: Settings, *, metrics_folder: Path | None = None) -> ASGIApp:
    """The whole server for one process: its lifespan opens the services that `settings` name and closes them."""
    return _Server(settings, metrics_folder)


class _Server:
    """Opens the services with the server's lifespan and closes them after the last request."""

    def __init__(self, settings: Settings, metrics_folder: Path | None) -> None:
        self._settings = settings
        self._metrics_folder = metrics_folder
        self._app: Starlette | None = None
        self._lifespan = Starlette(lifespan=self._open)

    @asynccontextmanager
    async def _open(self, _: Starlette) -> AsyncIterator[None]:
        async with open_services(self._settings, metrics_folder=self._metrics_folder) as services:
            self._app = create_app(services)
            _settle_memory()
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._lifespan if scope["type"] == "lifespan" else self._app
        assert app is not None, "the server calls lifespan before anything else"
        await app(scope, receive, send)


def _settle_memory() -> None:
    """Returns what loading left free in the heap: 46 MB, where the C library is glibc. The rest is never walked again.

    Schema, models and modules live as long as the process; without the freeze every full collection walks them all.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)

"""PostgreSQL, Redis, storage, mail and the small services on them, which every slice is built on."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from redis.asyncio import BlockingConnectionPool, Redis

from app.audit import AuditLog
from app.background import Background, Post
from app.clock import Clock
from app.database import Database
from app.events import AccountEvents
from app.ids import Ids
from app.mail import Mailer, mailer_from
from app.metrics import Metrics
from app.metrics_pages import MetricsPages
from app.outbox import Deliverer, Outbox, Webhook
from app.queries import QUERIES, Queries
from app.rate_limits import RateLimits
from app.secrets import Encryption
from app.settings import Settings
from app.storage import ObjectStore, store_from
from app.tokens import AccessTokens

REDIS_TIMEOUT_S = 3.0
REDIS_CONNECTIONS = 50


@dataclass(frozen=True, kw_only=True)
class Foundation:
    """What every slice stands on, opened."""

    settings: Settings
    clock: Clock
    ids: Ids
    database: Database
    redis: Redis
    limits: RateLimits
    access_tokens: AccessTokens
    audit: AuditLog
    metrics: Metrics
    metrics_pages: MetricsPages
    outbox: Outbox
    mailer: Mailer
    background: Background
    post: Post
    store: ObjectStore
    events: AccountEvents
    encryption: Encryption


async def open_foundation(
    stack: AsyncExitStack,
    settings: Settings,
    *,
    clock: Clock,
    ids: Ids,
    mailer: Mailer | None,
    metrics_folder: Path | None,
) -> Foundation:
    """Opens what `settings` name, onto `stack`. None of it needs its server to be there already."""
    metrics = Metrics()
    assert settings.database_url is not None, "serve starts the embedded services first"
    assert settings.redis_url is not None, "serve starts the embedded services first"
    database = Database(url=settings.database_url, queries=Queries.load(QUERIES))
    await database.open()
    stack.push_async_callback(database.close)
    redis = Redis.from_pool(
        # The plain pool refuses the 101st caller at once; this one lets a burst wait its turn.
        BlockingConnectionPool.from_url(
            settings.redis_url,
            max_connections=REDIS_CONNECTIONS,
            timeout=REDIS_TIMEOUT_S,
            socket_timeout=REDIS_TIMEOUT_S,
            socket_connect_timeout=REDIS_TIMEOUT_S,
        )
    )
    stack.push_async_callback(redis.aclose)
    events = AccountEvents(redis=redis)
    stack.push_async_callback(events.close)
    mailer = mailer or mailer_from(settings, clock=clock, ids=ids)
    await mailer.open()
    stack.push_async_callback(mailer.close)
    store = store_from(settings, clock=clock, ids=ids)
    await store.open()
    stack.push_async_callback(store.close)
    background = Background()
    stack.push_async_callback(background.close)
    post = Post(mailer=mailer, background=background)

    limits = RateLimits(redis=redis)
    access_tokens = AccessTokens(
        secret_keys=settings.secret_keys,
        algorithm=settings.token_alg,
        issuer=settings.public_url,
        clock=clock,
        ids=ids,
    )
    audit = AuditLog(database=database, clock=clock, ids=ids)
    outbox = Outbox(database=database, clock=clock, ids=ids)
    webhook = None
    if settings.webhook_url is not None:
        webhook = Webhook(url=settings.webhook_url, secrets=settings.webhook_secrets, clock=clock)
    deliverer = Deliverer(outbox=outbox, webhook=webhook, clock=clock)
    deliverer.open()
    stack.push_async_callback(deliverer.close)
    encryption = Encryption(keys=settings.encryption_keys, ids=ids)
    metrics.watch("database_connections_open", "Connections to PostgreSQL.", lambda: database.open_connections)
    metrics.watch("database_connections_idle", "Of them, those unused.", lambda: database.idle_connections)
    metrics_pages = MetricsPages(metrics, folder=metrics_folder)
    await stack.enter_async_context(metrics_pages.kept())
    return Foundation(
        settings=settings,
        clock=clock,
        ids=ids,
        database=database,
        redis=redis,
        limits=limits,
        access_tokens=access_tokens,
        audit=audit,
        metrics=metrics,
        metrics_pages=metrics_pages,
        outbox=outbox,
        mailer=mailer,
        background=background,
        post=post,
        store=store,
        events=events,
        encryption=encryption,
    )

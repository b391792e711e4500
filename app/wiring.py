"""The composition root: Settings become Services, opened in order and closed in reverse."""

import os
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from redis.asyncio import BlockingConnectionPool, Redis

from app.accounts.campuses import CampusService
from app.accounts.credentials import CredentialChanges
from app.accounts.email_proofs import EmailProofs
from app.accounts.entry import Entry
from app.accounts.erasure import Erasure
from app.accounts.handles import HandleReservations
from app.accounts.passwords import Passwords
from app.accounts.reauthentication import Reauthentication
from app.accounts.recovery import PasswordRecovery
from app.accounts.registration import RegistrationService
from app.accounts.second_factor_codes import SecondFactorCodes
from app.accounts.second_factor_store import SecondFactorStore
from app.accounts.second_factors import SecondFactors
from app.accounts.second_steps import SecondSteps
from app.accounts.service import AccountService
from app.accounts.session_watch import SessionWatch
from app.accounts.sessions import SessionService
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
from app.profiles.directory import Directory
from app.profiles.onboarding import Onboarding
from app.profiles.photos import PhotoService
from app.profiles.service import ProfileService
from app.queries import QUERIES, Queries
from app.rate_limits import RateLimits
from app.secrets import Encryption, derive_key
from app.settings import Settings
from app.social.bearer import BearerTokens
from app.social.github import GithubSignIn
from app.social.github_client import GithubApp, GithubClient
from app.social.github_pending import PendingSignIns
from app.social.id_tokens import IdTokens
from app.social.identities import Identities
from app.social.jwks import KeySets
from app.social.links import IdentityLinks
from app.social.providers import providers_from
from app.social.replays import TradedTokens
from app.social.service import SocialSignIn
from app.storage import ObjectStore, store_from
from app.tokens import AccessTokens
from app.verification.browser_claims import BrowserClaims
from app.verification.challenges import Challenges
from app.verification.faces import Faces
from app.verification.limits import FailureStreaks
from app.verification.photo_faces import PhotoFaces
from app.verification.service import VerificationService
from app.verification.store import VerificationStore
from app.verification.stream import LivenessStreams
from facecore.engine import DescriptorEngine, load_engine
from facecore.pool import FacePool
from liveness.challenge import ChallengeSigner
from liveness.landmarks import FaceCounter, GraphPool

REDIS_TIMEOUT_S = 3.0
REDIS_CONNECTIONS = 50
IDLE_GRAPHS = 2
"""Graphs kept loaded between streams: 28 MB each, and a new one takes only 30 ms."""
FACE_JOBS_WAITING = 256


@dataclass(frozen=True, kw_only=True)
class Services:
    """Everything an edge may call."""

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
    sessions: SessionService
    session_watch: SessionWatch
    events: AccountEvents
    handles: HandleReservations
    accounts: AccountService
    campuses: CampusService
    registration: RegistrationService
    email_proofs: EmailProofs
    second_factors: SecondFactors
    reauthentication: Reauthentication
    credentials: CredentialChanges
    recovery: PasswordRecovery
    erasure: Erasure
    identities: Identities
    github: GithubSignIn
    social: SocialSignIn
    bearer_tokens: BearerTokens
    photos: PhotoService
    profiles: ProfileService
    directory: Directory
    onboarding: Onboarding
    verification: VerificationService
    streams: LivenessStreams
    graphs: GraphPool
    face_pool: FacePool


@asynccontextmanager
async def open_services(
    settings: Settings,
    *,
    clock: Clock | None = None,
    ids: Ids | None = None,
    mailer: Mailer | None = None,
    engine: DescriptorEngine | None = None,
    metrics_folder: Path | None = None,
) -> AsyncIterator[Services]:
    """Opens what `settings` name. PostgreSQL, Redis, storage and mail may still be away: readiness says so.

    `metrics_folder` is where the workers of one server keep their figures for each other.
    """
    clock, ids, metrics = clock or Clock(), ids or Ids(), Metrics()
    async with AsyncExitStack() as stack:
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
        session_watch = SessionWatch(database=database, clock=clock)
        stack.push_async_callback(session_watch.close)
        mailer = mailer or mailer_from(settings, clock=clock, ids=ids)
        await mailer.open()
        stack.push_async_callback(mailer.close)
        store = store_from(settings, clock=clock, ids=ids)
        await store.open()
        stack.push_async_callback(store.close)
        background = Background()
        stack.push_async_callback(background.close)
        post = Post(mailer=mailer, background=background)

        # Frames have threads of their own: photos and browsers' claims take turns with them for a core, not for a
        # place in the queue, so that open streams keep their pace.
        frame_threads = ThreadPoolExecutor(max_workers=_cores(), thread_name_prefix="frames")
        stack.callback(frame_threads.shutdown)
        photo_threads = ThreadPoolExecutor(max_workers=_cores(), thread_name_prefix="photos")
        stack.callback(photo_threads.shutdown)
        engine = engine or load_engine(settings.face_engine, cache_dir=settings.data_dir / "models")
        pool = FacePool(engine=engine, workers=_cores(), max_waiting=FACE_JOBS_WAITING)
        stack.push_async_callback(pool.close)
        graphs = GraphPool(size=settings.liveness_max_streams, keep_idle=IDLE_GRAPHS)
        graphs.warm()
        stack.callback(graphs.close)
        counter = FaceCounter()
        stack.callback(counter.close)
        photo_faces = PhotoFaces()
        stack.callback(photo_faces.close)

        claims = BrowserClaims(
            counter=counter,
            allow_bare_stills=settings.liveness_allow_bare_stills,
            clock=clock,
        )
        stack.callback(claims.close)

        limits = RateLimits(redis=redis)
        access_tokens = AccessTokens(
            secret_keys=settings.secret_keys,
            algorithm=settings.token_alg,
            issuer=settings.public_url,
            clock=clock,
            ids=ids,
        )
        passwords = Passwords(
            memory_kib=settings.argon2_memory_kib,
            time_cost=settings.argon2_time_cost,
            parallelism=settings.argon2_parallelism,
            min_chars=settings.password_min_length,
            ids=ids,
        )
        stack.callback(passwords.close)
        audit = AuditLog(database=database, clock=clock, ids=ids)
        sessions = SessionService(
            database=database,
            access_tokens=access_tokens,
            secret_keys=settings.secret_keys,
            audit=audit,
            clock=clock,
            ids=ids,
        )
        outbox = Outbox(database=database, clock=clock, ids=ids)
        if settings.webhook_url is not None:
            webhook = Webhook(url=settings.webhook_url, secrets=settings.webhook_secrets, clock=clock)
            deliverer = Deliverer(outbox=outbox, webhook=webhook, clock=clock)
            deliverer.open()
            stack.push_async_callback(deliverer.close)
        encryption = Encryption(keys=settings.encryption_keys, ids=ids)
        steps = SecondSteps(redis=redis, queries=database.queries, clock=clock, ids=ids)
        entry = Entry(sessions=sessions, steps=steps, audit=audit)
        factor_store = SecondFactorStore(queries=database.queries, encryption=encryption)
        codes = SecondFactorCodes(
            database=database, store=factor_store, audit=audit, limits=limits, post=post, clock=clock
        )
        reauthentication = Reauthentication(
            database=database, passwords=passwords, codes=codes, audit=audit, limits=limits, clock=clock
        )
        second_factors = SecondFactors(
            database=database,
            store=factor_store,
            codes=codes,
            steps=steps,
            entry=entry,
            sessions=sessions,
            reauthentication=reauthentication,
            audit=audit,
            limits=limits,
            metrics=metrics,
            post=post,
            clock=clock,
            ids=ids,
            public_url=settings.public_url,
        )
        handles = HandleReservations(database=database, redis=redis, clock=clock, ids=ids)
        email_proofs = EmailProofs(
            database=database,
            redis=redis,
            audit=audit,
            limits=limits,
            metrics=metrics,
            post=post,
            secret_keys=settings.secret_keys,
            clock=clock,
            ids=ids,
            public_url=settings.public_url,
        )
        accounts = AccountService(
            database=database,
            sessions=sessions,
            entry=entry,
            audit=audit,
            background=background,
            passwords=passwords,
            limits=limits,
            metrics=metrics,
            handles=handles,
            email_proofs=email_proofs,
            clock=clock,
            ids=ids,
        )
        campuses = CampusService(database=database, clock=clock, ids=ids, with_subdomains=settings.campus_subdomains)
        registration = RegistrationService(
            database=database,
            campuses=campuses,
            handles=handles,
            email_proofs=email_proofs,
            audit=audit,
            passwords=passwords,
            limits=limits,
            metrics=metrics,
            post=post,
            clock=clock,
            ids=ids,
            public_url=settings.public_url,
        )
        identities = Identities(database=database, entry=entry, audit=audit, post=post, clock=clock, ids=ids)
        credentials = CredentialChanges(
            database=database,
            sessions=sessions,
            reauthentication=reauthentication,
            passwords=passwords,
            email_proofs=email_proofs,
            audit=audit,
            limits=limits,
            post=post,
            clock=clock,
        )
        recovery = PasswordRecovery(
            database=database,
            sessions=sessions,
            passwords=passwords,
            audit=audit,
            limits=limits,
            background=background,
            post=post,
            clock=clock,
            ids=ids,
            public_url=settings.public_url,
        )
        http = httpx.AsyncClient()
        stack.push_async_callback(http.aclose)
        key_sets = KeySets(http=http, clock=clock)
        stack.push_async_callback(key_sets.close)
        id_tokens = IdTokens(providers=providers_from(settings), key_sets=key_sets, clock=clock)
        links = IdentityLinks(
            database=database, sessions=sessions, identities=identities, audit=audit, post=post, clock=clock
        )
        social = SocialSignIn(
            id_tokens=id_tokens,
            traded=TradedTokens(redis=redis, clock=clock),
            identities=identities,
            links=links,
            reauthentication=reauthentication,
            limits=limits,
            metrics=metrics,
        )
        github_app = GithubApp.of(settings)
        github_client = None if github_app is None else GithubClient(app=github_app, clock=clock)
        if github_client is not None:
            stack.push_async_callback(github_client.close)
        github = GithubSignIn(
            client=github_client,
            pending=PendingSignIns(redis=redis, clock=clock),
            identities=identities,
            links=links,
            reauthentication=reauthentication,
            encryption=encryption,
            limits=limits,
            metrics=metrics,
            ids=ids,
        )
        bearer_tokens = BearerTokens(
            database=database,
            sessions=sessions,
            identities=identities,
            id_tokens=id_tokens,
            audit=audit,
            limits=limits,
            metrics=metrics,
            clock=clock,
        )
        erasure = Erasure(
            database=database,
            redis=redis,
            store=store,
            sessions=sessions,
            reauthentication=reauthentication,
            audit=audit,
            outbox=outbox,
            limits=limits,
            post=post,
            clock=clock,
        )
        erasure.open()
        stack.push_async_callback(erasure.close)
        verification_store = VerificationStore(database=database, encryption=encryption, audit=audit)
        verification = VerificationService(
            challenges=Challenges(
                signer=ChallengeSigner([derive_key(settings.liveness_secret, purpose="liveness-challenge")]),
                redis=redis,
                clock=clock,
                ids=ids,
                stream_url=_stream_url(settings),
            ),
            streaks=FailureStreaks(redis=redis),
            limits=limits,
            store=verification_store,
            claims=claims,
            pool=pool,
            audit=audit,
            events=events,
            threshold=settings.face_threshold,
            metrics=metrics,
            clock=clock,
        )
        photos = PhotoService(
            database=database,
            redis=redis,
            store=store,
            faces=Faces(photo_faces=photo_faces, pool=pool, executor=photo_threads),
            verification=verification_store,
            limits=limits,
            metrics=metrics,
            clock=clock,
            ids=ids,
            executor=photo_threads,
        )
        metrics.watch("face_pool_waiting", "Face jobs that no thread has taken up.", lambda: pool.waiting)
        metrics.watch("face_pool_running", "Face jobs on a thread.", lambda: pool.running)
        metrics.watch("database_connections_open", "Connections to PostgreSQL.", lambda: database.open_connections)
        metrics.watch("database_connections_idle", "Of them, those unused.", lambda: database.idle_connections)
        metrics_pages = MetricsPages(metrics, folder=metrics_folder)
        await stack.enter_async_context(metrics_pages.kept())
        profiles = ProfileService(
            database=database,
            reservations=handles,
            audit=audit,
            limits=limits,
            metrics=metrics,
            clock=clock,
        )
        yield Services(
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
            sessions=sessions,
            session_watch=session_watch,
            events=events,
            handles=handles,
            accounts=accounts,
            campuses=campuses,
            registration=registration,
            email_proofs=email_proofs,
            second_factors=second_factors,
            reauthentication=reauthentication,
            credentials=credentials,
            recovery=recovery,
            erasure=erasure,
            identities=identities,
            github=github,
            social=social,
            bearer_tokens=bearer_tokens,
            photos=photos,
            profiles=profiles,
            directory=Directory(database=database, limits=limits),
            onboarding=Onboarding(database=database, campuses=campuses, outbox=outbox, limits=limits, clock=clock),
            verification=verification,
            graphs=graphs,
            streams=LivenessStreams(
                service=verification, graphs=graphs, counter=counter, metrics=metrics, executor=frame_threads
            ),
            face_pool=pool,
        )


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _stream_url(settings: Settings) -> str:
    scheme, _, rest = settings.public_url.partition("://")
    return f"{'wss' if scheme == 'https' else 'ws'}://{rest}/liveness/stream"

"""The composition root: Settings become Services, slice by slice, opened in order and closed in reverse."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from redis.asyncio import Redis

from app.accounts.alarms import Alarms
from app.accounts.campuses import CampusService
from app.accounts.credentials import CredentialChanges
from app.accounts.devices import DeviceNames
from app.accounts.email_proofs import EmailProofs
from app.accounts.erasure import Erasure
from app.accounts.handles import HandleReservations
from app.accounts.not_me import NotMe
from app.accounts.passkey_proofs import PasskeyProofs
from app.accounts.passkeys import Passkeys
from app.accounts.reauthentication import Reauthentication
from app.accounts.recovery import PasswordRecovery
from app.accounts.registration import RegistrationService
from app.accounts.second_factors import SecondFactors
from app.accounts.service import AccountService
from app.accounts.session_watch import SessionWatch
from app.accounts.sessions import SessionService
from app.accounts.wiring import wire_accounts
from app.audit import AuditLog
from app.background import Background, Post
from app.clock import Clock
from app.database import Database
from app.events import AccountEvents
from app.faces.enrolment import Enrolment
from app.faces.entrance import FaceEntrance
from app.faces.gallery import Gallery
from app.faces.purposes import Purposes
from app.faces.sign_in import FaceSignIn
from app.faces.wiring import wire_faces
from app.foundation import open_foundation
from app.geoip import Places
from app.ids import Ids
from app.mail import Mailer
from app.metrics import Metrics
from app.metrics_pages import MetricsPages
from app.outbox import Outbox
from app.profiles.directory import Directory
from app.profiles.onboarding import Onboarding
from app.profiles.photos import PhotoService
from app.profiles.service import ProfileService
from app.profiles.wiring import wire_profiles
from app.rate_limits import RateLimits
from app.settings import Settings
from app.social.bearer import BearerTokens
from app.social.code_sign_in import CodeSignIn
from app.social.github import GithubSignIn
from app.social.identities import Identities
from app.social.model import Provider
from app.social.service import SocialSignIn
from app.social.wiring import wire_social
from app.storage import ObjectStore
from app.tokens import AccessTokens
from app.verification.attempts import Attempts
from app.verification.handoffs import Handoffs
from app.verification.service import VerificationService
from app.verification.stream import LivenessStreams
from app.verification.wiring import wire_verification
from facecore.engine import DescriptorEngine
from facecore.pool import FacePool
from liveness.graph_pool import GraphPool


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
    passkeys: Passkeys
    passkey_proofs: PasskeyProofs
    reauthentication: Reauthentication
    credentials: CredentialChanges
    recovery: PasswordRecovery
    not_me: NotMe
    alarms: Alarms
    device_names: DeviceNames
    places: Places
    erasure: Erasure
    identities: Identities
    github: GithubSignIn
    code_sign_ins: Mapping[Provider, CodeSignIn]
    social: SocialSignIn
    bearer_tokens: BearerTokens
    photos: PhotoService
    profiles: ProfileService
    directory: Directory
    onboarding: Onboarding
    attempts: Attempts
    verification: VerificationService
    streams: LivenessStreams
    graphs: GraphPool
    face_pool: FacePool
    gallery: Gallery
    face_sign_in: FaceSignIn
    face_entrance: FaceEntrance
    enrolment: Enrolment
    handoffs: Handoffs
    purposes: Purposes


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
    async with AsyncExitStack() as stack:
        base = await open_foundation(
            stack, settings, clock=clock or Clock(), ids=ids or Ids(), mailer=mailer, metrics_folder=metrics_folder
        )
        verification = wire_verification(stack, base, engine=engine)
        accounts = wire_accounts(stack, base)
        social = wire_social(stack, base, accounts)
        profiles = wire_profiles(base, accounts, verification)
        faces = wire_faces(base, accounts, verification, profiles)
        yield Services(
            settings=base.settings,
            clock=base.clock,
            ids=base.ids,
            database=base.database,
            redis=base.redis,
            limits=base.limits,
            access_tokens=base.access_tokens,
            audit=base.audit,
            metrics=base.metrics,
            metrics_pages=base.metrics_pages,
            outbox=base.outbox,
            mailer=base.mailer,
            background=base.background,
            post=base.post,
            store=base.store,
            sessions=accounts.sessions,
            session_watch=accounts.session_watch,
            events=base.events,
            handles=accounts.handles,
            accounts=accounts.accounts,
            campuses=accounts.campuses,
            registration=accounts.registration,
            email_proofs=accounts.email_proofs,
            second_factors=accounts.second_factors,
            passkeys=accounts.passkeys,
            passkey_proofs=accounts.passkey_proofs,
            reauthentication=accounts.reauthentication,
            credentials=accounts.credentials,
            recovery=accounts.recovery,
            not_me=accounts.not_me,
            alarms=accounts.alarms,
            device_names=accounts.device_names,
            places=accounts.places,
            erasure=accounts.erasure,
            identities=social.identities,
            github=social.github,
            code_sign_ins=social.code_sign_ins,
            social=social.social,
            bearer_tokens=social.bearer_tokens,
            photos=profiles.photos,
            profiles=profiles.profiles,
            directory=profiles.directory,
            onboarding=profiles.onboarding,
            attempts=verification.attempts,
            verification=verification.verification,
            streams=verification.streams,
            graphs=verification.graphs,
            face_pool=verification.face_pool,
            gallery=faces.gallery,
            face_sign_in=faces.face_sign_in,
            face_entrance=faces.face_entrance,
            enrolment=faces.enrolment,
            handoffs=faces.handoffs,
            purposes=faces.purposes,
        )

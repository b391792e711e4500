"""The accounts slice on real PostgreSQL and Redis, wired as the product wires it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import BlockingConnectionPool, Redis

from app.accounts.alarms import Alarms
from app.accounts.campuses import CampusService
from app.accounts.credentials import CredentialChanges
from app.accounts.devices import DeviceNames
from app.accounts.email_proofs import EmailProofs
from app.accounts.entry import Entry
from app.accounts.erasure import Erasure
from app.accounts.failure_bursts import FailureBursts
from app.accounts.handles import HandleReservations
from app.accounts.model import Origin, SignedIn, SignInMethod
from app.accounts.not_me import NotMe
from app.accounts.passwords import Passwords
from app.accounts.reauthentication import Reauthentication
from app.accounts.recovery import PasswordRecovery
from app.accounts.registration import RegistrationService
from app.accounts.repeats import RepeatedRegistrations
from app.accounts.second_factor_codes import SecondFactorCodes
from app.accounts.second_factor_store import SecondFactorStore
from app.accounts.second_factors import SecondFactors
from app.accounts.second_steps import SecondSteps
from app.accounts.service import AccountService
from app.accounts.sessions import SessionService
from app.accounts.sightings import Sightings
from app.audit import AuditEvent, AuditLog
from app.background import Background, Post
from app.database import Database, Transaction
from app.geoip import Places
from app.ids import Ids
from app.mail import Mail
from app.metrics import Metrics
from app.outbox import Outbox
from app.queries import Queries
from app.rate_limits import RateLimits
from app.secrets import Encryption
from app.settings import Settings
from app.storage import ObjectStore, store_from
from app.tokens import AccessTokens
from tests.fakes import FixedClock, Mailbox

PASSWORD = "correct mule battery paperclip"
QUERIES = Path(__file__).parents[3] / "sql" / "queries"
HOME = Origin(ip="192.0.2.1", user_agent="Firefox/150")


@dataclass(frozen=True, kw_only=True)
class Slice:
    """What a test of accounts touches; `sql` is a connection of the test's own."""

    accounts: AccountService
    entry: Entry
    second_factors: SecondFactors
    codes: SecondFactorCodes
    alarms: Alarms
    sightings: Sightings
    places: Places
    device_names: DeviceNames
    background: Background
    post: Post
    audit: AuditLog
    sessions: SessionService
    handles: HandleReservations
    campuses: CampusService
    email_proofs: EmailProofs
    reauthentication: Reauthentication
    credentials: CredentialChanges
    recovery: PasswordRecovery
    not_me: NotMe
    erasure: Erasure
    store: ObjectStore
    passwords: Passwords
    database: Database
    access_tokens: AccessTokens
    limits: RateLimits
    redis: Redis
    clock: FixedClock
    mailbox: Mailbox
    ids: Ids
    settings: Settings
    sql: asyncpg.Connection

    async def signup(self, name: str = "ada", *, origin: Origin = HOME) -> SignedIn:
        """A new person, `name`@example.org, who has got their letter."""
        signed_in = await self.accounts.signup(
            email=f"{name}@example.org", password=PASSWORD, username=name, display_name=name.title(), origin=origin
        )
        await self.background.settled()
        return signed_in

    async def letters(self) -> list[Mail]:
        """Everything that was sent, once nothing is under way."""
        await self.background.settled()
        return self.mailbox.sent

    def accounts_with(self, *, limits: RateLimits | None = None, passwords: Passwords | None = None) -> AccountService:
        """The same service with one part exchanged."""
        return AccountService(
            database=self.database,
            sessions=self.sessions,
            entry=self.entry,
            audit=self.audit,
            alarms=self.alarms,
            background=self.background,
            passwords=passwords or self.passwords,
            limits=limits or self.limits,
            metrics=Metrics(),
            handles=self.handles,
            email_proofs=self.email_proofs,
            clock=self.clock,
            ids=self.ids,
        )

    def email_proofs_with(
        self, *, post: Post | None = None, limits: RateLimits | None = None, redis: Redis | None = None
    ) -> EmailProofs:
        """The same service with one part exchanged."""
        return EmailProofs(
            database=self.database,
            redis=redis or self.redis,
            recovery=self.recovery,
            audit=self.audit,
            limits=limits or self.limits,
            metrics=Metrics(),
            post=post or self.post,
            secret_keys=self.settings.secret_keys,
            clock=self.clock,
            ids=self.ids,
            public_url=self.settings.public_url,
        )

    def registration(self, *, database: Database | None = None) -> RegistrationService:
        """Registration at a campus, on a database of its own where one is given."""
        return RegistrationService(
            database=database or self.database,
            campuses=self.campuses,
            handles=self.handles,
            repeats=RepeatedRegistrations(redis=self.redis, secret_keys=self.settings.secret_keys),
            email_proofs=self.email_proofs,
            audit=self.audit,
            passwords=self.passwords,
            limits=self.limits,
            metrics=Metrics(),
            post=self.post,
            clock=self.clock,
            ids=self.ids,
            public_url=self.settings.public_url,
        )

    async def another_session(
        self, signed_in: SignedIn, *, method: SignInMethod = SignInMethod.PASSWORD, origin: Origin = HOME
    ) -> SignedIn:
        """One more device of the same person, without the cost and the limits of a sign-in."""
        account_id = signed_in.viewer.account_id

        async def work(tx: Transaction) -> SignedIn:
            await tx.scalar(self.database.queries.account_lock, account_id=account_id)
            opened = await self.sessions.open(
                tx,
                account_id=account_id,
                method=method,
                origin=origin,
                event=AuditEvent.SIGNED_IN,
                second_factor_proved=True,
            )
            assert opened is not None
            return self.sessions.signed_in(opened)

        return await self.database.transact(work)

    async def events(self) -> list[str]:
        """What the audit log tells, oldest first."""
        return [row["event"] for row in await self.sql.fetch("select event from audit_events order by id")]

    async def live_tokens(self) -> int:
        """Refresh tokens that would still be taken."""
        count: int = await self.sql.fetchval(
            "select count(*) from refresh_tokens t join sessions s on s.id = t.session_id "
            "where s.revoked_at is null and s.expires_at > $1 and t.used_at is null and t.expires_at > $1",
            self.clock.now(),
        )
        return count


@pytest.fixture
async def world(settings: Settings, clock: FixedClock, mailbox: Mailbox, ids: Ids) -> AsyncIterator[Slice]:
    """The slice on a database of the test's own."""
    assert settings.database_url is not None
    assert settings.redis_url is not None
    database = Database(url=settings.database_url, queries=Queries.load(QUERIES))
    await database.open()
    redis = Redis.from_pool(BlockingConnectionPool.from_url(settings.redis_url, max_connections=20))
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
    audit = AuditLog(database=database, clock=clock, ids=ids)
    background = Background()
    post = Post(mailer=mailbox, background=background)
    places, device_names = Places.open(settings.geoip_file), DeviceNames()
    alarms = Alarms(
        database=database,
        audit=audit,
        bursts=FailureBursts(redis=redis, clock=clock),
        limits=limits,
        post=post,
        places=places,
        device_names=device_names,
        clock=clock,
        ids=ids,
        public_url=settings.public_url,
    )
    sightings = Sightings(places=places, alarms=alarms, clock=clock)
    sessions = SessionService(
        database=database,
        access_tokens=access_tokens,
        secret_keys=settings.secret_keys,
        audit=audit,
        alarms=alarms,
        sightings=sightings,
        clock=clock,
        ids=ids,
    )
    steps = SecondSteps(redis=redis, queries=database.queries, clock=clock, ids=ids)
    entry = Entry(sessions=sessions, steps=steps)
    factor_store = SecondFactorStore(
        queries=database.queries, encryption=Encryption(keys=settings.encryption_keys, ids=ids)
    )
    codes = SecondFactorCodes(
        database=database, store=factor_store, audit=audit, alarms=alarms, limits=limits, post=post, clock=clock
    )
    reauthentication = Reauthentication(
        database=database,
        sessions=sessions,
        passwords=passwords,
        codes=codes,
        audit=audit,
        alarms=alarms,
        limits=limits,
        clock=clock,
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
        alarms=alarms,
        limits=limits,
        metrics=Metrics(),
        post=post,
        clock=clock,
        ids=ids,
        public_url=settings.public_url,
    )
    handles = HandleReservations(database=database, redis=redis, clock=clock, ids=ids)
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
        face_login=settings.face_login != "off",
    )
    email_proofs = EmailProofs(
        database=database,
        redis=redis,
        recovery=recovery,
        audit=audit,
        limits=limits,
        metrics=Metrics(),
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
        alarms=alarms,
        background=background,
        passwords=passwords,
        limits=limits,
        metrics=Metrics(),
        handles=handles,
        email_proofs=email_proofs,
        clock=clock,
        ids=ids,
    )
    store = store_from(settings, clock=clock, ids=ids)
    await store.open()
    sql = await asyncpg.connect(settings.database_url.replace("postgresql+asyncpg://", "postgresql://", 1))
    yield Slice(
        accounts=accounts,
        entry=entry,
        second_factors=second_factors,
        codes=codes,
        alarms=alarms,
        sightings=sightings,
        places=places,
        device_names=device_names,
        background=background,
        post=post,
        audit=audit,
        sessions=sessions,
        handles=handles,
        campuses=CampusService(database=database, clock=clock, ids=ids),
        email_proofs=email_proofs,
        reauthentication=reauthentication,
        credentials=CredentialChanges(
            database=database,
            sessions=sessions,
            reauthentication=reauthentication,
            passwords=passwords,
            email_proofs=email_proofs,
            audit=audit,
            limits=limits,
            post=post,
            clock=clock,
        ),
        recovery=recovery,
        not_me=NotMe(database=database, sessions=sessions, recovery=recovery, audit=audit, limits=limits, clock=clock),
        erasure=Erasure(
            database=database,
            redis=redis,
            store=store,
            sessions=sessions,
            reauthentication=reauthentication,
            audit=audit,
            outbox=Outbox(database=database, clock=clock, ids=ids),
            limits=limits,
            post=post,
            clock=clock,
        ),
        store=store,
        passwords=passwords,
        database=database,
        access_tokens=access_tokens,
        limits=limits,
        redis=redis,
        clock=clock,
        mailbox=mailbox,
        ids=ids,
        settings=settings,
        sql=sql,
    )
    await background.settled()
    await sql.close()
    passwords.close()
    await redis.aclose()
    await database.close()
    places.close()

"""The accounts slice, put together."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from app.accounts.alarms import Alarms
from app.accounts.campuses import CampusService
from app.accounts.credentials import CredentialChanges
from app.accounts.devices import DeviceNames
from app.accounts.email_proofs import EmailProofs
from app.accounts.entry import Entry
from app.accounts.erasure import Erasure
from app.accounts.failure_bursts import FailureBursts
from app.accounts.handles import HandleReservations
from app.accounts.not_me import NotMe
from app.accounts.passkey_challenges import PasskeyChallenges
from app.accounts.passkey_proofs import PasskeyProofs
from app.accounts.passkey_uses import PasskeyUses
from app.accounts.passkeys import Passkeys
from app.accounts.passwords import Passwords
from app.accounts.reauthentication import Reauthentication
from app.accounts.recovery import PasswordRecovery
from app.accounts.registration import RegistrationService
from app.accounts.relying_party import RelyingParty
from app.accounts.repeats import RepeatedRegistrations
from app.accounts.second_factor_codes import SecondFactorCodes
from app.accounts.second_factor_store import SecondFactorStore
from app.accounts.second_factors import SecondFactors
from app.accounts.second_steps import SecondSteps
from app.accounts.service import AccountService
from app.accounts.session_watch import SessionWatch
from app.accounts.sessions import SessionService
from app.accounts.sightings import Sightings
from app.accounts.sign_in_codes import SignInCodes
from app.foundation import Foundation
from app.geoip import Places


@dataclass(frozen=True, kw_only=True)
class AccountServices:
    """The services of the accounts slice."""

    sessions: SessionService
    session_watch: SessionWatch
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
    erasure: Erasure
    entry: Entry
    sign_in_codes: SignInCodes
    not_me: NotMe
    alarms: Alarms
    device_names: DeviceNames
    places: Places


def wire_accounts(stack: AsyncExitStack, base: Foundation) -> AccountServices:
    """Builds them; what needs closing goes onto `stack`."""
    settings = base.settings
    session_watch = SessionWatch(database=base.database, clock=base.clock)
    stack.push_async_callback(session_watch.close)
    passwords = Passwords(
        memory_kib=settings.argon2_memory_kib,
        time_cost=settings.argon2_time_cost,
        parallelism=settings.argon2_parallelism,
        min_chars=settings.password_min_length,
        ids=base.ids,
    )
    stack.callback(passwords.close)
    places, device_names = Places.open(settings.geoip_file), DeviceNames()
    stack.callback(places.close)
    alarms = Alarms(
        database=base.database,
        audit=base.audit,
        bursts=FailureBursts(redis=base.redis, clock=base.clock),
        limits=base.limits,
        post=base.post,
        places=places,
        device_names=device_names,
        clock=base.clock,
        ids=base.ids,
        public_url=settings.public_url,
    )
    sightings = Sightings(places=places, alarms=alarms, clock=base.clock)
    sessions = SessionService(
        database=base.database,
        access_tokens=base.access_tokens,
        secret_keys=settings.secret_keys,
        audit=base.audit,
        alarms=alarms,
        sightings=sightings,
        clock=base.clock,
        ids=base.ids,
    )
    steps = SecondSteps(redis=base.redis, queries=base.database.queries, clock=base.clock, ids=base.ids)
    entry = Entry(sessions=sessions, steps=steps)
    factor_store = SecondFactorStore(queries=base.database.queries, encryption=base.encryption)
    codes = SecondFactorCodes(
        database=base.database,
        store=factor_store,
        audit=base.audit,
        alarms=alarms,
        limits=base.limits,
        post=base.post,
        clock=base.clock,
    )
    reauthentication = Reauthentication(
        database=base.database,
        sessions=sessions,
        passwords=passwords,
        codes=codes,
        audit=base.audit,
        alarms=alarms,
        limits=base.limits,
        clock=base.clock,
    )
    second_factors = SecondFactors(
        database=base.database,
        store=factor_store,
        codes=codes,
        steps=steps,
        entry=entry,
        sessions=sessions,
        reauthentication=reauthentication,
        audit=base.audit,
        alarms=alarms,
        limits=base.limits,
        metrics=base.metrics,
        post=base.post,
        clock=base.clock,
        ids=base.ids,
        public_url=settings.public_url,
    )
    party = RelyingParty.of(settings)
    challenges = PasskeyChallenges(redis=base.redis, clock=base.clock, ids=base.ids)
    passkeys = Passkeys(
        database=base.database,
        challenges=challenges,
        party=party,
        sessions=sessions,
        reauthentication=reauthentication,
        audit=base.audit,
        limits=base.limits,
        post=base.post,
        clock=base.clock,
        ids=base.ids,
    )
    passkey_proofs = PasskeyProofs(
        database=base.database,
        uses=PasskeyUses(
            database=base.database,
            challenges=challenges,
            party=party,
            audit=base.audit,
            limits=base.limits,
            post=base.post,
            clock=base.clock,
        ),
        steps=steps,
        entry=entry,
        sessions=sessions,
        audit=base.audit,
        alarms=alarms,
        limits=base.limits,
        metrics=base.metrics,
        post=base.post,
    )
    handles = HandleReservations(database=base.database, redis=base.redis, clock=base.clock, ids=base.ids)
    recovery = PasswordRecovery(
        database=base.database,
        sessions=sessions,
        passwords=passwords,
        audit=base.audit,
        limits=base.limits,
        background=base.background,
        post=base.post,
        clock=base.clock,
        ids=base.ids,
        public_url=settings.public_url,
        face_login=settings.face_login != "off",
    )
    email_proofs = EmailProofs(
        database=base.database,
        redis=base.redis,
        recovery=recovery,
        audit=base.audit,
        limits=base.limits,
        metrics=base.metrics,
        post=base.post,
        secret_keys=settings.secret_keys,
        clock=base.clock,
        ids=base.ids,
        public_url=settings.public_url,
        campus_subdomains=settings.campus_subdomains,
    )
    accounts = AccountService(
        database=base.database,
        sessions=sessions,
        entry=entry,
        audit=base.audit,
        alarms=alarms,
        background=base.background,
        passwords=passwords,
        limits=base.limits,
        metrics=base.metrics,
        handles=handles,
        email_proofs=email_proofs,
        clock=base.clock,
        ids=base.ids,
    )
    campuses = CampusService(
        database=base.database, clock=base.clock, ids=base.ids, with_subdomains=settings.campus_subdomains
    )
    registration = RegistrationService(
        database=base.database,
        campuses=campuses,
        handles=handles,
        repeats=RepeatedRegistrations(redis=base.redis, secret_keys=settings.secret_keys),
        email_proofs=email_proofs,
        audit=base.audit,
        passwords=passwords,
        limits=base.limits,
        metrics=base.metrics,
        post=base.post,
        clock=base.clock,
        ids=base.ids,
        public_url=settings.public_url,
    )
    credentials = CredentialChanges(
        database=base.database,
        sessions=sessions,
        reauthentication=reauthentication,
        passwords=passwords,
        email_proofs=email_proofs,
        audit=base.audit,
        limits=base.limits,
        post=base.post,
        clock=base.clock,
    )
    not_me = NotMe(
        database=base.database,
        sessions=sessions,
        recovery=recovery,
        audit=base.audit,
        limits=base.limits,
        clock=base.clock,
    )
    erasure = Erasure(
        database=base.database,
        redis=base.redis,
        store=base.store,
        sessions=sessions,
        reauthentication=reauthentication,
        audit=base.audit,
        outbox=base.outbox,
        limits=base.limits,
        post=base.post,
        clock=base.clock,
    )
    erasure.open()
    stack.push_async_callback(erasure.close)
    return AccountServices(
        sessions=sessions,
        session_watch=session_watch,
        handles=handles,
        accounts=accounts,
        campuses=campuses,
        registration=registration,
        email_proofs=email_proofs,
        second_factors=second_factors,
        passkeys=passkeys,
        passkey_proofs=passkey_proofs,
        reauthentication=reauthentication,
        credentials=credentials,
        recovery=recovery,
        erasure=erasure,
        entry=entry,
        sign_in_codes=SignInCodes(steps=steps, limits=base.limits, post=base.post, ids=base.ids),
        not_me=not_me,
        alarms=alarms,
        device_names=device_names,
        places=places,
    )

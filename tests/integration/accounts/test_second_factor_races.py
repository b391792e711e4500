"""Second factors under race: 50 callers at once on real PostgreSQL and Redis."""

import asyncio
from collections.abc import Awaitable, Iterable
from datetime import datetime
from uuid import UUID

import pytest

from app.accounts.limits import CODES_PER_ACCOUNT_HOURLY
from app.accounts.model import Admission, Origin, SecondFactorNeeded, SignedIn, SignInMethod
from app.accounts.second_factor_store import SecondFactorStore
from app.accounts.second_steps import CODES_PER_STEP
from app.database import Transaction
from app.errors import Problem
from app.secrets import Encryption
from tests.authenticator import STEP_S, Phone
from tests.fakes import FixedClock
from tests.integration.accounts.conftest import HOME, Slice
from tests.integration.accounts.factors import first_step, guarded, live_sessions

CALLERS = 50


class TickingClock(FixedClock):
    """A clock that never tells the same time twice: what was stamped first, happened first."""

    def now(self) -> datetime:
        self.advance(0.000_001)
        return super().now()


@pytest.fixture
def clock() -> FixedClock:
    return TickingClock()


@pytest.fixture
def store(world: Slice) -> SecondFactorStore:
    encryption = Encryption(keys=world.settings.encryption_keys, ids=world.ids)
    return SecondFactorStore(queries=world.database.queries, encryption=encryption)


async def successes(attempts: Iterable[Awaitable[object]]) -> list[object]:
    """What came of the attempts that were not refused; any failure but a refusal is raised."""
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and not isinstance(outcome, Problem):
            raise outcome
    return [outcome for outcome in outcomes if not isinstance(outcome, Problem)]


async def test_one_code_opens_one_session(world: Slice) -> None:
    """Whoever relays a code fast enough would get in beside its owner (Keycloak #13607, Zitadel #6452)."""
    ada = await guarded(world)
    tokens = [await first_step(world) for _ in range(10)]
    before, code = await live_sessions(world), ada.phone.code()
    opened = await successes(
        world.second_factors.verify_login(temp_token=tokens[caller % 10], code=code, origin=HOME)
        for caller in range(CALLERS)
    )
    assert len(opened) == 1
    assert await live_sessions(world) == before + 1


async def test_one_backup_code_opens_one_session(world: Slice) -> None:
    """One slip of paper would open the account as often as requests fit into an instant (better-auth #10387)."""
    ada = await guarded(world)
    tokens = [await first_step(world) for _ in range(10)]
    before = await live_sessions(world)
    opened = await successes(
        world.second_factors.verify_login(temp_token=tokens[caller % 10], code=ada.backup_codes[0], origin=HOME)
        for caller in range(CALLERS)
    )
    assert len(opened) == 1
    assert await live_sessions(world) == before + 1
    assert await world.sql.fetchval("select count(*) from backup_codes where used_at is not null") == 1


async def test_the_statements_alone_let_one_through(world: Slice, store: SecondFactorStore) -> None:
    """The counting in Redis and the lock on the account hide how a code is used up; neither may be what holds it."""
    ada = await guarded(world)
    account_id, now = ada.viewer.account_id, world.clock.now()
    step = int(now.timestamp()) // STEP_S
    code = ada.backup_codes[0].replace("-", "")
    steps = await asyncio.gather(
        *(world.database.transact(lambda tx: store.use_step(tx, account_id, step)) for _ in range(CALLERS))
    )
    codes = await asyncio.gather(
        *(
            world.database.transact(lambda tx: store.use_backup_code(tx, account_id, code, now=now))
            for _ in range(CALLERS)
        )
    )
    assert (steps.count(True), codes.count(True)) == (1, 1)


async def test_one_temp_token_opens_one_session(world: Slice) -> None:
    """Two right codes at once would open two sessions on one temp token, or use up codes that open nothing."""
    ada = await guarded(world)
    temp_token, before = await first_step(world), await live_sessions(world)
    opened = await successes(
        world.second_factors.verify_login(temp_token=temp_token, code=code, origin=HOME)
        for code in (*ada.backup_codes, ada.phone.code())
    )
    assert len(opened) == 1
    assert await live_sessions(world) == before + 1
    used = await world.sql.fetchval("select count(*) from backup_codes where used_at is not null")
    assert used == await world.sql.fetchval("select count(*) from audit_events where event = 'BACKUP_CODE_USED'") <= 1


async def test_parallel_guesses_never_pass_the_limits(world: Slice) -> None:
    """Guessing fast enough would slip past the limits between their check and their count."""
    ada = await guarded(world)
    tokens, wrong = [await first_step(world) for _ in range(4)], ada.phone.wrong_code()
    assert CODES_PER_STEP * len(tokens) > CODES_PER_ACCOUNT_HOURLY.amount
    assert (
        await successes(
            world.second_factors.verify_login(temp_token=tokens[caller % 4], code=wrong, origin=HOME)
            for caller in range(2 * CALLERS)
        )
        == []
    )
    compared = await world.sql.fetchval("select count(*) from audit_events where event = 'SECOND_FACTOR_FAILED'")
    assert compared == CODES_PER_ACCOUNT_HOURLY.amount == 10


async def test_one_temp_token_takes_five_codes(world: Slice) -> None:
    """The same, for the tries of one temp token."""
    ada = await guarded(world)
    temp_token, wrong = await first_step(world), ada.phone.wrong_code()
    await successes(
        world.second_factors.verify_login(temp_token=temp_token, code=wrong, origin=HOME) for _ in range(CALLERS)
    )
    compared = await world.sql.fetchval("select count(*) from audit_events where event = 'SECOND_FACTOR_FAILED'")
    assert compared == CODES_PER_STEP == 5


async def test_it_is_switched_on_once(world: Slice) -> None:
    """Impatient clicks would tell the person that it failed, or fill the log with what happened once."""
    ada = await world.signup()
    setup = await world.second_factors.enable(ada.viewer, origin=HOME)
    code = Phone.of(setup.otpauth_url, world.clock).code()
    done = await successes(world.second_factors.verify(ada.viewer, code, origin=HOME) for _ in range(CALLERS))
    assert len(done) == 1
    assert await world.sql.fetchval("select count(*) from audit_events where event = 'SECOND_FACTOR_ENABLED'") == 1


async def test_set_ups_at_once_never_mix(world: Slice) -> None:
    """The phone would have one secret, and the slip of paper the backup codes of another."""
    ada = await world.signup()
    setups = await asyncio.gather(*(world.second_factors.enable(ada.viewer, origin=HOME) for _ in range(10)))
    on = []
    for setup in setups:
        try:
            await world.second_factors.verify(ada.viewer, Phone.of(setup.otpauth_url, world.clock).code(), origin=HOME)
        except Problem:
            continue
        on.append(setup)
    assert len(on) == 1
    for code in on[0].backup_codes:
        await world.codes.prove(ada.viewer.account_id, code, origin=HOME)


async def test_no_session_without_it_begins_after_it_was_switched_on(world: Slice) -> None:
    """Whoever has the password could slip in just as its owner switches the second factor on."""
    seen: set[type[object]] = set()
    for trial in range(10):
        ada = await world.signup(f"person{trial}", origin=Origin(ip=f"198.51.100.{trial}"))
        account_id = ada.viewer.account_id
        setup = await world.second_factors.enable(ada.viewer, origin=HOME)
        code = Phone.of(setup.otpauth_url, world.clock).code()

        async def enter(account_id: UUID = account_id) -> list[Admission]:
            async def work(tx: Transaction) -> Admission:
                await tx.scalar(world.database.queries.account_lock, account_id=account_id)
                return await world.entry.admit(tx, account_id, method=SignInMethod.SOCIAL, origin=HOME)

            return [await world.database.transact(work) for _ in range(3)]

        switching = asyncio.create_task(world.second_factors.verify(ada.viewer, code, origin=HOME))
        rounds = await asyncio.gather(*(enter() for _ in range(CALLERS)))
        outcomes = [admission for each in rounds for admission in each]
        await switching
        seen |= {type(outcome) for outcome in outcomes}
        late = await world.sql.fetchval(
            "select count(*) from sessions s join second_factors f using (account_id) "
            "where account_id = $1 and s.created_at >= f.enabled_at",
            account_id,
        )
        assert late == 0
        opened = sum(isinstance(outcome, SignedIn) for outcome in outcomes)
        assert opened == await world.sql.fetchval("select count(*) - 1 from sessions where account_id = $1", account_id)
    assert seen == {SignedIn, SecondFactorNeeded}, "the race went both ways"


@pytest.mark.parametrize("end", ["password changed", "account deleted"])
async def test_no_second_step_outlives_the_first(world: Slice, end: str) -> None:
    """Whoever stole password and phone would keep a session that began in the instant the password was changed."""
    for trial in range(20):
        person = await guarded(world, f"person{trial}", origin=Origin(ip=f"198.51.100.{trial}"))
        temp_token = await first_step(world, f"person{trial}", origin=Origin(ip=f"198.51.100.{trial}"))
        account_id = person.viewer.account_id

        async def change(account_id: object = account_id) -> None:
            if end == "account deleted":
                await world.sql.execute("delete from accounts where id = $1", account_id)
                return
            async with world.sql.transaction():
                await world.sql.execute("update accounts set password_hash = 'other' where id = $1", account_id)
                await world.sql.execute("update sessions set revoked_at = now() where account_id = $1", account_id)

        enter = world.second_factors.verify_login(temp_token=temp_token, code=person.phone.code(), origin=HOME)
        await successes((enter, change()) if trial % 2 else (change(), enter))
        assert await world.live_tokens() == 0

"""Step-up: a fresh proof opens what a session alone does not, for five minutes, in that session and nowhere else."""

import asyncio
from collections.abc import Awaitable
from functools import partial

import pytest

from app.accounts.limits import REAUTHENTICATE_PER_ACCOUNT
from app.accounts.model import Proof, SignedIn, SignInMethod, Viewer
from app.accounts.proofs import DEMANDS, FRESH, SensitiveDeed, confirmation_methods, confirmed_until
from app.audit import NOBODY
from app.errors import Code, Problem
from tests.authenticator import STEP_S, Phone
from tests.integration.accounts.conftest import HOME, PASSWORD, Slice
from tests.integration.accounts.factors import guarded, problem_of

FIVE_MINUTES = FRESH.total_seconds()
NEW = "a brand new wheelbarrow"

# The rule for everybody: a sign-in of the last five minutes lets ways in be added and taken away, no more.
AFTER_SIGN_IN = {
    SensitiveDeed.LINK_IDENTITY,
    SensitiveDeed.UNLINK_IDENTITY,
    SensitiveDeed.ENABLE_SECOND_FACTOR,
    SensitiveDeed.ADD_PASSKEY,
    SensitiveDeed.ENROL_FACE,
}
# Where a second factor is on, a password is no match for what stands in for that factor.
AS_SECOND_FACTOR = {SensitiveDeed.ADD_PASSKEY, SensitiveDeed.REMOVE_PASSKEY}


async def now_of(world: Slice, signed_in: SignedIn) -> Viewer:
    """The viewer as the next request reads it."""
    return await world.sessions.authenticate(signed_in.access_token)


async def confirm(world: Slice, viewer: Viewer, *, password: str | None = PASSWORD, code: str | None = None) -> None:
    await world.reauthentication.confirm(viewer, password=password, code=code, origin=HOME)


async def demand(
    world: Slice, viewer: Viewer, deed: SensitiveDeed, *, password: str | None = None, code: str | None = None
) -> None:
    await world.reauthentication.demand(viewer, deed, password=password, code=code, origin=HOME)


async def mark(world: Slice, viewer: Viewer, by: Proof) -> None:
    """What whoever saw a passkey or a face does."""
    await world.database.transact(partial(world.sessions.mark_proved, viewer=viewer, by=by, origin=HOME))


async def is_refused(attempt: Awaitable[None]) -> bool:
    """Whether it is refused for want of a proof."""
    try:
        await attempt
    except Problem as problem:
        if (problem.code, problem.reason) != (Code.FORBIDDEN, "REAUTHENTICATION_NEEDED"):
            raise
        return True
    return False


async def late(world: Slice, signed_in: SignedIn) -> Viewer:
    """The viewer when their sign-in is no longer fresh; the access token still is."""
    world.clock.advance(FIVE_MINUTES + 1)
    return await now_of(world, signed_in)


def test_every_deed_has_its_rule() -> None:
    """A deed without a rule would fail in its owner's face, or a rule be loosened unseen."""
    assert set(DEMANDS) == set(SensitiveDeed)
    assert {deed for deed, demand in DEMANDS.items() if demand.after_sign_in} == AFTER_SIGN_IN
    assert {deed for deed, demand in DEMANDS.items() if demand.as_second_factor} == AS_SECOND_FACTOR


@pytest.mark.parametrize("deed", SensitiveDeed)
async def test_a_proof_opens_each_deed_for_five_minutes(world: Slice, deed: SensitiveDeed) -> None:
    """A person would type their password for each click; or a phone left on a table would be good for ever."""
    here = await world.signup()
    assert await is_refused(demand(world, await late(world, here), deed))
    await confirm(world, await now_of(world, here))
    world.clock.advance(FIVE_MINUTES)
    assert not await is_refused(demand(world, await now_of(world, here), deed)), "to the last second"
    world.clock.advance(1)
    assert await is_refused(demand(world, await now_of(world, here), deed))


@pytest.mark.parametrize("deed", SensitiveDeed)
async def test_to_have_signed_in_opens_only_what_adds_or_takes_away_a_way_in(world: Slice, deed: SensitiveDeed) -> None:
    """Whoever steals a session while it is young would change the password with it."""
    here = await world.signup()
    assert await is_refused(demand(world, here.viewer, deed)) is (deed not in AFTER_SIGN_IN)
    by_face = await world.another_session(here, method=SignInMethod.FACE)
    assert await is_refused(demand(world, by_face.viewer, deed)), "the search of a gallery is no proof"


@pytest.mark.parametrize("deed", SensitiveDeed)
async def test_a_password_is_no_way_around_the_second_factor(world: Slice, deed: SensitiveDeed) -> None:
    """Whoever stole session and password would add a passkey, and come in without a code from then on."""
    ada = await guarded(world)
    fresh = await world.another_session(ada.signed_in)
    assert await is_refused(demand(world, fresh.viewer, deed, password=PASSWORD)) is (deed in AS_SECOND_FACTOR)
    viewer = await late(world, ada.signed_in)
    assert await is_refused(demand(world, viewer, deed, password=PASSWORD)) is (deed in AS_SECOND_FACTOR)
    await demand(world, viewer, deed, code=ada.phone.code())


@pytest.mark.parametrize("deed", sorted(AS_SECOND_FACTOR))
async def test_neither_is_a_young_sign_in(world: Slice, deed: SensitiveDeed) -> None:
    """A session that began before the second factor was on would get around it for five minutes."""
    here = await world.signup()
    before = await world.another_session(here)
    await switch_on(world, here)
    assert await is_refused(demand(world, await now_of(world, before), deed))


async def test_a_proof_counts_in_its_own_session_alone(world: Slice) -> None:
    """A thief elsewhere would ride on the owner's five minutes."""
    here = await world.signup()
    thief = await world.another_session(here)
    await confirm(world, here.viewer)
    assert (await now_of(world, here)).proved_at == world.clock.now()
    elsewhere = await now_of(world, thief)
    assert (elsewhere.proved_at, confirmed_until(elsewhere, world.clock.now())) == (None, None)
    assert await is_refused(demand(world, elsewhere, SensitiveDeed.CHANGE_EMAIL))


async def test_a_refresh_carries_the_proof_and_makes_nothing_young(world: Slice) -> None:
    """A person would confirm twice because their tab refreshed; or a thief keep a session fresh by refreshing it."""
    here = await world.signup()
    await confirm(world, here.viewer)
    world.clock.advance(60)
    refreshed = await world.sessions.refresh(here.refresh_token, origin=HOME)
    await demand(world, await now_of(world, refreshed), SensitiveDeed.CHANGE_EMAIL)
    world.clock.advance(FIVE_MINUTES - 59)
    again = await world.sessions.refresh(refreshed.refresh_token, origin=HOME)
    for deed in SensitiveDeed:
        assert await is_refused(demand(world, await now_of(world, again), deed)), deed


@pytest.mark.parametrize("given", ["password", "code"])
async def test_what_is_given_is_checked_however_fresh_the_session(world: Slice, given: str) -> None:
    """A person whose password was changed behind their back would be told that their old one is right."""
    here = await world.signup()
    await confirm(world, here.viewer)
    wrong = {given: "000000"}
    problem = await problem_of(demand(world, await now_of(world, here), SensitiveDeed.CHANGE_EMAIL, **wrong))
    assert (problem.code, problem.field) == (Code.FORBIDDEN, given)


@pytest.mark.parametrize("password", ["", "a wrong guess", PASSWORD.upper(), "\ud800", "x" * 100_000])
async def test_a_wrong_password_confirms_nothing_and_is_written_down(world: Slice, password: str) -> None:
    """Whoever holds a borrowed phone would need only to press the button; and the owner would never read of it."""
    here = await world.signup()
    problem = await problem_of(confirm(world, here.viewer, password=password))
    assert (problem.code, problem.reason, problem.field) == (Code.FORBIDDEN, "REAUTHENTICATION_NEEDED", "password")
    assert (await now_of(world, here)).proved_at is None
    assert (await world.events())[-1] == "SIGN_IN_FAILED"


async def test_nothing_confirms_nothing(world: Slice) -> None:
    """A call without a proof would count as one."""
    here = await world.signup()
    assert (await problem_of(confirm(world, here.viewer, password=None))).code is Code.BAD_USER_INPUT
    assert (await now_of(world, here)).proved_at is None


async def test_the_owner_reads_who_confirmed_and_how(world: Slice) -> None:
    """A thief who knows the password would prepare in silence."""
    here = await world.signup()
    await confirm(world, here.viewer)
    row = await world.sql.fetchrow("select detail, ip from audit_events where event = 'IDENTITY_CONFIRMED'")
    assert row is not None
    assert (row["detail"], row["ip"]) == ('{"by": "password"}', "192.0.2.1")


async def test_where_a_second_factor_is_on_a_code_begins_the_five_minutes(world: Slice) -> None:
    """Session and password in a thief's hands would open what the second factor guards."""
    ada = await guarded(world)
    assert confirmation_methods(ada.viewer, face_login=True) == (Proof.PASSWORD,), "read before it was on"
    viewer = await now_of(world, ada.signed_in)
    assert confirmation_methods(viewer, face_login=True) == (Proof.CODE,)
    for who in (viewer, ada.viewer):
        assert await is_refused(confirm(world, who)), "even for a request that began before it was on"
    code = ada.phone.code()
    assert await is_refused(confirm(world, viewer, password="a wrong guess", code=code)), "of both, both must be right"
    await confirm(world, viewer, password=None, code=code)
    viewer = await now_of(world, ada.signed_in)
    for deed in SensitiveDeed:
        await demand(world, viewer, deed)
    assert await is_refused(confirm(world, viewer, password=None, code=code)), "a code is good once"


async def test_no_five_minutes_switch_the_second_factor_off(world: Slice) -> None:
    """Whoever rides on the owner's session would be rid of the factor, or hold the backup codes."""
    ada = await guarded(world)
    await confirm(world, await now_of(world, ada.signed_in), password=None, code=ada.phone.code())
    viewer, wrong = await now_of(world, ada.signed_in), ada.phone.wrong_code()
    attempts = (world.second_factors.disable, world.second_factors.regenerate_backup_codes)
    for attempt in attempts:
        assert (await problem_of(attempt(viewer, wrong, origin=HOME))).reason == "WRONG_CODE"
    assert (await now_of(world, ada.signed_in)).two_factor_enabled
    world.clock.advance(STEP_S)
    await world.second_factors.disable(viewer, ada.phone.code(), origin=HOME)


async def test_switching_a_second_factor_on_ends_what_was_proved_with_less(world: Slice) -> None:
    """A thief who had confirmed by password would add a passkey after the owner has locked the door."""
    here = await world.signup()
    thief = await world.another_session(here)
    for session in (here, thief):
        await confirm(world, session.viewer)
    await switch_on(world, here)
    assert (await now_of(world, thief)).proved_at is None
    assert (await now_of(world, here)).proved_at is not None, "the owner goes on"


@pytest.mark.parametrize("has_password", [True, False])
async def test_a_face_does_not_vouch_for_a_face(world: Slice, has_password: bool) -> None:
    """A stranger taken for the owner in the search of the gallery would be taken for them again, and set a password."""
    here = await world.signup()
    by_face = await world.another_session(here, method=SignInMethod.FACE)
    if not has_password:
        await world.sql.execute("update accounts set password_hash = null")
    assert await is_refused(mark(world, by_face.viewer, Proof.FACE)) is has_password
    assert ((await now_of(world, by_face)).proved_at is None) is has_password
    await mark(world, here.viewer, Proof.FACE)
    await demand(world, await now_of(world, here), SensitiveDeed.CHANGE_PASSWORD)


@pytest.mark.parametrize("proof", Proof)
async def test_what_each_proof_is_worth_beside_a_second_factor(world: Slice, proof: Proof) -> None:
    """An animated photo would do for the code, or a passkey not."""
    ada = await guarded(world)
    weak = proof in (Proof.PASSWORD, Proof.FACE)
    assert await is_refused(mark(world, ada.viewer, proof)) is weak
    assert ((await now_of(world, ada.signed_in)).proved_at is None) is weak
    recorded = await world.sql.fetch("select detail from audit_events where event = 'IDENTITY_CONFIRMED'")
    assert [row["detail"] for row in recorded] == ([] if weak else [f'{{"by": "{proof.value}"}}'])


async def test_an_account_that_has_nothing_to_show_is_not_offered_anything(world: Slice) -> None:
    """A page would ask a person for a password that they never had."""
    here = await world.signup()
    assert confirmation_methods(here.viewer, face_login=True) == (Proof.PASSWORD,)
    await world.sql.execute("update accounts set password_hash = null")
    viewer = await now_of(world, here)
    assert confirmation_methods(viewer, face_login=True) == ()
    assert await is_refused(confirm(world, viewer))
    await demand(world, viewer, SensitiveDeed.CHANGE_PASSWORD)
    assert await is_refused(demand(world, await late(world, here), SensitiveDeed.CHANGE_PASSWORD))


async def test_a_new_password_elsewhere_ends_session_and_proof(world: Slice) -> None:
    """The thief whom a new password shuts out would still have their five minutes."""
    here = await world.signup()
    thief = await world.another_session(here)
    await confirm(world, thief.viewer)
    proved = await now_of(world, thief)
    await world.credentials.change_password(here.viewer, current=PASSWORD, password=NEW, origin=HOME)
    change = world.credentials.change_password(proved, password="the thief's own words", origin=HOME)
    assert (await problem_of(change)).reason == "SESSION_ENDED"
    assert (await problem_of(mark(world, proved, Proof.PASSKEY))).reason == "SESSION_ENDED"
    await world.accounts.login(email="ada@example.org", password=NEW, origin=HOME)


async def test_a_password_that_is_changed_while_it_is_compared_proves_nothing(world: Slice) -> None:
    """Who was compared with the old password a moment before would have five minutes with the new one's account."""
    here = await world.signup()
    async with world.sql.transaction():
        await world.sql.execute("select from accounts for no key update")
        confirming = asyncio.create_task(confirm(world, here.viewer))
        while not await world.sql.fetchval("select count(*) from pg_locks where not granted"):
            assert not confirming.done(), "it must wait for the account"
        await world.sql.execute("update accounts set password_hash = $1", await world.passwords.hash(NEW))
    assert await is_refused(confirming)
    assert (await now_of(world, here)).proved_at is None
    assert "IDENTITY_CONFIRMED" not in await world.events()


async def test_fifty_proofs_against_the_end_of_the_session(world: Slice) -> None:
    """A session that its owner has just ended would come back, or be left half alive."""
    person = await world.signup()
    for head_start in range(5):
        here = await world.another_session(person)

        async def end(ended: Viewer = here.viewer, head_start: int = head_start) -> None:
            for _ in range(head_start * 8):  # lets the proofs get a little further in each trial
                await asyncio.sleep(0)
            await world.sessions.sign_out(account_id=ended.account_id, session_id=ended.session_id, origin=NOBODY)

        outcomes = await asyncio.gather(
            *(mark(world, here.viewer, Proof.PASSKEY) for _ in range(50)), end(), return_exceptions=True
        )
        faults = [outcome for outcome in outcomes if outcome is not None]
        assert all(isinstance(each, Problem) and each.reason == "SESSION_ENDED" for each in faults), faults
        assert (await problem_of(now_of(world, here))).reason == "SESSION_ENDED"
        assert (await problem_of(mark(world, here.viewer, Proof.PASSKEY))).reason == "SESSION_ENDED"


async def test_fifty_uses_of_one_code_are_one_proof(world: Slice) -> None:
    """A code seen over a shoulder would confirm beside its owner."""
    ada = await guarded(world)
    viewer, code = await now_of(world, ada.signed_in), ada.phone.code()
    sessions = [await now_of(world, await world.another_session(ada.signed_in)) for _ in range(4)]
    refused = await asyncio.gather(
        *(is_refused_or_limited(confirm(world, each, password=None, code=code)) for each in [viewer, *sessions] * 10)
    )
    assert refused.count(False) == 1
    assert await world.sql.fetchval("select count(*) from sessions where proved_at is not null") == 1


async def test_guesses_at_a_confirmation_are_counted_with_all_others(world: Slice) -> None:
    """Whoever stole a session would guess the password through the new door, past the limit of the old ones."""
    here = await world.signup()
    half = REAUTHENTICATE_PER_ACCOUNT.amount // 2
    for n in range(half):
        await is_refused(demand(world, here.viewer, SensitiveDeed.CHANGE_EMAIL, password=f"guess {n}"))
    outcomes = await asyncio.gather(
        *(confirm(world, here.viewer, password=f"guess {n}") for n in range(50)), return_exceptions=True
    )
    codes = [outcome.code for outcome in outcomes if isinstance(outcome, Problem)]
    assert (codes.count(Code.FORBIDDEN), codes.count(Code.RATE_LIMITED)) == (half, 50 - half)
    assert (await problem_of(confirm(world, here.viewer))).code is Code.RATE_LIMITED


async def is_refused_or_limited(attempt: Awaitable[None]) -> bool:
    """Whether it fails for its code, or for how many tried."""
    try:
        await attempt
    except Problem as problem:
        if problem.code not in (Code.FORBIDDEN, Code.RATE_LIMITED):
            raise
        return True
    return False


async def switch_on(world: Slice, signed_in: SignedIn) -> None:
    """Switches the second factor on from this session."""
    setup = await world.second_factors.enable(await now_of(world, signed_in), origin=HOME)
    code = Phone.of(setup.otpauth_url, world.clock).code()
    await world.second_factors.verify(await now_of(world, signed_in), code, origin=HOME)

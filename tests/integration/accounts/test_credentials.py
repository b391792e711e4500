"""Changing what opens an account: only by its owner, told to its owner, and the end of everything that it replaces."""

import asyncio
from collections.abc import Awaitable

import pytest
from redis.asyncio import Redis

from app.accounts.limits import REAUTHENTICATE_PER_ACCOUNT
from app.accounts.model import SignedIn, SignInMethod, Viewer
from app.accounts.proofs import FRESH, SensitiveDeed
from app.accounts.reauthentication import Reauthentication
from app.database import Transaction
from app.errors import Code, Problem
from app.mail import Mail
from app.rate_limits import RateLimits
from tests.integration.accounts.conftest import HOME, PASSWORD, Slice
from tests.integration.accounts.factors import guarded, problem_of

NEW = "a brand new wheelbarrow"


async def change(world: Slice, viewer: Viewer, *, current: str | None = PASSWORD, password: str = NEW) -> None:
    await world.credentials.change_password(viewer, current=current, password=password, origin=HOME)


async def social_only(world: Slice) -> SignedIn:
    """Somebody who came by a provider a moment ago."""
    await world.signup()
    await world.sql.execute("update accounts set password_hash = null")
    account_id = await world.sql.fetchval("select id from accounts")

    async def work(tx: Transaction) -> SignedIn:
        admitted = await world.entry.admit(tx, account_id, method=SignInMethod.SOCIAL, origin=HOME)
        assert isinstance(admitted, SignedIn)
        return admitted

    return await world.database.transact(work)


async def test_a_new_password_shuts_out_every_other_device(world: Slice) -> None:
    """Whoever changes the password because of a thief would leave the thief signed in; or be thrown out themselves."""
    here = await world.signup()
    thief, stranger = await world.another_session(here), await world.signup("grace")
    await change(world, here.viewer)
    assert await world.sessions.authenticate(here.access_token)
    assert await world.sessions.authenticate(stranger.access_token)
    assert (await problem_of(world.sessions.authenticate(thief.access_token))).reason == "SESSION_ENDED"
    assert (await problem_of(world.sessions.refresh(thief.refresh_token, origin=HOME))).code is Code.UNAUTHENTICATED
    await world.accounts.login(email="ada@example.org", password=NEW, origin=HOME)
    refused = await problem_of(world.accounts.login(email="ada@example.org", password=PASSWORD, origin=HOME))
    assert refused.reason == "WRONG_CREDENTIALS"
    told = (await world.letters())[-1]
    assert (told.to, told.subject) == ("ada@example.org", "Your password was changed")
    assert NEW not in told.text
    row = await world.sql.fetchrow("select detail, ip from audit_events where event = 'PASSWORD_CHANGED'")
    assert row is not None
    assert (row["detail"], row["ip"]) == ('{"sessions": 1}', "192.0.2.1")


@pytest.mark.parametrize("current", [None, "", "a wrong guess", PASSWORD.upper(), "\ud800", "x" * 100_000])
async def test_a_borrowed_phone_cannot_change_the_password(world: Slice, current: str | None) -> None:
    """Whoever picks up an unlocked phone for a minute would own the account."""
    here = await world.signup()
    problem = await problem_of(change(world, here.viewer, current=current))
    assert (problem.code, problem.reason) == (Code.FORBIDDEN, "REAUTHENTICATION_NEEDED")
    assert problem.field == (None if current is None else "current")
    await world.accounts.login(email="ada@example.org", password=PASSWORD, origin=HOME)
    assert "PASSWORD_CHANGED" not in await world.events()


@pytest.mark.parametrize("password", ["short", "password123", "ada@example.org", "x" * 129, "\ud800" * 9])
async def test_a_bad_password_is_told_why_and_changes_nothing(world: Slice, password: str) -> None:
    """A person could choose what attackers try first, or would not know what to correct."""
    here = await world.signup()
    problem = await problem_of(change(world, here.viewer, password=password))
    assert (problem.code, problem.field) == (Code.BAD_USER_INPUT, "password")
    await world.accounts.login(email="ada@example.org", password=PASSWORD, origin=HOME)


async def test_a_hundred_parallel_guesses_at_ones_session_get_ten_tries(world: Slice) -> None:
    """Whoever stole a session could find the password through it, past the limit of the sign-in."""
    here = await world.signup()
    before = world.passwords.verifications
    outcomes = await asyncio.gather(
        *(change(world, here.viewer, current=f"guess {n}") for n in range(100)), return_exceptions=True
    )
    codes = [outcome.code for outcome in outcomes if isinstance(outcome, Problem)]
    assert codes.count(Code.FORBIDDEN) == REAUTHENTICATE_PER_ACCOUNT.amount == 10
    assert codes.count(Code.RATE_LIMITED) == 90
    assert world.passwords.verifications - before == 10
    assert (await world.events()).count("SIGN_IN_FAILED") == 10, "the owner can read of it"
    assert (await problem_of(change(world, here.viewer))).code is Code.RATE_LIMITED
    await world.accounts.login(email="ada@example.org", password=PASSWORD, origin=HOME)


async def test_without_redis_nobody_guesses_uncounted(world: Slice) -> None:
    """Whoever makes Redis stumble could guess without end."""
    here = await world.signup()
    redis = Redis.from_url("unix:///nowhere/redis.sock")
    reauthentication = Reauthentication(
        database=world.database,
        sessions=world.sessions,
        passwords=world.passwords,
        codes=world.codes,
        audit=world.audit,
        alarms=world.alarms,
        limits=RateLimits(redis=redis),
        clock=world.clock,
    )
    problem = await problem_of(
        reauthentication.demand(here.viewer, SensitiveDeed.CHANGE_EMAIL, password=PASSWORD, origin=HOME)
    )
    assert problem.code is Code.BUSY
    await redis.aclose()


async def test_an_account_without_any_secret_is_believed_for_five_minutes(world: Slice) -> None:
    """Whoever came by a provider could never set a password; or whoever finds their phone later could."""
    here = await social_only(world)
    world.clock.advance(FRESH.total_seconds() + 1)
    problem = await problem_of(change(world, here.viewer, current=None))
    assert (problem.code, problem.reason) == (Code.FORBIDDEN, "REAUTHENTICATION_NEEDED")
    fresh = await world.another_session(here)
    world.clock.advance(FRESH.total_seconds())
    await change(world, fresh.viewer, current=None)
    await world.accounts.login(email="ada@example.org", password=NEW, origin=HOME)


async def test_a_code_confirms_a_change_once(world: Slice) -> None:
    """Whoever has a second factor and no password could change nothing; or one code seen would do for ever."""
    ada = await guarded(world)
    await world.sql.execute("update accounts set password_hash = null")
    viewer = await world.sessions.authenticate(ada.signed_in.access_token)
    assert (await problem_of(change(world, viewer, current=None))).reason == "REAUTHENTICATION_NEEDED", "fresh or not"
    for code in (ada.phone.wrong_code(), ada.phone.code(ahead_s=-300)):
        wrong = await problem_of(world.credentials.change_password(viewer, password=NEW, code=code, origin=HOME))
        assert (wrong.code, wrong.reason, wrong.field) == (Code.FORBIDDEN, "REAUTHENTICATION_NEEDED", "code")
    code = ada.phone.code()
    await world.credentials.change_password(viewer, password=NEW, code=code, origin=HOME)
    again = await problem_of(world.credentials.change_password(viewer, password=NEW, code=code, origin=HOME))
    assert again.reason == "REAUTHENTICATION_NEEDED"
    malformed = await problem_of(world.credentials.change_password(viewer, password=NEW, code="ключ", origin=HOME))
    assert (malformed.code, malformed.field) == (Code.BAD_USER_INPUT, "code")


async def test_a_code_without_a_second_factor_confirms_nothing(world: Slice) -> None:
    """Any six digits would do for an account that has no second factor."""
    here = await world.signup()
    problem = await problem_of(world.credentials.change_password(here.viewer, password=NEW, code="123456", origin=HOME))
    assert (problem.reason, problem.field) == ("REAUTHENTICATION_NEEDED", "code")


async def test_a_session_that_was_ended_changes_nothing_any_more(world: Slice) -> None:
    """The thief whom a new password shuts out could change it back with the request already on its way."""
    here = await world.signup()
    thief = await world.another_session(here)
    await change(world, here.viewer)
    world.clock.advance(1)
    problem = await problem_of(change(world, thief.viewer, current=NEW, password="the thief's own words"))
    assert (problem.code, problem.reason) == (Code.UNAUTHENTICATED, "SESSION_ENDED")
    await world.accounts.login(email="ada@example.org", password=NEW, origin=HOME)


async def test_of_two_devices_that_change_it_at_once_one_wins(world: Slice) -> None:
    """Owner and thief press the button together: both passwords would work, or both be shut out."""
    for trial in range(20):
        one = await world.signup(f"person{trial}")
        two = await world.another_session(one)
        outcomes = await asyncio.gather(
            change(world, one.viewer, password=f"{NEW} one"),
            change(world, two.viewer, password=f"{NEW} two"),
            return_exceptions=True,
        )
        assert outcomes.count(None) == 1
        winner, loser = (one, two) if outcomes[0] is None else (two, one)
        assert await world.sessions.authenticate(winner.access_token)
        assert (await problem_of(world.sessions.authenticate(loser.access_token))).reason == "SESSION_ENDED"
        await world.redis.flushall()


async def test_a_new_password_makes_a_mailed_link_worthless(world: Slice) -> None:
    """A link that lies in a mailbox which somebody else reads would undo the change."""
    here = await world.signup()
    await world.recovery.request(email="ada@example.org", origin=HOME)
    token = (await world.letters())[-1].text.split("/reset#token=")[1].split()[0]
    await change(world, here.viewer)
    problem = await problem_of(world.recovery.reset(token=token, password="another one again", origin=HOME))
    assert problem.code is Code.GONE


async def move(
    world: Slice, viewer: Viewer, email: str = "new@example.org", *, password: str | None = PASSWORD
) -> None:
    await world.credentials.change_email(viewer, email=email, password=password, origin=HOME)


async def mail_to(world: Slice, address: str) -> list[Mail]:
    return [mail for mail in await world.letters() if mail.to == address]


async def test_a_new_address_counts_once_it_is_proved(world: Slice) -> None:
    """Somebody who mistypes their new address, or is robbed of their session, would lose the account to it."""
    here = await world.signup()
    await move(world, here.viewer, " New@Example.org")
    assert (await world.sessions.authenticate(here.access_token)).email == "ada@example.org"
    asked = (await mail_to(world, "ada@example.org"))[-1]
    assert asked.subject == "A new e-mail address was asked for"
    assert "new@example.org" not in asked.text
    (proof,) = await mail_to(world, "new@example.org")
    world.clock.advance(60)
    await world.email_proofs.prove(token=proof.text.split("#token=")[1].split()[0], origin=HOME)
    viewer = await world.sessions.authenticate(here.access_token)
    assert (viewer.email, viewer.email_verified_at) == ("new@example.org", world.clock.now())
    assert (await mail_to(world, "ada@example.org"))[-1].subject == "Your account has a new e-mail address"
    assert (await world.events())[-2:] == ["EMAIL_CHANGE_REQUESTED", "EMAIL_CHANGED"]
    await world.accounts.login(email="new@example.org", password=PASSWORD, origin=HOME)


@pytest.mark.parametrize("password", [None, "", "a wrong guess"])
async def test_a_borrowed_phone_cannot_move_the_account(world: Slice, password: str | None) -> None:
    """Whoever picks up an unlocked phone would have the account mailed to themselves."""
    here = await world.signup()
    problem = await problem_of(move(world, here.viewer, password=password))
    assert (problem.code, problem.reason) == (Code.FORBIDDEN, "REAUTHENTICATION_NEEDED")
    assert await mail_to(world, "new@example.org") == []


@pytest.mark.parametrize(
    "email", ["", "nobody", "ADA@example.org", "new@example.org\0", "аda@example.org", "x" * 9_999]
)
async def test_what_cannot_be_the_new_address_is_told(world: Slice, email: str) -> None:
    """A person would wait for a mail that never comes."""
    here = await world.signup()
    problem = await problem_of(move(world, here.viewer, email))
    assert (problem.code, problem.field) == (Code.BAD_USER_INPUT, "email")
    assert "EMAIL_CHANGE_REQUESTED" not in await world.events()


async def test_an_address_of_somebody_else_is_not_told(world: Slice) -> None:
    """Anybody with an account could ask who else has one, or take over their address."""
    ada, grace = await world.signup(), await world.signup("grace")
    before = len(await mail_to(world, "grace@example.org"))
    await move(world, ada.viewer, "grace@example.org")
    await move(world, ada.viewer, "nobody@example.org")
    letters = await mail_to(world, "grace@example.org")
    assert [mail.subject for mail in letters[before:]] == ["Your e-mail address was given for another account"]
    assert "#token=" not in letters[-1].text
    assert (await world.sessions.authenticate(grace.access_token)).email == "grace@example.org"
    assert (await world.events()).count("EMAIL_CHANGE_REQUESTED") == 2


async def test_two_accounts_want_one_address_and_one_gets_it(world: Slice) -> None:
    """Two people would share an address, and each could reset the other's password."""
    ada, grace = await world.signup(), await world.signup("grace")
    await move(world, ada.viewer)
    await move(world, grace.viewer)
    tokens = [mail.text.split("#token=")[1].split()[0] for mail in await mail_to(world, "new@example.org")]
    outcomes = await asyncio.gather(
        *(world.email_proofs.prove(token=token, origin=HOME) for token in tokens), return_exceptions=True
    )
    problems = [outcome for outcome in outcomes if isinstance(outcome, Problem)]
    assert [problem.code for problem in problems] == [Code.CONFLICT]
    assert await world.sql.fetchval("select count(*) from accounts where email = 'new@example.org'") == 1


async def test_only_the_newest_change_can_still_be_proved(world: Slice) -> None:
    """A link to an address that the person has thought better of would still move the account."""
    here = await world.signup()
    signup_link = (await mail_to(world, "ada@example.org"))[0].text.split("#token=")[1].split()[0]
    await move(world, here.viewer, "first@example.org")
    await move(world, here.viewer, "second@example.org")
    first = (await mail_to(world, "first@example.org"))[0].text.split("#token=")[1].split()[0]
    for token in (signup_link, first):
        assert (await problem_of(world.email_proofs.prove(token=token, origin=HOME))).code is Code.GONE
    assert (await world.sessions.authenticate(here.access_token)).email == "ada@example.org"


@pytest.mark.parametrize("rescue", ["a new password", "a reset"])
async def test_a_change_that_a_thief_asked_for_dies_with_the_old_password(world: Slice, rescue: str) -> None:
    """The owner changes the password, and the thief moves the account to their own mailbox the day after."""
    here = await world.signup()
    thief = await world.another_session(here)
    await move(world, thief.viewer, "thief@example.net")
    if rescue == "a reset":
        await world.recovery.request(email="ada@example.org", origin=HOME)
        link = (await mail_to(world, "ada@example.org"))[-1].text.split("#token=")[1].split()[0]
        await world.recovery.reset(token=link, password=NEW, origin=HOME)
    else:
        await change(world, here.viewer)
    token = (await mail_to(world, "thief@example.net"))[0].text.split("#token=")[1].split()[0]
    assert (await problem_of(world.email_proofs.prove(token=token, origin=HOME))).code is Code.GONE


async def test_strangers_are_not_flooded_by_changes(world: Slice) -> None:
    """A handful of accounts could fill anybody's mailbox."""
    people = [await world.signup(f"person{n}") for n in range(4)]
    outcomes = [await told(move(world, each.viewer, "victim@example.org")) for each in people]
    assert outcomes == [None, None, None, Code.RATE_LIMITED]
    others = [await told(move(world, people[0].viewer, f"other{n}@example.org")) for n in range(5)]
    assert others == [None] * 4 + [Code.RATE_LIMITED]


async def told(attempt: Awaitable[object]) -> Code | None:
    try:
        await attempt
    except Problem as problem:
        return problem.code
    return None

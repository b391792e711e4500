"""A new address for an account: it counts once it is proved, and belongs to one account alone."""

import asyncio
from uuid import UUID

from app.errors import Code, Problem
from tests.integration.accounts.conftest import HOME, PASSWORD, Slice
from tests.integration.accounts.factors import problem_of
from tests.integration.accounts.proof_letters import ADA, code_in, elsewhere, events, link_in, open_change


async def test_a_new_address_becomes_the_accounts_own_once_it_is_proved(world: Slice) -> None:
    """A person could not move to another address, or a thief could move the account without its owner hearing of it."""
    signed_in = await world.signup()
    account_id = signed_in.viewer.account_id
    mail = await open_change(world, account_id, "ada@new.example")
    assert "new address" in mail.text
    assert (await world.sessions.authenticate(signed_in.access_token)).email == ADA, "nothing changes before"
    await world.sql.execute(
        "insert into password_resets (id, account_id, email, token_hash, expires_at) "
        "values ($1, $2, $3, 'x', 'infinity')",
        world.ids.uuid7(),
        account_id,
        ADA,
    )
    assert await world.email_proofs.prove(code=code_in(mail), email="ada@new.example", origin=HOME) == account_id
    viewer = await world.sessions.authenticate(signed_in.access_token)
    assert (viewer.email, viewer.email_verified_at) == ("ada@new.example", world.clock.now())
    told = (await world.letters())[-1]
    assert told.to == ADA
    assert "ada@new.example" not in told.text, "whoever reads the old mailbox need not know"
    assert await events(world, account_id) == ["SIGNED_UP", "EMAIL_CHANGED"]
    open_resets = await world.sql.fetchval("select count(*) from password_resets where used_at is null")
    assert open_resets == 0, "a link in the old mailbox would set a new password"
    await world.accounts.login(email="ada@new.example", password=PASSWORD, origin=HOME)


async def test_a_new_address_that_has_found_an_owner_is_a_conflict(world: Slice) -> None:
    """Two accounts would share an address, or the proof would end in an internal error."""
    signed_in = await world.signup()
    mail = await open_change(world, signed_in.viewer.account_id, "grace@example.org")
    await world.signup("grace")
    problem = await problem_of(world.email_proofs.prove(token=link_in(mail), origin=HOME))
    assert (problem.code, problem.field) == (Code.CONFLICT, "email")
    assert (await world.sessions.authenticate(signed_in.access_token)).email == ADA
    assert await events(world, signed_in.viewer.account_id) == ["SIGNED_UP"]
    theirs = world.mailbox.sent[-1]
    await world.email_proofs.prove(code=code_in(theirs), email="grace@example.org", origin=HOME)
    assert (await problem_of(world.email_proofs.prove(token=link_in(mail), origin=HOME))).code is Code.CONFLICT


async def test_fifty_people_want_one_new_address(world: Slice) -> None:
    """Two accounts would share an address."""
    people = [await world.signup(f"person{n}", origin=elsewhere(n)) for n in range(10)]
    letters = [await open_change(world, person.viewer.account_id, "one@example.org") for person in people]
    outcomes = await asyncio.gather(
        *(
            world.email_proofs.prove(token=link_in(mail), origin=elsewhere(100 + 10 * turn + n))
            for turn in range(5)
            for n, mail in enumerate(letters)
        ),
        return_exceptions=True,
    )
    assert len([outcome for outcome in outcomes if isinstance(outcome, UUID)]) == 1
    assert {outcome.code for outcome in outcomes if isinstance(outcome, Problem)} <= {Code.CONFLICT, Code.GONE}
    assert await world.sql.fetchval("select count(*) from accounts where email = 'one@example.org'") == 1


async def test_whoever_holds_the_profile_gets_the_account_as_well(world: Slice) -> None:
    """A person who deletes their account, or earns a badge, while their new address is proved would be met with an
    internal error: each would wait for what the other holds."""
    person = await world.signup()
    letter = await open_change(world, person.viewer.account_id, "new@example.org")
    async with world.sql.transaction():
        await world.sql.fetch("select from profiles for update")
        proving = asyncio.create_task(world.email_proofs.prove(token=link_in(letter), origin=HOME))
        while not await world.sql.fetchval("select exists (select from pg_locks where not granted)"):
            assert not proving.done()
        await world.sql.fetch("select from accounts for update nowait")
    assert await proving == person.viewer.account_id

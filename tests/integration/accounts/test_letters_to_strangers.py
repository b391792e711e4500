"""What somebody can have us write to an address that they signed up with and that is not theirs."""

import asyncio

from app.accounts.limits import BACKUP_CODES_PER_ACCOUNT, PASSWORD_CHANGES_PER_ACCOUNT, SECOND_FACTOR_SETUPS
from app.errors import Code, Problem
from tests.integration.accounts.conftest import HOME, PASSWORD, Slice
from tests.integration.accounts.factors import guarded


async def test_one_proof_does_not_buy_letters_and_hashes_without_end(world: Slice) -> None:
    """Whoever signs up with a stranger's address could fill that mailbox, and keep every core busy with hashes so that
    nobody else could sign in."""
    ada = await world.signup()
    await world.reauthentication.confirm(ada.viewer, password=PASSWORD, origin=HOME)
    viewer = await world.sessions.authenticate(ada.access_token)
    before, hashes = len(await world.letters()), world.passwords.hashes
    outcomes = await asyncio.gather(
        *(world.credentials.change_password(viewer, password=f"wheelbarrow no {n}", origin=HOME) for n in range(50)),
        return_exceptions=True,
    )
    problems = [outcome for outcome in outcomes if isinstance(outcome, Problem)]
    assert {problem.code for problem in problems} == {Code.RATE_LIMITED}
    assert outcomes.count(None) == PASSWORD_CHANGES_PER_ACCOUNT.amount == 10
    assert world.passwords.hashes - hashes == 10
    assert len(await world.letters()) - before == 10


async def test_backup_codes_do_not_buy_letters_without_end(world: Slice) -> None:
    """The use of each backup code and each new set is mailed, and every code buys ten more."""
    ada = await guarded(world)
    codes, before = list(ada.backup_codes), len(await world.letters())
    told = []
    for _ in range(BACKUP_CODES_PER_ACCOUNT.amount + 5):
        try:
            codes = list(await world.second_factors.regenerate_backup_codes(ada.viewer, codes.pop(), origin=HOME))
        except Problem as problem:
            told.append(problem.code)
    assert told
    assert set(told) == {Code.RATE_LIMITED}
    # A letter for each code that was used and one for each new set; setting up took one of the sets.
    assert len(await world.letters()) - before == 2 * (SECOND_FACTOR_SETUPS.amount - 1) == 18
    for _ in range(len(codes)):
        try:
            await world.reauthentication.confirm(ada.viewer, code=codes.pop(), origin=HOME)
        except Problem as problem:
            told.append(problem.code)
    assert set(told) == {Code.RATE_LIMITED}
    assert len(await world.letters()) - before <= 18 + BACKUP_CODES_PER_ACCOUNT.amount
    await world.second_factors.disable(ada.viewer, ada.phone.code(), origin=HOME)  # the app still does

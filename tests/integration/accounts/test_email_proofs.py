"""Proof of an e-mail address: by link, by code, once and in time."""

import asyncio
from uuid import UUID

import pytest

from app.accounts.email_proofs import WRONG_CODES
from app.accounts.limits import CODE_PER_EMAIL, CODE_PER_EMAIL_DAILY, VERIFY_PER_IP
from app.errors import Code, Problem
from tests.integration.accounts.conftest import HOME, Slice
from tests.integration.accounts.factors import problem_of
from tests.integration.accounts.proof_letters import ADA, code_in, elsewhere, events, link_in


def another(code: str) -> str:
    """A code that is certainly wrong."""
    return f"{(int(code) + 1) % 10**6:06}"


async def test_the_mailed_link_proves_the_address_once(world: Slice) -> None:
    """An address could never be proved, or an old mail in a shared mailbox could be used again."""
    signed_in = await world.signup()
    token = link_in(world.mailbox.sent[0])
    world.clock.advance(60)
    outcomes = await asyncio.gather(
        *(world.email_proofs.prove(token=token, origin=elsewhere(n)) for n in range(50)), return_exceptions=True
    )
    assert [outcome for outcome in outcomes if not isinstance(outcome, Problem)] == [signed_in.viewer.account_id]
    assert {outcome.code for outcome in outcomes if isinstance(outcome, Problem)} == {Code.GONE}
    viewer = await world.sessions.authenticate(signed_in.access_token)
    assert viewer.email_verified_at == viewer.updated_at == world.clock.now()
    assert await events(world, viewer.account_id) == ["SIGNED_UP", "EMAIL_PROVED"]


async def test_the_mailed_code_proves_the_address_once(world: Slice) -> None:
    """Whoever reads their mail on another device would have to type the link; or a code could be used again."""
    signed_in = await world.signup()
    code = code_in(world.mailbox.sent[0])
    # Redis counts six tries a minute for one address: what runs at once is what the limit lets through.
    outcomes = await asyncio.gather(
        *(world.email_proofs.prove(code=code, email=" ADA@example.org", origin=elsewhere(n)) for n in range(50)),
        return_exceptions=True,
    )
    assert [outcome for outcome in outcomes if not isinstance(outcome, Problem)] == [signed_in.viewer.account_id]
    codes = [outcome.code for outcome in outcomes if isinstance(outcome, Problem)]
    assert codes.count(Code.GONE) == CODE_PER_EMAIL.amount - 1
    assert codes.count(Code.RATE_LIMITED) == 50 - CODE_PER_EMAIL.amount
    assert (await world.sessions.authenticate(signed_in.access_token)).email_verified_at == world.clock.now()


async def test_link_and_code_are_one_proof(world: Slice) -> None:
    """A letter whose link was used would leave a code lying about that still works, and the other way round."""
    await world.signup()
    await world.signup("grace")
    first, second = world.mailbox.sent
    await world.email_proofs.prove(token=link_in(first), origin=HOME)
    used = await problem_of(world.email_proofs.prove(code=code_in(first), email=ADA, origin=HOME))
    assert (used.code, used.field) == (Code.GONE, "code")
    await world.email_proofs.prove(code=code_in(second), email="grace@example.org", origin=HOME)
    used = await problem_of(world.email_proofs.prove(token=link_in(second), origin=HOME))
    assert (used.code, used.field) == (Code.GONE, "token")


async def test_fifty_callers_with_link_and_code_get_one_proof(world: Slice) -> None:
    """Link and code used at the same moment would both count, for two different people with one mailbox."""
    signed_in = await world.signup()
    mail = world.mailbox.sent[0]
    by_code = [
        world.email_proofs.prove(code=code_in(mail), email=ADA, origin=elsewhere(n))
        for n in range(CODE_PER_EMAIL.amount)
    ]
    by_link = [world.email_proofs.prove(token=link_in(mail), origin=elsewhere(n)) for n in range(len(by_code), 50)]
    outcomes = await asyncio.gather(*by_code, *by_link, return_exceptions=True)
    assert [outcome for outcome in outcomes if isinstance(outcome, UUID)] == [signed_in.viewer.account_id]
    assert [outcome.code for outcome in outcomes if isinstance(outcome, Problem)] == [Code.GONE] * 49
    assert (await events(world, signed_in.viewer.account_id)).count("EMAIL_PROVED") == 1


async def test_a_link_lives_a_day(world: Slice) -> None:
    """A mail found months later would still prove an address that has changed hands."""
    await world.signup()
    world.clock.advance(24 * 3600)
    mail = world.mailbox.sent[0]
    assert (await problem_of(world.email_proofs.prove(token=link_in(mail), origin=HOME))).code is Code.GONE
    assert (await problem_of(world.email_proofs.prove(code=code_in(mail), email=ADA, origin=HOME))).code is Code.GONE
    assert await world.sql.fetchval("select email_verified_at from accounts") is None


async def test_a_code_lives_a_quarter_of_an_hour_and_is_kept_only_as_a_hash(world: Slice) -> None:
    """A million codes are soon tried: on one that lives for a day, or read from a stolen copy of Redis."""
    signed_in = await world.signup()
    key = f"ev:code:{signed_in.viewer.account_id}"
    assert 0 < await world.redis.ttl(key) <= 15 * 60
    kept = await world.redis.hgetall(key)
    assert set(kept) == {b"mac", b"wrong"}
    assert code_in(world.mailbox.sent[0]).encode() not in kept[b"mac"]
    await world.redis.delete(key)
    code = code_in(world.mailbox.sent[0])
    assert (await problem_of(world.email_proofs.prove(code=code, email=ADA, origin=HOME))).code is Code.GONE


async def test_five_wrong_codes_end_the_right_one(world: Slice) -> None:
    """A script could go on guessing minute after minute until it proves somebody else's address."""
    await world.signup()
    code = code_in(world.mailbox.sent[0])
    for number in range(WRONG_CODES):
        wrong = await problem_of(world.email_proofs.prove(code=another(code), email=ADA, origin=elsewhere(number)))
        assert (wrong.code, wrong.field) == (Code.GONE, "code")
    assert (await problem_of(world.email_proofs.prove(code=code, email=ADA, origin=HOME))).code is Code.GONE
    await world.email_proofs.prove(token=link_in(world.mailbox.sent[0]), origin=HOME)  # the link is no guess


async def test_fifty_parallel_guesses_get_six_tries(world: Slice) -> None:
    """Guessing fast enough would slip past the limit between its check and its count."""
    await world.signup()
    code = code_in(world.mailbox.sent[0])
    problems = await asyncio.gather(
        *(problem_of(world.email_proofs.prove(code=another(code), email=ADA, origin=elsewhere(n))) for n in range(50))
    )
    codes = [problem.code for problem in problems]
    assert codes.count(Code.GONE) == CODE_PER_EMAIL.amount == 6
    assert codes.count(Code.RATE_LIMITED) == 44
    assert all(problem.retry_after_s for problem in problems if problem.code is Code.RATE_LIMITED)


async def test_guessing_code_after_code_ends_with_the_day(world: Slice) -> None:
    """A stranger who has letter after letter sent would have a fresh code to guess with each, for ever."""
    await world.signup()
    wrong = another(code_in(world.mailbox.sent[0]))
    for number in range(CODE_PER_EMAIL_DAILY.amount):
        tried = world.email_proofs.prove(code=wrong, email=ADA, origin=elsewhere(number))
        assert (await problem_of(tried)).code is Code.GONE
        await world.redis.delete(*await world.redis.keys("limit:email.code:*"))  # as if a minute had passed
    refused = await problem_of(world.email_proofs.prove(code=wrong, email=ADA, origin=HOME))
    assert (refused.code, refused.reason) == (Code.RATE_LIMITED, "email.code_daily")
    await world.email_proofs.prove(token=link_in(world.mailbox.sent[0]), origin=HOME)


async def test_a_code_says_nothing_of_who_has_an_account(world: Slice) -> None:
    """Anyone could find out who has an account here by trying codes."""
    await world.signup()
    answers = []
    for email in (ADA, "nobody@example.org"):
        problem = await problem_of(world.email_proofs.prove(code="000000", email=email, origin=HOME))
        answers.append((problem.code, problem.detail, problem.field, problem.reason))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("token", ["", "x", "x" * 64, "x" * 1_000_000, "\0", "\ud800", "ключ"])
async def test_a_made_up_link_proves_nothing(world: Slice, token: str) -> None:
    """A guess, or garbage in a link, would be taken for proof or answer with an internal error."""
    await world.signup()
    problem = await problem_of(world.email_proofs.prove(token=token, origin=HOME))
    assert (problem.code, problem.field) == (Code.GONE, "token")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "token"),
        ({"token": "x", "code": "123456", "email": ADA}, "token"),
        ({"token": "x", "email": ADA}, "code"),
        ({"code": "123456"}, "email"),
        ({"email": ADA}, "code"),
        ({"code": "12345", "email": ADA}, "code"),
        ({"code": "1234567", "email": ADA}, "code"),
        ({"code": "12345\n", "email": ADA}, "code"),
        ({"code": "١٢٣٤٥٦", "email": ADA}, "code"),
        ({"code": "' or 1", "email": ADA}, "code"),
        ({"code": "123456", "email": "nobody"}, "email"),
        ({"code": "123456", "email": "ada\u200b@example.org"}, "email"),
    ],
)
async def test_what_is_no_proof_at_all_names_the_field(world: Slice, given: dict[str, str], field: str) -> None:
    """A form could not say what to correct, or a typing error would cost one of the few tries."""
    problem = await problem_of(world.email_proofs.prove(**given, origin=HOME))
    assert (problem.code, problem.field) == (Code.BAD_USER_INPUT, field)
    assert await world.redis.keys("limit:*") == []


async def test_guessing_links_is_counted(world: Slice) -> None:
    """A script could try links as fast as the network carries them."""
    problems = [
        await problem_of(world.email_proofs.prove(token=f"guess {number}", origin=HOME))
        for number in range(VERIFY_PER_IP.amount + 1)
    ]
    assert [problem.code for problem in problems] == [Code.GONE] * VERIFY_PER_IP.amount + [Code.RATE_LIMITED]

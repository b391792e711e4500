"""The letter that proves an address: sent anew, to nobody who need not have it, and while mail or Redis is away."""

import asyncio

import pytest
from redis.asyncio import Redis

from app.accounts.limits import RESEND_PER_EMAIL, RESEND_PER_IP
from app.background import Post
from app.errors import Code, Problem
from app.mail import Mail, MailUnavailable
from app.rate_limits import RateLimits
from tests.fakes import Mailbox
from tests.integration.accounts.conftest import HOME, Slice
from tests.integration.accounts.factors import problem_of
from tests.integration.accounts.proof_letters import ADA, code_in, elsewhere, link_in


class BrokenMailbox(Mailbox):
    """A mail server that is away."""

    async def send(self, mail: Mail) -> None:
        raise MailUnavailable("nobody answers")


class SilentMailbox(Mailbox):
    """A mail server that accepts the connection and never answers."""

    async def send(self, mail: Mail) -> None:
        await asyncio.Event().wait()


async def test_a_new_letter_replaces_the_old_one(world: Slice) -> None:
    """A lost mail could never be had again, or every letter ever sent would stay a key to the account."""
    signed_in = await world.signup()
    await world.email_proofs.resend(email=" ADA@example.org ", origin=HOME)
    first, second = await world.letters()
    assert second.to == ADA
    for old in ({"token": link_in(first)}, {"code": code_in(first), "email": ADA}):
        assert (await problem_of(world.email_proofs.prove(**old, origin=HOME))).code is Code.GONE
    assert await world.email_proofs.prove(token=link_in(second), origin=HOME) == signed_in.viewer.account_id
    assert await world.sql.fetchval("select count(*) from email_proofs where used_at is null") == 0


async def test_fifty_parallel_resends_leave_one_open_proof(world: Slice) -> None:
    """Pressing the button twice would fail, or leave several letters that all work."""
    await world.signup()
    limits = RateLimits(redis=world.redis)
    outcomes = await asyncio.gather(
        *(world.email_proofs_with(limits=limits).resend(email=ADA, origin=elsewhere(n)) for n in range(50)),
        return_exceptions=True,
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, Problem)]
    assert len(refused) == 50 - RESEND_PER_EMAIL.amount
    assert {problem.code for problem in refused} == {Code.RATE_LIMITED}
    letters = await world.letters()
    assert len(letters) == 1 + RESEND_PER_EMAIL.amount == 4
    assert await world.sql.fetchval("select count(*) from email_proofs where used_at is null") == 1
    worked = 0
    for number, mail in enumerate(letters):
        try:
            await world.email_proofs.prove(token=link_in(mail), origin=elsewhere(number))
        except Problem:
            continue
        worked += 1
    assert worked == 1


@pytest.mark.parametrize("who", ["nobody", "proved"])
async def test_a_resend_says_nothing_and_sends_nothing(world: Slice, who: str) -> None:
    """Anyone could find out who has an account here, or fill the mailbox of somebody who proved theirs long ago."""
    if who == "proved":
        await world.signup(who)
        await world.email_proofs.prove(token=link_in(world.mailbox.sent[0]), origin=HOME)
    before = list(await world.letters())
    for _ in range(RESEND_PER_EMAIL.amount):
        await world.email_proofs.resend(email=f"{who}@example.org", origin=HOME)
    refused = await problem_of(world.email_proofs.resend(email=f"{who}@example.org", origin=HOME))
    assert refused.code is Code.RATE_LIMITED
    assert await world.letters() == before
    assert await world.sql.fetchval("select count(*) from email_proofs where used_at is null") == 0


async def test_one_machine_cannot_have_everybody_written_to(world: Slice) -> None:
    """A script could make us send mail to a whole campus."""
    outcomes = await asyncio.gather(
        *(world.email_proofs.resend(email=f"p{n}@example.org", origin=HOME) for n in range(RESEND_PER_IP.amount + 5)),
        return_exceptions=True,
    )
    assert len([outcome for outcome in outcomes if isinstance(outcome, Problem)]) == 5


@pytest.mark.parametrize(
    "email", ["", "nobody", "a@b@example.org", "x" * 100_000, "ada\0@example.org", "аda@example.org"]
)
async def test_a_resend_to_no_address_names_the_field(world: Slice, email: str) -> None:
    """A person who mistyped their address would wait for a mail that never comes."""
    problem = await problem_of(world.email_proofs.resend(email=email, origin=HOME))
    assert (problem.code, problem.field) == (Code.BAD_USER_INPUT, "email")


async def test_proving_and_asking_anew_at_once_never_lock_each_other_out(world: Slice) -> None:
    """Pressing the link while a new letter is asked for would end in an internal error."""
    for trial in range(20):
        await world.signup(f"person{trial}", origin=elsewhere(trial))
        email, token = f"person{trial}@example.org", link_in(world.mailbox.sent[-1])
        outcomes = await asyncio.gather(
            world.email_proofs.resend(email=email, origin=elsewhere(trial)),
            world.email_proofs.prove(token=token, origin=elsewhere(trial)),
            return_exceptions=True,
        )
        await world.background.settled()
        for outcome in outcomes:
            assert not isinstance(outcome, Exception) or (isinstance(outcome, Problem) and outcome.code is Code.GONE)


@pytest.mark.parametrize("mailer", [BrokenMailbox(), SilentMailbox()], ids=["away", "silent"])
async def test_mail_being_down_holds_nobody_up(world: Slice, mailer: Mailbox, caplog: pytest.LogCaptureFixture) -> None:
    """While the mail server is away nobody could sign up, though everything else works; or addresses fill the log."""
    signed_in = await world.signup()
    post = Post(mailer=mailer, background=world.background, patience_s=0.05)
    proofs = world.email_proofs_with(post=post)
    await proofs.resend(email=ADA, origin=HOME)
    proofs.mail(signed_in.viewer.account_id, "a-token", to=ADA)
    await world.background.settled()
    assert "failed" in caplog.text
    assert ADA not in caplog.text
    assert "a-token" not in caplog.text


async def test_without_redis_a_letter_has_a_link_and_no_code(world: Slice) -> None:
    """A stumble of Redis between the sign-up and its letter would leave the person with a code that never works."""
    signed_in = await world.signup()
    redis = Redis.from_url("unix:///nowhere/redis.sock")
    world.email_proofs_with(redis=redis).mail(signed_in.viewer.account_id, "a-token", to=ADA)
    mail = (await world.letters())[-1]
    assert link_in(mail) == "a-token"
    assert "code" not in mail.text.replace("give the code to nobody", "")
    proofs = world.email_proofs_with(redis=redis, limits=RateLimits(redis=redis))
    for attempt in (
        proofs.prove(token="x" * 64, origin=HOME),
        proofs.prove(code="123456", email=ADA, origin=HOME),
        world.email_proofs_with(redis=redis).prove(code="123456", email=ADA, origin=HOME),
        proofs.resend(email=ADA, origin=HOME),
    ):
        assert (await problem_of(attempt)).code is Code.BUSY
    await redis.aclose()

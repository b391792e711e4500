"""Proof of an e-mail address: by link, by code, once, in time, and for a new address."""

import asyncio
import re
from uuid import UUID

import pytest
from redis.asyncio import Redis

from app.accounts.email_proofs import WRONG_CODES
from app.accounts.limits import CODE_PER_EMAIL, CODE_PER_EMAIL_DAILY, RESEND_PER_EMAIL, RESEND_PER_IP, VERIFY_PER_IP
from app.accounts.model import Origin
from app.background import Post
from app.database import Transaction
from app.errors import Code, Problem
from app.mail import Mail, MailUnavailable
from app.rate_limits import RateLimits
from tests.fakes import Mailbox
from tests.integration.accounts.conftest import HOME, PASSWORD, Slice

ADA = "ada@example.org"


class BrokenMailbox(Mailbox):
    """A mail server that is away."""

    async def send(self, mail: Mail) -> None:
        raise MailUnavailable("nobody answers")


class SilentMailbox(Mailbox):
    """A mail server that accepts the connection and never answers."""

    async def send(self, mail: Mail) -> None:
        await asyncio.Event().wait()


async def problem_of(attempt: object) -> Problem:
    with pytest.raises(Problem) as caught:
        await attempt  # type: ignore[misc]  # a coroutine, whatever it would have returned
    return caught.value


def elsewhere(number: int) -> Origin:
    """One of many networks, so that only the limits per address count."""
    return Origin(ip=f"198.51.100.{number}")


def link_in(mail: Mail) -> str:
    return mail.text.split("/verify-email#token=")[1].split()[0]


def code_in(mail: Mail) -> str:
    found = re.search(r"^\d{6}$", mail.text, re.MULTILINE)
    assert found is not None, mail.text
    return found[0]


def another(code: str) -> str:
    """A code that is certainly wrong."""
    return f"{(int(code) + 1) % 10**6:06}"


async def open_change(world: Slice, account_id: UUID, email: str) -> Mail:
    """What changing the address to `email` mails there."""

    async def work(tx: Transaction) -> str:
        return await world.email_proofs.open(tx, account_id, email=email)

    token = await world.database.transact(work)
    world.email_proofs.mail(account_id, token, to=email, is_change=True)
    return (await world.letters())[-1]


async def events(world: Slice, account_id: UUID) -> list[str]:
    rows = await world.sql.fetch("select event from audit_events where account_id = $1 order by id", account_id)
    return [row["event"] for row in rows]


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

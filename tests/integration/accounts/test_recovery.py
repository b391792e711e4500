"""A forgotten password: who gets a link, what it opens, and what it ends."""

import asyncio
import re
from dataclasses import replace

import pytest

from app.accounts.limits import RESET_LINK_PER_EMAIL, RESET_LINK_PER_IP, RESET_PER_IP
from app.accounts.model import Origin, SecondFactorNeeded, SignedIn
from app.accounts.recovery import PasswordRecovery
from app.background import Background
from app.errors import Code, Problem
from app.settings import Settings
from tests.integration.accounts.conftest import HOME, PASSWORD, Slice
from tests.integration.accounts.factors import first_step, guarded, problem_of

NEW = "a brand new wheelbarrow"


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """With the mode of sign-in by face that a test asks for."""
    return replace(settings, face_login=getattr(request, "param", settings.face_login))


async def link_token(world: Slice, email: str = "ada@example.org", *, origin: Origin = HOME) -> str:
    """Asks for a link and reads the mail."""
    await world.recovery.request(email=email, origin=origin)
    last = (await world.letters())[-1]
    assert last.to == email
    link = re.search(r"http://127\.0\.0\.1:8000/reset#token=(\S+)", last.text)
    assert link is not None
    return link[1]


async def is_password(world: Slice, password: str) -> bool:
    stored = await world.sql.fetchval("select password_hash from accounts where email = 'ada@example.org'")
    return (await world.passwords.verify(stored, password)).is_right


async def is_live(world: Slice, signed_in: SignedIn) -> bool:
    try:
        await world.sessions.authenticate(signed_in.access_token)
    except Problem:
        return False
    return True


async def test_a_forgotten_password_is_replaced(world: Slice) -> None:
    """Whoever forgets their password would have lost their account."""
    ada, grace = await world.signup(), await world.signup("grace")
    token = await link_token(world)
    assert len(token) == 64, "48 random bytes"
    await world.recovery.reset(token=token, password=NEW, origin=HOME)

    assert await is_password(world, NEW)
    assert not await is_password(world, PASSWORD)
    assert not await is_live(world, ada), "whoever had the old password is out"
    assert await is_live(world, grace)
    told = (await world.letters())[-1]
    assert (told.to, told.subject) == ("ada@example.org", "Your password was changed")
    assert NEW not in told.text
    assert await world.sql.fetchval("select email_verified_at from accounts where email = 'ada@example.org'")
    assert (await world.events())[-3:] == ["PASSWORD_RESET_REQUESTED", "PASSWORD_RESET", "EMAIL_PROVED"]
    await world.accounts.login(email="ada@example.org", password=NEW, origin=HOME)


async def test_the_link_is_stored_only_as_a_hash(world: Slice) -> None:
    """Whoever reads a stolen backup could choose everybody a new password."""
    await world.signup()
    token = await link_token(world)
    (row,) = await world.sql.fetch("select t::text as line from password_resets t")
    assert token not in row["line"]


async def test_known_and_unknown_addresses_are_alike(world: Slice) -> None:
    """Anyone could find out who has an account here, by the answer or by the work before it."""
    await world.signup()
    await world.background.settled()
    full = Background(max_waiting=0)
    recovery = PasswordRecovery(
        database=world.database,
        sessions=world.sessions,
        passwords=world.passwords,
        audit=world.audit,
        limits=world.limits,
        background=full,
        post=world.post,
        clock=world.clock,
        ids=world.ids,
        public_url=world.settings.public_url,
        face_login=world.settings.face_login != "off",
    )
    for email in ("ada@example.org", "nobody@example.org"):
        problem = await problem_of(recovery.request(email=email, origin=HOME))
        assert problem.code is Code.BUSY, "both leave the rest to the background"
    assert await world.sql.fetchval("select count(*) from password_resets") == 0, "and write nothing before it"
    for email in ("ada@example.org", "nobody@example.org"):
        await world.recovery.request(email=email, origin=HOME)
    await world.background.settled()
    assert {mail.to for mail in await world.letters()} == {"ada@example.org"}
    assert await world.sql.fetchval("select count(*) from password_resets") == 1


async def test_a_link_lives_an_hour_and_a_newer_one_replaces_it(world: Slice) -> None:
    """A mail found much later, or one of several, would still open the account."""
    await world.signup()
    old = await link_token(world)
    new = await link_token(world)
    assert (await problem_of(world.recovery.reset(token=old, password=NEW, origin=HOME))).code is Code.GONE
    world.clock.advance(3600)
    problem = await problem_of(world.recovery.reset(token=new, password=NEW, origin=HOME))
    assert (problem.code, problem.field) == (Code.GONE, "token")
    assert await is_password(world, PASSWORD)


async def test_one_link_is_open_however_many_are_asked_for_at_once(world: Slice) -> None:
    """Every one of several links in a mailbox would open the account, or asking twice would fail."""
    await world.signup()
    asked = [world.recovery.request(email="ada@example.org", origin=HOME) for _ in range(3)]
    await asyncio.gather(*asked)
    await world.background.settled()
    assert await world.sql.fetchval("select count(*) from password_resets where used_at is null") == 1


async def test_fifty_uses_of_one_link_are_one(world: Slice) -> None:
    """Two people at one mailbox would both choose a password, and each believe in theirs."""
    await world.signup()
    token = await link_token(world)
    outcomes = await asyncio.gather(
        *(
            world.recovery.reset(token=token, password=f"{NEW} {n}", origin=Origin(ip=f"198.51.100.{n}"))
            for n in range(50)
        ),
        return_exceptions=True,
    )
    assert [outcome for outcome in outcomes if not isinstance(outcome, Problem)] == [None]
    assert {outcome.code for outcome in outcomes if isinstance(outcome, Problem)} == {Code.GONE}
    assert await is_password(world, f"{NEW} {outcomes.index(None)}")
    assert (await problem_of(world.recovery.reset(token=token, password=NEW, origin=HOME))).code is Code.GONE
    assert (await world.events()).count("PASSWORD_RESET") == 1


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("short", "PASSWORD_TOO_SHORT"),
        ("x" * 129, "PASSWORD_TOO_LONG"),
        ("password123", "PASSWORD_COMMON"),
        ("ada@example.org", "PASSWORD_PERSONAL"),
        ("\ud800" * 9, "PASSWORD_NOT_TEXT"),
    ],
)
async def test_a_bad_password_is_told_why_and_the_link_stays_good(world: Slice, password: str, reason: str) -> None:
    """A person who chose badly would have to ask for another mail, or could choose what attackers try first."""
    await world.signup()
    token = await link_token(world)
    problem = await problem_of(world.recovery.reset(token=token, password=password, origin=HOME))
    assert (problem.code, problem.field, problem.reason) == (Code.BAD_USER_INPUT, "password", reason)
    await world.recovery.reset(token=token, password=NEW, origin=HOME)


@pytest.mark.parametrize("token", ["", "x", "x" * 64, "x" * 1_000_000, "\0", "\ud800", "ключ", "' or 1=1 --"])
async def test_a_made_up_link_opens_nothing(world: Slice, token: str) -> None:
    """A guess, or garbage in a link, would open an account or answer with an internal error."""
    await world.signup()
    await link_token(world)
    problem = await problem_of(world.recovery.reset(token=token, password=NEW, origin=HOME))
    assert (problem.code, problem.field) == (Code.GONE, "token")


@pytest.mark.parametrize("email", ["", "nobody", "ada@example.org\0", "аda@example.org", "x" * 9_999])
async def test_what_is_no_address_is_told(world: Slice, email: str) -> None:
    """A person who mistyped would wait for a mail that never comes."""
    problem = await problem_of(world.recovery.request(email=email, origin=HOME))
    assert (problem.code, problem.field) == (Code.BAD_USER_INPUT, "email")


async def test_nobodys_mailbox_is_flooded(world: Slice) -> None:
    """Anybody could fill a person's mailbox, or have a whole town written to."""
    await world.signup()
    before = len(await world.letters())
    outcomes = await asyncio.gather(
        *(world.recovery.request(email=" ADA@example.org", origin=Origin(ip=f"198.51.100.{n}")) for n in range(50)),
        return_exceptions=True,
    )
    assert outcomes.count(None) == RESET_LINK_PER_EMAIL.amount == 3
    assert len(await world.letters()) - before <= 3
    unknown = [await told(world, "nobody@example.org", f"203.0.113.{n}") for n in range(4)]
    assert unknown == [None, None, None, Code.RATE_LIMITED], "an unknown address is counted alike"
    town = [await told(world, f"p{n}@example.org", "192.0.2.9") for n in range(RESET_LINK_PER_IP.amount + 1)]
    assert town[-2:] == [None, Code.RATE_LIMITED]


async def told(world: Slice, email: str, ip: str) -> Code | None:
    try:
        await world.recovery.request(email=email, origin=Origin(ip=ip))
    except Problem as problem:
        return problem.code
    return None


async def test_trying_links_is_counted(world: Slice) -> None:
    """A script could keep every core busy with hashes, and nobody else could sign in."""
    codes = [
        (await problem_of(world.recovery.reset(token=f"guess {n}", password=NEW, origin=HOME))).code
        for n in range(RESET_PER_IP.amount + 1)
    ]
    assert codes == [Code.GONE] * RESET_PER_IP.amount + [Code.RATE_LIMITED]


async def test_a_link_dies_with_the_address_it_was_mailed_to(world: Slice) -> None:
    """Whoever reads a mailbox that its owner gave up could still open the account."""
    await world.signup()
    token = await link_token(world)
    await world.sql.execute("update accounts set email = 'new@example.org'")
    problem = await problem_of(world.recovery.reset(token=token, password=NEW, origin=HOME))
    assert problem.code is Code.GONE


async def test_an_account_without_a_password_gets_one(world: Slice) -> None:
    """Whoever came by a provider that closes down could never sign in again."""
    await world.signup()
    await world.sql.execute("update accounts set password_hash = null")
    await world.recovery.reset(token=await link_token(world), password=NEW, origin=HOME)
    await world.accounts.login(email="ada@example.org", password=NEW, origin=HOME)


async def link(world: Slice, provider: str, *, email: str | None = None, minutes: int = 0) -> None:
    account_id = await world.sql.fetchval("select id from accounts where email = 'ada@example.org'")
    await world.sql.execute(
        "insert into identities (issuer, subject, account_id, provider, email, email_verified, linked_at) "
        "values ($1::text, '1', $2, $1::text, $3::text, $3::text is not null, "
        "$4::timestamptz + make_interval(mins => $5))",
        provider,
        account_id,
        email,
        world.clock.now(),
        minutes,
    )


async def providers(world: Slice) -> set[str]:
    return {row["provider"] for row in await world.sql.fetch("select provider from identities")}


async def test_whoever_signed_up_with_a_strangers_address_is_out_when_its_owner_comes(world: Slice) -> None:
    """An attacker who signs up first, and links a provider or asks for another address, would keep a way in."""
    attacker = await world.signup()
    await link(world, "GITHUB", email="attacker@example.net")
    await link(world, "GOOGLE", email="ada@example.org")
    await world.sql.execute("update email_proofs set email = 'attacker@example.net'")
    await world.recovery.reset(token=await link_token(world), password=NEW, origin=HOME)

    assert not await is_live(world, attacker)
    assert await world.live_tokens() == 0
    assert await providers(world) == {"GOOGLE"}, "this one vouches for the very address"
    assert await world.sql.fetchval("select count(*) from email_proofs where used_at is null") == 0
    assert "IDENTITY_UNLINKED" in await world.events()
    assert "unlinked" in (await world.letters())[-1].text


async def enrol(world: Slice, *, minutes: int = 0) -> None:
    await world.sql.execute(
        "insert into face_templates (id, account_id, descriptor, kind, taken_on, is_anchor, created_at) "
        "select $1, id, cast(array_fill(0.05::real, array[128]) as vector), 1, current_date, "
        "not exists (select from face_templates), $2::timestamptz + make_interval(mins => $3) from accounts",
        world.ids.uuid7(),
        world.clock.now(),
        minutes,
    )


async def faces(world: Slice) -> int:
    return int(await world.sql.fetchval("select count(*) from face_templates"))


@pytest.mark.parametrize("proved", [False, True], ids=["never-proved", "proved-later"])
async def test_a_face_from_before_the_address_was_proved_goes_with_a_reset(world: Slice, proved: bool) -> None:
    """Whoever signs up first with somebody's address, and enrols their face, would walk into the account for good."""
    await world.signup()
    await enrol(world, minutes=-10)
    await enrol(world, minutes=10)  # needs no fresh proof, and looks like the one before
    if proved:
        await world.sql.execute("update accounts set email_verified_at = $1", world.clock.now())
    await world.recovery.reset(token=await link_token(world), password=NEW, origin=HOME)
    assert await faces(world) == 0
    assert (await world.events()).count("FACE_FORGOTTEN") == 1
    letter = (await world.letters())[-1].text
    assert "(providers, faces, passkeys) that were added before this address was proved" in letter
    assert "still open" not in letter


async def test_a_face_of_the_proved_owner_stays_and_is_named(world: Slice) -> None:
    """Whoever forgets a password would have to enrol anew; or the face of a thief who did would stay unseen."""
    await world.signup()
    await world.sql.execute("update accounts set email_verified_at = $1", world.clock.now())
    await enrol(world, minutes=10)
    await world.recovery.reset(token=await link_token(world), password=NEW, origin=HOME)
    assert await faces(world) == 1
    assert "These still open your account: an enrolled face." in (await world.letters())[-1].text


@pytest.mark.parametrize("settings", ["off"], indirect=True)
async def test_a_face_opens_nothing_where_faces_do_not_sign_in(world: Slice) -> None:
    """People would look in their settings for a way in that the operator has switched off."""
    await world.signup()
    await world.sql.execute("update accounts set email_verified_at = $1", world.clock.now())
    await enrol(world, minutes=10)
    await world.recovery.reset(token=await link_token(world), password=NEW, origin=HOME)
    assert await faces(world) == 1
    assert "still open" not in (await world.letters())[-1].text


async def test_what_was_linked_by_the_proved_owner_stays(world: Slice) -> None:
    """A person who forgot their password would lose the other ways in that they had set up."""
    await world.signup()
    await link(world, "GITHUB", minutes=-10)
    await link(world, "FACEBOOK", minutes=10)
    await world.sql.execute("update accounts set email_verified_at = $1", world.clock.now())
    await world.recovery.reset(token=await link_token(world), password=NEW, origin=HOME)
    assert await providers(world) == {"FACEBOOK"}
    assert "EMAIL_PROVED" not in await world.events()


async def test_the_letter_names_what_still_opens_the_account(world: Slice) -> None:
    """A thief who linked their own GitHub would come back after the reset, and the owner would feel safe."""
    await world.signup()
    await world.sql.execute("update accounts set email_verified_at = $1", world.clock.now())
    await world.recovery.reset(token=await link_token(world), password=NEW, origin=HOME)
    assert "still open" not in (await world.letters())[-1].text
    await link(world, "GITHUB", minutes=10)
    await world.recovery.reset(token=await link_token(world), password=NEW + "2", origin=HOME)
    assert "These still open your account: Github." in (await world.letters())[-1].text


async def test_a_reset_leaves_the_second_factor_on(world: Slice) -> None:
    """Whoever reads a person's mail could take off the lock that the person put on top of it."""
    ada = await guarded(world)
    await world.recovery.reset(token=await link_token(world), password=NEW, origin=HOME)
    admission = await world.accounts.login(email="ada@example.org", password=NEW, origin=HOME)
    assert isinstance(admission, SecondFactorNeeded)
    entered = await world.second_factors.verify_login(
        temp_token=admission.temp_token, code=ada.phone.next_code(), origin=HOME
    )
    assert entered.viewer.two_factor_enabled


async def test_a_sign_in_under_way_ends_with_the_old_password(world: Slice) -> None:
    """A thief who knew the old password, and waits for a code, would still come in after the reset."""
    ada = await guarded(world)
    old = await first_step(world)
    await world.recovery.reset(token=await link_token(world), password=NEW, origin=HOME)
    refused = await problem_of(
        world.second_factors.verify_login(temp_token=old, code=ada.phone.next_code(), origin=HOME)
    )
    assert refused.code is Code.UNAUTHENTICATED
    assert await world.live_tokens() == 0


async def test_a_reset_races_sign_ins_and_refreshes_and_nothing_lives(world: Slice) -> None:
    """The thief for whose sake the password is reset would slip in at that very moment, and stay."""
    survivors = 0
    for trial in range(60):
        person = await world.signup(f"person{trial}")
        email = f"person{trial}@example.org"
        token = await link_token(world, email, origin=Origin(ip=f"198.51.100.{trial}"))
        await asyncio.gather(
            world.sessions.refresh(person.refresh_token, origin=HOME),
            world.accounts.login(email=email, password=PASSWORD, origin=HOME),
            world.recovery.reset(token=token, password=NEW, origin=Origin(ip=f"203.0.113.{trial}")),
            world.accounts.login(email=email, password=PASSWORD, origin=HOME),
            return_exceptions=True,
        )
        survivors += await world.live_tokens()
        await world.redis.flushall()
    assert survivors == 0

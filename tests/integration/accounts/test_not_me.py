"""This was not me: what the link closes, what it leaves, and who cannot turn it against the owner."""

import asyncio
import re
from datetime import timedelta
from uuid import UUID

import pytest

from app.accounts.alarms import LINK_TTL
from app.accounts.limits import NOT_ME_PER_IP
from app.accounts.model import Origin, SecondFactorNeeded, SignedIn
from app.accounts.not_me import NotMe
from app.database import Database
from app.errors import Code
from app.mail import Mail
from tests.authenticator import STEP_S, Phone
from tests.integration.accounts.conftest import HOME, PASSWORD, Slice
from tests.integration.accounts.factors import first_step, guarded, problem_of
from tests.integration.accounts.test_recovery import is_live

THIEF = Origin(ip="203.0.113.66", user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Firefox/141.0", device="t" * 43)
OLD, STOLEN = "ada@example.org", "thief@example.net"
NEW = "a brand new wheelbarrow"


def token_in(mail: Mail) -> str:
    found = re.search(r"/not-me#token=(\S+)", mail.text)
    assert found is not None, mail.text
    return found[1]


async def break_in(world: Slice) -> tuple[SignedIn, str]:
    """A thief signs in with the password; gives back their session, and the token that the owner was mailed."""
    thief = await world.accounts.login(email=OLD, password=PASSWORD, origin=THIEF)
    assert isinstance(thief, SignedIn)
    alarm = [mail for mail in await world.letters() if "/not-me#token=" in mail.text][-1]
    assert alarm.to == OLD
    return thief, token_in(alarm)


async def move_away(world: Slice, thief: SignedIn, email: str = STOLEN) -> None:
    """The thief makes another address the account's."""
    await world.credentials.change_email(thief.viewer, email=email, password=PASSWORD, origin=THIEF)
    proof = [mail for mail in await world.letters() if mail.to == email][-1]
    await world.email_proofs.prove(token=proof.text.split("/verify-email#token=")[1].split()[0], origin=THIEF)
    await world.background.settled()


async def link(world: Slice, account_id: UUID, subject: str) -> None:
    await world.sql.execute(
        "insert into identities (issuer, subject, account_id, provider, linked_at) "
        "values ('https://github.com', $1, $2, $1, $3)",
        subject,
        account_id,
        world.clock.now(),
    )


async def providers(world: Slice) -> list[str]:
    return [row["provider"] for row in await world.sql.fetch("select provider from identities order by provider")]


async def address(world: Slice, account_id: UUID) -> tuple[str | None, bool]:
    """The account's address, and whether it is proved."""
    row = await world.sql.fetchrow("select email, email_verified_at from accounts where id = $1", account_id)
    return row["email"], row["email_verified_at"] is not None


def reset_token(mail: Mail) -> str:
    return mail.text.split("/reset#token=")[1].split()[0]


async def test_the_button_shuts_everybody_out_and_the_reset_lets_the_owner_in(world: Slice) -> None:
    """A person whose password was stolen could only watch."""
    ada = await world.signup()
    thief, token = await break_in(world)
    await world.not_me.report(token=token, origin=HOME)

    assert not await is_live(world, thief)
    assert not await is_live(world, ada)
    assert await world.sql.fetchval("select count(*) from known_devices") == 0
    assert await world.sql.fetchval("select count(*) from sessions where device_hash is not null") == 0
    for origin in (THIEF, HOME):
        blocked = await problem_of(world.accounts.login(email=OLD, password=PASSWORD, origin=origin))
        assert (blocked.code, blocked.reason) == (Code.UNAUTHENTICATED, "PASSWORD_RESET_REQUIRED")
    wrong = await problem_of(world.accounts.login(email=OLD, password="a guess", origin=THIEF))
    assert wrong.reason == "WRONG_CREDENTIALS", "whoever does not have the password learns nothing"

    letter = (await world.letters())[-1]
    assert (letter.to, letter.subject) == (OLD, "Choose a new password")
    assert "its password was blocked" in letter.text
    assert "your password stays as it is" not in letter.text, "it does not: it was blocked"
    await world.recovery.reset(token=reset_token(letter), password=NEW, origin=HOME)
    assert isinstance(await world.accounts.login(email=OLD, password=NEW, origin=HOME), SignedIn)
    assert (await problem_of(world.accounts.login(email=OLD, password=PASSWORD, origin=THIEF))).reason == (
        "WRONG_CREDENTIALS"
    )
    assert (await world.events()).count("NOT_ME_REPORTED") == 1


async def own_key_and_face(world: Slice, account_id: UUID) -> None:
    """A passkey and an enrolled face of the account, made now."""
    now, name = world.clock.now(), world.ids.bytes(32)
    await world.sql.execute(
        "insert into passkeys (id, account_id, credential_id, public_key, sign_count, aaguid, backup_eligible, "
        "backed_up, name, created_at) values ($1, $2, $3, $3, 0, $1, false, false, 'phone', $4)",
        world.ids.uuid7(),
        account_id,
        name,
        now,
    )
    await world.sql.execute(
        "insert into face_templates (id, account_id, descriptor, kind, taken_on, is_anchor, created_at) "
        "select $1, $2, cast(array_fill(0.1::real, array[128]) as vector), 1, current_date, "
        "not exists (select from face_templates where account_id = $2), $3",
        world.ids.uuid7(),
        account_id,
        now,
    )


async def test_what_was_added_since_is_taken_back_and_what_was_before_stays(world: Slice) -> None:
    """A thief would come back through the door they built; or the owner would lose their own."""
    ada = await world.signup()
    account_id = ada.viewer.account_id
    await link(world, account_id, "GITHUB")
    await own_key_and_face(world, account_id)
    world.clock.advance(3600)
    thief, token = await break_in(world)
    await link(world, account_id, "GOOGLE")
    await own_key_and_face(world, account_id)
    setup = await world.second_factors.enable(thief.viewer, origin=THIEF)
    await world.second_factors.verify(thief.viewer, Phone.of(setup.otpauth_url, world.clock).code(), origin=THIEF)
    await world.credentials.change_email(thief.viewer, email=STOLEN, password=PASSWORD, origin=THIEF)
    await world.recovery.request(email=OLD, origin=THIEF)
    await world.background.settled()
    await world.not_me.report(token=token, origin=HOME)

    assert await providers(world) == ["GITHUB"]
    assert await world.sql.fetchval("select provider from unlinked_identities") == "GOOGLE"
    assert await world.sql.fetchval("select count(*) from second_factors") == 0
    for table in ("passkeys", "face_templates"):
        kept = await world.sql.fetch(f"select created_at from {table}")
        assert [row["created_at"] for row in kept] == [ada.viewer.created_at], table
    assert await world.sql.fetchval("select count(*) from email_proofs where email = $1", STOLEN) == 0
    links = [reset_token(mail) for mail in await world.letters() if "/reset#token=" in mail.text]
    assert (await problem_of(world.recovery.reset(token=links[0], password=NEW, origin=THIEF))).code is Code.GONE
    detail = await world.sql.fetchval("select detail from audit_events where event = 'NOT_ME_REPORTED'")
    assert '"second_factor": 1' in detail
    await world.recovery.reset(token=links[-1], password=NEW, origin=HOME)
    assert isinstance(await world.accounts.login(email=OLD, password=NEW, origin=HOME), SignedIn)


async def test_the_owners_second_factor_stays_and_codes_drawn_by_the_thief_do_not(world: Slice) -> None:
    """Whoever reads the owner's mail would take off what the owner put on top of it; or a thief would keep ten keys."""
    ada = await guarded(world)
    temp_token = await first_step(world, origin=THIEF)
    thief = await world.second_factors.verify_login(temp_token=temp_token, code=ada.phone.next_code(), origin=THIEF)
    world.clock.advance(STEP_S)
    codes = await world.second_factors.regenerate_backup_codes(thief.viewer, ada.phone.code(), origin=THIEF)
    token = [token_in(mail) for mail in await world.letters() if "/not-me#token=" in mail.text][-1]
    await world.not_me.report(token=token, origin=HOME)
    await world.recovery.reset(token=reset_token((await world.letters())[-1]), password=NEW, origin=HOME)

    world.clock.advance(STEP_S)
    admission = await world.accounts.login(email=OLD, password=NEW, origin=HOME)
    assert isinstance(admission, SecondFactorNeeded)
    refused = world.second_factors.verify_login(temp_token=admission.temp_token, code=codes[0], origin=THIEF)
    assert (await problem_of(refused)).reason == "WRONG_CODE"
    await world.second_factors.verify_login(temp_token=admission.temp_token, code=ada.phone.code(), origin=HOME)


async def test_a_second_step_that_is_under_way_is_over(world: Slice) -> None:
    """A thief who had given the password before the button was pressed could still give the code after it."""
    ada = await guarded(world)
    waiting = await first_step(world, origin=THIEF)
    entered = await world.second_factors.verify_login(
        temp_token=await first_step(world, origin=THIEF), code=ada.phone.next_code(), origin=THIEF
    )
    assert entered.viewer.account_id == ada.viewer.account_id
    token = [token_in(mail) for mail in await world.letters() if "/not-me#token=" in mail.text][-1]
    await world.not_me.report(token=token, origin=HOME)
    world.clock.advance(STEP_S)
    late = world.second_factors.verify_login(temp_token=waiting, code=ada.phone.code(), origin=THIEF)
    assert (await problem_of(late)).reason == "SECOND_STEP_OVER"


async def test_the_old_mailbox_decides_when_the_thief_moved_the_account(world: Slice) -> None:
    """A thief's first deed would win: the link for the new password would go to the thief."""
    ada = await world.signup()
    thief, token = await break_in(world)
    await move_away(world, thief)
    assert await address(world, ada.viewer.account_id) == (STOLEN, True)
    await world.not_me.report(token=token, origin=HOME)
    assert await address(world, ada.viewer.account_id) == (OLD, True)
    letter = (await world.letters())[-1]
    assert (letter.to, letter.subject) == (OLD, "Choose a new password")
    assert not [mail for mail in world.mailbox.sent if mail.to == STOLEN and "/reset#" in mail.text]
    await world.recovery.request(email=STOLEN, origin=THIEF)
    assert (await world.letters())[-1].to == OLD


async def test_an_address_that_was_brought_back_can_be_brought_back_again(world: Slice) -> None:
    """A thief who is thrown out, comes back within the week and moves the account once more would keep it."""
    ada = await world.signup()
    thief, token = await break_in(world)
    await move_away(world, thief)
    world.clock.advance(60)
    await world.not_me.report(token=token, origin=HOME)
    await world.recovery.reset(token=reset_token((await world.letters())[-1]), password=PASSWORD, origin=HOME)
    thief, token = await break_in(world)
    await move_away(world, thief)
    await world.not_me.report(token=token, origin=HOME)
    assert await address(world, ada.viewer.account_id) == (OLD, True)


async def test_a_thiefs_own_alarms_never_bring_the_account_back_to_them(world: Slice) -> None:
    """A thief would let an alarm be mailed to their own address, and undo the owner's return with it."""
    ada = await world.signup()
    thief, owners = await break_in(world)
    await move_away(world, thief)
    world.clock.advance(60)
    other = Origin(ip="203.0.113.67", user_agent=THIEF.user_agent, device="u" * 43)
    await world.accounts.login(email=STOLEN, password=PASSWORD, origin=other)
    alarm = [mail for mail in await world.letters() if "/not-me#token=" in mail.text][-1]
    assert alarm.to == STOLEN
    # First by the owner's own hand, without the link.
    await world.sql.execute("update accounts set email = $1 where id = $2", OLD, ada.viewer.account_id)
    await world.not_me.report(token=token_in(alarm), origin=THIEF)
    assert await address(world, ada.viewer.account_id) == (OLD, True), "it only closes"
    assert (await world.letters())[-1].to == OLD
    # Then by the link: it is older than what the thief did, and still good.
    await world.sql.execute("update accounts set email = $1 where id = $2", STOLEN, ada.viewer.account_id)
    await world.not_me.report(token=owners, origin=HOME)
    assert await address(world, ada.viewer.account_id) == (OLD, True)


@pytest.mark.parametrize("is_proved", [False, True])
async def test_an_address_that_somebody_took_meanwhile(world: Slice, is_proved: bool) -> None:
    """A thief who signs up anew with the address that they moved the account away from would keep the account; or, with
    another address from then on, pass for a member of the owner's campus."""
    ada = await world.signup()
    thief, token = await break_in(world)
    await move_away(world, thief)
    taker = await world.accounts.signup(
        email=OLD, password=PASSWORD, username="taker", display_name="Taker", origin=THIEF
    )
    await world.sql.execute("update profiles set campus_id = (select id from campuses limit 1)")
    if is_proved:
        await world.sql.execute("update accounts set email_verified_at = now() where email = $1", OLD)
    await world.not_me.report(token=token, origin=HOME)
    mine, theirs = [await address(world, each.viewer.account_id) for each in (ada, taker)]
    assert (mine, theirs) == (((None, False), (OLD, True)) if is_proved else ((OLD, True), (None, False)))
    of_campus = await world.sql.fetch("select handle from profiles where campus_id is not null")
    assert {row["handle"] for row in of_campus} == ({"ada", "taker"} if is_proved else {"ada"})
    await world.recovery.request(email=STOLEN, origin=THIEF)
    assert not [mail for mail in await world.letters() if mail.to == STOLEN and "/reset#" in mail.text]


async def test_a_link_works_once_and_no_other_token_works(world: Slice) -> None:
    """Yesterday's link would sign its owner out again and again; or anybody's guess would."""
    await world.signup()
    _, token = await break_in(world)
    swapped = token[:-1] + ("A" if token[-1] != "A" else "B")
    for bad in (swapped, token[:-1], token + "A", "", " ", "x" * 10_000, "\ud800", "é", "\x00"):
        assert (await problem_of(world.not_me.report(token=bad, origin=Origin(ip="192.0.2.9")))).code is Code.GONE
    await world.not_me.report(token=token, origin=HOME)
    again = await problem_of(world.not_me.report(token=token, origin=HOME))
    unknown = await problem_of(world.not_me.report(token=swapped, origin=HOME))
    assert (again.code, again.detail, again.field) == (unknown.code, unknown.detail, unknown.field)
    stored = await world.sql.fetchval("select token_hash from not_me_links")
    assert len(stored) == 32


async def test_a_link_lives_a_week_and_not_beyond_its_account(world: Slice) -> None:
    """A letter found in an old mailbox would close an account for good; or a fault would tell that one is gone."""
    ada = await world.signup()
    _, token = await break_in(world)
    world.clock.advance((LINK_TTL + timedelta(seconds=1)).total_seconds())
    assert (await problem_of(world.not_me.report(token=token, origin=HOME))).code is Code.GONE
    world.clock.advance(-2)
    fresh = await world.another_session(ada)
    await world.erasure.delete(fresh.viewer, password=PASSWORD, origin=HOME)
    assert (await problem_of(world.not_me.report(token=token, origin=HOME))).code is Code.GONE


async def test_fifty_at_once_have_one_effect(world: Slice) -> None:
    """Two clicks would mail two links, the first of which is dead before it is read."""
    await world.signup()
    _, token = await break_in(world)

    async def press(number: int) -> Code | None:
        origin = Origin(ip=f"198.51.100.{number}")
        try:
            await world.not_me.report(token=token, origin=origin)
        except Exception as problem:
            return getattr(problem, "code", None)
        return None

    outcomes = await asyncio.gather(*(press(number) for number in range(50)))
    assert outcomes.count(None) == 1
    assert outcomes.count(Code.GONE) == 49
    assert len([mail for mail in await world.letters() if "/reset#token=" in mail.text]) == 1
    assert (await world.events()).count("NOT_ME_REPORTED") == 1


async def test_a_sign_in_that_is_under_way_does_not_slip_through(world: Slice) -> None:
    """A thief who signs in without pause would be in again the moment they are thrown out."""
    for trial in range(5):
        name = f"person{trial}"
        await world.signup(name)
        email = f"{name}@example.org"

        async def sign_in(email: str = email) -> object:
            try:
                return await world.accounts.login(email=email, password=PASSWORD, origin=THIEF)
            except Exception as problem:
                return problem

        await sign_in()
        alarm = [mail for mail in await world.letters() if mail.to == email and "/not-me#" in mail.text][-1]
        pressing = asyncio.create_task(world.not_me.report(token=token_in(alarm), origin=HOME))
        await asyncio.gather(*(sign_in() for _ in range(9)))
        await pressing
        live = await world.sql.fetchval(
            "select count(*) from sessions s join accounts a on a.id = s.account_id "
            "where a.email = $1 and s.revoked_at is null",
            email,
        )
        assert live == 0
        await world.redis.delete(*[key async for key in world.redis.scan_iter(match="limit:*")])


async def test_a_blocked_password_confirms_nothing_either(world: Slice) -> None:
    """A thief who kept another way in would change what opens the account with the password that they know."""
    ada = await world.signup()
    _, token = await break_in(world)
    await world.not_me.report(token=token, origin=HOME)
    back = await world.another_session(ada)
    refused = await problem_of(world.reauthentication.confirm(back.viewer, password=PASSWORD, origin=THIEF))
    assert refused.code is Code.FORBIDDEN


async def test_links_cannot_be_tried_without_end(world: Slice) -> None:
    """Guessing would cost nothing."""
    for _ in range(NOT_ME_PER_IP.amount):
        assert (await problem_of(world.not_me.report(token="guess", origin=HOME))).code is Code.GONE
    assert (await problem_of(world.not_me.report(token="guess", origin=HOME))).code is Code.RATE_LIMITED


async def test_while_the_database_is_away_the_link_stays_good(world: Slice) -> None:
    """An outage would use the link up, or answer a frightened person with a fault."""
    await world.signup()
    _, token = await break_in(world)
    away = Database(url="postgresql+asyncpg://postgres@/none?host=/nowhere", queries=world.database.queries)
    await away.open()
    not_me = NotMe(
        database=away,
        sessions=world.sessions,
        recovery=world.recovery,
        audit=world.audit,
        limits=world.limits,
        clock=world.clock,
    )
    assert (await problem_of(not_me.report(token=token, origin=HOME))).code is Code.BUSY
    await away.close()
    await world.not_me.report(token=token, origin=HOME)


async def test_an_account_without_a_password_is_closed_and_gets_no_link_for_one(world: Slice) -> None:
    """Whoever reads the mail of somebody who signs in by a provider would be handed a way in of their own."""
    ada = await world.signup()
    _, token = await break_in(world)
    await world.sql.execute("update accounts set password_hash = null")
    await world.recovery.request(email=OLD, origin=THIEF)
    asked_before = (await world.letters())[-1]
    await world.not_me.report(token=token, origin=HOME)
    assert not await is_live(world, ada)
    assert (await world.letters())[-1] is asked_before
    late = world.recovery.reset(token=reset_token(asked_before), password=NEW, origin=THIEF)
    assert (await problem_of(late)).code is Code.GONE
    assert await world.sql.fetchval("select password_reset_required_at from accounts") is None

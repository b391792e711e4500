"""Two-factor sign-in: set up, asked for, used once, switched off."""

from urllib.parse import unquote

import pytest

from app.accounts.limits import SECOND_FACTOR_SETUPS
from app.accounts.model import SignedIn
from app.errors import Code
from tests.authenticator import STEP_S, Phone
from tests.integration.accounts.conftest import HOME, PASSWORD, Slice
from tests.integration.accounts.factors import events, first_step, guarded, letters, problem_of


async def test_from_the_set_up_to_the_next_sign_in(world: Slice) -> None:
    """Somebody who wants a second factor could not have one, or would be locked out by it."""
    ada = await world.signup()
    setup = await world.second_factors.enable(ada.viewer, origin=HOME)
    assert unquote(setup.otpauth_url).startswith("otpauth://totp/127.0.0.1:ada@example.org?secret=")
    assert setup.qr_code.startswith("data:image/svg+xml")
    assert isinstance(await world.accounts.login(email="ada@example.org", password=PASSWORD, origin=HOME), SignedIn), (
        "nothing is asked for before it is confirmed"
    )
    phone = Phone.of(setup.otpauth_url, world.clock)
    await world.second_factors.verify(ada.viewer, f" {phone.code()[:3]} {phone.code()[3:]}", origin=HOME)
    temp_token = await first_step(world)
    signed_in = await world.second_factors.verify_login(temp_token=temp_token, code=phone.next_code(), origin=HOME)
    assert (await world.sessions.authenticate(signed_in.access_token)).two_factor_enabled
    assert await letters(world) == ["Two-factor sign-in is on"]
    assert await events(world) == ["SIGNED_UP", "SIGNED_IN", "SECOND_FACTOR_ENABLED", "SIGNED_IN"]
    detail = await world.sql.fetchval("select detail::text from audit_events order by at desc, id desc limit 1")
    assert detail == '{"method": "password", "second_factor": "totp"}'
    method = await world.sql.fetchval("select method from sessions where id = $1", signed_in.viewer.session_id)
    assert method == "password"


async def test_other_devices_stay_signed_in(world: Slice) -> None:
    """Switching it on at the desk would throw the person out on their phone."""
    ada = await world.signup()
    other = await world.another_session(ada)
    setup = await world.second_factors.enable(ada.viewer, origin=HOME)
    await world.second_factors.verify(ada.viewer, Phone.of(setup.otpauth_url, world.clock).code(), origin=HOME)
    refreshed = await world.sessions.refresh(other.refresh_token, origin=HOME)
    assert refreshed.viewer.two_factor_enabled


async def test_nothing_readable_is_stored(world: Slice) -> None:
    """Whoever reads a stolen backup of the database could make codes, or use the backup codes."""
    ada = await guarded(world)
    rows = await world.sql.fetch("select f.*, c.code_hash from second_factors f join backup_codes c using (account_id)")
    assert len(rows) == 10
    stored = b"".join(bytes(value) for row in rows for value in row.values() if isinstance(value, bytes))
    assert ada.phone.totp.byte_secret() not in stored
    for code in ada.backup_codes:
        assert code.encode() not in stored
        assert code.replace("-", "").encode() not in stored
    # A row that was copied to another account does not open there.
    eve = await guarded(world, "eve")
    await world.sql.execute(
        "update second_factors set secret_sealed = $1 where account_id = $2",
        rows[0]["secret_sealed"],
        eve.viewer.account_id,
    )
    with pytest.raises(Exception, match="altered"):
        await world.codes.prove(eve.viewer.account_id, ada.phone.code(), origin=HOME)


async def test_asking_again_makes_the_first_secret_void(world: Slice) -> None:
    """A QR code that somebody photographed before it was replaced would still give codes."""
    ada = await world.signup()
    first = await world.second_factors.enable(ada.viewer, origin=HOME)
    second = await world.second_factors.enable(ada.viewer, origin=HOME)
    assert not set(first.backup_codes) & set(second.backup_codes)
    old, new = (Phone.of(setup.otpauth_url, world.clock) for setup in (first, second))
    problem = await problem_of(world.second_factors.verify(ada.viewer, old.code(), origin=HOME))
    assert (problem.code, problem.field, problem.reason) == (Code.BAD_USER_INPUT, "code", "WRONG_CODE")
    await world.second_factors.verify(ada.viewer, new.code(), origin=HOME)
    assert (await problem_of(world.codes.prove(ada.viewer.account_id, first.backup_codes[0], origin=HOME))).reason == (
        "WRONG_CODE"
    )


async def test_once_on_it_cannot_be_replaced_from_a_session(world: Slice) -> None:
    """Whoever finds an open laptop could put their own phone in the place of the owner's."""
    ada = await guarded(world)
    assert (await problem_of(world.second_factors.enable(ada.viewer, origin=HOME))).code is Code.CONFLICT
    problem = await problem_of(world.second_factors.verify(ada.viewer, ada.phone.code(), origin=HOME))
    assert problem.code is Code.CONFLICT
    await world.codes.prove(ada.viewer.account_id, ada.phone.code(), origin=HOME)


async def test_a_set_up_is_confirmed_within_the_hour_or_begun_again(world: Slice) -> None:
    """A secret that stood on a screen last week would still become somebody's second factor."""
    ada = await world.signup()
    assert (await problem_of(world.second_factors.verify(ada.viewer, "123456", origin=HOME))).code is Code.GONE
    setup = await world.second_factors.enable(ada.viewer, origin=HOME)
    world.clock.advance(3601)
    phone = Phone.of(setup.otpauth_url, world.clock)
    assert (await problem_of(world.second_factors.verify(ada.viewer, phone.code(), origin=HOME))).code is Code.GONE
    assert isinstance(await world.accounts.login(email="ada@example.org", password=PASSWORD, origin=HOME), SignedIn)


async def test_a_backup_code_confirms_no_set_up(world: Slice) -> None:
    """A person whose app never got the secret would be locked out when the ten codes are used."""
    ada = await world.signup()
    setup = await world.second_factors.enable(ada.viewer, origin=HOME)
    problem = await problem_of(world.second_factors.verify(ada.viewer, setup.backup_codes[0], origin=HOME))
    assert problem.reason == "WRONG_CODE"


async def test_a_code_works_once(world: Slice) -> None:
    """Whoever watches a code being typed could use it too (Keycloak #13607, Zitadel #6452)."""
    ada = await world.signup()
    setup = await world.second_factors.enable(ada.viewer, origin=HOME)
    phone = Phone.of(setup.otpauth_url, world.clock)
    used = phone.code()
    await world.second_factors.verify(ada.viewer, used, origin=HOME)
    problem = await problem_of(
        world.second_factors.verify_login(temp_token=await first_step(world), code=used, origin=HOME)
    )
    assert (problem.code, problem.reason) == (Code.UNAUTHENTICATED, "WRONG_CODE"), "used by the confirmation"

    used = phone.next_code()
    await world.second_factors.verify_login(temp_token=await first_step(world), code=used, origin=HOME)
    world.clock.advance(STEP_S - 1)  # within the skew it would still match
    for attempt in (
        world.second_factors.verify_login(temp_token=await first_step(world), code=used, origin=HOME),
        world.codes.prove(ada.viewer.account_id, used, origin=HOME),
        world.second_factors.disable(ada.viewer, used, origin=HOME),
        world.second_factors.regenerate_backup_codes(ada.viewer, used, origin=HOME),
    ):
        assert (await problem_of(attempt)).reason == "WRONG_CODE"


async def test_an_older_code_is_void_once_a_newer_was_used(world: Slice) -> None:
    """A code that was watched half a minute ago would still open the account."""
    ada = await guarded(world)
    older = ada.phone.code()
    await world.codes.prove(ada.viewer.account_id, ada.phone.next_code(), origin=HOME)
    assert (await problem_of(world.codes.prove(ada.viewer.account_id, older, origin=HOME))).reason == "WRONG_CODE"


async def test_skew_is_one_step_each_way(world: Slice) -> None:
    """A phone that is half a minute off would lock its owner out; a wider window would help whoever guesses."""
    ada = await guarded(world)
    world.clock.advance(10 * STEP_S)
    for ahead in (-2, 2):
        code = ada.phone.code(ahead_s=ahead * STEP_S)
        assert (await problem_of(world.codes.prove(ada.viewer.account_id, code, origin=HOME))).reason == "WRONG_CODE"
    for ahead in (-1, 0, 1):
        await world.codes.prove(ada.viewer.account_id, ada.phone.code(ahead_s=ahead * STEP_S), origin=HOME)


async def test_a_backup_code_opens_once_and_its_owner_is_told(world: Slice) -> None:
    """A person without their phone would be locked out, or one lost slip of paper would open for ever."""
    ada = await guarded(world)
    code = ada.backup_codes[3]
    await world.second_factors.verify_login(
        temp_token=await first_step(world), code=code.upper().replace("-", " "), origin=HOME
    )
    viewer = await world.sessions.authenticate(ada.signed_in.access_token)
    assert await world.second_factors.backup_codes_left(viewer) == 9
    assert (await letters(world))[-1] == "A backup code was used"
    told = world.mailbox.sent[-1]
    assert told.to == "ada@example.org"
    assert "9 are left" in told.text
    assert code not in told.text
    row = await world.sql.fetchrow("select detail::text, ip from audit_events where event = 'BACKUP_CODE_USED'")
    assert tuple(row) == ('{"left": 9}', "192.0.2.1")
    problem = await problem_of(
        world.second_factors.verify_login(temp_token=await first_step(world), code=code, origin=HOME)
    )
    assert problem.reason == "WRONG_CODE"


async def test_new_backup_codes_replace_the_old(world: Slice) -> None:
    """Somebody who lost the slip of paper could not make it worthless."""
    ada = await guarded(world)
    await world.codes.prove(ada.viewer.account_id, ada.backup_codes[0], origin=HOME)
    renewed = await world.second_factors.regenerate_backup_codes(ada.viewer, ada.phone.code(), origin=HOME)
    assert len(set(renewed) - set(ada.backup_codes)) == 10
    viewer = await world.sessions.authenticate(ada.signed_in.access_token)
    assert await world.second_factors.backup_codes_left(viewer) == 10
    problem = await problem_of(world.codes.prove(ada.viewer.account_id, ada.backup_codes[1], origin=HOME))
    assert problem.reason == "WRONG_CODE"
    await world.codes.prove(ada.viewer.account_id, renewed[9], origin=HOME)
    assert "You have new backup codes" in await letters(world)
    assert "BACKUP_CODES_REPLACED" in await events(world)


@pytest.mark.parametrize("by", ["app", "backup code"])
async def test_switched_off_nothing_is_left(world: Slice, by: str) -> None:
    """Somebody who gave up the app would be asked for ever, or what they gave up would lie in the database."""
    ada = await guarded(world)
    code = ada.phone.code() if by == "app" else ada.backup_codes[0]
    await world.second_factors.disable(ada.viewer, code, origin=HOME)
    assert isinstance(await world.accounts.login(email="ada@example.org", password=PASSWORD, origin=HOME), SignedIn)
    assert await world.sql.fetchval("select count(*) from second_factors") == 0
    assert await world.sql.fetchval("select count(*) from backup_codes") == 0
    assert (await letters(world))[-1] == "Two-factor sign-in is off"
    assert "SECOND_FACTOR_DISABLED" in await events(world)
    again = await problem_of(world.second_factors.disable(ada.viewer, ada.phone.code(), origin=HOME))
    assert (again.code, again.reason) == (Code.GONE, "SECOND_FACTOR_OFF")
    viewer = await world.sessions.authenticate(ada.signed_in.access_token)
    assert await world.second_factors.backup_codes_left(viewer) is None
    await world.second_factors.enable(viewer, origin=HOME)


async def test_it_takes_the_password_unless_the_sign_in_is_fresh(world: Slice) -> None:
    """Whoever finds an unlocked laptop could put their own phone before the account and lock its owner out."""
    ada = await world.signup()
    await world.second_factors.enable(ada.viewer, origin=HOME)
    world.clock.advance(301)
    for password, field in ((None, None), ("a wrong guess", "password")):
        problem = await problem_of(world.second_factors.enable(ada.viewer, password=password, origin=HOME))
        assert (problem.code, problem.field, problem.reason) == (Code.FORBIDDEN, field, "REAUTHENTICATION_NEEDED")
    setup = await world.second_factors.enable(ada.viewer, password=PASSWORD, origin=HOME)
    await world.second_factors.verify(ada.viewer, Phone.of(setup.otpauth_url, world.clock).code(), origin=HOME)


async def test_set_ups_are_counted(world: Slice) -> None:
    """A script could have secrets and QR codes drawn as fast as the network carries them."""
    ada = await world.signup()
    for _ in range(SECOND_FACTOR_SETUPS.amount):
        await world.second_factors.enable(ada.viewer, origin=HOME)
    assert (await problem_of(world.second_factors.enable(ada.viewer, origin=HOME))).code is Code.RATE_LIMITED


async def test_a_session_that_has_ended_changes_nothing(world: Slice) -> None:
    """Whoever is thrown out could put their own phone before the account in the same instant, and keep it."""
    ada = await world.signup()
    thief = await world.another_session(ada)
    setup = await world.second_factors.enable(thief.viewer, origin=HOME)
    await world.sessions.end_others(ada.viewer, origin=HOME)
    code = Phone.of(setup.otpauth_url, world.clock).code()
    for attempt in (
        world.second_factors.enable(thief.viewer, origin=HOME),
        world.second_factors.verify(thief.viewer, code, origin=HOME),
    ):
        assert (await problem_of(attempt)).reason == "SESSION_ENDED"
    assert isinstance(await world.accounts.login(email="ada@example.org", password=PASSWORD, origin=HOME), SignedIn)

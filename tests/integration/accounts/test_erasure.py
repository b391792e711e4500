"""What is held about a person: all of it given out on request, and all of it gone when they go."""

import asyncio
import json
from typing import Any

import asyncpg
import pytest

from app.accounts.erasure import LINGER, MOST_EVENTS
from app.accounts.limits import EXPORT_PER_ACCOUNT
from app.accounts.model import SignedIn
from app.audit import AuditEvent
from app.errors import Code, Problem
from app.profiles.limits import HANDLE_HELD_FOR
from tests.integration.accounts.conftest import HOME, PASSWORD, Slice
from tests.integration.accounts.factors import first_step, guarded, problem_of

TEMPLATE = b"\x01sealed template that nobody may ever read"
FACE = [0.6180339] * 128


async def furnish(world: Slice, signed_in: SignedIn) -> None:
    """Everything that an account can have."""
    account_id = signed_in.viewer.account_id
    skill, campus = world.ids.uuid7(), world.ids.uuid7()
    photo = f"avatars/{account_id}/{world.ids.uuid7()}-photo"
    sql = world.sql
    await sql.execute("insert into skills (id, name, category) values ($1, 'Juggling', 'Arts')", skill)
    await sql.execute("insert into campuses (id, name, domain) values ($1, 'Analytical', 'engine.example')", campus)
    await sql.execute(
        "update profiles set bio = 'First <b>programmer</b> \u202e', campus_id = $2, avatar_key = $3, "
        "avatar_mime = 'image/jpeg' where account_id = $1",
        account_id,
        campus,
        photo,
    )
    await sql.execute("insert into profile_skills values ($1, $2)", account_id, skill)
    await sql.execute(
        "insert into photo_templates (account_id, avatar_key, template_sealed) values ($1, $2, $3)",
        account_id,
        photo,
        TEMPLATE,
    )
    await sql.execute(
        "insert into face_templates (id, account_id, descriptor, kind, taken_on, is_anchor, created_at) "
        "values ($1, $2, $3::real[]::vector, 1, '2026-11-20', true, '2026-11-20T12:00:00Z')",
        world.ids.uuid7(),
        account_id,
        FACE,
    )
    await sql.execute(
        "insert into identities (issuer, subject, account_id, provider, username, token_sealed) "
        "values ('https://github.com', '42', $1, 'GITHUB', 'ada-at-github', 'sealed token')",
        account_id,
    )
    await sql.execute("insert into handle_holds values ('old-ada', $1, now() + interval '1 day')", account_id)
    await sql.execute(
        "insert into outbox_events (id, event, payload) values ($1, 'builder_joined', "
        "jsonb_build_object('accountId', $2::text, 'handle', 'ada'))",
        world.ids.uuid7(),
        str(account_id),
    )
    for key in (photo, f"{photo}-96", f"{photo}-320", f"avatars/{account_id}/orphan", f"uploads/{account_id}/waiting"):
        await world.store.write(key, b"a photo", mime="image/jpeg")
    for key in (f"liveness:failures:{account_id}", f"upload:avatars/{account_id}/waiting", f"ev:code:{account_id}"):
        await world.redis.set(key, "1")
    await world.recovery.request(email=signed_in.viewer.email or "", origin=HOME)
    await world.background.settled()


async def traces(world: Slice, *needles: str) -> list[str]:
    """Every table whose rows still hold one of the words."""
    tables = await world.sql.fetch(
        "select table_name from information_schema.tables where table_schema = 'public' and table_type = 'BASE TABLE'"
    )
    found = []
    for (table,) in tables:
        rows = await world.sql.fetch(f'select t::text as line from "{table}" t')
        found += [table for row in rows if any(needle in row["line"] for needle in needles)]
    return sorted(found)


async def exported(world: Slice, signed_in: SignedIn) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(await world.erasure.export(signed_in.viewer, origin=HOME))
    return document


async def test_a_person_gets_everything_that_is_held_about_them(world: Slice) -> None:
    """Nobody could see what is known about them, or take it elsewhere, as the law promises."""
    ada = await guarded(world)
    await world.signup("grace")
    await furnish(world, ada.signed_in)
    held = await exported(world, ada.signed_in)
    assert held["account"]["email"] == "ada@example.org"
    assert held["account"]["hasPassword"] is True
    assert (held["profile"]["handle"], held["profile"]["bio"]) == ("ada", "First <b>programmer</b> \u202e")
    assert held["profile"]["skills"] == ["Juggling"]
    assert held["profile"]["campus"]["name"] == "Analytical"
    assert held["formerHandles"][0]["handle"] == "old-ada"
    assert held["faceTemplate"]["ofPhoto"] == held["profile"]["avatar_key"]
    assert held["enrolledFaces"] == [{"takenOn": "2026-11-20", "enrolledAt": "2026-11-20T12:00:00+00:00"}]
    assert held["secondFactor"]["backupCodesLeft"] == 10
    assert held["identities"][0]["username"] == "ada-at-github"
    assert held["identities"][0]["holds_token"] is True
    assert held["sessions"][0]["user_agent"] == "Firefox/150"
    assert len(held["emailProofs"]) == len(held["passwordResets"]) == 1
    assert held["eventsForOtherSystems"][0]["event"] == "builder_joined"
    assert len(held["photos"]) == 4
    assert len(held["pendingUploads"]) == 1
    assert held["auditEventsInAll"] == len(held["auditEvents"]) == len(await world.events()) - 1, "but Grace's"
    assert held["auditEvents"][0]["event"] == "DATA_EXPORTED"


async def test_the_export_holds_no_secret_and_nobody_else(world: Slice) -> None:
    """A file that lies in a downloads folder would open the account, or tell of others."""
    ada = await guarded(world)
    grace = await world.signup("grace")
    await furnish(world, ada.signed_in)
    text = await world.erasure.export(ada.viewer, origin=HOME)
    row = await world.sql.fetchrow("select password_hash from accounts where email = 'ada@example.org'")
    hidden = [row["password_hash"], TEMPLATE.hex(), "0.618", b"sealed token".hex(), ada.signed_in.refresh_token]
    for table, column in (
        ("second_factors", "secret_sealed"),
        ("backup_codes", "code_hash"),
        ("refresh_tokens", "token_hash"),
        ("password_resets", "token_hash"),
    ):
        hidden += [row[0].hex() for row in await world.sql.fetch(f"select {column} from {table}")]
    assert [secret for secret in hidden if secret in text] == []
    assert "grace" not in text
    assert str(grace.viewer.account_id) not in text


async def test_a_long_history_is_cut_and_says_so(world: Slice) -> None:
    """Somebody who fails to sign in to an account a thousand times a day could make its export too large to give."""
    ada = await world.signup()
    await world.sql.execute(
        "insert into audit_events (id, account_id, event, at) "
        "select gen_random_uuid(), $1, 'SIGN_IN_FAILED', now() from generate_series(1, $2)",
        ada.viewer.account_id,
        MOST_EVENTS,
    )
    held = await exported(world, ada)
    assert len(held["auditEvents"]) == MOST_EVENTS
    assert held["auditEventsInAll"] == MOST_EVENTS + 2


async def test_exports_are_counted(world: Slice) -> None:
    """One person could keep the database busy for everybody."""
    ada = await world.signup()
    outcomes = await asyncio.gather(
        *(world.erasure.export(ada.viewer, origin=HOME) for _ in range(20)), return_exceptions=True
    )
    problems = [outcome for outcome in outcomes if isinstance(outcome, Problem)]
    assert len(outcomes) - len(problems) == EXPORT_PER_ACCOUNT.amount == 6
    assert {problem.code for problem in problems} == {Code.RATE_LIMITED}


async def test_a_person_who_goes_leaves_nothing_behind(world: Slice) -> None:
    """Somebody who left would still be known here: by a row, a photo, a template or a key."""
    ada, grace = await guarded(world), await world.signup("grace")
    await furnish(world, ada.signed_in)
    account_id = str(ada.viewer.account_id)
    await world.store.write(f"avatars/{grace.viewer.account_id}/photo", b"a photo", mime="image/jpeg")
    await world.erasure.delete(ada.viewer, password=PASSWORD, origin=HOME)

    assert await traces(world, "ada@example.org", "ada-at-github", "programmer") == []
    assert await traces(world, account_id) == [
        "audit_events",
        "erasures",
        "handle_holds",
        "handle_holds",
        "outbox_events",
    ]
    (event,) = await world.sql.fetch(
        "select event, ip, user_agent from audit_events where account_id = $1", ada.viewer.account_id
    )
    assert tuple(event) == ("ACCOUNT_DELETED", "", "")
    (told,) = await world.sql.fetch("select event, payload from outbox_events")
    assert (told["event"], json.loads(told["payload"])) == ("account_deleted", {"accountId": account_id})
    assert await world.store.keys(f"avatars/{account_id}") == await world.store.keys(f"uploads/{account_id}") == []
    assert [key async for key in world.redis.scan_iter(match=f"*{account_id}*")] == []
    last = (await world.letters())[-1]
    assert (last.to, last.subject) == ("ada@example.org", "Your account was deleted")

    assert (await problem_of(world.sessions.authenticate(ada.signed_in.access_token))).reason == "SESSION_ENDED"
    assert (await world.sessions.authenticate(grace.access_token)).handle == "grace"
    assert await world.store.keys(f"avatars/{grace.viewer.account_id}")
    assert await world.sql.fetchval("select count(*) from audit_events where account_id = $1", grace.viewer.account_id)


async def test_what_stays_for_a_while_goes_too(world: Slice) -> None:
    """A photo whose upload was under way, or the noted id, would stay for ever."""
    ada = await world.signup()
    account_id = ada.viewer.account_id
    await world.erasure.delete(ada.viewer, password=PASSWORD, origin=HOME)
    late = f"avatars/{account_id}/late"
    await world.store.write(late, b"a photo", mime="image/jpeg")
    await world.audit.record(AuditEvent.SIGN_IN_FAILED, account_id=account_id, origin=HOME)
    await world.erasure.finish()
    assert await world.store.keys(f"avatars/{account_id}") == [late], "too early to be sure that it was the last"
    world.clock.advance(LINGER.total_seconds())
    await world.erasure.finish()
    assert await world.store.keys(f"avatars/{account_id}") == []
    assert await traces(world, str(account_id)) == ["audit_events", "handle_holds", "outbox_events"]
    world.clock.advance(HANDLE_HELD_FOR.total_seconds())
    await world.erasure.finish()
    assert await traces(world, str(account_id)) == ["audit_events", "outbox_events"]


async def test_a_store_that_is_away_delays_only_the_photos(world: Slice) -> None:
    """Nobody could leave while the store is down; or their photos would stay readable when it comes back."""
    ada = await world.signup()
    photo = f"avatars/{ada.viewer.account_id}/photo"
    await world.store.write(photo, b"a photo", mime="image/jpeg")
    folder = world.settings.data_dir / "objects" / "avatars"
    away = folder.rename(folder.with_name("avatars-away"))
    folder.write_text("no folder any more")
    await world.erasure.delete(ada.viewer, password=PASSWORD, origin=HOME)
    assert await world.sql.fetchval("select count(*) from accounts") == 0
    folder.unlink()
    away.rename(folder)
    assert await world.store.keys(f"avatars/{ada.viewer.account_id}") == [photo]
    world.clock.advance(LINGER.total_seconds())
    await world.erasure.finish()
    assert await world.store.keys(f"avatars/{ada.viewer.account_id}") == []


async def test_links_that_have_run_out_are_forgotten(world: Slice) -> None:
    """Addresses that a person gave up long ago would be kept for as long as the account lives."""
    await world.signup()
    await world.recovery.request(email="ada@example.org", origin=HOME)
    await world.background.settled()
    world.clock.advance(3600)
    await world.erasure.finish()
    assert await world.sql.fetchval("select count(*) from password_resets") == 0
    assert await world.sql.fetchval("select count(*) from email_proofs") == 1, "this one lives a day"
    world.clock.advance(23 * 3600)
    await world.erasure.finish()
    assert await world.sql.fetchval("select count(*) from email_proofs") == 0


@pytest.mark.parametrize("password", [None, "", "a wrong guess"])
async def test_a_borrowed_phone_cannot_delete_the_account(world: Slice, password: str | None) -> None:
    """Whoever picks up an unlocked phone could destroy all that a person has here."""
    ada = await world.signup()
    problem = await problem_of(world.erasure.delete(ada.viewer, password=password, origin=HOME))
    assert (problem.code, problem.reason) == (Code.FORBIDDEN, "REAUTHENTICATION_NEEDED")
    assert (await world.sessions.authenticate(ada.access_token)).handle == "ada"


async def test_the_address_is_free_at_once_and_the_handle_later(world: Slice) -> None:
    """A person could never come back; or a stranger would pass for them the minute they are gone."""
    ada = await world.signup()
    await world.erasure.delete(ada.viewer, password=PASSWORD, origin=HOME)
    problem = await problem_of(
        world.accounts.signup(
            email="ada@example.org", password=PASSWORD, username="ada", display_name="Ada", origin=HOME
        )
    )
    assert (problem.code, problem.field) == (Code.CONFLICT, "username")
    again = await world.accounts.signup(
        email="ada@example.org", password=PASSWORD, username="ada-again", display_name="Ada", origin=HOME
    )
    assert again.viewer.account_id != ada.viewer.account_id
    world.clock.advance(HANDLE_HELD_FOR.total_seconds())
    await world.redis.flushall()  # the reservation of the first try, by Redis' own clock
    await world.accounts.signup(
        email="other@example.org", password=PASSWORD, username="ada", display_name="Ada", origin=HOME
    )


async def test_fifty_deletions_are_one(world: Slice) -> None:
    """An impatient person who presses twice would see an error from the database."""
    ada = await world.signup()
    viewer = ada.viewer
    await world.sql.execute("update accounts set password_hash = null")
    fresh = await world.another_session(ada)
    outcomes = await asyncio.gather(
        *(world.erasure.delete(fresh.viewer, origin=HOME) for _ in range(50)), return_exceptions=True
    )
    problems = [outcome for outcome in outcomes if isinstance(outcome, Problem)]
    assert outcomes.count(None) == 1
    assert {problem.code for problem in problems} == {Code.UNAUTHENTICATED}
    assert await world.sql.fetchval("select count(*) from audit_events where account_id = $1", viewer.account_id) == 1


async def test_nobody_gets_in_while_the_account_goes(world: Slice) -> None:
    """A sign-in or a reset on its way would keep a key to an account that is no more, or bring it back half."""
    for trial in range(50):
        person = await world.signup(f"person{trial}")
        email = f"person{trial}@example.org"
        await asyncio.gather(
            world.sessions.refresh(person.refresh_token, origin=HOME),
            world.accounts.login(email=email, password=PASSWORD, origin=HOME),
            world.erasure.delete(person.viewer, password=PASSWORD, origin=HOME),
            world.accounts.login(email=email, password=PASSWORD, origin=HOME),
            world.recovery.request(email=email, origin=HOME),
            return_exceptions=True,
        )
        await world.background.settled()
        assert await world.live_tokens() == 0
        assert await world.sql.fetchval("select count(*) from accounts") == 0
        await world.redis.flushall()


async def test_a_second_step_ends_with_the_account(world: Slice) -> None:
    """A code would open a session of an account that is no more."""
    ada = await guarded(world)
    temp_token = await first_step(world)
    code = ada.phone.next_code()
    await world.erasure.delete(ada.viewer, password=PASSWORD, origin=HOME)
    refused = await problem_of(world.second_factors.verify_login(temp_token=temp_token, code=code, origin=HOME))
    assert refused.code is Code.UNAUTHENTICATED


async def test_the_audit_log_of_others_cannot_be_erased_along(world: Slice) -> None:
    """Whoever finds a hole in the erasure could clean up after a break-in into somebody else's account."""
    ada, grace = await world.signup(), await world.signup("grace")
    async with world.sql.transaction():
        await world.sql.execute("select set_config('bonafide.erasing', $1, true)", str(ada.viewer.account_id))
        await world.sql.execute("delete from audit_events where account_id = $1", ada.viewer.account_id)
        with pytest.raises(asyncpg.RaiseError, match="never changed"):
            async with world.sql.transaction():
                await world.sql.execute("delete from audit_events where account_id = $1", grace.viewer.account_id)
    for statement in ("update audit_events set event = 'x'", "delete from audit_events", "truncate audit_events"):
        with pytest.raises(asyncpg.RaiseError, match="never changed"):
            await world.sql.execute(statement)

"""Sessions: one successor for each race, an end for each stolen token, and an end that holds everywhere at once."""

import asyncio
import base64
from dataclasses import replace

import pytest

from app.accounts.model import Origin, RefreshRefusal, SignedIn
from app.accounts.refresh_tokens import REFRESH_TTL, SESSION_MAX_AGE
from app.accounts.sessions import SessionService
from app.audit import NOBODY
from app.errors import Code, Problem
from app.tokens import ACCESS_TTL, AccessTokens
from tests.integration.accounts.conftest import HOME, Slice

DAY_S = 24 * 3600


async def refusal(world: Slice, token: str) -> str | None:
    with pytest.raises(Problem) as caught:
        await world.sessions.refresh(token, origin=HOME)
    assert caught.value.code is Code.UNAUTHENTICATED
    return caught.value.reason


async def is_live(world: Slice, signed_in: SignedIn) -> bool:
    try:
        await world.sessions.authenticate(signed_in.access_token)
    except Problem as problem:
        assert problem.code is Code.UNAUTHENTICATED  # noqa: PT017 - either answer is fine, another error is not
        return False
    return True


async def test_a_refresh_carries_the_session_on(world: Slice) -> None:
    """A person would be signed out every fifteen minutes."""
    first = await world.signup()
    world.clock.advance(ACCESS_TTL.total_seconds())
    assert not await is_live(world, first), "the access token has had its quarter of an hour"
    second = await world.sessions.refresh(first.refresh_token, origin=Origin(ip="192.0.2.77", user_agent="Safari"))
    assert second.viewer == first.viewer
    assert second.refresh_token != first.refresh_token
    assert second.refresh_expires_at == world.clock.now() + REFRESH_TTL
    assert await is_live(world, second)
    row = await world.sql.fetchrow("select ip, user_agent, last_seen_at from sessions")
    assert tuple(row) == ("192.0.2.77", "Safari", world.clock.now())


async def test_fifty_tabs_get_one_successor(world: Slice) -> None:
    """Two tabs waking at once would throw the person out: the loudest complaint about every peer."""
    first = await world.signup()
    outcomes = await asyncio.gather(*(world.sessions.refresh(first.refresh_token, origin=HOME) for _ in range(50)))
    assert len({outcome.refresh_token for outcome in outcomes}) == 1
    assert len({outcome.refresh_expires_at for outcome in outcomes}) == 1
    assert len({outcome.access_token for outcome in outcomes}) == 50
    assert await world.sql.fetchval("select count(*) from refresh_tokens") == 2
    assert await world.live_tokens() == 1

    world.clock.advance(10)
    late = await world.sessions.refresh(first.refresh_token, origin=HOME)
    assert late.refresh_token == outcomes[0].refresh_token, "the last caller within ten seconds still gets it"
    following = await world.sessions.refresh(late.refresh_token, origin=HOME)
    assert await is_live(world, following)


async def test_a_lost_answer_is_asked_for_again(world: Slice) -> None:
    """A phone that loses its connection in the middle of a refresh would be signed out."""
    first = await world.signup()
    lost = asyncio.ensure_future(world.sessions.refresh(first.refresh_token, origin=HOME))
    await asyncio.sleep(0)
    lost.cancel()
    with pytest.raises(asyncio.CancelledError):
        await lost
    again = await world.sessions.refresh(first.refresh_token, origin=HOME)
    assert await is_live(world, await world.sessions.refresh(again.refresh_token, origin=HOME))


async def test_a_token_that_comes_back_late_ends_the_family(world: Slice) -> None:
    """A thief who copied a cookie could go on using it beside its owner, unnoticed."""
    first = await world.signup()
    second = await world.sessions.refresh(first.refresh_token, origin=HOME)
    world.clock.advance(10.001)
    assert await refusal(world, first.refresh_token) == RefreshRefusal.REUSED
    assert not await is_live(world, second)
    assert await refusal(world, second.refresh_token) == RefreshRefusal.REVOKED
    assert await world.live_tokens() == 0
    told = await world.sql.fetchval("select count(*) from audit_events where event = 'REFRESH_REUSED'")
    assert told == 1, "its owner can read of it, once"


async def test_a_token_two_generations_old_ends_the_family(world: Slice) -> None:
    """A thief would have the ten seconds of grace again after every refresh of the owner."""
    first = await world.signup()
    second = await world.sessions.refresh(first.refresh_token, origin=HOME)
    third = await world.sessions.refresh(second.refresh_token, origin=HOME)
    assert await refusal(world, first.refresh_token) == RefreshRefusal.REUSED
    assert not await is_live(world, third)
    assert await refusal(world, third.refresh_token) == RefreshRefusal.REVOKED


async def test_a_stolen_session_costs_no_other(world: Slice) -> None:
    """A replay on one device would sign the person out everywhere, which a thief could do at will."""
    phone = await world.signup()
    laptop = await world.another_session(phone)
    await world.sessions.refresh(phone.refresh_token, origin=HOME)
    world.clock.advance(11)
    assert await refusal(world, phone.refresh_token) == RefreshRefusal.REUSED
    assert await is_live(world, laptop)


async def test_a_week_away_ends_a_session_and_an_old_replay_is_still_noticed(world: Slice) -> None:
    """A laptop found in a drawer would still be signed in."""
    idle, busy = await world.signup("idle"), await world.signup("busy")
    newest = busy
    for _ in range(3):
        world.clock.advance(3 * DAY_S)
        newest = await world.sessions.refresh(newest.refresh_token, origin=HOME)
    assert await refusal(world, idle.refresh_token) == RefreshRefusal.EXPIRED
    assert await refusal(world, busy.refresh_token) == RefreshRefusal.REUSED, "nine days old, and its family lives"
    assert not await is_live(world, newest)


async def test_a_session_ends_after_a_quarter_however_busy(world: Slice) -> None:
    """A stolen session that is kept busy would last for ever."""
    newest = await world.signup()
    started_at = world.clock.now()
    while world.clock.now() < started_at + SESSION_MAX_AGE:
        newest = await world.sessions.refresh(newest.refresh_token, origin=HOME)
        assert newest.refresh_expires_at <= started_at + SESSION_MAX_AGE
        world.clock.advance(6 * DAY_S)
    assert await refusal(world, newest.refresh_token) == RefreshRefusal.EXPIRED


@pytest.mark.parametrize("token", ["", "x", "x" * 43, "x" * 10_000_000, "\0", "\ud800", "ключ", "' or 1=1 --"])
async def test_a_made_up_token_is_unknown(world: Slice, token: str) -> None:
    """A guess would open a session, end someone's, or answer with an internal error."""
    signed_in = await world.signup()
    assert await refusal(world, token) == RefreshRefusal.UNKNOWN
    assert not await world.sessions.sign_out_by_token(token, origin=NOBODY)
    assert await is_live(world, signed_in)


async def test_one_changed_letter_is_another_token(world: Slice) -> None:
    """A nearly right token would be taken."""
    signed_in = await world.signup()
    for position in range(0, len(signed_in.refresh_token), 7):
        letter = "A" if signed_in.refresh_token[position] != "A" else "B"
        changed = signed_in.refresh_token[:position] + letter + signed_in.refresh_token[position + 1 :]
        assert await refusal(world, changed) == RefreshRefusal.UNKNOWN


async def test_a_successor_cannot_be_computed_from_a_stolen_database(world: Slice) -> None:
    """Whoever reads the tables, or knows only the server's key, could make the next token."""
    first = await world.signup()
    second = await world.sessions.refresh(first.refresh_token, origin=HOME)
    raw = base64.urlsafe_b64decode(second.refresh_token + "=")
    assert len(raw) == 32
    other_key = SessionService(
        database=world.database,
        access_tokens=world.access_tokens,
        secret_keys=("another secret of at least thirty-two characters",),
        audit=world.audit,
        alarms=world.alarms,
        sightings=world.sightings,
        clock=world.clock,
        ids=world.ids,
    )
    with pytest.raises(Problem) as caught:
        await other_key.refresh(first.refresh_token, origin=HOME)
    assert caught.value.reason == RefreshRefusal.REUSED


async def test_a_race_across_a_rotation_of_the_secret_ends_well(world: Slice) -> None:
    """On the day the operator rotates SECRET_KEY, people with two tabs open would be signed out."""
    first = await world.signup()
    old = await world.sessions.refresh(first.refresh_token, origin=HOME)
    keys = ("a new secret of at least thirty-two characters", *world.settings.secret_keys)
    rotated = SessionService(
        database=world.database,
        access_tokens=world.access_tokens,
        secret_keys=keys,
        audit=world.audit,
        alarms=world.alarms,
        sightings=world.sightings,
        clock=world.clock,
        ids=world.ids,
    )
    assert (await rotated.refresh(first.refresh_token, origin=HOME)).refresh_token == old.refresh_token


async def test_the_end_of_a_session_holds_on_every_instance_at_once(world: Slice) -> None:
    """A stolen access token would go on working on the other instance until it expires."""
    signed_in = await world.signup()
    elsewhere = SessionService(
        database=world.database,
        access_tokens=world.access_tokens,
        secret_keys=world.settings.secret_keys,
        audit=world.audit,
        alarms=world.alarms,
        sightings=world.sightings,
        clock=world.clock,
        ids=world.ids,
    )
    assert (await elsewhere.authenticate(signed_in.access_token)).handle == "ada"
    assert await world.accounts.logout(refresh_token=signed_in.refresh_token, viewer=None, origin=NOBODY)
    with pytest.raises(Problem) as caught:
        await elsewhere.authenticate(signed_in.access_token)
    assert (caught.value.code, caught.value.reason) == (Code.UNAUTHENTICATED, "SESSION_ENDED")
    assert await refusal(world, signed_in.refresh_token) == RefreshRefusal.REVOKED


async def test_signing_out_works_with_either_key_and_twice(world: Slice) -> None:
    """Signing out would fail, or seem to, for a client that holds only one of its two tokens; or leave no trace."""
    by_cookie = await world.signup()
    by_bearer = await world.another_session(by_cookie)
    with_old_cookie = await world.another_session(by_cookie)
    await world.sessions.refresh(with_old_cookie.refresh_token, origin=HOME)

    assert await world.accounts.logout(refresh_token=by_cookie.refresh_token, viewer=None, origin=HOME)
    assert not await world.accounts.logout(refresh_token=by_cookie.refresh_token, viewer=None, origin=HOME)
    assert await world.accounts.logout(refresh_token="unknown", viewer=by_bearer.viewer, origin=HOME)
    assert await world.accounts.logout(refresh_token=with_old_cookie.refresh_token, viewer=None, origin=HOME)
    assert not await world.accounts.logout(refresh_token=None, viewer=None, origin=HOME)
    assert await world.live_tokens() == 0
    written = await world.sql.fetch("select ip from audit_events where event = 'SIGNED_OUT'")
    assert [row["ip"] for row in written] == [HOME.ip] * 3


async def test_only_ones_own_sessions_can_be_ended(world: Slice) -> None:
    """Anybody could sign anybody out by naming a session's id."""
    ada, grace = await world.signup("ada"), await world.signup("grace")
    assert not await world.sessions.sign_out(
        account_id=ada.viewer.account_id, session_id=grace.viewer.session_id, origin=NOBODY
    )
    assert await is_live(world, grace)
    assert await world.sessions.sign_out(
        account_id=ada.viewer.account_id, session_id=ada.viewer.session_id, origin=NOBODY
    )
    assert not await is_live(world, ada)


async def test_ending_the_others_keeps_this_one(world: Slice) -> None:
    """A person who lost a phone could not shut it out without losing the device in hand."""
    here = await world.signup()
    others = [await world.another_session(here) for _ in range(3)]
    stranger = await world.signup("grace")
    assert await world.sessions.end_others(here.viewer, origin=HOME) == 3
    assert await world.sessions.end_others(here.viewer, origin=HOME) == 0
    assert [await is_live(world, each) for each in (here, stranger, *others)] == [True, True, False, False, False]


async def test_a_token_of_another_account_or_session_is_refused(world: Slice) -> None:
    """A token that names one person's account and another's session would open one of the two."""
    ada, grace = await world.signup("ada"), await world.signup("grace")
    mixed, _ = world.access_tokens.issue(ada.viewer.account_id, grace.viewer.session_id)
    foreign, _ = AccessTokens(
        secret_keys=("another secret of at least thirty-two characters",),
        algorithm="EdDSA",
        issuer=world.settings.public_url,
        clock=world.clock,
        ids=world.ids,
    ).issue(ada.viewer.account_id, ada.viewer.session_id)
    nobody, _ = world.access_tokens.issue(world.ids.uuid7(), world.ids.uuid7())
    head, body, signature = ada.access_token.split(".")
    for token in (
        mixed,
        foreign,
        nobody,
        "",
        "a.b.c",
        f"{head}.{body}.",
        f"{head}.{body[:-2]}AA.{signature}",
        "\ud800",
    ):
        assert not await is_live(world, replace(ada, access_token=token))
    assert not await is_live(world, replace(ada, access_token=ada.refresh_token))
    assert await is_live(world, ada)


async def test_an_account_that_is_gone_takes_its_tokens_along(world: Slice) -> None:
    """A deleted account would answer on."""
    signed_in = await world.signup()
    await world.sql.execute("delete from accounts")
    assert not await is_live(world, signed_in)
    assert await refusal(world, signed_in.refresh_token) == RefreshRefusal.UNKNOWN
    for table in ("sessions", "refresh_tokens", "profiles", "email_proofs"):
        assert await world.sql.fetchval(f"select count(*) from {table}") == 0

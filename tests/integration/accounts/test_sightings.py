"""What is noticed about a sign-in, what its owner is told, and what nobody can make us tell them."""

import asyncio
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from redis.asyncio import Redis

from app.accounts.failure_bursts import BURST, FailureBursts
from app.accounts.limits import ALARMS_PER_ACCOUNT_HOURLY
from app.accounts.model import Admission, Origin, SignedIn, SignInMethod
from app.accounts.sightings import FORGOTTEN_AFTER
from app.database import Transaction
from app.errors import Code, Problem
from app.settings import Settings
from tests.geoip_file import BERLIN, BERLIN_V6, LONDON, POTSDAM, SYDNEY, write_places
from tests.integration.accounts.conftest import PASSWORD, Slice
from tests.integration.accounts.factors import first_step, guarded, problem_of

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:141.0) Gecko/20100101 Firefox/141.0"
HOUR_S = 3600.0


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    return replace(settings, geoip_file=write_places(tmp_path / "cities.mmdb"))


def browser(letter: str, *, ip: str = BERLIN, fresh: bool = False) -> Origin:
    """One browser, by its cookie."""
    return Origin(ip=ip, user_agent=FIREFOX, device=letter * 43, device_is_fresh=fresh)


AT_HOME = browser("h")


async def enter(world: Slice, signed_in: SignedIn, origin: Origin) -> Admission:
    """Signs in without the cost and the limits of a password."""
    account_id = signed_in.viewer.account_id

    async def work(tx: Transaction) -> Admission:
        await tx.scalar(world.database.queries.account_lock, account_id=account_id)
        return await world.entry.admit(tx, account_id, method=SignInMethod.SOCIAL, origin=origin)

    return await world.database.transact(work)


async def news(world: Slice) -> Counter[str]:
    """What was found suspicious so far."""
    await world.background.settled()
    return Counter(await world.events()) & Counter(
        dict.fromkeys(("NEW_DEVICE", "NEW_COUNTRY", "IMPOSSIBLE_TRAVEL", "FAILURE_BURST", "REFRESH_REUSED"), 1000)
    )


async def alarms(world: Slice) -> list[str]:
    """The subjects of the letters that carry a link "this was not me"."""
    return [mail.subject for mail in await world.letters() if "/not-me#token=" in mail.text]


async def test_the_first_device_is_no_news_the_second_is(world: Slice) -> None:
    """Whoever stole a password would be in unnoticed; or everybody would be alarmed by their own sign-up."""
    ada = await world.signup(origin=replace(AT_HOME, device_is_fresh=True))
    await enter(world, ada, AT_HOME)
    assert await news(world) == Counter()
    await world.accounts.login(email="ada@example.org", password=PASSWORD, origin=browser("x"))
    assert await news(world) == Counter(NEW_DEVICE=1)
    letter = (await world.letters())[-1]
    assert (letter.to, letter.subject) == ("ada@example.org", "A new device signed in to your account")
    for told in ("Firefox 141 on Windows", BERLIN, "Country: DE", "2026-11-20 12:00 UTC"):
        assert told in letter.text
    assert len(re.findall(r"http://127\.0\.0\.1:8000/not-me#token=[\w-]{64}\n", letter.text)) == 1
    await enter(world, ada, browser("x"))
    assert await news(world) == Counter(NEW_DEVICE=1)
    assert len(await alarms(world)) == 1


PLACES = {
    "at home": AT_HOME,
    "in the next town": browser("h", ip=POTSDAM),
    "abroad": browser("h", ip=LONDON),
    "at the other end of the world": browser("h", ip=SYDNEY),
    "on another device": browser("x"),
    "where no file knows": browser("h", ip="192.0.2.9"),
}


@pytest.mark.parametrize("place", PLACES)
async def test_the_short_way_in_hides_no_alarm(world: Slice, place: str) -> None:
    """Whoever has the password would be in unnoticed, because what is usual is opened in one step."""
    ada = await world.signup(origin=AT_HOME)
    world.clock.advance(HOUR_S)
    await enter(world, ada, PLACES[place])
    long_way = await news(world)
    await world.signup("grace", origin=AT_HOME)
    world.clock.advance(HOUR_S)
    await world.accounts.login(email="grace@example.org", password=PASSWORD, origin=PLACES[place])
    assert await news(world) == long_way + long_way
    assert bool(long_way) == (place in {"abroad", "at the other end of the world", "on another device"})


@pytest.mark.parametrize(("place", "is_usual"), [("at home", True), ("in the next town", False), ("abroad", False)])
async def test_only_what_is_usual_is_opened_in_one_step(world: Slice, place: str, is_usual: bool) -> None:
    """The step would have judged a journey, which it cannot; or nobody would ever take it."""
    ada = await world.signup(origin=AT_HOME)
    opened = await world.entry.admit_as_usual(
        ada.viewer.account_id, password_hash=await password_hash(world), origin=PLACES[place]
    )
    assert (opened is not None) == is_usual
    assert await world.sql.fetchval("select count(*) from sessions") == 1 + is_usual


async def password_hash(world: Slice) -> str:
    stored: str = await world.sql.fetchval("select password_hash from accounts")
    return stored


async def test_devices_are_remembered_beyond_their_sessions_and_not_beyond_a_year(world: Slice) -> None:
    """Ending old sessions would make every device new again; and we would know a person's devices for good."""
    ada = await world.signup(origin=AT_HOME)
    await world.sql.execute("update sessions set revoked_at = now()")
    world.clock.advance((FORGOTTEN_AFTER.days - 1) * 86400.0)
    await enter(world, ada, AT_HOME)
    assert await news(world) == Counter()
    world.clock.advance((FORGOTTEN_AFTER.days + 1) * 86400.0)
    await enter(world, ada, AT_HOME)
    assert (await news(world))["NEW_DEVICE"] == 1
    world.clock.advance((FORGOTTEN_AFTER.days + 1) * 86400.0)
    await world.erasure.finish()
    for table in ("known_devices", "known_countries", "not_me_links"):
        assert await world.sql.fetchval(f"select count(*) from {table}") == 0, table


async def test_fifty_at_once_from_one_new_device_are_one_piece_of_news(world: Slice) -> None:
    """A page that signs in twice by mistake would alarm its owner twice."""
    ada = await world.signup(origin=AT_HOME)
    await asyncio.gather(*(enter(world, ada, browser("x")) for _ in range(50)))
    assert await news(world) == Counter(NEW_DEVICE=1)
    assert len(await alarms(world)) == 1


async def test_whoever_has_the_password_cannot_fill_the_mailbox(world: Slice) -> None:
    """Fifty sign-ins without a cookie would bury the one letter that matters."""
    ada = await world.signup(origin=AT_HOME)
    for number in range(50):
        origin = Origin(ip=BERLIN, user_agent=FIREFOX, device=f"{number:043}", device_is_fresh=True)
        await enter(world, ada, origin)
    assert await news(world) == Counter(NEW_DEVICE=50)
    assert len(await alarms(world)) == ALARMS_PER_ACCOUNT_HOURLY.amount


async def test_a_session_that_was_never_committed_alarms_nobody(world: Slice) -> None:
    """A sign-in that was undone would be told as one that happened, with a link that closes the account."""
    ada = await world.signup(origin=AT_HOME)
    account_id = ada.viewer.account_id

    async def work(tx: Transaction) -> None:
        await tx.scalar(world.database.queries.account_lock, account_id=account_id)
        await world.entry.admit(tx, account_id, method=SignInMethod.SOCIAL, origin=browser("x"))
        raise Problem(Code.CONFLICT, "Undone.")

    await problem_of(world.database.transact(work))
    assert (await news(world), await alarms(world)) == (Counter(), [])


async def test_a_second_factor_that_is_still_asked_for_opens_nothing_to_tell(world: Slice) -> None:
    """A thief who has only the password would be told as one who is in; once in, they would not be."""
    ada = await guarded(world, origin=AT_HOME)
    temp_token = await first_step(world, origin=browser("x"))
    assert await news(world) == Counter()
    await world.second_factors.verify_login(temp_token=temp_token, code=ada.phone.next_code(), origin=browser("x"))
    assert await news(world) == Counter(NEW_DEVICE=1)


async def test_a_new_device_in_a_new_country_is_one_letter(world: Slice) -> None:
    """A person on holiday would get three letters for one sign-in."""
    ada = await world.signup(origin=AT_HOME)
    world.clock.advance(HOUR_S)
    await enter(world, ada, browser("x", ip=SYDNEY))
    assert await news(world) == Counter(NEW_DEVICE=1, NEW_COUNTRY=1, IMPOSSIBLE_TRAVEL=1)
    assert await alarms(world) == ["Your account was used in two places far apart"]
    text = (await world.letters())[-1].text
    for told in ("travels like that", "a country that we had not seen", "a device that we had not seen", "Country: AU"):
        assert told in text
    detail = await world.sql.fetchval("select detail from audit_events where event = 'IMPOSSIBLE_TRAVEL'")
    assert '"minutes": 60' in detail
    assert '"km": 160' in detail


async def test_a_stolen_cookie_is_given_away_by_where_it_is(world: Slice) -> None:
    """Whoever copies the whole browser would be known as its owner everywhere."""
    ada = await world.signup(origin=AT_HOME)
    await enter(world, ada, replace(AT_HOME, ip=POTSDAM))
    assert await news(world) == Counter(), "the same cookie near by is known, and that is documented"
    await enter(world, ada, replace(AT_HOME, ip=SYDNEY))
    assert await news(world) == Counter(NEW_COUNTRY=1, IMPOSSIBLE_TRAVEL=1)


async def test_a_flight_is_no_impossible_journey(world: Slice) -> None:
    """Everybody who flies would be alarmed, and nobody would read the letters any more."""
    ada = await world.signup(origin=AT_HOME)
    world.clock.advance(1.5 * HOUR_S)
    await enter(world, ada, replace(AT_HOME, ip=LONDON))
    assert await news(world) == Counter(NEW_COUNTRY=1)
    world.clock.advance(17 * HOUR_S)
    await enter(world, ada, replace(AT_HOME, ip=SYDNEY))
    await enter(world, ada, replace(AT_HOME, ip=SYDNEY))
    assert await news(world) == Counter(NEW_COUNTRY=2)


async def test_the_account_is_seen_with_each_refresh_too(world: Slice) -> None:
    """A person who stays signed in at home for a month would be no measure for a thief abroad."""
    ada = await world.signup(origin=AT_HOME)
    world.clock.advance(6 * 24 * HOUR_S)
    await world.sessions.refresh(ada.refresh_token, origin=AT_HOME)
    world.clock.advance(60)
    await enter(world, ada, replace(AT_HOME, ip=SYDNEY))
    assert (await news(world))["IMPOSSIBLE_TRAVEL"] == 1


async def test_an_address_of_either_kind_has_a_country(world: Slice) -> None:
    """A phone that changes from IPv4 to IPv6 at home would seem to have left the country."""
    ada = await world.signup(origin=AT_HOME)
    await enter(world, ada, replace(AT_HOME, ip=BERLIN_V6))
    await enter(world, ada, replace(AT_HOME, ip="10.1.2.3"))
    await enter(world, ada, replace(AT_HOME, ip=None))
    assert await news(world) == Counter()


@pytest.mark.parametrize(
    "user_agent",
    [
        "Mozilla/5.0\r\nBcc: everybody@example.org\r\n\r\nClick https://evil.example/now",
        "<script>fetch('https://evil.example')</script>/1",
        "https://evil.example/x CFNetwork/1494 Darwin/23.4.0",
        "\x00\x1b[31m\u202e/1",
        "",
        "x" * 100_000,
    ],
)
async def test_nobody_writes_into_our_letters(world: Slice, user_agent: str) -> None:
    """An attacker would have us send the owner a link of theirs, or a header."""
    ada = await world.signup(origin=AT_HOME)
    await enter(world, ada, Origin(ip=BERLIN, user_agent=user_agent, device="x" * 43))
    letter = (await world.letters())[-1]
    assert letter.subject == "A new device signed in to your account"
    assert re.findall(r"https?:\S*", letter.text) == re.findall(r"http://127.0.0.1:8000/not-me#token=\S*", letter.text)
    assert not re.search(r"[<>\x00\x1b\u202e\r]|evil\.example|Bcc:", letter.text)
    kept = await world.sql.fetchval("select user_agent from known_devices order by first_seen_at desc, user_agent")
    assert len(kept) <= 400
    assert kept.isprintable()


async def fail(world: Slice, times: int, *, email: str = "ada@example.org") -> None:
    for number in range(times):
        await world.redis.delete(*[key async for key in world.redis.scan_iter(match="limit:*")], "none")
        wrong = world.accounts.login(email=email, password=f"guess {number}", origin=AT_HOME)
        assert (await problem_of(wrong)).reason == "WRONG_CREDENTIALS"
    await world.background.settled()


async def test_a_burst_of_failures_is_told_once_a_day(world: Slice) -> None:
    """Whoever guesses would go unnoticed; or would have us write a letter for each ten guesses."""
    await world.signup(origin=AT_HOME)
    await fail(world, BURST - 1)
    assert await news(world) == Counter()
    await fail(world, 3 * BURST)
    assert await news(world) == Counter(FAILURE_BURST=1)
    assert await alarms(world) == ["Somebody tries to sign in to your account"]
    world.clock.advance(23 * HOUR_S)
    await fail(world, BURST)
    assert await news(world) == Counter(FAILURE_BURST=1)
    world.clock.advance(HOUR_S)
    await fail(world, BURST)
    assert await news(world) == Counter(FAILURE_BURST=2)


async def test_ten_failures_in_a_day_are_no_burst(world: Slice) -> None:
    """Everybody who mistypes now and then would be alarmed."""
    await world.signup(origin=AT_HOME)
    for _ in range(3 * BURST):
        await fail(world, 1)
        world.clock.advance(HOUR_S / (BURST - 2))
    assert await news(world) == Counter()


async def test_a_burst_slides_over_the_hour(world: Slice) -> None:
    """Whoever knows when the hour is counted from would get nineteen guesses around it."""
    await world.signup(origin=AT_HOME)
    await fail(world, 1)
    world.clock.advance(50 * 60)
    await fail(world, 5)
    world.clock.advance(15 * 60)
    await fail(world, 4)
    assert await news(world) == Counter()
    await fail(world, 1)
    assert await news(world) == Counter(FAILURE_BURST=1)


async def test_codes_and_confirmations_count_like_passwords(world: Slice) -> None:
    """A thief who has the password and guesses codes, or has a session and guesses the password, would go unnoticed."""
    ada, grace = await guarded(world, origin=AT_HOME), await world.signup("grace", origin=AT_HOME)
    await fail(world, BURST // 2)
    for _ in range(BURST // 2):
        await problem_of(world.reauthentication.confirm(ada.viewer, code=ada.phone.wrong_code(), origin=AT_HOME))
    assert await news(world) == Counter(FAILURE_BURST=1)
    for _ in range(BURST):
        await problem_of(world.reauthentication.confirm(grace.viewer, password="wrong", origin=AT_HOME))
    assert await news(world) == Counter(FAILURE_BURST=2)


async def test_a_burst_on_nobodys_address_writes_and_mails_nothing(world: Slice) -> None:
    """Trying addresses would tell which of them are ours; or would have us write to strangers."""
    await world.signup(origin=AT_HOME)
    before = len(await world.letters())
    verifications = world.passwords.verifications
    await fail(world, 2 * BURST, email="nobody@example.org")
    assert world.passwords.verifications - verifications == 2 * BURST, "the same work as for an address of ours"
    assert len(await world.letters()) == before
    assert await news(world) == Counter()
    assert [key async for key in world.redis.scan_iter(match="failures:*")] == []


async def test_a_refresh_token_that_comes_back_is_told(world: Slice) -> None:
    """The owner of a stolen session would see a sign-in page and think nothing of it."""
    ada = await world.signup(origin=AT_HOME)
    await world.sessions.refresh(ada.refresh_token, origin=AT_HOME)
    world.clock.advance(60)
    for _ in range(3):
        await problem_of(world.sessions.refresh(ada.refresh_token, origin=browser("x")))
    assert await news(world) == Counter(REFRESH_REUSED=1)
    assert await alarms(world) == ["A session of your account was ended for safety"]
    happened = await world.sql.fetchrow("select happened_at, created_at from not_me_links")
    assert (happened["created_at"] - happened["happened_at"]).total_seconds() == 60


async def test_an_account_without_an_address_is_told_by_its_log_alone(world: Slice) -> None:
    """Signing in would break for whoever came by a provider without an address."""
    ada = await world.signup(origin=AT_HOME)
    await world.sql.execute("update accounts set email = null")
    await enter(world, ada, browser("x"))
    assert (await news(world), await alarms(world)) == (Counter(NEW_DEVICE=1), [])


async def test_without_redis_failures_are_not_counted_and_nothing_breaks(world: Slice) -> None:
    """An outage would become a fault of the answer to a wrong password."""
    away = Redis.from_url("unix:///nowhere/redis.sock")
    ada = await world.signup(origin=AT_HOME)
    assert await FailureBursts(redis=away, clock=world.clock).count(ada.viewer.account_id) is None
    await away.aclose()


async def test_what_is_remembered_goes_with_the_account_and_is_told_in_the_export(world: Slice) -> None:
    """We would keep a person's devices and countries after they left, or keep from them that we know them."""
    ada = await world.signup(origin=AT_HOME)
    await enter(world, ada, browser("x", ip=LONDON))
    await world.background.settled()
    document = await world.erasure.export(ada.viewer, origin=AT_HOME)
    for told in ("knownDevices", "knownCountries", '"GB"', "notMeLinks", "happened_at"):
        assert told in document
    assert "token_hash" not in document
    await world.erasure.delete(ada.viewer, password=PASSWORD, origin=AT_HOME)
    for table in ("known_devices", "known_countries", "not_me_links"):
        assert await world.sql.fetchval(f"select count(*) from {table}") == 0, table
    assert [key async for key in world.redis.scan_iter(match=f"*{ada.viewer.account_id}*")] == []

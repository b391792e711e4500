"""Sign-up: one account, one profile, one session and one mail, or nothing at all."""

import asyncio
import re

import pytest
from redis.asyncio import Redis

from app.accounts.limits import SIGNUP_PER_IP
from app.accounts.model import Origin
from app.errors import Code, Problem
from app.rate_limits import RateLimits
from tests.integration.accounts.conftest import HOME, PASSWORD, Slice

GOOD = {"email": "ada@example.org", "password": PASSWORD, "username": "ada", "display_name": "Ada Lovelace"}


async def count(world: Slice, table: str) -> int:
    found: int = await world.sql.fetchval(f"select count(*) from {table}")
    return found


async def test_a_new_person_is_signed_in_and_gets_a_link(world: Slice) -> None:
    """A newcomer would have to sign in again after signing up, or could never prove their address."""
    signed_in = await world.accounts.signup(
        email=" Ada@Example.org", password=PASSWORD, username="Ada-L", display_name=" Ada Lovelace ", origin=HOME
    )
    assert signed_in.is_new
    viewer = await world.sessions.authenticate(signed_in.access_token)
    assert viewer == signed_in.viewer
    assert (viewer.email, viewer.handle, viewer.display_name) == ("ada@example.org", "ada-l", "Ada Lovelace")
    assert (viewer.email_verified_at, viewer.verified_at, viewer.avatar_key, viewer.bio) == (None, None, None, "")
    assert viewer.privacy == {"visibility": "everyone", "ghost_mode": False}
    assert viewer.created_at == viewer.updated_at == world.clock.now()

    (mail,) = await world.letters()
    assert mail.to == "ada@example.org"
    link = re.search(r"http://127\.0\.0\.1:8000/verify-email#token=(\S+)", mail.text)
    assert link is not None
    assert len(link[1]) == 64, "48 random bytes"


async def test_secrets_are_stored_only_as_hashes(world: Slice) -> None:
    """Whoever reads a stolen backup could sign in as anybody."""
    signed_in = await world.signup()
    (mail,) = await world.letters()
    secrets = [
        PASSWORD,
        signed_in.refresh_token,
        signed_in.access_token,
        mail.text.split("/verify-email#token=")[1].split()[0],
    ]
    for table in ("accounts", "profiles", "sessions", "refresh_tokens", "email_proofs"):
        for row in await world.sql.fetch(f"select t::text as line from {table} t"):
            assert not any(secret in row["line"] for secret in secrets)
    assert not any(secret in repr(signed_in) for secret in secrets), "nor do they reach a log by repr"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "nobody"}, "email"),
        ({"email": ""}, "email"),
        ({"email": "ada@example.org\0"}, "email"),
        ({"password": "short"}, "password"),
        ({"password": "password123"}, "password"),
        ({"password": "Ada Lovelace"}, "password"),
        ({"password": "\ud800" * 9}, "password"),
        ({"username": "admin"}, "username"),
        ({"username": "a b"}, "username"),
        ({"username": "'; drop table accounts; --"}, "username"),
        ({"display_name": " "}, "displayName"),
        ({"display_name": "\0"}, "displayName"),
    ],
)
async def test_a_refused_sign_up_names_the_field_and_leaves_nothing(
    world: Slice, change: dict[str, str], field: str
) -> None:
    """A person would not know what to correct, or would find their name taken by their own failed try."""
    with pytest.raises(Problem) as caught:
        await world.accounts.signup(**{**GOOD, **change}, origin=HOME)
    assert (caught.value.code, caught.value.field) == (Code.BAD_USER_INPUT, field)
    assert await count(world, "accounts") == await count(world, "profiles") == 0
    assert await world.letters() == []


@pytest.mark.parametrize(
    ("change", "field"), [({"username": "other"}, "email"), ({"email": "other@example.org"}, "username")]
)
async def test_what_is_taken_is_a_conflict_that_leaves_nothing(
    world: Slice, change: dict[str, str], field: str
) -> None:
    """A second person could take over a name, or a half-made account would block an address for ever."""
    await world.accounts.signup(**GOOD, origin=HOME)
    again = {**GOOD, "email": GOOD["email"].upper(), "username": GOOD["username"].upper(), **change}
    with pytest.raises(Problem) as caught:
        await world.accounts.signup(**again, origin=HOME)
    assert (caught.value.code, caught.value.field) == (Code.CONFLICT, field)
    for table in ("accounts", "profiles", "sessions", "refresh_tokens", "email_proofs"):
        assert await count(world, table) == 1
    assert len(await world.letters()) == 1


async def test_twenty_people_want_one_name_at_once(world: Slice) -> None:
    """Two people would share a name, or nobody would get it."""

    async def attempt(number: int) -> object:
        return await world.accounts.signup(
            email=f"p{number}@example.org", password=PASSWORD, username="ada", display_name="Ada", origin=HOME
        )

    outcomes = await asyncio.gather(*(attempt(number) for number in range(20)), return_exceptions=True)
    problems = [outcome for outcome in outcomes if isinstance(outcome, Problem)]
    assert len(problems) == 19
    assert {(problem.code, problem.field) for problem in problems} == {(Code.CONFLICT, "username")}
    assert await count(world, "accounts") == await count(world, "profiles") == await count(world, "sessions") == 1


async def test_one_address_cannot_sign_up_the_whole_town(world: Slice) -> None:
    """A script could fill the database with accounts and send mail to strangers; others would still be let in."""
    outcomes = await asyncio.gather(
        *(world.signup(f"person{number}") for number in range(SIGNUP_PER_IP.amount + 5)), return_exceptions=True
    )
    problems = [outcome for outcome in outcomes if isinstance(outcome, Problem)]
    assert len(problems) == 5
    assert all(problem.code is Code.RATE_LIMITED and problem.retry_after_s for problem in problems)
    assert await count(world, "accounts") == SIGNUP_PER_IP.amount
    await world.signup("neighbour", origin=Origin(ip="192.0.2.2"))


async def test_a_typing_error_costs_no_attempt(world: Slice) -> None:
    """A person who mistypes a form a few times would be locked out for an hour."""
    for _ in range(SIGNUP_PER_IP.amount + 1):
        with pytest.raises(Problem) as caught:
            await world.accounts.signup(**{**GOOD, "username": "a"}, origin=HOME)
        assert caught.value.code is Code.BAD_USER_INPUT
    await world.signup()


async def test_when_redis_is_away_nobody_tries_uncounted(world: Slice) -> None:
    """Whoever can make Redis stumble could guess passwords without end; the person is asked to come back instead."""
    redis = Redis.from_url("unix:///nowhere/redis.sock")
    accounts = world.accounts_with(limits=RateLimits(redis=redis))
    for attempt in (
        accounts.signup(**GOOD, origin=HOME),
        accounts.login(email=GOOD["email"], password=PASSWORD, origin=HOME),
    ):
        with pytest.raises(Problem) as caught:
            await attempt
        assert caught.value.code is Code.BUSY
        assert caught.value.retry_after_s
    assert await count(world, "accounts") == world.passwords.verifications == 0
    await redis.aclose()

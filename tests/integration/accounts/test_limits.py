"""Limits: each secret has a counter of its own, and each limit says what happens while nobody can count."""

import asyncio
import importlib
import pkgutil

import app
from app.accounts.limits import CODES_PER_ACCOUNT_HOURLY, LOGIN_PER_EMAIL, REAUTHENTICATE_PER_ACCOUNT
from app.accounts.model import Origin, SecondFactorNeeded
from app.accounts.proofs import SensitiveDeed
from app.errors import Code
from app.rate_limits import Limit
from tests.integration.accounts.conftest import HOME, PASSWORD, Slice
from tests.integration.accounts.factors import first_step, guarded, problem_of

READING = {
    "account.alarms",
    "account.alarms_daily",
    "account.export",
    "account.onboarding",
    "account.passkey_copy",
    "account.profile_update",
    "asker.profile",
    "asker.search",
}
"""What opens nothing and checks no secret, letters of alarm among it."""


def every_limit() -> dict[str, Limit]:
    """Each limit of the program by its name."""
    found: dict[str, Limit] = {}
    for module in pkgutil.walk_packages(app.__path__, "app."):
        if module.name.startswith(("app.cli", "app.client", "app.commands")):
            continue
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, Limit):
                assert found.setdefault(value.name, value) == value, f"two limits are named {value.name}"
    return found


def test_without_redis_reading_goes_on_and_nothing_else() -> None:
    """Whoever makes Redis stumble could guess without end; or nobody could read a profile meanwhile."""
    limits = every_limit()
    assert len(limits) > 20
    assert {limit.name for limit in limits.values() if limit.when_redis_is_away == "allow"} == READING


async def test_password_and_code_have_counters_of_their_own(world: Slice) -> None:
    """Somebody who guesses a person's password would lock them out of their second factor as well, or of a change."""
    ada = await guarded(world)
    started = await first_step(world)
    for number in range(LOGIN_PER_EMAIL.amount - 1):
        await problem_of(world.accounts.login(email="ada@example.org", password=f"guess {number}", origin=HOME))
    refused = await problem_of(world.accounts.login(email="ada@example.org", password=PASSWORD, origin=HOME))
    assert refused.code is Code.RATE_LIMITED
    await world.reauthentication.demand(ada.viewer, SensitiveDeed.CHANGE_EMAIL, password=PASSWORD, origin=HOME)
    entered = await world.second_factors.verify_login(temp_token=started, code=ada.phone.next_code(), origin=HOME)

    world.clock.advance(60)
    await world.redis.delete(*[key async for key in world.redis.scan_iter(match="limit:email.login:*")])
    for _ in range(CODES_PER_ACCOUNT_HOURLY.amount):
        wrong = ada.phone.wrong_code()
        await problem_of(
            world.reauthentication.demand(entered.viewer, SensitiveDeed.CHANGE_EMAIL, code=wrong, origin=HOME)
        )
    refused = await problem_of(
        world.reauthentication.demand(entered.viewer, SensitiveDeed.CHANGE_EMAIL, code=ada.phone.code(), origin=HOME)
    )
    assert refused.code is Code.RATE_LIMITED
    admission = await world.accounts.login(email="ada@example.org", password=PASSWORD, origin=HOME)
    assert isinstance(admission, SecondFactorNeeded)
    for _ in range(REAUTHENTICATE_PER_ACCOUNT.amount - 1):
        await world.reauthentication.demand(entered.viewer, SensitiveDeed.CHANGE_EMAIL, password=PASSWORD, origin=HOME)


async def test_a_thousand_guesses_are_a_thousand(world: Slice) -> None:
    """Guesses from many networks at once would get more than the twelve tries of a minute."""
    await world.signup()
    before = world.passwords.verifications

    async def guess(number: int) -> Code:
        origin = Origin(ip=f"198.51.{number // 250}.{number % 250}")
        attempt = world.accounts.login(email="ada@example.org", password=f"guess {number}", origin=origin)
        return (await problem_of(attempt)).code

    codes = await asyncio.gather(*(guess(number) for number in range(1000)))
    assert codes.count(Code.UNAUTHENTICATED) == LOGIN_PER_EMAIL.amount
    assert codes.count(Code.RATE_LIMITED) == 1000 - LOGIN_PER_EMAIL.amount
    assert world.passwords.verifications - before == LOGIN_PER_EMAIL.amount

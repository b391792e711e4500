"""A person with a second factor, how a refusal reads, and what an attempt leaves behind."""

from dataclasses import dataclass

import pytest

from app.accounts.model import Origin, SecondFactorNeeded, SecondFactorSetup, SignedIn, Viewer
from app.errors import Problem
from tests.authenticator import STEP_S, Phone
from tests.integration.accounts.conftest import HOME, PASSWORD, Slice


@dataclass(frozen=True, kw_only=True)
class Guarded:
    """Somebody whose second factor is on."""

    signed_in: SignedIn
    phone: Phone
    backup_codes: tuple[str, ...]

    @property
    def viewer(self) -> Viewer:
        return self.signed_in.viewer


async def guarded(world: Slice, name: str = "ada", *, origin: Origin = HOME) -> Guarded:
    """Signs up and switches the second factor on; moves the clock on, so that the phone's next code is unused."""
    signed_in = await world.signup(name, origin=origin)
    setup: SecondFactorSetup = await world.second_factors.enable(signed_in.viewer, origin=HOME)
    phone = Phone.of(setup.otpauth_url, world.clock)
    await world.second_factors.verify(signed_in.viewer, phone.code(), origin=HOME)
    world.clock.advance(STEP_S)
    viewer = await world.sessions.authenticate(signed_in.access_token)
    assert viewer.two_factor_enabled
    return Guarded(signed_in=signed_in, phone=phone, backup_codes=setup.backup_codes)


async def first_step(world: Slice, name: str = "ada", *, origin: Origin = HOME) -> str:
    """The temp token that the right password gets."""
    admission = await world.accounts.login(email=f"{name}@example.org", password=PASSWORD, origin=origin)
    assert isinstance(admission, SecondFactorNeeded)
    return admission.temp_token


async def problem_of(attempt: object) -> Problem:
    """The refusal that an attempt ends in."""
    with pytest.raises(Problem) as caught:
        await attempt  # type: ignore[misc]  # a coroutine, whatever it would have returned
    return caught.value


async def letters(world: Slice) -> list[str]:
    """The subjects of what was mailed, the confirmation of the address aside."""
    await world.background.settled()
    return [mail.subject for mail in world.mailbox.sent if "Confirm" not in mail.subject]


async def events(world: Slice) -> list[str]:
    """What the audit log holds, oldest first."""
    return [row["event"] for row in await world.sql.fetch("select event from audit_events order by at, id")]


async def live_sessions(world: Slice) -> int:
    """How many sessions have not been ended."""
    count: int = await world.sql.fetchval("select count(*) from sessions where revoked_at is null")
    return count

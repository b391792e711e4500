"""A person with a second factor, their phone, and how a refusal reads."""

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest

from app.accounts.model import Origin, SecondFactorNeeded, SecondFactorSetup, SignedIn, Viewer
from app.errors import Problem
from tests.fakes import FixedClock
from tests.integration.accounts.conftest import HOME, PASSWORD, Slice

STEP_S = 30


@dataclass(frozen=True, kw_only=True)
class Phone:
    """An authenticator app that has read the QR code."""

    totp: pyotp.TOTP
    clock: FixedClock

    @classmethod
    def of(cls, otpauth_url: str, clock: FixedClock) -> "Phone":
        return cls(totp=pyotp.TOTP(parse_qs(urlsplit(otpauth_url).query)["secret"][0]), clock=clock)

    def code(self, *, ahead_s: float = 0) -> str:
        """What it shows now, or will show."""
        return self.totp.at(self.clock.now().timestamp() + ahead_s)

    def next_code(self) -> str:
        """What it shows once the clock has moved on to a new code."""
        self.clock.advance(STEP_S)
        return self.code()

    def wrong_code(self) -> str:
        """Six digits that it shows at no time near now."""
        shown = {self.code(ahead_s=step * STEP_S) for step in range(-3, 4)}
        return next(code for code in ("000000", "111111", "222222", "333333", "444444") if code not in shown)


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
    setup: SecondFactorSetup = await world.second_factors.enable(signed_in.viewer)
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

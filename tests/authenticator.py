"""The authenticator app on a person's phone."""

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import pyotp

from tests.fakes import FixedClock
from tests.serving import Visitor

ENABLE_2FA = "mutation { enable2FA { otpauthUrl qrCode backupCodes } }"
VERIFY_2FA = "mutation ($code: String!) { verify2FA(code: $code) }"
STEP_S = 30


@dataclass(frozen=True, kw_only=True)
class Phone:
    """An app that has read the QR code, and whose clock is right."""

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


async def switched_on(visitor: Visitor, clock: FixedClock) -> tuple[Phone, dict[str, list[str]]]:
    """Switches the second factor of a signed-in visitor on; the phone's next code is unused."""
    setup = (await visitor.data(ENABLE_2FA))["enable2FA"]
    phone = Phone.of(setup["otpauthUrl"], clock)
    assert (await visitor.data(VERIFY_2FA, {"code": phone.code()}))["verify2FA"] is True
    clock.advance(STEP_S)
    return phone, setup

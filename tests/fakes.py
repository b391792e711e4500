"""Stand-ins for time and mail; each passes the contract test of the real one (tests/unit/test_fakes.py)."""

from datetime import UTC, datetime, timedelta

from app.clock import Clock
from app.mail import Mail


class FixedClock(Clock):
    """A clock whose hands only the test moves."""

    def __init__(self, now: datetime = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)) -> None:
        self._now = now
        self._monotonic_s = 1000.0

    def now(self) -> datetime:
        return self._now

    def monotonic_s(self) -> float:
        return self._monotonic_s

    def advance(self, seconds: float) -> None:
        """Moves both clocks on."""
        self._now += timedelta(seconds=seconds)
        self._monotonic_s += seconds


class Mailbox:
    """A mailer that keeps what it was given."""

    def __init__(self) -> None:
        self.sent: list[Mail] = []

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def check(self) -> None: ...

    async def send(self, mail: Mail) -> None:
        self.sent.append(mail)

"""The only source of time."""

import time
from datetime import UTC, datetime


class Clock:
    """Tells the time; tests pass one whose hands they move."""

    def now(self) -> datetime:
        """The wall clock, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Seconds on a clock that never goes back; only differences mean anything."""
        return time.monotonic()


def rfc3339(moment: datetime) -> str:
    """The one form in which clients read times: UTC with milliseconds, as 2026-11-20T08:30:00.000Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

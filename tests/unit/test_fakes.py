"""Each fake keeps the promises of what it stands for."""

from datetime import UTC
from pathlib import Path

import pytest

from app.clock import Clock
from app.ids import Ids
from app.mail import Mail, Mailer, Outbox
from tests.fakes import FixedClock, Mailbox


@pytest.mark.parametrize("clock", [Clock(), FixedClock()])
def test_a_clock_tells_utc_and_never_goes_back(clock: Clock) -> None:
    """Tests on a moved clock would prove nothing about the real one."""
    first, first_s = clock.now(), clock.monotonic_s()
    if isinstance(clock, FixedClock):
        clock.advance(1.5)
    assert clock.now().tzinfo is UTC
    assert clock.now() >= first
    assert clock.monotonic_s() >= first_s


@pytest.mark.parametrize("kind", ["outbox", "mailbox"])
async def test_a_mailer_takes_a_letter_between_open_and_close(kind: str, tmp_path: Path) -> None:
    """A sign-up that passes its tests would fail on the first real letter."""
    outbox = Outbox(folder=tmp_path, sender="Bonafide <no-reply@localhost>", clock=FixedClock(), ids=Ids())
    mailer: Mailer = Mailbox() if kind == "mailbox" else outbox
    await mailer.open()
    await mailer.check()
    await mailer.send(Mail(to="a@example.org", subject="Hello", text="A link: http://127.0.0.1/"))
    await mailer.close()
    if isinstance(mailer, Mailbox):
        assert [mail.to for mail in mailer.sent] == ["a@example.org"]
    else:
        assert "http://127.0.0.1/" in (tmp_path / "latest.eml").read_text()

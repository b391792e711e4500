"""One contract for both mailers: the outbox folder, and SMTP against a real SMTP server."""

import asyncio
import email
import email.policy
import socket
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from app.ids import Ids
from app.mail import LATEST, Mail, Mailer, MailRefused, MailUnavailable, Outbox, SmtpMailer
from tests.fakes import FixedClock
from tests.node_peers import own_port

SENDER = "Bonafide <no-reply@bonafide.example>"
LINK = "https://bonafide.example/verify-email?token=" + "a" * 200
LETTER = Mail(to="ada@example.org", subject="Bestätige deine Adresse", text=f"Grüße!\n\n{LINK}\n\n.\nFrom us\n")


class Postbox:
    """What the SMTP server was handed, and the answers it is told to give."""

    def __init__(self) -> None:
        self.letters: list[bytes] = []
        self.recipients: list[str] = []
        self.refuse_with: str | None = None

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        if self.refuse_with is not None:
            return self.refuse_with
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.letters.append(envelope.content)
        self.recipients += envelope.rcpt_tos
        return "250 OK"


def _allow_ada(server: SMTP, session: Session, envelope: Envelope, mechanism: str, credentials: Any) -> AuthResult:
    good = isinstance(credentials, LoginPassword) and credentials == LoginPassword(b"ada", b"p@ss:word")
    return AuthResult(success=good, handled=good)


@pytest.fixture
def postbox() -> Postbox:
    return Postbox()


class OnHeldPort(Controller):
    """Listens on a socket that was bound before: a port that is let go first may be somebody else's by then."""

    def __init__(self, postbox: Postbox, held: socket.socket) -> None:
        hostname, port = held.getsockname()
        super().__init__(
            postbox,
            hostname=hostname,
            port=port,
            authenticator=_allow_ada,
            auth_require_tls=False,
            ready_timeout=60.0,
        )
        self._held = held

    def _create_server(self) -> Awaitable[asyncio.AbstractServer]:
        return self.loop.create_server(self._factory_invoker, sock=self._held)


@pytest.fixture
def smtp_port(postbox: Postbox) -> Iterator[int]:
    server = OnHeldPort(postbox, own_port())
    server.start()
    yield server.port
    server.stop()


@dataclass(frozen=True)
class Subject:
    """A mailer and what came out of it, oldest first."""

    mailer: Mailer
    received: Callable[[], list[EmailMessage]]


def _parsed(letters: list[bytes]) -> list[EmailMessage]:
    parsed = [email.message_from_bytes(letter, policy=email.policy.default) for letter in letters]
    return [letter for letter in parsed if isinstance(letter, EmailMessage)]


@pytest.fixture(params=["outbox", "smtp"])
async def subject(
    request: pytest.FixtureRequest, tmp_path: Path, postbox: Postbox, smtp_port: int
) -> AsyncIterator[Subject]:
    clock, ids = FixedClock(), Ids()
    made: Subject
    if request.param == "outbox":
        outbox = Outbox(folder=tmp_path / "outbox", sender=SENDER, clock=clock, ids=ids)
        made = Subject(
            outbox, lambda: _parsed([path.read_bytes() for path in sorted((tmp_path / "outbox").glob("2*.eml"))])
        )
    else:
        mailer = SmtpMailer(url=f"smtp://127.0.0.1:{smtp_port}", sender=SENDER, clock=clock, ids=ids)
        made = Subject(mailer, lambda: _parsed(postbox.letters))
    await made.mailer.open()
    yield made
    await made.mailer.close()


async def test_a_letter_arrives_whole(subject: Subject) -> None:
    """Links and codes would be broken, and nobody could verify an address."""
    await subject.mailer.check()
    await subject.mailer.send(LETTER)
    (letter,) = subject.received()
    assert letter["to"] == "ada@example.org"
    assert letter["from"] == SENDER
    assert letter["subject"] == "Bestätige deine Adresse"
    assert letter["date"].datetime == datetime(2026, 11, 20, 12, tzinfo=UTC)
    assert letter["auto-submitted"] == "auto-generated"
    assert letter["message-id"].endswith("@bonafide.example>")
    assert letter.get_content().splitlines() == LETTER.text.splitlines()


async def test_letters_sent_at_once_all_arrive_under_their_own_id(subject: Subject) -> None:
    """Two people who register in the same moment would overwrite each other's letter."""
    people = [f"person{number}@example.org" for number in range(20)]
    await asyncio.gather(*(subject.mailer.send(Mail(to=to, subject="s", text=to)) for to in people))
    letters = subject.received()
    assert sorted(letter["to"] for letter in letters) == sorted(people)
    assert len({letter["message-id"] for letter in letters}) == len(people)


@pytest.mark.parametrize(
    ("to", "subject_line"),
    [
        ("ada@example.org\r\nBcc: eve@example.org", "s"),
        ("ada@example.org", "s\nBcc: eve@example.org"),
        ("ada@example.org, eve@example.org", "s"),
        ("Ada <ada@example.org>", "s"),
        ("ada@example.org>", "s"),
        ("ada", "s"),
        ("@example.org", "s"),
        ("ada@", "s"),
        ("", "s"),
        ("ada@example.org", "a\x00b"),
    ],
)
def test_a_letter_cannot_carry_other_headers_or_recipients(to: str, subject_line: str) -> None:
    """Somebody could send mail to strangers in our name."""
    with pytest.raises(ValueError, match="address"):
        Mail(to=to, subject=subject_line, text="t")


async def test_text_that_looks_like_headers_stays_text(subject: Subject) -> None:
    """A display name copied into a letter could forge its headers."""
    await subject.mailer.send(Mail(to="ada@example.org", subject="Bcc: x@y.z", text="Bcc: eve@example.org\n\nhi\n"))
    (letter,) = subject.received()
    assert letter["bcc"] is None
    assert letter.get_content().splitlines()[0] == "Bcc: eve@example.org"


async def test_outbox_letters_can_be_read_by_their_owner_only(tmp_path: Path) -> None:
    """A newcomer could not find the code; or another user of the machine could."""
    folder = tmp_path / "outbox"
    outbox = Outbox(folder=folder, sender=SENDER, clock=FixedClock(), ids=Ids())
    await outbox.open()
    await outbox.send(Mail(to="first@example.org", subject="s", text="t"))
    await outbox.send(LETTER)
    text = (folder / LATEST).read_text()
    assert LINK in text
    assert "Grüße!" in text
    assert "Subject: Bestätige deine Adresse" in text
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in folder.glob("2*")] == [0o600, 0o600]
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


async def test_outbox_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """A full or missing folder would show as an internal error."""
    (tmp_path / "file").write_text("")
    outbox = Outbox(folder=tmp_path / "file" / "outbox", sender=SENDER, clock=FixedClock(), ids=Ids())
    with pytest.raises(MailUnavailable, match="outbox"):
        await outbox.check()
    with pytest.raises(MailUnavailable, match="outbox"):
        await outbox.send(LETTER)


def _smtp(url: str) -> SmtpMailer:
    return SmtpMailer(url=url, sender=SENDER, clock=FixedClock(), ids=Ids())


async def test_smtp_signs_in_with_escaped_credentials(smtp_port: int, postbox: Postbox) -> None:
    """A password with a colon or at-sign could not be written into SMTP_URL."""
    mailer = _smtp(f"smtp://ada:p%40ss%3Aword@127.0.0.1:{smtp_port}")
    await mailer.check()
    await mailer.send(LETTER)
    assert postbox.recipients == ["ada@example.org"]


async def test_smtp_wrong_password_is_named_and_not_shown(smtp_port: int) -> None:
    """The operator would search the network for a typing error, or find the password in the log."""
    mailer = _smtp(f"smtp://ada:hunter2@127.0.0.1:{smtp_port}")
    for attempt in (mailer.check(), mailer.send(LETTER)):
        with pytest.raises(MailUnavailable, match="SMTP_URL") as caught:
            await attempt
        assert "hunter2" not in str(caught.value)


async def test_smtp_without_the_required_encryption_hands_over_nothing(smtp_port: int, postbox: Postbox) -> None:
    """Somebody on the wire could strip STARTTLS and read password and letters."""
    with pytest.raises(MailUnavailable):
        await _smtp(f"smtp://ada:p%40ss%3Aword@127.0.0.1:{smtp_port}?starttls=required").send(LETTER)
    assert postbox.letters == []


@pytest.mark.parametrize(
    ("answer", "error"), [("450 mailbox busy", MailUnavailable), ("550 no such mailbox", MailRefused)]
)
async def test_smtp_tells_a_bad_recipient_from_a_bad_moment(
    smtp_port: int, postbox: Postbox, answer: str, error: type[Exception]
) -> None:
    """A letter that can never arrive would be tried for ever, or one that could would be given up."""
    postbox.refuse_with = answer
    with pytest.raises(error):
        await _smtp(f"smtp://127.0.0.1:{smtp_port}").send(LETTER)


async def test_smtp_server_that_is_away_or_mute_is_a_clear_error_in_time() -> None:
    """A sign-up would hang with the mail server."""
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        port = mute.getsockname()[1]
        with pytest.raises(MailUnavailable, match=f"127.0.0.1:{port}"):
            await _smtp(f"smtp://127.0.0.1:{port}").check()  # bound, not listening: refused
        mute.listen()
        mailer = SmtpMailer(url=f"smtp://127.0.0.1:{port}", sender=SENDER, clock=FixedClock(), ids=Ids(), timeout_s=0.2)
        async with asyncio.timeout(10):
            for attempt in (mailer.check(), mailer.send(LETTER)):
                with pytest.raises(MailUnavailable):
                    await attempt


@pytest.mark.parametrize("url", ["http://mail", "smtp://", "smtp://mail?starttls=maybe", "smtp://mail:port"])
def test_smtp_url_faults_are_found_at_once(url: str) -> None:
    """A mistyped SMTP_URL would be noticed by the first person who waits for a letter."""
    with pytest.raises(ValueError, match=r".+"):
        _smtp(url)

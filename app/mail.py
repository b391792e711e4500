"""Mail: one letter, and two ways to send it (an outbox folder to read on this machine, or SMTP).

MailError
├── MailUnavailable   the mail server is away or refuses us; trying later may help
└── MailRefused       the mail server refuses this letter or its recipient for good
"""

import asyncio
import email.policy
import ipaddress
import os
import re
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib

from app.clock import Clock
from app.ids import Ids
from app.settings import Settings

SMTP_TIMEOUT_S = 10.0
LATEST = "latest.eml"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# What an outbox file may be called: an address with everything else replaced.
_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9@._+-]")


class MailError(Exception):
    """Raised when a letter was not handed over; the text is for the operator and carries no secret."""


class MailUnavailable(MailError):
    """Raised when the mail server is away, too slow, or refuses us (not the letter)."""


class MailRefused(MailError):
    """Raised when the mail server refuses this letter or its recipient for good."""


@dataclass(frozen=True)
class Mail:
    """A plain-text letter to one person; a line break in `to` or `subject` raises ValueError."""

    to: str
    subject: str
    text: str

    def __post_init__(self) -> None:
        if _CONTROL.search(self.to) or _CONTROL.search(self.subject):
            raise ValueError("an address or subject has no line breaks or control characters")
        _address(self.to)


class Mailer(Protocol):
    """Hands letters over."""

    async def open(self) -> None:
        """Get ready; does not need the mail server."""
        ...

    async def close(self) -> None:
        """Let go of everything."""
        ...

    async def send(self, mail: Mail) -> None:
        """Hand the letter over; raises MailError when it was not taken."""
        ...

    async def check(self) -> None:
        """Raise MailError unless a letter could be sent now; sends none."""
        ...


class Outbox:
    """Writes each letter as an .eml file, named by time, so that a person without a mail server can read it.

    The newest is always `latest.eml` too.
    """

    def __init__(self, *, folder: Path, sender: str, clock: Clock, ids: Ids) -> None:
        self._folder = folder
        self._sender = sender
        self._clock = clock
        self._ids = ids

    async def open(self) -> None:
        """Make the folder, readable by its owner only: the letters hold codes and links."""
        await asyncio.to_thread(self._folder.mkdir, mode=0o700, parents=True, exist_ok=True)

    async def close(self) -> None:
        """Nothing is held open."""

    async def send(self, mail: Mail) -> None:
        """Write the letter whole or not at all; raises MailUnavailable when the folder cannot be written."""
        # Unfolded UTF-8 with plain line ends: links stay whole and `cat` shows what a person would read.
        message = _message(mail, sender=self._sender, clock=self._clock, ids=self._ids, transfer_encoding="8bit")
        readable = email.policy.default.clone(utf8=True, cte_type="8bit", max_line_length=0)
        moment = self._clock.now().strftime("%Y-%m-%dT%H-%M-%S.%fZ")
        # The token keeps two letters of one microsecond apart.
        name = f"{moment}_{_NOT_IN_NAME.sub('_', mail.to)[:100]}_{self._ids.token(4)}.eml"
        content = message.as_bytes(policy=readable)
        try:
            await asyncio.to_thread(self._write, name, content)
        except OSError as error:
            raise MailUnavailable(f"the outbox {self._folder} cannot be written: {error.strerror}") from error

    async def check(self) -> None:
        """Raise MailUnavailable unless the folder can be written."""
        if not await asyncio.to_thread(os.access, self._folder, os.W_OK | os.X_OK):
            raise MailUnavailable(f"the outbox {self._folder} cannot be written")

    def _write(self, name: str, content: bytes) -> None:
        unfinished = self._folder / f".{name}"
        with unfinished.open("xb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(self._folder / name)
        link = self._folder / f".{name}.link"
        link.symlink_to(name)
        link.rename(self._folder / LATEST)


class SmtpMailer:
    """Sends over SMTP: `smtp://[user:password@]host[:port]` or `smtps://…`.

    smtps speaks TLS from the first byte (port 465). smtp (port 587 with a user, else 25) upgrades by STARTTLS when
    the server offers it, and *must* upgrade before it shows a password to a host that is not this machine.
    `?starttls=required` or `?starttls=off` decides it by hand.
    """

    def __init__(self, *, url: str, sender: str, clock: Clock, ids: Ids, timeout_s: float = SMTP_TIMEOUT_S) -> None:
        self._server = _SmtpServer.from_url(url)
        self._sender = sender
        self._clock = clock
        self._ids = ids
        self._timeout_s = timeout_s

    async def open(self) -> None:
        """Nothing to prepare: each letter has its own connection."""

    async def close(self) -> None:
        """Nothing is held open."""

    async def send(self, mail: Mail) -> None:
        """Hand the letter to the server; raises MailUnavailable or MailRefused."""
        message = _message(mail, sender=self._sender, clock=self._clock, ids=self._ids)
        try:
            async with asyncio.timeout(self._timeout_s), self._client() as client:
                await client.send_message(message)
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise self._refusal(error.recipients[0]) from error
        except aiosmtplib.SMTPAuthenticationError as error:
            raise self._unavailable("it refuses the user name or password of SMTP_URL") from error
        except aiosmtplib.SMTPResponseException as error:
            raise self._refusal(error) from error
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise self._unavailable(str(error) or f"no answer within {self._timeout_s:.0f} s") from error

    async def check(self) -> None:
        """Connect, say hello, sign in and leave; raises MailUnavailable."""
        try:
            async with asyncio.timeout(self._timeout_s), self._client() as client:
                await client.noop()
        except aiosmtplib.SMTPAuthenticationError as error:
            raise self._unavailable("it refuses the user name or password of SMTP_URL") from error
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise self._unavailable(str(error) or f"no answer within {self._timeout_s:.0f} s") from error

    def _client(self) -> aiosmtplib.SMTP:
        server = self._server
        return aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            use_tls=server.tls,
            start_tls=server.start_tls,
            timeout=self._timeout_s,
            # Without a name of our own the library asks the DNS for one, and blocks on it.
            local_hostname=_domain(self._sender),
        )

    def _refusal(self, error: aiosmtplib.SMTPResponseException) -> MailError:
        if 400 <= error.code < 500:
            return self._unavailable(f"it says {error.code}, try again later")
        return MailRefused(f"the mail server {self._server.host}:{self._server.port} refuses the letter ({error.code})")

    def _unavailable(self, why: str) -> MailUnavailable:
        return MailUnavailable(f"the mail server {self._server.host}:{self._server.port} cannot be used: {why}")


def mailer_from(settings: Settings, *, clock: Clock, ids: Ids) -> Outbox | SmtpMailer:
    """The mailer that the settings ask for: SMTP where SMTP_URL is set, else the outbox in the data folder."""
    if settings.smtp_url is None:
        return Outbox(folder=settings.outbox_dir, sender=settings.mail_from, clock=clock, ids=ids)
    return SmtpMailer(url=settings.smtp_url, sender=settings.mail_from, clock=clock, ids=ids)


@dataclass(frozen=True)
class _SmtpServer:
    host: str
    port: int
    user: str | None
    password: str | None
    tls: bool
    start_tls: bool | None  # None: when the server offers it

    @classmethod
    def from_url(cls, url: str) -> "_SmtpServer":
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise ValueError("SMTP_URL is smtp://[user:password@]host[:port] or smtps://…")
        tls = parts.scheme == "smtps"
        user = unquote(parts.username) if parts.username else None
        asked = parse_qs(parts.query).get("starttls", ["auto"])[0]
        if asked not in ("auto", "required", "off"):
            raise ValueError("SMTP_URL: starttls is auto, required or off")
        start_tls: bool | None = {"auto": None, "required": True, "off": False}[asked]
        if tls:
            start_tls = False
        elif start_tls is None and user is not None and not _is_loopback(parts.hostname):
            start_tls = True
        return cls(
            host=parts.hostname,
            port=parts.port or (465 if tls else 587 if user else 25),
            user=user,
            password=unquote(parts.password) if parts.password else None,
            tls=tls,
            start_tls=start_tls,
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _address(text: str) -> Address:
    """One address; raises ValueError for anything else, a list included."""
    local, at, domain = text.rpartition("@")
    if not at or not local or not domain:
        raise ValueError("this is not an e-mail address")
    try:
        return Address(addr_spec=f"{local}@{domain.encode('idna').decode()}")
    except (MessageError, ValueError, IndexError) as error:
        raise ValueError("this is not an e-mail address") from error


def _domain(sender: str) -> str:
    return parseaddr(sender)[1].rpartition("@")[2] or "localhost"


def _message(mail: Mail, *, sender: str, clock: Clock, ids: Ids, transfer_encoding: str | None = None) -> EmailMessage:
    message = EmailMessage()
    name, sender_address = parseaddr(sender)
    headers: dict[str, Any] = {
        "From": Address(display_name=name, addr_spec=sender_address),
        "To": _address(mail.to),
        "Subject": mail.subject,
        "Date": format_datetime(clock.now()),
        "Message-ID": f"<{ids.token(18)}@{_domain(sender)}>",
        # RFC 3834: no out-of-office answers to a machine.
        "Auto-Submitted": "auto-generated",
    }
    for header, value in headers.items():
        message[header] = value
    message.set_content(mail.text, cte=transfer_encoding)
    return message

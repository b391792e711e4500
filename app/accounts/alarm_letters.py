"""What an owner is told by mail when something about their account is suspicious; a notice, never a refusal."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.audit import AuditEvent
from app.mail import Mail

# The weightiest first: it makes the subject.
_SUBJECTS: Mapping[AuditEvent, str] = {
    AuditEvent.REFRESH_REUSED: "A session of your account was ended for safety",
    AuditEvent.FAILURE_BURST: "Somebody tries to sign in to your account",
    AuditEvent.IMPOSSIBLE_TRAVEL: "Your account was used in two places far apart",
    AuditEvent.NEW_COUNTRY: "A sign-in to your account from a new country",
    AuditEvent.NEW_DEVICE: "A new device signed in to your account",
}
_SENTENCES: Mapping[AuditEvent, str] = {
    AuditEvent.REFRESH_REUSED: "An old key to one of your sessions came back. It may have been copied, so the session "
    "was ended; sign in again on that device.",
    AuditEvent.FAILURE_BURST: "Somebody gave wrong passwords or codes for your account, ten within an hour. They are "
    "not in. We tell you of this once a day.",
    AuditEvent.IMPOSSIBLE_TRAVEL: "Somebody signed in to your account so far from where it was last used, and so soon, "
    "that nobody travels like that. A VPN looks the same.",
    AuditEvent.NEW_COUNTRY: "Somebody, hopefully you, signed in to your account from a country that we had not "
    "seen for it before.",
    AuditEvent.NEW_DEVICE: "Somebody, hopefully you, signed in to your account on a device that we had not seen "
    "for it before.",
}


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """When and whence; `device` is a name that whoever it was gave to themselves."""

    at: datetime
    device: str
    ip: str
    country: str | None


def suspicious(to: str, events: frozenset[AuditEvent], seen: Circumstances, link: str, *, lives: timedelta) -> Mail:
    """One letter about all that one deed set off."""
    ordered = [event for event in _SUBJECTS if event in events]
    facts = [f"When: {seen.at:%Y-%m-%d %H:%M} UTC", f"Device, as it calls itself: {seen.device}"]
    facts += [f"Address: {seen.ip}"] if seen.ip else []
    facts += [f"Country: {seen.country}"] if seen.country else []
    told, listed = "\n".join(_SENTENCES[event] for event in ordered), "\n".join(facts)
    return Mail(
        to=to,
        subject=_SUBJECTS[ordered[0]],
        text=f"{told}\n\n{listed}\n\nIf it was you, nothing is to be done.\n\n"
        f"If it was not you, open this and press the button:\n{link}\n\n"
        "It signs every device out, takes back what was added to your account since, and asks for a new password. "
        f"The link works once, within {lives.days} days; give it to nobody.\n",
    )

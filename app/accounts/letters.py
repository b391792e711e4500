"""What people are told by mail when something opens or closes their account."""

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum

from app.mail import Mail

_NOT_YOU = (
    "If it was not you, choose a new password at once, and look at your devices and at what happened to your account."
)


def address_proof(
    to: str, link: str, code: str | None, *, link_lives: timedelta, code_lives: timedelta, is_change: bool
) -> Mail:
    """The link, and the code if there is one, that prove the address; `is_change`: the account has another so far."""
    why = (
        "Somebody, hopefully you, wants this to be the new address of their account."
        if is_change
        else "Somebody, hopefully you, signed up with this address."
    )
    hours, minutes = int(link_lives.total_seconds() // 3600), int(code_lives.total_seconds() // 60)
    by_code = f"Or enter this code where you are asked for it, within {minutes} minutes:\n{code}\n\n" if code else ""
    return Mail(
        to=to,
        subject="Confirm your e-mail address",
        text=f"{why}\n\nTo confirm that it is yours, open:\n{link}\n\n{by_code}"
        f"The link works once, within {hours} hours. If it was not you, ignore this mail; give the code to nobody.\n",
    )


def address_left(to: str) -> Mail:
    """The account has another address from now on."""
    return Mail(
        to=to,
        subject="Your account has a new e-mail address",
        text="Your account was moved to another e-mail address, which has been confirmed. Mail for it no longer goes "
        "here.\nIf it was not you, write to the people who run this service at once.\n",
    )


def already_registered(to: str, public_url: str) -> Mail:
    """Somebody tried to register with the address of this account."""
    return Mail(
        to=to,
        subject="You already have an account",
        text=f"Somebody, hopefully you, tried to register with this address at {public_url}.\n\n"
        "You already have an account with it, so nothing was changed: sign in as usual, or ask for a new password if "
        "you forgot it. If it was not you, ignore this mail.\n",
    )


class Blocked(StrEnum):
    """Why a password opens nothing until its owner has chosen another."""

    NOT_ME = "You told us that somebody else was in your account, so its password was blocked."
    CONTESTED = (
        "This address was registered more than once, with different passwords. You have confirmed that it is yours: "
        "so that nobody else gets in, every device was signed out, and none of these passwords opens the account."
    )


def reset_link(to: str, link: str, *, lives: timedelta, blocked: Blocked | None) -> Mail:
    """The link to choose a new password, which somebody asked for or which takes the place of a blocked one."""
    minutes = int(lives.total_seconds() // 60)
    why, until_then, otherwise = (
        (
            blocked.value,
            "Until you have chosen one, no password opens your account.",
            "If it has run out, ask for another where you sign in. Give it to nobody.",
        )
        if blocked is not None
        else (
            "Somebody, hopefully you, asked for a new password for the account with this address.",
            "Until then your password stays as it is.",
            "If it was not you, ignore this mail; give the link to nobody.",
        )
    )
    return Mail(
        to=to,
        subject="Choose a new password",
        text=f"{why}\n\nTo choose one, open:\n{link}\n\n"
        f"The link works once, within {minutes} minutes. {until_then}\n{otherwise}\n",
    )


def password_reset(to: str, *, taken: int, left: Sequence[str]) -> Mail:
    """A new password was chosen through a mailed link; `taken` ways in went with the old, and those in `left` stay."""
    more = (
        "Other ways to sign in (providers, faces, passkeys) that were added before this address was proved have been "
        "unlinked; add them again in your settings if they are yours.\n"
    )
    others = f"These still open your account: {', '.join(left)}. Remove in your settings what is not yours.\n"
    return Mail(
        to=to,
        subject="Your password was changed",
        text="A new password was chosen through a link that we mailed to this address. Every device was signed out. "
        f"If you use a second factor, it stays on.\n{more if taken else ''}{others if left else ''}\n"
        "If it was not you, somebody else reads your mail: change the password of your mailbox first, then ask for a "
        "new link here.\n",
    )


def password_changed(to: str) -> Mail:
    """The password was changed by somebody who is signed in."""
    return Mail(
        to=to,
        subject="Your password was changed",
        text=f"The password of your account was changed. All other devices were signed out.\n\n{_NOT_YOU}\n",
    )


def email_change_requested(to: str) -> Mail:
    """Somebody who is signed in wants another address; told to the one that the account has."""
    return Mail(
        to=to,
        subject="A new e-mail address was asked for",
        text="Somebody, hopefully you, wants your account to have another e-mail address. It changes as soon as the "
        f"new address is confirmed; until then this one stays.\n\n{_NOT_YOU}\n",
    )


def address_wanted_elsewhere(to: str) -> Mail:
    """Another account wanted the address of this one."""
    return Mail(
        to=to,
        subject="Your e-mail address was given for another account",
        text="Somebody wanted to give another account this address. You have an account with it, so nothing was "
        "changed.\nIf it was you, sign in with this address, or ask for a new password if you forgot it. If it was "
        "not you, ignore this mail.\n",
    )


def account_deleted(to: str) -> Mail:
    """Good-bye."""
    return Mail(
        to=to,
        subject="Your account was deleted",
        text="Your account and everything we held about you was deleted, as you asked. This is our last mail.\n",
    )

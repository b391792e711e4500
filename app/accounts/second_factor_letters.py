"""What an owner is told by mail about the second step of a sign-in; only `sign_in_code` holds a code."""

from datetime import timedelta

from app.mail import Mail

_NOT_YOU = "If it was not you, change your password now and end your other sessions.\n"


def enabled(to: str) -> Mail:
    """Signing in has become harder."""
    return Mail(
        to=to,
        subject="Two-factor sign-in is on",
        text="Signing in to your account now takes a code from your authenticator app as well.\n\n"
        f"Keep your backup codes where you find them without your phone. {_NOT_YOU}",
    )


def disabled(to: str) -> Mail:
    """Signing in has become easier."""
    return Mail(
        to=to,
        subject="Two-factor sign-in is off",
        text=f"Signing in to your account no longer takes a code from an authenticator app.\n\n{_NOT_YOU}",
    )


def backup_code_used(to: str, *, left: int) -> Mail:
    """A code that is on paper was used."""
    codes = "one is" if left == 1 else f"{left or 'none'} are"
    return Mail(
        to=to,
        subject="A backup code was used",
        text=f"A backup code of your account was used; {codes} left. You can make ten new ones in your settings.\n\n"
        f"{_NOT_YOU}",
    )


def backup_codes_replaced(to: str) -> Mail:
    """What is on paper is worth nothing any more."""
    return Mail(
        to=to,
        subject="You have new backup codes",
        text=f"Ten new backup codes were made for your account; the old ones no longer work.\n\n{_NOT_YOU}",
    )


def wrong_codes(to: str) -> Mail:
    """Somebody stands between the first factor and the second."""
    return Mail(
        to=to,
        subject="Somebody could not complete a sign-in to your account",
        text="Somebody passed the first step of signing in to your account, then gave wrong codes only.\n\n"
        f"They are not in. {_NOT_YOU}",
    )


def sign_in_code(to: str, code: str, *, lives: timedelta) -> Mail:
    """Your face was seen on a device that is new to the account."""
    return Mail(
        to=to,
        subject="Your code to sign in",
        text=f"{code} completes the sign-in to your account on a device that you have not used before. It is good "
        f"for {lives.total_seconds() / 60:.0f} minutes, and nobody of us will ever ask you for it.\n\n"
        "If you are not signing in right now, somebody's face was taken for yours. They are not in, and without this "
        "code they will not be.\n",
    )

"""What an owner is told by mail about their passkeys; not their names, which a thief may have chosen."""

from app.mail import Mail

_NOT_YOU = "If it was not you, sign in, remove it in your settings, end your other sessions and change your password.\n"


def added(to: str) -> Mail:
    """Something new opens the account."""
    return Mail(
        to=to,
        subject="A passkey was added to your account",
        text="A passkey was added to your account, hopefully by you. From now on the device that holds it opens your "
        f"account, without password and code.\n\n{_NOT_YOU}",
    )


def removed(to: str) -> Mail:
    """Something no longer opens it."""
    return Mail(
        to=to,
        subject="A passkey was removed from your account",
        text="A passkey was removed from your account, hopefully by you. It does not open it any more; who is signed "
        "in stays so until you end their session.\n\n"
        "If it was not you, sign in, end your other sessions and change your password.\n",
    )


def copied(to: str) -> Mail:
    """A counter that only ever grows went back."""
    return Mail(
        to=to,
        subject="A passkey of your account may have been copied",
        text="Somebody, perhaps you, used a passkey of your account, and it counted its uses lower than before. That "
        "happens when there are two copies of a security key, or when one is broken. Nobody was let in.\n\n"
        "Remove the passkey in your settings and add it anew if the device is yours. If you did not use one just now, "
        "do so at once, and end your other sessions.\n",
    )

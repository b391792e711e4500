"""What an owner is told by mail about the faces that open their account."""

from app.mail import Mail

_NOT_YOU = (
    "If it was not you, have the enrolled faces forgotten in your settings, change your password and end your other "
    "sessions.\n"
)


def face_enrolled(to: str) -> Mail:
    """There is one more way in."""
    return Mail(
        to=to,
        subject="A face was enrolled for your account",
        text="From now on a face that was shown to the camera just now opens your account. You can have it forgotten "
        f"in your settings at any time.\n\n{_NOT_YOU}",
    )


def face_forgotten(to: str) -> Mail:
    """There is one way in less."""
    return Mail(
        to=to,
        subject="Your enrolled faces were forgotten",
        text="What was kept of your face to sign in with was deleted. A face opens your account no more.\n\n"
        "If it was not you, change your password now and end your other sessions.\n",
    )

"""What a request leaves behind is done, bounded and ended with the server."""

import asyncio

import pytest

from app.background import Background, Post
from app.errors import Code, Problem
from app.ids import Ids
from app.mail import Mail, MailUnavailable
from tests.fakes import Mailbox

LETTER = Mail(to="ada@example.org", subject="Hello", text="The code is 123456.")


class BrokenMailbox(Mailbox):
    """A mail server that is away."""

    async def send(self, mail: Mail) -> None:
        raise MailUnavailable("nobody answers ada@example.org")


class SilentMailbox(Mailbox):
    """A mail server that accepts the connection and never answers."""

    async def send(self, mail: Mail) -> None:
        await asyncio.Event().wait()


async def test_a_letter_leaves_after_the_request(ids: Ids, mailbox: Mailbox) -> None:
    """A caller could tell by the wait whether a letter was sent, and so whether an address has an account."""
    background = Background()
    Post(mailer=mailbox, background=background).send(LETTER, account_id=ids.uuid7())
    assert mailbox.sent == [], "nothing has run yet"
    await background.settled()
    assert mailbox.sent == [LETTER]


async def test_a_letter_is_written_after_the_request_if_there_is_one_to_write(mailbox: Mailbox) -> None:
    """A caller could tell by the wait whether there was anybody to write to."""
    background = Background()
    post = Post(mailer=mailbox, background=background)
    looked: list[str] = []

    async def nobody() -> None:
        looked.append("nobody")

    async def somebody() -> Mail:
        looked.append("somebody")
        return LETTER

    post.compose(nobody, what="a letter to nobody")
    post.compose(somebody, what="a letter to somebody")
    assert looked == []
    await background.settled()
    assert looked == ["nobody", "somebody"]
    assert mailbox.sent == [LETTER]


@pytest.mark.parametrize("mailer", [BrokenMailbox(), SilentMailbox()], ids=["away", "silent"])
async def test_a_letter_that_cannot_be_sent_is_told_to_the_log_alone(
    ids: Ids, mailer: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    """The operator would not learn that mail is down, or the log would hold people's addresses and codes."""
    background = Background()
    Post(mailer=mailer, background=background, patience_s=0.01).send(LETTER, account_id=ids.uuid7())
    await background.settled()
    assert "mail to account" in caplog.text
    assert "ada@" not in caplog.text
    assert "123456" not in caplog.text


async def test_what_piles_up_is_bounded(ids: Ids, caplog: pytest.LogCaptureFixture) -> None:
    """While the mail server stands still, letters would fill the memory until everybody is thrown out."""
    background = Background(max_waiting=2, close_patience_s=0.01)
    post = Post(mailer=SilentMailbox(), background=background)
    for _ in range(3):
        post.send(LETTER, account_id=ids.uuid7())
    assert "was dropped" in caplog.text
    with pytest.raises(Problem) as caught:
        background.start(asyncio.sleep(0), what="a fourth")
    assert caught.value.code is Code.BUSY
    await background.close()


async def test_the_server_stops_though_the_mail_server_stands_still(ids: Ids) -> None:
    """A stop would hang until the operator kills the process."""
    background = Background(close_patience_s=0.01)
    Post(mailer=SilentMailbox(), background=background).send(LETTER, account_id=ids.uuid7())
    await background.close()
    await background.settled()

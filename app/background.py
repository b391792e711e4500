"""Work that a request leaves behind: letters, and what must take no time that a caller could measure.

It is owned here: bounded, named in the log when it fails, and waited for at shutdown. What must survive a crash is
written to the database by the request itself, not left here.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from uuid import UUID

from app.errors import Code, Problem
from app.mail import Mail, Mailer

log = logging.getLogger(__name__)

MAX_WAITING = 1000
"""A letter and its task hold some 10 kB; what a mail server that stands still piles up stays far below a stream's."""
MAIL_PATIENCE_S = 15.0
CLOSE_PATIENCE_S = 5.0


class Background:
    """Runs what was left behind; one per process."""

    def __init__(self, *, max_waiting: int = MAX_WAITING, close_patience_s: float = CLOSE_PATIENCE_S) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._max_waiting = max_waiting
        self._close_patience_s = close_patience_s

    def start(self, work: Coroutine[object, object, None], *, what: str) -> None:
        """Takes the work over and returns at once; raises Problem(BUSY) when too much waits."""
        if len(self._tasks) >= self._max_waiting:
            work.close()
            raise Problem(Code.BUSY, "Too much is being done right now. Try again shortly.", retry_after_s=5)
        task = asyncio.create_task(_logged(work, what))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settled(self) -> None:
        """Returns when nothing is left to do."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Waits a little for what runs, then lets go of it."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=self._close_patience_s)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)


class Post:
    """Sends letters in the background: nobody waits for the mail server, and no wait tells who has an account."""

    def __init__(self, *, mailer: Mailer, background: Background, patience_s: float = MAIL_PATIENCE_S) -> None:
        self._mailer = mailer
        self._background = background
        self._patience_s = patience_s

    def send(self, mail: Mail, *, account_id: UUID) -> None:
        """Leaves the letter to be sent; whatever becomes of it, the deed it tells of stands."""

        async def written() -> Mail:
            return mail

        self.compose(written, what=f"mail to account {account_id}")

    def compose(self, write: Callable[[], Awaitable[Mail | None]], *, what: str) -> None:
        """Leaves a letter to be written and sent; `write` gives None where there turns out to be none."""
        try:
            self._background.start(self._deliver(write), what=what)
        except Problem:
            log.warning("%s was dropped: too many wait", what)

    async def _deliver(self, write: Callable[[], Awaitable[Mail | None]]) -> None:
        async with asyncio.timeout(self._patience_s):
            mail = await write()
            if mail is not None:
                await self._mailer.send(mail)


async def _logged(work: Coroutine[object, object, None], what: str) -> None:
    """Nobody awaits the outcome, so the log is told; the error's text may hold an address and is left out."""
    try:
        await work
    except Exception as error:
        log.warning("%s failed: %s", what, type(error).__name__)

"""This was not me: the link in the letter about something suspicious, and all that it closes.

It only ever closes things, so that whoever gets hold of it can do no worse than sign its owner out. The sessions end,
the devices are forgotten, what was added to the account since the event is taken back, and the password opens nothing
until another is chosen by a link that is mailed at once. Every way in that was there before stays.

The right password then answers PASSWORD_RESET_REQUIRED: its owner needs the hint, and whoever else knows it learns
nothing that they did not know.

Of the address the old mailbox decides. A thief's first deed is to move the account to an address of their own, and the
link for a new password must not go there; the link was mailed to the address that the account had at the event, and
whoever uses it holds that mailbox. So the account goes back to it, unless it had come there within the last week only:
then whoever moved it may be the thief, and the link just closes. The price: whoever reads the old mailbox of somebody
who moved away from it can undo that for a week after the last alarm.
"""

import logging
from collections import Counter
from functools import partial
from uuid import UUID

from app.accounts.credential_store import CredentialStore
from app.accounts.letters import Blocked
from app.accounts.limits import NOT_ME_PER_IP
from app.accounts.model import Origin
from app.accounts.recovery import PasswordRecovery
from app.accounts.sessions import SessionService
from app.audit import AuditEvent, AuditLog
from app.clock import Clock
from app.database import Database, Row, Transaction
from app.errors import Code, Problem
from app.rate_limits import RateLimits
from app.secrets import digest_of_token

log = logging.getLogger(__name__)


class NotMe:
    """Takes the links back."""

    def __init__(
        self,
        *,
        database: Database,
        sessions: SessionService,
        recovery: PasswordRecovery,
        audit: AuditLog,
        limits: RateLimits,
        clock: Clock,
    ) -> None:
        self._database = database
        self._queries = database.queries
        self._credentials = CredentialStore(queries=database.queries)
        self._sessions = sessions
        self._recovery = recovery
        self._audit = audit
        self._limits = limits
        self._clock = clock
        # Each takes back what was added `since` and names it. Whatever else opens an account has its statement here.
        self._undo = (
            self._queries.second_factor_undo,
            self._queries.backup_codes_undo,
            self._queries.passkeys_undo,
            self._queries.faces_undo,
        )

    async def report(self, *, token: str, origin: Origin) -> None:
        """Closes the account to whoever came in, and mails its owner a link for a new password.

        Raises Problem: GONE for a link that is unknown, used or expired, alike; RATE_LIMITED, BUSY.
        """
        await self._limits.spend(NOT_ME_PER_IP, origin.network)
        token_hash = digest_of_token(token) or b""
        account_id = await self._database.scalar(
            self._queries.not_me_link_account, token_hash=token_hash, now=self._clock.now()
        )
        if account_id is None:
            raise _gone()
        await self._database.transact(partial(self._close, account_id, token_hash, origin))
        log.info("this was not me: account=%s", account_id)

    async def _close(self, account_id: UUID, token_hash: bytes, origin: Origin, tx: Transaction) -> None:
        """Everything that the link closes, together."""
        await self._credentials.hold(tx, account_id)
        now = self._clock.now()
        link = await tx.one(self._queries.not_me_link_use, token_hash=token_hash, now=now)
        if link is None:
            raise _gone()
        sessions = await self._sessions.end_all(tx, account_id)
        await tx.run(self._queries.sightings_drop, account_id=account_id)
        providers = await tx.many(
            self._queries.identities_undo, account_id=account_id, since=link["happened_at"], now=now
        )
        undone: Counter[str] = Counter(sessions=sessions)
        for query in self._undo:
            undone.update(
                row["undone"] for row in await tx.many(query, account_id=account_id, since=link["happened_at"])
            )
        await self._credentials.drop_resets(tx, account_id)
        await self._credentials.drop_email_changes(tx, account_id)
        has_password = await self._credentials.block_password(tx, account_id, now=now)
        record = partial(self._audit.record, account_id=account_id, origin=origin, tx=tx)
        await record(AuditEvent.NOT_ME_REPORTED, detail=undone)
        for row in providers:
            await record(AuditEvent.IDENTITY_UNLINKED, detail={"provider": row["provider"]})
        email = await self._settled_address(tx, account_id, link, origin)
        if email is not None and has_password:
            send_link = partial(self._recovery.send_link_for_blocked, account_id, email)
            tx.once_committed(lambda: send_link(why=Blocked.NOT_ME, origin=origin))

    async def _settled_address(self, tx: Transaction, account_id: UUID, link: Row, origin: Origin) -> str | None:
        """The account's address from now on, for which the top of this file says why."""
        current: str | None = await tx.scalar(self._queries.address_of, account_id=account_id)
        if current == link["email"] or not link["restores_address"]:
            return current
        now = self._clock.now()
        await tx.run(self._queries.address_release_campus, account_id=account_id, email=link["email"])
        await tx.run(self._queries.address_release, account_id=account_id, email=link["email"], now=now)
        restored: str | None = await tx.scalar(
            self._queries.address_restore, account_id=account_id, email=link["email"], now=now
        )
        await self._audit.record(
            AuditEvent.EMAIL_CHANGED, account_id=account_id, origin=origin, detail={"reason": "NOT_ME"}, tx=tx
        )
        return restored


def _gone() -> Problem:
    return Problem(
        Code.GONE, "This link was used already, is older than a week, or is not whole. Look at the mail.", field="token"
    )

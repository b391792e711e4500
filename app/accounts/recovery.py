"""A forgotten password: a mailed link, and a new password for whoever holds it.

Whether an address has an account is never told, neither by the answer nor by its time: between the look and the
answer lies nothing that depends on it, and the link is written and mailed in the background.

What a reset takes along. Somebody may have signed up with an address that is not theirs, and waits until its owner
"recovers" the account (Sudhodanan and Paverd, USENIX Security 2022). So the new password ends every session, drops a
change to another address that was asked for before, and unlinks the providers that were linked before the address was
proved, unless they vouch for that very address; passkeys and faces that were added before, which vouch for no address,
go too. What came after the proof is the owner's and stays; the letter about the reset names it, should it be a thief's
after all who had the old password.

Where an address was registered again with another password before it was proved, the proof itself takes all that along
and wants a new password: whose the first one was nobody can tell, and its holder could build a way in right after it.

The second factor stays on, whoever set it up: whoever reads a person's mail must not be able to take off what the
person put on top of it. The worst a stranger can do with a second factor on somebody else's unproved address is to
keep both of them out, never to come in.
"""

import logging
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from app.accounts import letters
from app.accounts.credential_store import CredentialStore, Resettable
from app.accounts.letters import Blocked
from app.accounts.limits import RESET_LINK_PER_EMAIL, RESET_LINK_PER_IP, RESET_PER_IP
from app.accounts.model import Origin
from app.accounts.passwords import Passwords
from app.accounts.rules import normalised_email
from app.accounts.sessions import SessionService
from app.audit import NOBODY, AuditEvent, AuditLog
from app.background import Background, Post
from app.clock import Clock
from app.database import Database, Transaction
from app.errors import Code, Problem
from app.ids import Ids
from app.rate_limits import RateLimits
from app.secrets import digest, digest_of_token

log = logging.getLogger(__name__)

LINK_TTL = timedelta(hours=1)
LINK_BYTES = 48


class PasswordRecovery:
    """Mails links for a new password, and takes them back."""

    def __init__(
        self,
        *,
        database: Database,
        sessions: SessionService,
        passwords: Passwords,
        audit: AuditLog,
        limits: RateLimits,
        background: Background,
        post: Post,
        clock: Clock,
        ids: Ids,
        public_url: str,
        face_login: bool,
    ) -> None:
        self._database = database
        self._store = CredentialStore(queries=database.queries)
        self._sessions = sessions
        self._passwords = passwords
        self._audit = audit
        self._limits = limits
        self._background = background
        self._post = post
        self._clock = clock
        self._ids = ids
        self._public_url = public_url
        self._face_login = face_login

    async def request(self, *, email: str, origin: Origin) -> None:
        """Mails a link to the address if an account has it; an earlier link stops working.

        Raises Problem: BAD_USER_INPUT for what is no address, RATE_LIMITED, BUSY.
        """
        email = normalised_email(email)
        await self._limits.spend(RESET_LINK_PER_IP, origin.network)
        await self._limits.spend(RESET_LINK_PER_EMAIL, email)
        account_id = await self._store.account_of(self._database, email)
        self._background.start(self._mail_link(account_id, email, origin), what="writing a link for a new password")

    def send_link_for_blocked(self, account_id: UUID, email: str, *, why: Blocked, origin: Origin) -> None:
        """Mails the owner of a blocked password a link soon, uncounted: they have shown that the address is theirs.

        Where too much waits it is not sent; its owner then asks for one.
        """
        try:
            self._background.start(
                self._mail_link(account_id, email, origin, blocked=why), what="writing a link for a new password"
            )
        except Problem:
            log.warning("a link for a new password of account %s was dropped: too many wait", account_id)

    async def reset(self, *, token: str, password: str, origin: Origin) -> None:
        """Makes `password` the account's, ends all its sessions and opens none.

        Raises Problem: GONE for a link that is unknown, used or expired, alike; BAD_USER_INPUT with the rule that the
        password breaks, the link then stays good; RATE_LIMITED, BUSY.
        """
        await self._limits.spend(RESET_PER_IP, origin.network)
        token_hash = digest_of_token(token) or b""
        account = await self._store.resettable(self._database, token_hash, now=self._clock.now())
        if account is None:
            raise _gone()
        self._passwords.require_acceptable(password, personal=account.personal)
        password_hash = await self._passwords.hash(password)
        taken, left = await self._database.transact(partial(self._use, account, token_hash, password_hash, origin))
        letter = letters.password_reset(account.email, taken=taken, left=left)
        self._post.send(letter, account_id=account.account_id)

    async def _mail_link(
        self, account_id: UUID | None, email: str, origin: Origin, *, blocked: Blocked | None = None
    ) -> None:
        if account_id is None:
            return
        token = self._ids.token(LINK_BYTES)
        if not await self._database.transact(partial(self._open, account_id, email, token, origin)):
            return
        # In the fragment, which reaches no server: a path would stand in the logs of everything on the way.
        link = f"{self._public_url}/reset#token={token}"
        self._post.send(letters.reset_link(email, link, lives=LINK_TTL, blocked=blocked), account_id=account_id)

    async def _open(self, account_id: UUID, email: str, token: str, origin: Origin, tx: Transaction) -> bool:
        now = self._clock.now()
        await self._store.hold(tx, account_id)
        opened = await self._store.open_reset(
            tx,
            reset_id=self._ids.uuid7(),
            account_id=account_id,
            email=email,
            token_hash=digest(token),
            now=now,
            expires_at=now + LINK_TTL,
        )
        if opened:
            # Whoever reads the log of an address that was never proved may be a stranger who waits for its owner.
            is_proved = (await self._store.ways_in(tx, account_id)).email_verified_at is not None
            await self._audit.record(
                AuditEvent.PASSWORD_RESET_REQUESTED,
                account_id=account_id,
                origin=origin if is_proved else NOBODY,
                tx=tx,
            )
        return opened

    async def _use(
        self, account: Resettable, token_hash: bytes, password_hash: str, origin: Origin, tx: Transaction
    ) -> tuple[int, tuple[str, ...]]:
        """Everything that a reset changes, together; gives back how many ways in it took away, and what is left."""
        await self._store.hold(tx, account.account_id)
        used = await self._store.use_reset(
            tx, token_hash=token_hash, password_hash=password_hash, now=self._clock.now()
        )
        if used is None:
            raise _gone()
        sessions = await self._sessions.end_all(tx, used.account_id)
        await self._sessions.distrust_browsers(tx, used.account_id, but=origin)
        await self._store.drop_email_changes(tx, used.account_id)
        record = partial(self._audit.record, account_id=used.account_id, origin=origin, tx=tx)
        await record(AuditEvent.PASSWORD_RESET, detail={"sessions": sessions})
        if used.proved_at is None:
            await record(AuditEvent.EMAIL_PROVED)
        taken = await self._take_unproved(used.account_id, account.email, used.proved_at, origin, tx)
        return taken, await self._left(used.account_id, tx)

    async def begin_anew(self, tx: Transaction, account_id: UUID, *, email: str, origin: Origin) -> None:
        """Takes from an account whose address is proved just now whatever somebody else may have put into it before.

        Sessions and ways in end, and the password opens nothing until another is chosen by a link that is mailed once
        `tx`, which must hold the account's row, has committed.
        """
        await self._sessions.end_all(tx, account_id)
        await self._sessions.distrust_browsers(tx, account_id, but=origin)
        await self._take_unproved(account_id, email, None, origin, tx)
        await self._store.block_password(tx, account_id, now=self._clock.now())
        tx.once_committed(lambda: self.send_link_for_blocked(account_id, email, why=Blocked.CONTESTED, origin=origin))

    async def _left(self, account_id: UUID, tx: Transaction) -> tuple[str, ...]:
        """What opens the account besides the new password, in words."""
        ways_in = await self._store.ways_in(tx, account_id)
        has_face = self._face_login and await self._store.has_faces(tx, account_id)
        faces = ("an enrolled face",) if has_face else ()
        return await self._store.linked(tx, account_id) + _counted_passkeys(ways_in.passkeys) + faces

    async def _take_unproved(
        self, account_id: UUID, email: str, proved_at: datetime | None, origin: Origin, tx: Transaction
    ) -> int:
        """Takes away what was added before the address was proved, and writes it down; gives back how many ways in."""
        providers = await self._store.unlink_unproved(tx, account_id, email=email, proved_at=proved_at)
        passkeys = await self._store.remove_unproved_passkeys(tx, account_id, proved_at=proved_at)
        faces = await self._store.forget_unproved_faces(tx, account_id, proved_at=proved_at)
        record = partial(self._audit.record, account_id=account_id, origin=origin, tx=tx)
        for provider in providers:
            await record(AuditEvent.IDENTITY_UNLINKED, detail={"provider": provider})
        for _ in range(passkeys):
            await record(AuditEvent.PASSKEY_REMOVED)
        if faces:
            await record(AuditEvent.FACE_FORGOTTEN)
        return len(providers) + passkeys + faces


def _counted_passkeys(amount: int) -> tuple[str, ...]:
    """In words, without their names: a thief may have chosen those."""
    if not amount:
        return ()
    return ("1 passkey" if amount == 1 else f"{amount} passkeys",)


def _gone() -> Problem:
    return Problem(Code.GONE, "This link was used already or has expired. Ask for a new one.", field="token")

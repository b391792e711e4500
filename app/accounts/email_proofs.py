"""Proof of an e-mail address: a link and a six-digit code in one letter, either of them once.

One proof is open per account; a new one replaces it. Of the link's token only SHA-256 is stored. A million codes are
soon tried, so Redis holds a code as an HMAC under a key of ours, bound to the proof it came with, for 15 minutes and
five wrong tries. Whichever is used, PostgreSQL marks the proof used: of 50 callers one succeeds.

The first proof of an address that was registered again with another password meanwhile says whose the account is, not
whose its password is: then everything begins anew (app/accounts/recovery.py).
"""

import hmac
import logging
import re
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.accounts import letters
from app.accounts.limits import (
    CODE_PER_EMAIL,
    CODE_PER_EMAIL_DAILY,
    CODE_PER_IP,
    RESEND_PER_EMAIL,
    RESEND_PER_IP,
    VERIFY_PER_IP,
)
from app.accounts.model import Origin
from app.accounts.recovery import PasswordRecovery
from app.accounts.rules import normalised_email
from app.audit import AuditEvent, AuditLog
from app.background import Post
from app.clock import Clock
from app.database import Database, Transaction, UniqueViolation
from app.errors import Code, Problem
from app.ids import Ids
from app.mail import Mail
from app.metrics import Deed, Metrics, counted
from app.rate_limits import RateLimits
from app.secrets import derive_key, digest, digest_of_token

log = logging.getLogger(__name__)

LINK_TTL = timedelta(hours=24)  # seed B, VERIFY_TOKEN_TTL
LINK_BYTES = 48
CODE_TTL = timedelta(minutes=15)
CODE_DIGITS = 6
WRONG_CODES = 5

_CODE = re.compile(rf"[0-9]{{{CODE_DIGITS}}}")
_KEEP = """
redis.call('HSET', KEYS[1], 'mac', ARGV[1], 'wrong', 0)
redis.call('EXPIRE', KEYS[1], ARGV[2])
"""
# Counts and compares in one step: parallel guesses cannot pass the limit together.
_TRY = """
local mac = redis.call('HGET', KEYS[1], 'mac')
if mac == ARGV[1] then return 1 end
if mac and redis.call('HINCRBY', KEYS[1], 'wrong', 1) >= tonumber(ARGV[2]) then redis.call('DEL', KEYS[1]) end
return 0
"""


@dataclass(frozen=True)
class _Proved:
    account_id: UUID
    left_address: str | None = None


class EmailProofs:
    """Opens proofs, mails them, and takes them back."""

    def __init__(
        self,
        *,
        database: Database,
        redis: Redis,
        recovery: PasswordRecovery,
        audit: AuditLog,
        limits: RateLimits,
        metrics: Metrics,
        post: Post,
        secret_keys: tuple[str, ...],
        clock: Clock,
        ids: Ids,
        public_url: str,
        campus_subdomains: bool = False,
    ) -> None:
        self._database = database
        self._queries = database.queries
        self._redis = redis
        self._keep_code = redis.register_script(_KEEP)
        self._try_code = redis.register_script(_TRY)
        self._recovery = recovery
        self._audit = audit
        self._limits = limits
        self._metrics = metrics
        self._post = post
        self._code_key = derive_key(secret_keys[0], purpose="email-code")
        self._clock = clock
        self._ids = ids
        self._public_url = public_url
        self._campus_subdomains = campus_subdomains

    async def open(self, tx: Transaction, account_id: UUID, email: str | None = None) -> str:
        """Replaces the account's open proof; gives the token to `mail` once `tx` has committed.

        With `email`, using the proof makes that address the account's own.
        """
        token, now = self._ids.token(LINK_BYTES), self._clock.now()
        await tx.run(
            self._queries.email_proof_open,
            proof_id=self._ids.uuid7(),
            account_id=account_id,
            token_hash=digest(token),
            email=email,
            now=now,
            expires_at=now + LINK_TTL,
        )
        return token

    def mail(self, account_id: UUID, token: str, *, to: str, is_change: bool = False) -> None:
        """Sends the link together with a code, soon; call it after the commit. `is_change`: the address will be new."""
        write = partial(self._letter, account_id, token, to, is_change=is_change)
        self._post.compose(write, what=f"proof to account {account_id}")

    async def renew(self, tx: Transaction | Database, email: str) -> tuple[UUID, str] | None:
        """Replaces the proof of the account with this address, unless it is proved or there is none: then None.

        Gives account and token for `mail`.
        """
        token, now = self._ids.token(LINK_BYTES), self._clock.now()
        account_id: UUID | None = await tx.scalar(
            self._queries.email_proof_renew,
            proof_id=self._ids.uuid7(),
            email=email,
            token_hash=digest(token),
            now=now,
            expires_at=now + LINK_TTL,
        )
        return None if account_id is None else (account_id, token)

    @counted(Deed.RESEND)
    async def resend(self, *, email: str, origin: Origin) -> None:
        """Mails a new proof where an account has the address and has not proved it.

        Whether one has is looked up after the answer, which therefore tells nothing. Raises Problem: BAD_USER_INPUT for
        what is no address, RATE_LIMITED, BUSY.
        """
        email = normalised_email(email)
        await self._limits.spend(RESEND_PER_IP, origin.network)
        await self._limits.spend(RESEND_PER_EMAIL, email)
        self._post.compose(partial(self._renewed, email), what="proof sent again")

    @counted(Deed.VERIFY)
    async def prove(
        self, *, token: str | None = None, code: str | None = None, email: str | None = None, origin: Origin
    ) -> UUID:
        """Spends a proof by the token of its link, or by its code with the address; gives back the account.

        Raises Problem: GONE for what is wrong, used or expired, alike; BAD_USER_INPUT; CONFLICT when a new address has
        found another owner meanwhile; RATE_LIMITED; BUSY.
        """
        if token is not None and code is None and email is None:
            token_hash = await self._by_link(token, origin)
        elif token is None and code is not None and email is not None:
            token_hash = await self._by_code(code, email, origin)
        else:
            field = "token" if (code is None) == (email is None) else "code" if code is None else "email"
            raise Problem(Code.BAD_USER_INPUT, "Give the token of the link, or the code with its address.", field=field)
        proved = None
        if token_hash is not None:
            try:
                proved = await self._database.transact(partial(self._use, token_hash, origin))
            except UniqueViolation as error:
                raise Problem(Code.CONFLICT, "Another account has this e-mail address.", field="email") from error
        if proved is None:
            what, field = ("link", "token") if code is None else ("code", "code")
            raise Problem(Code.GONE, f"This {what} is wrong, was used already or has expired.", field=field)
        if proved.left_address is not None:
            self._post.send(letters.address_left(proved.left_address), account_id=proved.account_id)
        return proved.account_id

    async def _by_link(self, token: str, origin: Origin) -> bytes | None:
        await self._limits.spend(VERIFY_PER_IP, origin.network)
        return digest_of_token(token)

    async def _by_code(self, code: str, email: str, origin: Origin) -> bytes | None:
        """The hash of the proof that the code belongs to; the same work whether or not anybody has the address."""
        email = normalised_email(email)
        if _CODE.fullmatch(code) is None:
            raise Problem(Code.BAD_USER_INPUT, f"A code has {CODE_DIGITS} digits.", field="code")
        await self._limits.spend(CODE_PER_IP, origin.network)
        await self._limits.spend(CODE_PER_EMAIL, email)
        await self._limits.spend(CODE_PER_EMAIL_DAILY, email)
        found = await self._database.one(self._queries.email_proof_of_address, email=email, now=self._clock.now())
        account_id, token_hash = (
            (self._ids.uuid7(), digest("")) if found is None else (found["account_id"], found["token_hash"])
        )
        try:
            is_right = await self._try_code(keys=[_key(account_id)], args=[self._mac(token_hash, code), WRONG_CODES])
        except (RedisError, OSError) as error:
            raise Problem(Code.BUSY, "Codes cannot be checked right now. Use the link.", retry_after_s=5) from error
        return token_hash if is_right else None

    async def _use(self, token_hash: bytes, origin: Origin, tx: Transaction) -> _Proved | None:
        now = self._clock.now()
        account = await tx.one(self._queries.email_proof_account_locked, token_hash=token_hash, now=now)
        proof = await tx.one(self._queries.email_proof_use, token_hash=token_hash, now=now)
        if account is None or proof is None:
            return None
        account_id = account["account_id"]
        if proof["email"] is None:
            await tx.run(self._queries.email_prove, account_id=account_id, now=now)
            await self._audit.record(AuditEvent.EMAIL_PROVED, account_id=account_id, origin=origin, tx=tx)
            if account["is_contested"]:
                await self._recovery.begin_anew(tx, account_id, email=account["email"], origin=origin)
            return _Proved(account_id)
        await tx.run(
            self._queries.email_change,
            account_id=account_id,
            email=proof["email"],
            with_subdomains=self._campus_subdomains,
            now=now,
        )
        await self._audit.record(AuditEvent.EMAIL_CHANGED, account_id=account_id, origin=origin, tx=tx)
        return _Proved(account_id, left_address=account["email"])

    async def _renewed(self, email: str) -> Mail | None:
        renewed = await self.renew(self._database, email)
        return None if renewed is None else await self._letter(*renewed, email)

    async def _letter(self, account_id: UUID, token: str, to: str, *, is_change: bool = False) -> Mail:
        code = await self._new_code(account_id, digest(token))
        # In the fragment, which reaches no server: a path would stand in the logs of everything on the way.
        link = f"{self._public_url}/verify-email#token={token}"
        return letters.address_proof(to, link, code, link_lives=LINK_TTL, code_lives=CODE_TTL, is_change=is_change)

    async def _new_code(self, account_id: UUID, token_hash: bytes) -> str | None:
        """A code that is good for this proof; None while Redis is away, when the link must do."""
        code = f"{self._ids.below(10**CODE_DIGITS):0{CODE_DIGITS}}"
        try:
            await self._keep_code(
                keys=[_key(account_id)], args=[self._mac(token_hash, code), int(CODE_TTL.total_seconds())]
            )
        except (RedisError, OSError) as error:
            log.warning("redis away while keeping a code: %s", type(error).__name__)
            return None
        return code

    def _mac(self, token_hash: bytes, code: str) -> str:
        return hmac.digest(self._code_key, token_hash + code.encode(), "sha256").hex()


def _key(account_id: UUID) -> str:
    return f"ev:code:{account_id}"

"""Second factors in PostgreSQL; the secret only ever sealed, backup codes only as SHA-256."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.database import Database, Transaction
from app.queries import Queries
from app.secrets import Encryption, digest


@dataclass(frozen=True, kw_only=True)
class StoredFactor:
    """A second factor as it is stored; it counts once it is enabled."""

    secret_sealed: bytes
    begun_at: datetime
    enabled_at: datetime | None
    email: str | None
    """Where its owner is told what happens to it."""


class SecondFactorStore:
    """Reads and writes second factors; `hold` comes first, so that nothing changes between look and deed."""

    def __init__(self, *, queries: Queries, encryption: Encryption) -> None:
        self._queries = queries
        self._encryption = encryption

    async def begin(self, tx: Transaction, account_id: UUID, *, secret: bytes, now: datetime) -> bool:
        """Writes a set-up to be confirmed in place of an earlier one; False when a factor is enabled already."""
        sealed = self._encryption.seal(secret, context=_context(account_id))
        begun = await tx.scalar(self._queries.second_factor_begin, account_id=account_id, secret_sealed=sealed, now=now)
        return begun is not None

    async def hold(self, tx: Transaction, account_id: UUID) -> StoredFactor | None:
        """The account's factor, enabled or not; the account's row is held until the transaction ends."""
        await tx.scalar(self._queries.account_lock, account_id=account_id)
        return await self.read(tx, account_id)

    async def read(self, on: Database | Transaction, account_id: UUID) -> StoredFactor | None:
        """The account's factor, enabled or not."""
        row = await on.one(self._queries.second_factor_of, account_id=account_id)
        if row is None:
            return None
        return StoredFactor(
            secret_sealed=row["secret_sealed"],
            begun_at=row["created_at"],
            enabled_at=row["enabled_at"],
            email=row["email"],
        )

    def secret(self, account_id: UUID, factor: StoredFactor) -> bytes:
        """The shared secret; raises SealBroken when the row was altered or moved to another account."""
        return self._encryption.open(factor.secret_sealed, context=_context(account_id))

    async def enable(self, tx: Transaction, account_id: UUID, *, step: int, now: datetime) -> None:
        """From now on the factor is asked for; the code of `step` is used up."""
        await tx.run(self._queries.second_factor_enable, account_id=account_id, step=step, now=now)

    async def use_step(self, tx: Transaction, account_id: UUID, step: int) -> bool:
        """Uses up the codes to this step; False when that was done before."""
        return await tx.scalar(self._queries.second_factor_use_step, account_id=account_id, step=step) is not None

    async def remove(self, tx: Transaction, account_id: UUID) -> None:
        """Drops the secret and with it the backup codes."""
        await tx.run(self._queries.second_factor_remove, account_id=account_id)

    async def replace_backup_codes(self, tx: Transaction, account_id: UUID, codes: Collection[str]) -> None:
        """Writes new backup codes, normalised; the old ones are good for nothing."""
        hashes = [digest(code) for code in codes]
        await tx.run(self._queries.backup_codes_replace, account_id=account_id, code_hashes=hashes)

    async def use_backup_code(self, tx: Transaction, account_id: UUID, code: str, *, now: datetime) -> bool:
        """Uses the code up; False when there is none such, or it was used before."""
        used = await tx.scalar(self._queries.backup_code_use, account_id=account_id, code_hash=digest(code), now=now)
        return used is not None

    async def backup_codes_left(self, on: Database | Transaction, account_id: UUID) -> int:
        """How many backup codes of an enabled factor are unused."""
        left: int = await on.scalar(self._queries.backup_codes_left, account_id=account_id)
        return left


def _context(account_id: UUID) -> str:
    """Binds a sealed secret to its owner: a row copied to another account does not open."""
    return f"second-factor/{account_id}"

"""Named SQL of passkeys, in and out of their model."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from app.accounts.model import Passkey
from app.accounts.passkey_model import Known, NewKey, Use
from app.accounts.store import Runner
from app.database import Row, Transaction
from app.queries import Queries


@dataclass(frozen=True, kw_only=True)
class StoredKey:
    """What a use of a passkey is held against, and where its owner is told of it."""

    id: UUID
    account_id: UUID
    public_key: bytes
    sign_count: int
    backup_eligible: bool
    user_handle: bytes = field(repr=False)
    email: str | None


class PasskeyStore:
    """Reads and writes passkeys; whoever writes has its transaction hold the account's row."""

    def __init__(self, *, queries: Queries) -> None:
        self._queries = queries

    async def hold(self, tx: Transaction, account_id: UUID) -> None:
        """Holds the account's row until the transaction ends; no matter whether it is still there."""
        await tx.scalar(self._queries.account_lock, account_id=account_id)

    async def email_of(self, on: Runner, account_id: UUID) -> str | None:
        """Where the account's owner is written to."""
        email: str | None = await on.scalar(self._queries.passkey_owner_email, account_id=account_id)
        return email

    async def user_handle(self, tx: Transaction, account_id: UUID, *, drawn: bytes) -> bytes:
        """What devices know the account by: `drawn`, unless they know it by something already."""
        await tx.run(self._queries.passkey_user_add, account_id=account_id, user_handle=drawn)
        handle: bytes = await tx.scalar(self._queries.passkey_user_handle, account_id=account_id)
        return handle

    async def of_account(self, on: Runner, account_id: UUID) -> tuple[Passkey, ...]:
        """The account's passkeys, the oldest first."""
        rows = await on.many(self._queries.passkeys_of_account, account_id=account_id)
        return tuple(_passkey(row) for row in rows)

    async def known(self, on: Runner, account_id: UUID) -> tuple[Known, ...]:
        """The same, as a browser finds them on a device."""
        rows = await on.many(self._queries.passkeys_of_account, account_id=account_id)
        return tuple(Known(credential_id=row["credential_id"], transports=tuple(row["transports"])) for row in rows)

    async def find(self, on: Runner, credential_id: bytes) -> StoredKey | None:
        """The passkey of this credential id."""
        row = await on.one(self._queries.passkey_by_credential, credential_id=credential_id)
        if row is None:
            return None
        return StoredKey(
            id=row["id"],
            account_id=row["account_id"],
            public_key=row["public_key"],
            sign_count=row["sign_count"],
            backup_eligible=row["backup_eligible"],
            user_handle=row["user_handle"],
            email=row["email"],
        )

    async def add(
        self, tx: Transaction, passkey_id: UUID, account_id: UUID, key: NewKey, *, name: str, now: datetime
    ) -> None:
        """Writes a passkey; the transaction raises UniqueViolation when there is one of this credential id."""
        await tx.run(
            self._queries.passkey_add,
            passkey_id=passkey_id,
            account_id=account_id,
            credential_id=key.credential_id,
            public_key=key.public_key,
            sign_count=key.sign_count,
            transports=list(key.transports),
            aaguid=key.aaguid,
            backup_eligible=key.backup_eligible,
            backed_up=key.backed_up,
            name=name,
            now=now,
        )

    async def use(self, tx: Transaction, passkey_id: UUID, use: Use, *, now: datetime) -> bool:
        """Writes down a use; False when the counter did not grow."""
        used = await tx.scalar(
            self._queries.passkey_use,
            passkey_id=passkey_id,
            sign_count=use.sign_count,
            backed_up=use.backed_up,
            now=now,
        )
        return used is not None

    async def rename(self, on: Runner, account_id: UUID, passkey_id: UUID, name: str) -> Passkey | None:
        """The account's passkey under its new name; None when there is none such."""
        row = await on.one(self._queries.passkey_rename, passkey_id=passkey_id, account_id=account_id, name=name)
        return None if row is None else _passkey(row)

    async def remove(self, tx: Transaction, account_id: UUID, passkey_id: UUID) -> bool:
        """Removes the account's passkey; False when there is none such."""
        removed = await tx.scalar(self._queries.passkey_remove, passkey_id=passkey_id, account_id=account_id)
        return removed is not None


def _passkey(row: Row) -> Passkey:
    return Passkey(
        id=row["id"],
        name=row["name"],
        synced=row["backed_up"],
        created_at=row["created_at"],
        last_used_at=row["last_used_at"],
    )

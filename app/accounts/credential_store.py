"""Passwords and mailed links for new ones, in and out of PostgreSQL."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.accounts.model import Credentials
from app.accounts.store import Runner
from app.accounts.ways_in import WaysIn
from app.database import Transaction
from app.queries import Queries


@dataclass(frozen=True, kw_only=True)
class Resettable:
    """Whose password an open link may change, and the words about them that are no password."""

    account_id: UUID
    email: str
    personal: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class UsedReset:
    """A link that was used just now; `proved_at` is when the address had been proved before, None when never."""

    account_id: UUID
    proved_at: datetime | None


class CredentialStore:
    """Reads and writes what opens an account; `tx` holds the account's row."""

    def __init__(self, *, queries: Queries) -> None:
        self._queries = queries

    async def credentials(self, on: Runner, account_id: UUID) -> Credentials | None:
        """The account's password hash as it stands now."""
        row = await on.one(self._queries.credentials_of, account_id=account_id)
        return None if row is None else Credentials(account_id=account_id, password_hash=row["password_hash"])

    async def account_of(self, on: Runner, email: str) -> UUID | None:
        """The account with this address."""
        found: UUID | None = await on.scalar(self._queries.account_of_email, email=email)
        return found

    async def hold(self, tx: Transaction, account_id: UUID) -> None:
        """Holds the account's row until the transaction ends; no matter whether it is still there."""
        await tx.scalar(self._queries.account_lock, account_id=account_id)

    async def set_password(self, tx: Transaction, account_id: UUID, password_hash: str, *, now: datetime) -> None:
        """Writes a new password."""
        await tx.run(self._queries.password_set, account_id=account_id, password_hash=password_hash, now=now)

    async def block_password(self, tx: Transaction, account_id: UUID, *, now: datetime) -> bool:
        """Lets the password open nothing until it is reset; False where there is none."""
        return await tx.scalar(self._queries.password_block, account_id=account_id, now=now) is not None

    async def ways_in(self, tx: Transaction, account_id: UUID) -> WaysIn:
        """How the account can be entered."""
        row = await tx.one(self._queries.ways_in, account_id=account_id)
        assert row is not None, "its row is held"
        return WaysIn(
            email=row["email"],
            email_verified_at=row["email_verified_at"],
            has_password=row["has_password"],
            identities=row["identities"],
            passkeys=row["passkeys"],
        )

    async def open_reset(
        self,
        tx: Transaction,
        *,
        reset_id: UUID,
        account_id: UUID,
        email: str,
        token_hash: bytes,
        now: datetime,
        expires_at: datetime,
    ) -> bool:
        """Writes the one open link of the account, replacing another; False when its address has changed."""
        await self.drop_resets(tx, account_id)
        opened = await tx.scalar(
            self._queries.password_reset_open,
            reset_id=reset_id,
            account_id=account_id,
            email=email,
            token_hash=token_hash,
            now=now,
            expires_at=expires_at,
        )
        return opened is not None

    async def resettable(self, on: Runner, token_hash: bytes, *, now: datetime) -> Resettable | None:
        """Whose password the link may change; None for one that is unknown, used, expired or of an old address."""
        row = await on.one(self._queries.password_reset_readable, token_hash=token_hash, now=now)
        if row is None:
            return None
        email = row["email"]
        personal = (email, email.partition("@")[0], row["handle"], row["display_name"])
        return Resettable(account_id=row["account_id"], email=email, personal=personal)

    async def use_reset(
        self, tx: Transaction, *, token_hash: bytes, password_hash: str, now: datetime
    ) -> UsedReset | None:
        """Spends the link, writes the password and marks the address proved; None when there is nothing to spend."""
        row = await tx.one(
            self._queries.password_reset_use, token_hash=token_hash, password_hash=password_hash, now=now
        )
        return None if row is None else UsedReset(account_id=row["account_id"], proved_at=row["email_verified_at"])

    async def drop_resets(self, tx: Transaction, account_id: UUID) -> None:
        """Makes a mailed link for a new password worthless."""
        await tx.run(self._queries.password_resets_drop, account_id=account_id)

    async def drop_email_changes(self, tx: Transaction, account_id: UUID) -> None:
        """Makes a mailed link to another address worthless."""
        await tx.run(self._queries.email_changes_drop, account_id=account_id)

    async def unlink_unproved(
        self, tx: Transaction, account_id: UUID, *, email: str, proved_at: datetime | None
    ) -> tuple[str, ...]:
        """Unlinks what was linked before the address was proved and does not carry it; gives back the providers."""
        rows = await tx.many(
            self._queries.identities_unlink_unproved, account_id=account_id, email=email, proved_at=proved_at
        )
        return tuple(row["provider"] for row in rows)

    async def remove_unproved_passkeys(self, tx: Transaction, account_id: UUID, *, proved_at: datetime | None) -> int:
        """Removes the passkeys that were added before the address was proved; gives back how many."""
        rows = await tx.many(self._queries.passkeys_remove_unproved, account_id=account_id, proved_at=proved_at)
        return len(rows)

    async def forget_unproved_faces(self, tx: Transaction, account_id: UUID, *, proved_at: datetime | None) -> int:
        """Deletes the enrolled faces where one was enrolled before the address was proved; gives back how many."""
        rows = await tx.many(self._queries.faces_forget_unproved, account_id=account_id, proved_at=proved_at)
        return len(rows)

    async def has_faces(self, tx: Transaction, account_id: UUID) -> bool:
        """Whether a face is enrolled."""
        has_any: bool = await tx.scalar(self._queries.faces_has_any, account_id=account_id)
        return has_any

    async def linked(self, tx: Transaction, account_id: UUID) -> tuple[str, ...]:
        """The providers that open the account."""
        rows = await tx.many(self._queries.identities_of_account, account_id=account_id)
        return tuple(row["provider"].title() for row in rows)

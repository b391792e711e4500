"""Named SQL of the social slice, in and out of its model."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.accounts.store import Runner
from app.database import Transaction
from app.queries import Queries
from app.social.model import LinkedIdentity, ProvedIdentity, Provider


@dataclass(frozen=True, kw_only=True)
class AddressHolder:
    """The account that holds an address, its row held until the transaction ends."""

    account_id: UUID
    email_verified_at: datetime | None


class SocialStore:
    """Reads and writes identities, and the accounts that begin with one; within the caller's transaction."""

    def __init__(self, *, queries: Queries) -> None:
        self._queries = queries

    async def owner_of(self, on: Runner, identity: ProvedIdentity) -> UUID | None:
        """The account that the identity is linked to."""
        owner: UUID | None = await on.scalar(
            self._queries.identity_account, issuer=identity.issuer, subject=identity.subject
        )
        return owner

    async def account_of(self, tx: Transaction, identity: ProvedIdentity) -> UUID | None:
        """The same, its row held until the transaction ends."""
        account_id = await self.owner_of(tx, identity)
        if account_id is None:
            return None
        held: UUID | None = await tx.scalar(self._queries.account_lock, account_id=account_id)
        return held

    async def seen(self, tx: Transaction, identity: ProvedIdentity, account_id: UUID, *, now: datetime) -> bool:
        """Writes what the provider says today; False when the identity has just been unlinked."""
        found = await tx.scalar(
            self._queries.identity_seen,
            issuer=identity.issuer,
            subject=identity.subject,
            account_id=account_id,
            email=identity.email,
            email_verified=identity.email_verified,
            username=identity.username,
            token_sealed=identity.token_sealed,
            now=now,
        )
        return found is not None

    async def adopt_address(self, tx: Transaction, account_id: UUID, email: str, *, now: datetime) -> None:
        """Gives an account without an address this proved one, unless somebody has it."""
        await tx.run(self._queries.address_adopt, account_id=account_id, email=email, now=now)

    async def holder_of(self, tx: Transaction, email: str) -> AddressHolder | None:
        """The account with this address."""
        row = await tx.one(self._queries.address_holder_locked, email=email)
        if row is None:
            return None
        return AddressHolder(account_id=row["account_id"], email_verified_at=row["email_verified_at"])

    async def link(self, tx: Transaction, identity: ProvedIdentity, account_id: UUID, *, now: datetime) -> None:
        """Links; UniqueViolation when the identity, or another one of the same provider, is linked already."""
        await tx.run(
            self._queries.identity_add,
            issuer=identity.issuer,
            subject=identity.subject,
            account_id=account_id,
            provider=identity.provider.value,
            email=identity.email,
            email_verified=identity.email_verified,
            username=identity.username,
            token_sealed=identity.token_sealed,
            now=now,
        )

    async def first_free(self, tx: Transaction, handles: Sequence[str], *, now: datetime) -> str | None:
        """The first of these handles that can be had."""
        free: str | None = await tx.scalar(self._queries.handle_first_free, handles=list(handles), now=now)
        return free

    async def add_account(
        self, tx: Transaction, account_id: UUID, *, email: str | None, handle: str, display_name: str, now: datetime
    ) -> None:
        """Writes an account without a password, its address (if any) proved, and its profile."""
        await tx.run(
            self._queries.account_of_identity_add,
            account_id=account_id,
            email=email,
            email_verified_at=None if email is None else now,
            handle=handle,
            display_name=display_name,
            now=now,
        )

    async def prove_address(self, tx: Transaction, account_id: UUID, *, now: datetime) -> None:
        """Marks the account's address proved, as its provider vouches for the same one."""
        await tx.run(self._queries.address_proved_by_provider, account_id=account_id, now=now)

    async def linked(self, on: Runner, account_id: UUID) -> tuple[LinkedIdentity, ...]:
        """The account's identities, the oldest first."""
        rows = await on.many(self._queries.identities_of_account, account_id=account_id)
        return tuple(
            LinkedIdentity(
                provider=Provider(row["provider"]),
                email=row["email"],
                username=row["username"],
                linked_at=row["linked_at"],
            )
            for row in rows
        )

    async def remove(self, tx: Transaction, account_id: UUID, provider: Provider, *, now: datetime) -> bool:
        """Unlinks, and remembers that; False when the provider is not linked."""
        removed = await tx.scalar(
            self._queries.identity_remove, account_id=account_id, provider=provider.value, now=now
        )
        return removed is not None

    async def was_unlinked(self, tx: Transaction, identity: ProvedIdentity, account_id: UUID) -> bool:
        """Whether the account's owner unlinked the identity, and has not linked it again."""
        unlinked: bool = await tx.scalar(
            self._queries.identity_was_unlinked,
            account_id=account_id,
            issuer=identity.issuer,
            subject=identity.subject,
        )
        return unlinked


class BearerSessionStore:
    """Sessions that live by somebody else's token."""

    def __init__(self, *, queries: Queries) -> None:
        self._queries = queries

    async def carry_on(self, on: Runner, session_id: UUID, *, expires_at: datetime, now: datetime) -> None:
        """Lets a live session live until `expires_at` at least."""
        await on.run(self._queries.bearer_session_carry_on, session_id=session_id, expires_at=expires_at, now=now)

    async def was_ended(self, on: Runner, session_id: UUID, *, now: datetime) -> bool:
        """Whether it ran out, or somebody ended it, by deleting its account too."""
        ended: bool = await on.scalar(self._queries.bearer_session_ended, session_id=session_id, now=now)
        return ended

    async def revoke_all(self, tx: Transaction, account_id: UUID, *, now: datetime) -> None:
        """Ends all such sessions of the account."""
        await tx.run(self._queries.bearer_sessions_revoke, account_id=account_id, now=now)

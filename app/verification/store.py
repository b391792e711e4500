"""Templates and badges in PostgreSQL."""

import logging
from datetime import datetime
from uuid import UUID

from app.audit import AuditEvent, AuditLog
from app.database import Database, Transaction
from app.secrets import Encryption
from app.verification.model import Descriptor, PhotoTemplate
from facecore.errors import FaceError
from facecore.template import pack, unpack

log = logging.getLogger(__name__)


class VerificationStore:
    """Reads and writes within the caller's transaction where one is passed; templates only ever sealed."""

    def __init__(self, *, database: Database, encryption: Encryption, audit: AuditLog) -> None:
        self._database = database
        self._audit = audit
        self._queries = database.queries
        self._encryption = encryption

    async def photo_template(self, account_id: UUID) -> PhotoTemplate | None:
        """The template of the profile photo; None when there is no photo or no face in it.

        Raises SealBroken when the row was altered or moved to another account.
        """
        row = await self._database.one(self._queries.photo_template_of, account_id=account_id)
        if row is None:
            return None
        plain = self._encryption.open(row["template_sealed"], context=_context(account_id, row["avatar_key"]))
        try:
            descriptor = unpack(plain)
        except FaceError as error:
            # Another release's network or alignment: never compared; committing the photo again makes a new one.
            log.warning("template of account=%s is not usable: %s", account_id, error)
            return None
        return PhotoTemplate(account_id=account_id, avatar_key=row["avatar_key"], descriptor=descriptor)

    async def replace_photo_template(
        self, transaction: Transaction, account_id: UUID, *, avatar_key: str, descriptor: Descriptor | None
    ) -> None:
        """Stores the new photo's template, or drops the old one when the new photo shows no usable face."""
        if descriptor is None:
            await transaction.run(self._queries.drop_photo_template, account_id=account_id)
            return
        sealed = self._encryption.seal(pack(descriptor), context=_context(account_id, avatar_key))
        await transaction.run(
            self._queries.replace_photo_template,
            account_id=account_id,
            avatar_key=avatar_key,
            template_sealed=sealed,
        )

    async def award_badge(self, account_id: UUID, *, session_id: UUID, avatar_key: str, at: datetime) -> bool:
        """Sets `verified_at` on account and profile; False when the photo or the session is gone meanwhile."""

        async def work(transaction: Transaction) -> bool:
            found = await transaction.scalar(
                self._queries.lock_verified_photo,
                account_id=account_id,
                session_id=session_id,
                avatar_key=avatar_key,
                now=at,
            )
            if found is not None:
                await self._set_verified(transaction, account_id, at)
                await self._audit.record(AuditEvent.BADGE_EARNED, account_id=account_id, tx=transaction, now=at)
            return found is not None

        return await self._database.transact(work)

    async def session_lives(self, session_id: UUID, *, now: datetime) -> bool:
        """Whether the session was neither ended nor outlived."""
        return bool(await self._database.scalar(self._queries.session_lives, session_id=session_id, now=now))

    async def lose_badge(self, transaction: Transaction, account_id: UUID) -> None:
        """Takes the badge away, if there is one."""
        if await transaction.scalar(self._queries.account_is_verified, account_id=account_id):
            await self._set_verified(transaction, account_id, None)
            await self._audit.record(AuditEvent.BADGE_LOST, account_id=account_id, tx=transaction)

    async def _set_verified(self, transaction: Transaction, account_id: UUID, at: datetime | None) -> None:
        """Writes the badge, or clears it with None, on the account and its profile alike."""
        await transaction.run(self._queries.set_account_verified, account_id=account_id, verified_at=at)
        await transaction.run(self._queries.set_profile_verified, account_id=account_id, verified_at=at)


def _context(account_id: UUID, avatar_key: str) -> str:
    """Binds a sealed template to its owner and photo: a row copied to another account does not open."""
    return f"photo-template/{account_id}/{avatar_key}"

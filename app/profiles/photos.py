"""Profile photos: announced, uploaded past us, judged by their stored bytes, shown without metadata."""

import asyncio
import logging
import re
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from uuid import UUID

from redis.asyncio import Redis

from app.accounts.model import Viewer
from app.accounts.sessions import session_ended
from app.clock import Clock
from app.database import Database, Transaction
from app.errors import Code, Problem
from app.ids import Ids
from app.metrics import Deed, Metrics, counted
from app.profiles.limits import (
    COMMIT_PHOTO,
    COMMIT_WITHIN_S,
    MAX_PHOTO_BYTES,
    MAX_PHOTO_PIXELS,
    PHOTO_MIMES,
    PHOTOS_AT_ONCE,
    PRESIGN_PHOTO,
    UPLOAD_EXPIRES_S,
)
from app.profiles.model import (
    MAX_SIDE_OF,
    AnnouncedPhoto,
    AvatarSize,
    PhotoUpload,
    Profile,
    UploadHeader,
    photo_key,
)
from app.profiles.store import PhotoStore, UploadBook
from app.rate_limits import RateLimits
from app.storage import (
    UPLOADS,
    ObjectStore,
    StorageError,
    StoredObjectMissing,
    StoredObjectTooLarge,
)
from app.verification.faces import Faces, PhotoExamination
from app.verification.model import Descriptor, Rgb
from app.verification.store import VerificationStore
from facecore.photos import CleanPhoto, PhotoError, PhotoFault, clean_jpeg, decode, inspect

log = logging.getLogger(__name__)

_UPLOAD_KEY = re.compile(r"avatars/([0-9a-f-]{36})/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_FRESH_BYTES = 12  # makes the address of a photo unguessable and new each time
_TOO_LARGE = (PhotoFault.TOO_MANY_BYTES, PhotoFault.TOO_MANY_PIXELS)


class PhotoService:
    """The rules of the profile photo.

    What is shown is never the uploaded object but a clean copy under a key that no upload URL was signed for: the
    URL lives on for minutes, and could otherwise put another face behind an earned badge. The uploaded object, with
    whatever its metadata tell, lies where nobody can read it, and is swept away when nobody takes it over.
    """

    def __init__(
        self,
        *,
        database: Database,
        redis: Redis,
        store: ObjectStore,
        faces: Faces,
        verification: VerificationStore,
        limits: RateLimits,
        metrics: Metrics,
        clock: Clock,
        ids: Ids,
        executor: Executor,
    ) -> None:
        self._database = database
        self._photos = PhotoStore(queries=database.queries)
        self._uploads = UploadBook(redis=redis, kept_s=COMMIT_WITHIN_S)
        self._store = store
        self._faces = faces
        self._verification = verification
        self._limits = limits
        self._metrics = metrics
        self._clock = clock
        self._ids = ids
        self._executor = executor
        self._at_once = asyncio.Semaphore(PHOTOS_AT_ONCE)

    def photo_url(self, person: Viewer | Profile, size: AvatarSize = AvatarSize.LARGE) -> str | None:
        """Where the profile photo can be fetched, None without one."""
        return self.url_of(person.avatar_key, size)

    def url_of(self, avatar_key: str | None, size: AvatarSize = AvatarSize.LARGE) -> str | None:
        """The same for the photo of a key."""
        return None if avatar_key is None else self._store.public_url(photo_key(avatar_key, size))

    async def presign_photo(self, viewer: Viewer, *, mime: str, length_bytes: int) -> PhotoUpload:
        """A URL for one upload of exactly this type and size.

        Raises Problem: BAD_USER_INPUT (field `mime` or `bytes`), PAYLOAD_TOO_LARGE, RATE_LIMITED, BUSY.
        """
        if mime not in PHOTO_MIMES:
            raise Problem(Code.BAD_USER_INPUT, f"Choose one of {', '.join(PHOTO_MIMES)}.", field="mime")
        if length_bytes < 1:
            raise Problem(Code.BAD_USER_INPUT, "Say how many bytes the file has.", field="bytes")
        if length_bytes > MAX_PHOTO_BYTES:
            raise Problem(Code.PAYLOAD_TOO_LARGE, f"A photo has at most {MAX_PHOTO_BYTES:,} bytes.", field="bytes")
        await self._limits.spend(PRESIGN_PHOTO, str(viewer.account_id))
        key = f"avatars/{viewer.account_id}/{self._ids.uuid7()}"
        try:
            signed = await self._store.presign_put(
                key=_waiting_place(key), mime=mime, length_bytes=length_bytes, expires_s=UPLOAD_EXPIRES_S
            )
            await self._store.sweep_uploads(older_than_s=COMMIT_WITHIN_S)
        except StorageError as error:
            raise _storage_away() from error
        await self._uploads.announce(key, AnnouncedPhoto(mime=mime, length_bytes=length_bytes))
        headers = tuple(UploadHeader(name=name, value=value) for name, value in signed.headers.items())
        return PhotoUpload(key=key, url=signed.url, headers=headers, expires_s=signed.expires_s)

    @counted(Deed.AVATAR_UPLOAD)
    async def commit_photo(self, viewer: Viewer, *, key: str) -> Viewer:
        """Makes the uploaded object the profile photo; committing the photo in use again changes nothing.

        Raises Problem: FORBIDDEN for a key of someone else, NOT_FOUND when nothing was announced or uploaded under it,
        BAD_USER_INPUT or PAYLOAD_TOO_LARGE with the fault of the picture as reason, RATE_LIMITED, BUSY.
        """
        _demand_own(viewer, key)
        if _is_copy_of(key, viewer.avatar_key):
            return viewer
        await self._limits.spend(COMMIT_PHOTO, str(viewer.account_id))
        announced = await self._uploads.announced(key)
        if announced is None:
            raise Problem(Code.NOT_FOUND, "No upload is open under this key; ask for a new one.", field="key")
        data = await self._uploaded(key, announced)
        async with self._at_once:
            photo = await self._readable(data, announced)
            seen = await self._faces.examine(photo.rgb)
        kept = await self._kept(key, photo, seen)
        own_key = kept.key
        changed = replace(
            viewer,
            avatar_key=own_key,
            avatar_mime=kept.mime,
            face_findings=kept.findings,
            verified_at=None,
            updated_at=kept.at,
        )
        replaced = await self._database.transact(partial(self._replace, viewer, kept, key))
        # A transaction that raised may still have committed (the connection fell while it did), so its copy stays:
        # an orphan costs some kilobytes, a missing photo costs the person theirs.
        if replaced.is_refused:
            await self.remove(own_key)
            raise session_ended()
        if replaced.lost_to is not None:
            await self.remove(own_key)
            return replace(changed, avatar_key=replaced.lost_to)
        await self._uploads.close(key)
        await self._forget(_waiting_place(key))
        if replaced.old_key is not None:
            await self.remove(replaced.old_key)
        return changed

    async def adopt(self, account_id: UUID, jpeg: bytes) -> None:
        """Makes a picture that came with a request the profile photo of an account that has none.

        For whoever wants the still of their sign-in kept: the same clean copies, the same template, no badge.
        Raises Problem as `commit_photo` does for a picture.
        """
        announced = AnnouncedPhoto(mime="image/jpeg", length_bytes=len(jpeg))
        async with self._at_once:
            photo = await self._readable(jpeg, announced)
            seen = await self._faces.examine(photo.rgb)
        kept = await self._kept(f"avatars/{account_id}/{self._ids.uuid7()}", photo, seen)

        async def work(tx: Transaction) -> bool:
            has_none = await self._photos.lock_photo(tx, account_id) is None
            if has_none:
                await self._write(tx, account_id, kept)
            return has_none

        if not await self._database.transact(work):
            await self.remove(kept.key)

    async def remove(self, avatar_key: str) -> None:
        """Deletes a photo that no profile points to any more, in every size."""
        for size in AvatarSize:
            await self._forget(photo_key(avatar_key, size))

    async def _kept(self, upload_key: str, photo: "_Readable", seen: PhotoExamination) -> "_Kept":
        """The photo in every size, stored under a key that nobody can guess."""
        key = f"{upload_key}-{self._ids.token(_FRESH_BYTES)}"
        for size, copy in photo.copies.items():
            await self._keep(photo_key(key, size), copy)
        return _Kept(
            key=key,
            mime=photo.copies[AvatarSize.LARGE].mime,
            findings=tuple(finding.value for finding in seen.findings),
            descriptor=seen.descriptor,
            at=self._clock.now(),
        )

    async def _replace(self, viewer: Viewer, kept: "_Kept", upload_key: str, tx: Transaction) -> "_Replaced":
        """Photo, template and the lost badge, together."""
        account_id = viewer.account_id
        old_key = await self._photos.lock_photo(tx, account_id)
        # The upload may have waited its turn for seconds: whoever was signed out meanwhile changes no photo.
        if not await self._photos.session_lives(tx, viewer, now=kept.at):
            return _Replaced(is_refused=True)
        if _is_copy_of(upload_key, old_key):
            return _Replaced(lost_to=old_key)
        await self._write(tx, account_id, kept)
        return _Replaced(old_key=old_key)

    async def _write(self, tx: Transaction, account_id: UUID, kept: "_Kept") -> None:
        await self._photos.replace_photo(
            tx, account_id, key=kept.key, mime=kept.mime, findings=kept.findings, now=kept.at
        )
        await self._verification.replace_photo_template(tx, account_id, avatar_key=kept.key, descriptor=kept.descriptor)
        await self._verification.lose_badge(tx, account_id)

    async def _uploaded(self, key: str, announced: AnnouncedPhoto) -> bytes:
        """The stored bytes, exactly as many as were announced."""
        try:
            data = await self._store.read(_waiting_place(key), max_bytes=MAX_PHOTO_BYTES)
        except StoredObjectMissing as error:
            raise Problem(Code.NOT_FOUND, "Nothing was uploaded under this key yet.", field="key") from error
        except StoredObjectTooLarge as error:
            detail = f"A photo has at most {MAX_PHOTO_BYTES:,} bytes."
            raise Problem(Code.PAYLOAD_TOO_LARGE, detail, field="key") from error
        except StorageError as error:
            raise _storage_away() from error
        if len(data) != announced.length_bytes:
            detail = f"The upload has {len(data):,} bytes, {announced.length_bytes:,} were announced."
            raise Problem(Code.BAD_USER_INPUT, detail, field="key", reason="LENGTH_DIFFERS")
        return data

    async def _readable(self, data: bytes, announced: AnnouncedPhoto) -> "_Readable":
        """Judges and rewrites the picture off the event loop."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._executor, _read, data, announced.mime)
        except PhotoError as error:
            code = Code.PAYLOAD_TOO_LARGE if error.reason in _TOO_LARGE else Code.BAD_USER_INPUT
            message = str(error)
            detail = f"{message[:1].upper()}{message[1:]}."
            raise Problem(code, detail, field="key", reason=error.reason.value) from error

    async def _keep(self, key: str, photo: CleanPhoto) -> None:
        try:
            await self._store.write(key, photo.data, mime=photo.mime)
        except StorageError as error:
            raise _storage_away() from error

    async def _forget(self, key: str) -> None:
        """Deletes an object that nothing points to any more; a failure leaves an orphan, and is told to the log."""
        try:
            await self._store.delete(key)
        except StorageError as error:
            log.warning("an old photo was left behind: %s", error)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Kept:
    """A photo that lies in the store and belongs to nobody yet."""

    key: str
    mime: str
    findings: tuple[str, ...]
    descriptor: Descriptor | None
    at: datetime


@dataclass(frozen=True, kw_only=True)
class _Replaced:
    """What a transaction found: the photo it replaced, the copy that a parallel commit of the same upload made, or that
    the session which asked has ended."""

    old_key: str | None = None
    lost_to: str | None = None
    is_refused: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class _Readable:
    """A photo that passed: as it will be stored, and the pixels of exactly that."""

    copies: Mapping[AvatarSize, CleanPhoto]
    rgb: Rgb


def _read(data: bytes, announced_mime: str) -> _Readable:
    """The clean copy of a picture whose bytes are of the announced type; raises PhotoError or Problem."""
    info = inspect(data, max_bytes=MAX_PHOTO_BYTES, max_pixels=MAX_PHOTO_PIXELS)
    if info.mime != announced_mime:
        detail = f"The upload is {info.mime}, {announced_mime} was announced."
        raise Problem(Code.BAD_USER_INPUT, detail, field="key", reason="TYPE_DIFFERS")
    rgb = decode(data, max_bytes=MAX_PHOTO_BYTES, max_pixels=MAX_PHOTO_PIXELS)
    largest = clean_jpeg(rgb, max_side=MAX_SIDE_OF[AvatarSize.LARGE])
    seen = decode(largest.data)
    # The small ones from the largest, which may be a tenth of what was uploaded.
    copies = {size: clean_jpeg(seen, max_side=MAX_SIDE_OF[size]) for size in (AvatarSize.SMALL, AvatarSize.MEDIUM)}
    return _Readable(copies={**copies, AvatarSize.LARGE: largest}, rgb=seen)


def _demand_own(viewer: Viewer, key: str) -> None:
    match = _UPLOAD_KEY.fullmatch(key)
    if match is None:
        raise Problem(Code.BAD_USER_INPUT, "This is not a key that presignAvatar gave.", field="key")
    if match[1] != str(viewer.account_id):
        raise Problem(Code.FORBIDDEN, "This upload belongs to someone else.", field="key")


def _waiting_place(key: str) -> str:
    """Where the upload that is known as `key` lies until its clean copy is made."""
    return UPLOADS + key.removeprefix("avatars/")


def _is_copy_of(upload_key: str, photo_key: str | None) -> bool:
    """Whether the photo in use was made from this upload."""
    return photo_key is not None and photo_key.startswith(f"{upload_key}-")


def _storage_away() -> Problem:
    return Problem(Code.BUSY, "The photo store does not answer. Try again shortly.", retry_after_s=5)

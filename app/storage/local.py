"""Objects as files on this machine, with signed upload URLs that bind what S3's do."""

import asyncio
import contextlib
import hashlib
import hmac
import os
import threading
from collections.abc import AsyncIterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from urllib.parse import urlencode

from app.clock import Clock
from app.ids import Ids
from app.storage.objects import (
    UPLOADS,
    PresignedUpload,
    StorageUnavailable,
    StoredObjectMissing,
    StoredObjectTooLarge,
    UploadRefused,
    demand_key,
    demand_mime,
)

SIGNING_PURPOSE = "local object store upload"
_UNFINISHED = ".unfinished"
# Looked at in one sweep; the next one goes on where it stopped. 64 take about a millisecond.
_SWEPT_AT_ONCE = 64


class LocalStore:
    """Keeps each object in one file under `folder`; app/edge/objects.py serves the URLs.

    `signing_keys`: the first signs, all verify. `base_url` is where the objects are served, without a slash at the end.
    """

    def __init__(self, *, folder: Path, base_url: str, signing_keys: Sequence[bytes], clock: Clock, ids: Ids) -> None:
        if not signing_keys:
            raise ValueError("at least one signing key is needed")
        self._folder = folder
        self._base_url = base_url
        self._keys = tuple(signing_keys)
        self._clock = clock
        self._ids = ids
        self._sweeping = threading.Lock()
        self._waiting = self._uploads()

    async def open(self) -> None:
        """Make the folder, private to this user; raises StorageUnavailable."""
        try:
            await asyncio.to_thread(self._make_folder)
        except OSError as error:
            raise self._unavailable(error) from error

    async def close(self) -> None:
        """Nothing is held open."""

    async def presign_put(self, *, key: str, mime: str, length_bytes: int, expires_s: int) -> PresignedUpload:
        """Sign one upload of exactly `length_bytes` bytes of `mime` under `key`, for `expires_s` seconds."""
        demand_key(key)
        demand_mime(mime)
        expires = int(self._clock.now().timestamp()) + expires_s
        signature = _signature(self._keys[0], key=key, mime=mime, length=str(length_bytes), expires=str(expires))
        query = urlencode({"type": mime, "length": length_bytes, "expires": expires, "signature": signature})
        return PresignedUpload(
            url=f"{self.public_url(key)}?{query}", headers={"Content-Type": mime}, expires_s=expires_s
        )

    async def receive(
        self, key: str, *, query: Mapping[str, str], mime: str, length_bytes: int, body: AsyncIterable[bytes]
    ) -> None:
        """Take a presigned upload; raises UploadRefused before reading a body that was not signed like this.

        `mime` and `length_bytes` are what the request's headers say. Nothing is kept unless all of it arrived.
        """
        self._verify(key, query=query, mime=mime, length_bytes=length_bytes)
        data = bytearray()
        async for chunk in body:
            data += chunk
            if len(data) > length_bytes:
                raise UploadRefused("the body is longer than was signed")
        if len(data) != length_bytes:
            raise UploadRefused("the body is shorter than was signed")
        await self.write(key, bytes(data), mime=mime)

    async def read(self, key: str, *, max_bytes: int) -> bytes:
        """The whole object; raises StoredObjectMissing, StoredObjectTooLarge or StorageUnavailable."""
        path = self._path(key)
        try:
            return await asyncio.to_thread(_read, path, max_bytes)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise StoredObjectMissing(f"there is no object {key}") from error
        except OSError as error:
            raise self._unavailable(error) from error

    async def write(self, key: str, data: bytes, *, mime: str) -> None:
        """Store the object; a crash or a power cut leaves the old one or the new one, never a part."""
        demand_mime(mime)
        path = self._path(key)
        try:
            await asyncio.to_thread(self._write, path, data)
        except OSError as error:
            raise self._unavailable(error) from error

    async def delete(self, key: str) -> None:
        """Remove the object; no error when there is none."""
        path = self._path(key)
        try:
            await asyncio.to_thread(path.unlink, missing_ok=True)
        except (NotADirectoryError, IsADirectoryError):
            return
        except OSError as error:
            raise self._unavailable(error) from error

    async def keys(self, folder: str) -> list[str]:
        """The keys of every object in the folder and below it; raises StorageUnavailable."""
        path = self._path(folder)
        try:
            found = await asyncio.to_thread(_files_below, path)
        except OSError as error:
            raise self._unavailable(error) from error
        return [file.relative_to(self._folder).as_posix() for file in found]

    async def sweep_uploads(self, *, older_than_s: float) -> None:
        """Remove what waits under UPLOADS for longer, and parts that a crash left behind; a few files at a time."""
        oldest_s = self._clock.now().timestamp() - older_than_s
        try:
            await asyncio.to_thread(self._sweep, oldest_s)
        except OSError as error:
            raise self._unavailable(error) from error

    def public_url(self, key: str) -> str:
        """Where anybody may GET the object."""
        return f"{self._base_url}/{demand_key(key)}"

    async def check(self) -> None:
        """Raise StorageUnavailable unless the folder is there and writable."""
        if not await asyncio.to_thread(os.access, self._folder / _UNFINISHED, os.W_OK | os.X_OK):
            raise StorageUnavailable(f"the object folder {self._folder} cannot be written")

    def _verify(self, key: str, *, query: Mapping[str, str], mime: str, length_bytes: int) -> None:
        signed_mime, signed_length, expires = (query.get(name, "") for name in ("type", "length", "expires"))
        given = query.get("signature", "").encode()
        # The signature first: nothing of an unsigned request is believed.
        good = False
        for signing_key in self._keys:
            signature = _signature(signing_key, key=key, mime=signed_mime, length=signed_length, expires=expires)
            good |= hmac.compare_digest(signature.encode(), given)
        if not good:
            raise UploadRefused("this upload was not signed by this server")
        if self._clock.now().timestamp() >= int(expires):
            raise UploadRefused("this upload has expired; ask for a new one")
        if mime != signed_mime:
            raise UploadRefused(f"the content type must be {signed_mime}, as signed")
        if length_bytes != int(signed_length):
            raise UploadRefused(f"the body must be {signed_length} bytes, as signed")

    def _make_folder(self) -> None:
        (self._folder / _UNFINISHED).mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._folder.stat().st_uid == os.geteuid():
            # mkdir gives its mode to the last folder only, and none to one that is there already.
            self._folder.chmod(0o700)

    def _sweep(self, oldest_s: float) -> None:
        if not self._sweeping.acquire(blocking=False):
            return
        try:
            looked_at = list(islice(self._waiting, _SWEPT_AT_ONCE))
            for path in looked_at:
                with contextlib.suppress(FileNotFoundError):  # taken over meanwhile
                    if path.stat().st_mtime < oldest_s:
                        path.unlink()
            if len(looked_at) < _SWEPT_AT_ONCE:
                self._waiting = self._uploads()
        finally:
            self._sweeping.release()

    def _uploads(self) -> Iterator[Path]:
        """Every file that waits, read from the disk as far as it is looked at."""
        for folder in (self._folder / UPLOADS, self._folder / _UNFINISHED):
            for parent, _, names in os.walk(folder):
                yield from (Path(parent) / name for name in names)

    def _path(self, key: str) -> Path:
        return self._folder / demand_key(key)

    def _write(self, path: Path, data: bytes) -> None:
        unfinished = self._folder / _UNFINISHED / self._ids.token(12)
        try:
            with unfinished.open("xb") as file:
                os.fchmod(file.fileno(), 0o600)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
        # The rename itself survives a power cut only when the folder is on the disk too.
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _unavailable(self, error: OSError) -> StorageUnavailable:
        return StorageUnavailable(f"the object folder {self._folder} cannot be used: {error.strerror}")


def _files_below(folder: Path) -> list[Path]:
    return [Path(parent) / name for parent, _, names in os.walk(folder) for name in names]


def _read(path: Path, max_bytes: int) -> bytes:
    with path.open("rb") as file:
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise StoredObjectTooLarge(f"the object is larger than {max_bytes} bytes")
    return data


def _signature(signing_key: bytes, *, key: str, mime: str, length: str, expires: str) -> str:
    # One field a line, and no field can hold a line break: no two requests share this text.
    text = "\n".join(("PUT", key, *(field.replace("\n", " ") for field in (mime, length, expires))))
    return hmac.new(signing_key, text.encode(), hashlib.sha256).hexdigest()

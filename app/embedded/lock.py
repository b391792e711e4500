"""One owner per data folder, and where its running servers can be reached."""

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from app.embedded.account import give_to_owner_of
from app.embedded.errors import DataFolderInUse, EmbeddedError

LOCK_NAME = "embedded.lock"


@dataclass(frozen=True)
class Running:
    """Embedded servers owned by the live process `pid`; a URL is None where that server is not embedded."""

    pid: int
    database_url: str | None
    redis_url: str | None


class DataLock:
    """Holds a data folder for this process until release; the kernel drops it when the process dies."""

    def __init__(self, *, data_dir: Path) -> None:
        """Take the lock or raise DataFolderInUse with the holder's process id."""
        self._path = data_dir / LOCK_NAME
        # Not inheritable (Python's default): a server left over from a dead parent never holds the lock.
        try:
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except PermissionError as error:
            raise EmbeddedError(
                f"{self._path} belongs to another user, so {data_dir} does too. "
                "Start Bonafide as that user or as root, or set BONAFIDE_DATA to a folder of your own."
            ) from error
        give_to_owner_of(data_dir, self._fd)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._fd)
            held = _read(self._path)
            raise DataFolderInUse(data_dir=data_dir, pid=held.pid if held else None) from None
        self.publish(database_url=None, redis_url=None)

    def publish(self, *, database_url: str | None, redis_url: str | None) -> None:
        """Write down where this process's servers listen, for `running`."""
        state = Running(pid=os.getpid(), database_url=database_url, redis_url=redis_url)
        text = json.dumps(asdict(state)).encode()
        os.pwrite(self._fd, text, 0)
        os.ftruncate(self._fd, len(text))

    def release(self) -> None:
        """Give the folder free; the file stays, since unlinking it would let two owners in."""
        if self._fd >= 0:
            os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = -1


def running(data_dir: Path) -> Running | None:
    """Return the servers that a live process runs on `data_dir`, or None when nobody does."""
    path = data_dir / LOCK_NAME
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(path)
    finally:
        os.close(fd)
    return None


def _read(path: Path) -> Running | None:
    try:
        return Running(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None

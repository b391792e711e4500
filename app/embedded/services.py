"""PostgreSQL and Redis for one machine: started from the wheels' programs, watched, stopped with us."""

import contextlib
import hashlib
import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Self

from app.embedded.account import Account, give_to_owner_of, own_folder, server_account, unreachable_parent
from app.embedded.binaries import Binaries
from app.embedded.errors import EmbeddedError
from app.embedded.lock import DataLock
from app.embedded.postgres import EmbeddedPostgres
from app.embedded.redis import EmbeddedRedis

# sun_path holds 108 bytes with its zero; 104 on BSD and macOS. The longest name in the folder is
# ".s.PGSQL.5432.lock".
MAX_SOCKET_FOLDER_BYTES = 84
WATCH_INTERVAL_S = 0.5


def _silent(_: str) -> None:
    return None


class EmbeddedServices:
    """Real PostgreSQL and Redis on `data_dir` for as long as this object is open.

    Start blocks (about 0.2 s warm, 1 s the first time). A server that dies is started again. Both die with
    this process, kill -9 included; their data stays. `durable=False` trades that for speed, for tests.
    """

    def __init__(
        self,
        *,
        data_dir: Path,
        postgres: bool = True,
        redis: bool = True,
        durable: bool = True,
        user: str | None = None,
        say: Callable[[str], None] = _silent,
        binaries: Binaries | None = None,
    ) -> None:
        self._data_dir = data_dir.resolve()
        self._say = say
        self._stopping = threading.Event()
        self._ready: Future[None] = Future()
        with contextlib.ExitStack() as undo:
            self._make_data_dir()
            self._lock = DataLock(data_dir=self._data_dir)
            undo.callback(self._lock.release)
            data = {"postgres": self._data_dir / "postgres", "redis": self._data_dir / "redis"}
            account = server_account(wanted=user, folders=(*data.values(), self._data_dir))
            programs = binaries or Binaries.from_wheels()
            self._scratch: Path | None = None
            undo.callback(self._remove_scratch)
            sockets, programs = self._place(programs, account)
            logs = self._data_dir
            self.postgres: EmbeddedPostgres | None = None
            self.redis: EmbeddedRedis | None = None
            if postgres:
                own_folder(data["postgres"], account)
                self.postgres = EmbeddedPostgres(
                    folder=data["postgres"],
                    sockets=sockets,
                    log=logs / "postgres.log",
                    binaries=programs,
                    account=account,
                    reachable=unreachable_parent(data["postgres"], account) is None,
                    durable=durable,
                    say=say,
                )
            if redis:
                own_folder(data["redis"], account)
                self.redis = EmbeddedRedis(
                    folder=data["redis"],
                    sockets=sockets,
                    log=logs / "redis.log",
                    binaries=programs,
                    account=account,
                    durable=durable,
                )
            # The kernel ties a server to the *thread* that started it, so one thread keeps them all.
            self._keeper = threading.Thread(target=self._keep, name="embedded-services", daemon=True)
            self._keeper.start()
            undo.callback(self._keeper.join)
            undo.callback(self._stopping.set)  # also when a signal ends the wait: the servers stop with us
            self._ready.result()
            self._lock.publish(
                database_url=self.postgres.url if self.postgres else None,
                redis_url=self.redis.url if self.redis else None,
            )
            undo.pop_all()

    @classmethod
    def start(
        cls,
        data_dir: Path,
        *,
        postgres: bool = True,
        redis: bool = True,
        durable: bool = True,
        say: Callable[[str], None] = _silent,
    ) -> Self:
        """Start the wanted servers; raises DataFolderInUse, or EmbeddedError saying what to do."""
        return cls(data_dir=data_dir, postgres=postgres, redis=redis, durable=durable, say=say)

    @property
    def database_url(self) -> str:
        """`postgresql+asyncpg://postgres@/bonafide?host=/folder`; raises EmbeddedError where it is not embedded."""
        if self.postgres is None:
            raise EmbeddedError("PostgreSQL is not embedded here: DATABASE_URL is set.")
        return self.postgres.url

    @property
    def redis_url(self) -> str:
        """`unix:///folder/redis.sock`; raises EmbeddedError where it is not embedded."""
        if self.redis is None:
            raise EmbeddedError("Redis is not embedded here: REDIS_URL is set.")
        return self.redis.url

    def stop(self) -> None:
        """Shut both servers down in order and give the data folder free; safe to call twice."""
        if not self._stopping.is_set():
            self._stopping.set()
            self._keeper.join()
            self._remove_scratch()
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _keep(self) -> None:
        """Run in the keeper thread: start, watch, stop."""
        servers = [server for server in (self.postgres, self.redis) if server is not None]
        try:
            for server in servers:
                server.prepare()
                server.launch()
            for server in servers:
                server.wait_ready()
            self._ready.set_result(None)
        except BaseException as error:  # raised again by the starting thread
            self._stopping.set()
            self._ready.set_exception(error)
        while not self._stopping.wait(WATCH_INTERVAL_S):
            for server in servers:
                if not server.alive:
                    self._restart(server)
        for server in reversed(servers):
            server.stop()

    def _restart(self, server: EmbeddedPostgres | EmbeddedRedis) -> None:
        name = type(server).__name__.removeprefix("Embedded")
        self._say(f"{name} ended unexpectedly; starting it again ...")
        try:
            server.prepare()
            server.launch()
            server.wait_ready()
            self._say(f"{name} runs again.")
        except (EmbeddedError, OSError) as error:
            self._say(f"{name} does not start: {error}")  # and is tried again at the next look

    def _make_data_dir(self) -> None:
        try:
            if not self._data_dir.exists():
                self._data_dir.mkdir(parents=True, mode=0o700)
                give_to_owner_of(self._data_dir.parent, self._data_dir)
            if os.geteuid() == 0:
                # The servers' user must walk through; every folder inside is private on its own.
                self._data_dir.chmod(stat.S_IMODE(self._data_dir.stat().st_mode) | stat.S_IXOTH)
        except OSError as error:
            raise EmbeddedError(
                f"Cannot use the data folder {self._data_dir}: {error.strerror}. "
                "Set BONAFIDE_DATA to a folder that you may write to."
            ) from error
        if not os.access(self._data_dir, os.W_OK | os.X_OK):
            raise EmbeddedError(
                f"The data folder {self._data_dir} is not writable for this user. "
                "Set BONAFIDE_DATA to a folder that you may write to."
            )

    def _place(self, binaries: Binaries, account: Account | None) -> tuple[Path, Binaries]:
        """Return the socket folder and the programs to run, in scratch space where the data folder does not do."""
        sockets = self._data_dir / "run"
        too_long = len(os.fsencode(sockets)) > MAX_SOCKET_FOLDER_BYTES
        if too_long or unreachable_parent(self._data_dir, account):
            sockets = self._make_scratch() / "run"
        own_folder(sockets, account)
        prefixes = (binaries.postgres / "bin", binaries.redis_server.parent)
        if any(unreachable_parent(prefix, account) for prefix in prefixes):
            self._say("Copying the server programs to where their user can reach them ...")
            binaries = binaries.copy_to(self._make_scratch())
        return sockets, binaries

    def _make_scratch(self) -> Path:
        """Return a short folder under the system's temporary folder; always the same one for a data folder."""
        digest = hashlib.sha256(os.fsencode(self._data_dir)).hexdigest()[:12]
        scratch = Path(tempfile.gettempdir()) / f"bonafide-{os.geteuid()}-{digest}"
        scratch.mkdir(mode=0o711, exist_ok=True)
        status = scratch.lstat()
        # Anyone may create names there: a folder or link of somebody else is not ours to trust.
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            raise EmbeddedError(f"{scratch} belongs to somebody else. Remove it, or set TMPDIR.")
        scratch.chmod(0o711)
        self._scratch = scratch
        return scratch

    def _remove_scratch(self) -> None:
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

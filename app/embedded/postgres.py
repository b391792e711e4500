"""Embedded PostgreSQL 18 with pgvector: its folder, its settings, its life."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from app.embedded.account import Account
from app.embedded.binaries import POSTGRES_MAJOR, Binaries
from app.embedded.errors import EmbeddedError
from app.embedded.process import POLL_S, launch, log_tail, run, stop, stop_leftovers

DATABASE = "bonafide"
SUPERUSER = "postgres"
SOCKET_NAME = ".s.PGSQL.5432"
PROGRAM = "postgres"
# Fast shutdown (checkpoint, then end), immediate shutdown (recovery at the next start), the kernel's.
STOP_SIGNALS = (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)
# Recovery after a crash replays at most max_wal_size of log; a slow disk may need a while for it.
START_TIMEOUT_S = 60.0

# The index of faces is walked at random: outside the buffers each step costs a copy from the kernel.
LEAST_BUFFERS_MIB = 128  # the index of 100,000 faces fits in
_SETTINGS = {
    "listen_addresses": "",  # the unix socket is the only way in
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    # One machine, a few thousand people: small and quiet when idle.
    "max_wal_size": "256MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_parallel_workers": "2",
    "io_method": "sync",  # spares the three I/O worker processes of 18
    "jit": "off",
    # Statement texts and "Key (email)=(…) already exists" stay out of the log: they carry personal data.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
}
_DISPOSABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}


def buffers_mib(*, stored: int, memory: int) -> int:
    """PostgreSQL's shared buffers for so many bytes of data: twice as much, as it grows, or a quarter of the memory."""
    return max(LEAST_BUFFERS_MIB, min(2 * stored, memory // 4) >> 20)


class EmbeddedPostgres:
    """A PostgreSQL on `folder`, listening only on a unix socket in `sockets`."""

    def __init__(
        self,
        *,
        folder: Path,
        sockets: Path,
        log: Path,
        binaries: Binaries,
        account: Account | None,
        reachable: bool,
        durable: bool,
        say: Callable[[str], None],
    ) -> None:
        self._folder = folder
        self._sockets = sockets
        self._log = log
        self._bin = binaries.postgres / "bin"
        self._account = account
        # Where the servers' user may not walk the path to its own folder (a clone in /root, say), it starts
        # inside and the kernel's name for "where I am" replaces the path.
        self._data_argument = str(folder) if reachable else "/proc/self/cwd"
        self._durable = durable
        self._say = say
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The SQLAlchemy-style URL of the application's database."""
        return f"postgresql+asyncpg://{SUPERUSER}@/{DATABASE}?host={self._sockets}"

    @property
    def pid(self) -> int | None:
        """The running server's process id, or None."""
        return self._process.pid if self.alive and self._process else None

    @property
    def alive(self) -> bool:
        """Whether the server process is there (not whether it answers)."""
        return self._process is not None and self._process.poll() is None

    def prepare(self) -> None:
        """Stop what a dead parent left, clear its stale files, and create the cluster if there is none."""
        stop_leftovers(self._folder, program=PROGRAM, signals=STOP_SIGNALS)
        (self._folder / "postmaster.pid").unlink(missing_ok=True)
        for stale in self._sockets.glob(f"{SOCKET_NAME}*"):
            stale.unlink()
        version_file = self._folder / "PG_VERSION"
        if not version_file.exists() or not (self._folder / "bonafide.ready").exists():
            self._create()
        elif (version := version_file.read_text().strip()) != str(POSTGRES_MAJOR):
            raise EmbeddedError(
                f"{self._folder} was written by PostgreSQL {version}; this release runs {POSTGRES_MAJOR}. "
                "Dump it with the old release and load it with this one."
            )

    def launch(self) -> None:
        """Start the server without waiting; see `process.launch` for the thread this must be called from."""
        buffers = buffers_mib(stored=_size(self._folder / "base"), memory=_memory())
        settings = {**_SETTINGS, "unix_socket_directories": str(self._sockets), "shared_buffers": f"{buffers}MB"}
        if not self._durable:
            settings |= _DISPOSABLE
        arguments = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self._process = launch(
            [self._bin / PROGRAM, "-D", self._data_argument, *arguments],
            folder=self._folder,
            account=self._account,
            log=self._log,
            death_signal=STOP_SIGNALS[0],
        )

    def wait_ready(self) -> None:
        """Return when the server accepts connections; raises EmbeddedError with its last words."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._accepts():
            if not self.alive:
                raise EmbeddedError(f"PostgreSQL did not start; {self._log} ends with:\n{log_tail(self._log)}")
            if time.monotonic() > deadline:
                raise EmbeddedError(f"PostgreSQL was not ready within {START_TIMEOUT_S:.0f} s; see {self._log}")
            time.sleep(POLL_S)

    def stop(self, *, patience_s: float = 5.0) -> None:
        """Shut down in order; harder signals follow after `patience_s` seconds each."""
        if self._process is not None:
            stop(self._process, signals=STOP_SIGNALS, patience_s=patience_s)
            self._process = None

    def _accepts(self) -> bool:
        # The eighth line of the server's own pid file is its state, as pg_ctl reads it.
        try:
            lines = (self._folder / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        ours = self._process is not None and bool(lines) and lines[0].strip() == str(self._process.pid)
        return ours and len(lines) >= 8 and lines[7].strip() == "ready"

    def _create(self) -> None:
        """Build the cluster; a killed attempt left no `bonafide.ready` and is thrown away."""
        self._say("Creating the PostgreSQL database (once) ...")
        for left in self._folder.iterdir():
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left)
            else:
                left.unlink()
        place = ("-D", self._data_argument)
        initdb: list[str | Path] = [
            self._bin / "initdb",
            *place,
            "-U",
            SUPERUSER,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-instructions",
        ]
        # The built-in provider sorts and folds case the same on every machine.
        initdb += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if not self._durable:
            initdb.append("--no-sync")
        run(initdb, folder=self._folder, account=self._account, log=self._log)
        quiet = ("-c", "log_checkpoints=off", *(() if self._durable else ("-c", "fsync=off")))
        run(
            [self._bin / PROGRAM, "--single", *place, *quiet, SUPERUSER],
            folder=self._folder,
            account=self._account,
            log=self._log,
            stdin=f"create database {DATABASE};\n",
        )
        (self._folder / "bonafide.ready").write_text("")


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _memory() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")

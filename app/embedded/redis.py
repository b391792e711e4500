"""Embedded Redis: append-only on a unix socket."""

import signal
import socket
import subprocess
import time
from pathlib import Path

from app.embedded.account import Account
from app.embedded.binaries import Binaries
from app.embedded.errors import EmbeddedError
from app.embedded.process import POLL_S, launch, log_tail, stop, stop_leftovers

SOCKET_NAME = "redis.sock"
PROGRAM = "redis-server"
STOP_SIGNALS = (signal.SIGTERM, signal.SIGKILL)
START_TIMEOUT_S = 30.0


class EmbeddedRedis:
    """A Redis on `folder`, listening only on a unix socket in `sockets`."""

    def __init__(
        self,
        *,
        folder: Path,
        sockets: Path,
        log: Path,
        binaries: Binaries,
        account: Account | None,
        durable: bool,
    ) -> None:
        self._folder = folder
        self._socket = sockets / SOCKET_NAME
        self._log = log
        self._program = binaries.redis_server
        self._account = account
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL as redis.asyncio.Redis.from_url reads it."""
        return f"unix://{self._socket}"

    @property
    def pid(self) -> int | None:
        """The running server's process id, or None."""
        return self._process.pid if self.alive and self._process else None

    @property
    def alive(self) -> bool:
        """Whether the server process is there (not whether it answers)."""
        return self._process is not None and self._process.poll() is None

    def prepare(self) -> None:
        """Stop what a dead parent left and clear its socket."""
        stop_leftovers(self._folder, program=PROGRAM, signals=STOP_SIGNALS)
        self._socket.unlink(missing_ok=True)

    def launch(self) -> None:
        """Start the server without waiting; see `process.launch` for the thread this must be called from."""
        settings = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "daemonize": "no",
            "pidfile": "redis.pid",
            # Each command is written to the log before its answer is sent, so kill -9 loses nothing;
            # a power cut loses at most the last second.
            "appendonly": "yes" if self._durable else "no",
            "appendfsync": "everysec",
            "save": "",
            # Nonces and counters must never be evicted silently: an error is the safe answer.
            "maxmemory-policy": "noeviction",
        }
        arguments = [word for name, value in settings.items() for word in (f"--{name}", value)]
        self._process = launch(
            [self._program, *arguments],
            folder=self._folder,
            account=self._account,
            log=self._log,
            death_signal=STOP_SIGNALS[0],
        )

    def wait_ready(self) -> None:
        """Return when the server has loaded its log and answers PING; raises EmbeddedError with its last words."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            if not self.alive:
                raise EmbeddedError(f"Redis did not start; {self._log} ends with:\n{log_tail(self._log)}")
            if time.monotonic() > deadline:
                raise EmbeddedError(f"Redis was not ready within {START_TIMEOUT_S:.0f} s; see {self._log}")
            time.sleep(POLL_S)

    def stop(self, *, patience_s: float = 5.0) -> None:
        """Shut down in order; SIGKILL follows after `patience_s` seconds."""
        if self._process is not None:
            stop(self._process, signals=STOP_SIGNALS, patience_s=patience_s)
            self._process = None

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(1.0)
            try:
                client.connect(str(self._socket))
                client.sendall(b"PING\r\n")
                return client.recv(16).startswith(b"+PONG")
            except OSError:
                return False

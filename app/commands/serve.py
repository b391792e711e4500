"""Start the server.

With no settings at all everything runs on this machine: PostgreSQL 18 with pgvector and Redis from the installed
packages, mail into an outbox folder, objects in files, all under BONAFIDE_DATA (default .bonafide). Each of
DATABASE_URL, REDIS_URL, S3_BUCKET and SMTP_URL replaces its part by a server of your own.

As soon as others can reach it (--host or PUBLIC_URL is not this machine's loopback, or BONAFIDE_ENV=production) it
needs secrets of its own: SECRET_KEY, LIVENESS_SECRET and ENCRYPTION_KEYS.

The schema is brought up to date first. Ctrl-C or SIGTERM stops within 10 seconds: open sockets are told, requests in
flight are finished. Exit code 0: stopped as asked; 1: could not start; 2: settings at fault (each is listed).
"""

import argparse
import asyncio
import contextlib
import ctypes
import dataclasses
import errno
import http.client
import json
import logging
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors.multiprocess import Multiprocess

from app import log
from app.edge.connections import ImpatientHttp
from app.embedded import DataFolderInUse, EmbeddedError, EmbeddedServices, running
from app.errors import Problem
from app.migrate import MigrationError, migrate
from app.settings import Settings, SettingsError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

# The whole stop is promised within 10 s; requests in flight get most of it, the services the rest.
STOP_WITHIN_S = 10.0
FINISH_REQUESTS_WITHIN_S = 7
# A frame over 256 KiB must reach us, so that we close with our own 4413 and not the library's 1009.
MAX_MESSAGE_BYTES = 1024 * 1024
# Longer than the idle time of the usual proxies, or they reuse a connection that we are just closing.
KEEP_ALIVE_S = 75
BACKLOG = 2048
# A process may usually have 1,024 files open. Whoever comes beyond is told 503 at once; a proxy in front keeps idle
# people from counting here, and one client from taking all (docker/proxy.conf).
MAX_CONNECTIONS = 900
COMPLAIN_AFTER_S = 10.0
DEFAULT_PUBLIC_URL = "http://127.0.0.1:8000"
PR_SET_PDEATHSIG = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=_port, default=8000, help="port to listen on, 0 for any free one (default 8000)")
    parser.add_argument("--workers", type=_workers, default=1, help="processes that serve (default 1)")


def run(options: argparse.Namespace) -> int:
    """Serves until it is told to stop."""
    try:
        settings = Settings.from_process(listening_on=options.host)
    except SettingsError as error:
        print("Bonafide cannot start with these settings:", file=sys.stderr)
        for fault in error.faults:
            print(f"  {fault}", file=sys.stderr)
        return 2
    log.configure(production=settings.production)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    # uvicorn ends by raising the signal again: the services below must still be stopped then.
    signal.signal(signal.SIGTERM, _end)
    try:
        if settings.database_url is None or settings.redis_url is None:
            _demand_free_data_folder(settings)
        with _listener(options.host, options.port) as listener:
            settings = _reachable_at(settings, listener)
            with _embedded(settings) as complete, _metrics_folder(options.workers) as metrics_folder:
                return _serve(complete, listener, workers=options.workers, metrics_folder=metrics_folder)
    except (EmbeddedError, MigrationError, CannotListen) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


class CannotListen(Exception):
    """Raised when the address cannot be used; says what to do."""


def _serve(settings: Settings, listener: socket.socket, *, workers: int, metrics_folder: Path | None) -> int:
    migrated = _migrate_or_say_why_not(settings)
    # Not a name but the settings themselves: workers get the embedded services' URLs with them.
    supervisor_pid = os.getpid() if workers > 1 else None
    application = partial(_application, settings, supervisor_pid=supervisor_pid, metrics_folder=metrics_folder)
    config = uvicorn_config(application, factory=True, workers=workers, loop="uvloop", lifespan="on")
    announcer = _Announcer(settings=settings, url=_url_of(listener), migrated=migrated)
    announcer.start()
    try:
        if workers == 1:
            _Server(config).run(sockets=[listener])
        else:
            supervisor = _Workers(config, sockets=[listener])
            supervisor.run()
            if any(worker.exitcode == STARTUP_FAILURE for worker in supervisor.processes):
                return 1
    except SystemExit as stopped:
        if stopped.code == STARTUP_FAILURE:
            return 1
    finally:
        announcer.stop()
    return 1 if announcer.fatal else 0


def uvicorn_config(app: Any, **more: Any) -> uvicorn.Config:
    """How every server of ours speaks HTTP and WebSocket; `more` goes to uvicorn.Config as it is."""
    return uvicorn.Config(
        app,
        **{"http": ImpatientHttp, **more},
        limit_concurrency=MAX_CONNECTIONS,
        ws="websockets-sansio",  # reads on only when the last message was taken: its queue is as short as can be
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_per_message_deflate=False,  # JPEG does not compress; trying costs CPU and memory for every socket
        log_config=None,
        access_log=False,
        proxy_headers=False,  # forwarded addresses are judged in app.edge.requests, by TRUST_FORWARDED_FOR
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=FINISH_REQUESTS_WITHIN_S,
    )


def _application(settings: Settings, *, supervisor_pid: int | None, metrics_folder: Path | None) -> "ASGIApp":
    from app.main import application

    if supervisor_pid is not None:
        log.configure(production=settings.production)
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
        _end_with(supervisor_pid)
    return application(settings, metrics_folder=metrics_folder)


def _end_with(supervisor_pid: int) -> None:
    """Ends this worker with its supervisor, even one that was killed: it would hold the port without a database."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != supervisor_pid:  # it died before the line above
        raise SystemExit(0)


class _Server(uvicorn.Server):
    """One serving process that ends within the promised time, whatever hangs."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not self.should_exit:
            _end_after(STOP_WITHIN_S)
        super().handle_exit(sig, frame)


class _Workers(Multiprocess):
    """Several serving processes that end within the promised time, whatever hangs."""

    def terminate_all(self) -> None:
        _end_after(STOP_WITHIN_S, before=[worker.kill for worker in self.processes])
        super().terminate_all()


def _end_after(seconds: float, *, before: list[Callable[[], None]] | None = None) -> None:
    """Ends this process unless it ended by itself; the kernel then stops the embedded servers in order."""

    def end() -> NoReturn:
        print(f"Not everything stopped within {seconds:.0f} s; ending now.", file=sys.stderr, flush=True)
        for action in before or []:
            with contextlib.suppress(Exception):
                action()
        os._exit(1)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()


def _end(_signal: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(0)


class _Announcer(threading.Thread):
    """Prints the ready line once readiness is true; until then repeats a migration that found no database."""

    def __init__(self, *, settings: Settings, url: str, migrated: bool) -> None:
        super().__init__(name="announcer", daemon=True)
        self._settings = settings
        self._url = url
        self._migrated = migrated
        self._stopping = threading.Event()
        self.fatal = False

    def stop(self) -> None:
        """Say no more."""
        self._stopping.set()

    def run(self) -> None:
        complain_at_s = time.monotonic() + COMPLAIN_AFTER_S
        pause_s = 0.02
        while not self._stopping.wait(pause_s):
            pause_s = min(pause_s * 1.5, 1.0)
            if not self._migrated:
                self._try_to_migrate()
            faults = self._faults()
            if self._migrated and faults == {}:
                print(f"Bonafide is ready on {self._url}", flush=True)
                return
            if faults and time.monotonic() > complain_at_s:
                complain_at_s = float("inf")
                listed = "; ".join(f"{name}: {fault}" for name, fault in faults.items())
                print(f"Bonafide serves on {self._url} but is not ready: {listed}", file=sys.stderr, flush=True)

    def _try_to_migrate(self) -> None:
        try:
            self._migrated = _migrate_or_say_why_not(self._settings, quiet=True)
        except MigrationError as error:
            print(error, file=sys.stderr, flush=True)
            self.fatal = True
            self._stopping.set()
            os.kill(os.getpid(), signal.SIGTERM)

    def _faults(self) -> dict[str, str] | None:
        """What readiness says is wrong, by part; None while nobody answers."""
        connection = http.client.HTTPConnection(self._url.removeprefix("http://"), timeout=5.0)
        try:
            connection.request("GET", "/readyz")
            answer = connection.getresponse()
            body = json.loads(answer.read())
        except (OSError, ValueError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        if answer.status == 200:
            return {}
        checks = body.get("checks", {})
        return {name: fault for name, fault in checks.items() if fault != "ok"} or {"readiness": str(answer.status)}


def _migrate_or_say_why_not(settings: Settings, *, quiet: bool = False) -> bool:
    """Brings the schema up to date; False when the database is away (then readiness is red); raises MigrationError."""
    assert settings.database_url is not None
    try:
        applied = asyncio.run(migrate(settings.database_url))
    except Problem as problem:
        if not quiet:
            print(f"{problem.detail}\nServing without it until it comes back.", file=sys.stderr, flush=True)
        return False
    for migration in applied:
        print(f"Applied migration {migration.number:04d} {migration.name.replace('_', ' ')}", flush=True)
    return True


def _demand_free_data_folder(settings: Settings) -> None:
    """Says who runs already before the port does, whose message could only guess."""
    held = running(settings.data_dir)
    if held is not None:
        raise DataFolderInUse(data_dir=settings.data_dir, pid=held.pid)


@contextlib.contextmanager
def _embedded(settings: Settings) -> Iterator[Settings]:
    """Starts what is not set and gives back settings in which everything is."""
    postgres, redis = settings.database_url is None, settings.redis_url is None
    if not postgres and not redis:
        yield settings
        return
    with EmbeddedServices.start(
        settings.data_dir, postgres=postgres, redis=redis, say=partial(print, flush=True)
    ) as embedded:
        yield dataclasses.replace(
            settings,
            database_url=embedded.database_url if postgres else settings.database_url,
            redis_url=embedded.redis_url if redis else settings.redis_url,
        )


@contextlib.contextmanager
def _metrics_folder(workers: int) -> Iterator[Path | None]:
    """Where several workers add up their figures; None for one, which has nobody to share with."""
    if workers == 1:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="bonafide-metrics-") as folder:
        yield Path(folder)


@contextlib.contextmanager
def _listener(host: str, port: int) -> Iterator[socket.socket]:
    """Listens from now on: whoever connects early waits, and a second server hears at once that it is too late."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise CannotListen(f"{host} is not an address of this machine ({error.strerror}). Use --host.") from error
    with socket.socket(family, kind, protocol) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen(BACKLOG)
        except OSError as error:
            raise CannotListen(_why_not(error, host, port)) from error
        yield listener


def _why_not(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"Port {port} on {host} is already in use, perhaps by another Bonafide. Choose another with --port."
        case errno.EACCES:
            return f"Port {port} is reserved for root. Choose one above 1023 with --port."
        case errno.EADDRNOTAVAIL:
            return f"{host} is not an address of this machine. Use --host 127.0.0.1, or 0.0.0.0 for all."
        case _:
            return f"Cannot listen on {host}:{port}: {error.strerror}"


def _url_of(listener: socket.socket) -> str:
    """Where this machine reaches the listener."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  (compared with, not bound to)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _reachable_at(settings: Settings, listener: socket.socket) -> Settings:
    """Lets PUBLIC_URL follow --host and --port where nobody set it: links and upload URLs must lead here."""
    url = _url_of(listener)
    if settings.production or settings.public_url != DEFAULT_PUBLIC_URL or url == DEFAULT_PUBLIC_URL:
        return settings
    origins = tuple(url if origin == DEFAULT_PUBLIC_URL else origin for origin in settings.allowed_origins)
    return dataclasses.replace(settings, public_url=url, allowed_origins=origins)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port")
    return int(text)


def _workers(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of processes from 1 to 64")
    return int(text)

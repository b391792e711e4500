"""`bonafide serve` as its operator sees it: a process, its words, its exit code."""

import asyncio
import http.client
import json
import os
import pwd
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import websockets.asyncio.client
from websockets.exceptions import ConnectionClosed

from app.commands.serve import STOP_WITHIN_S
from app.embedded import EmbeddedServices
from app.embedded.account import FALLBACK_USER
from tests.integration.test_embedded import python_for
from tests.own_secrets import OWN_SECRETS

ROOT = Path(__file__).parents[2]
READY = "Bonafide is ready on "
SITE_PACKAGES = [entry for entry in sys.path if entry.endswith("site-packages")]

SIGN_UP = """mutation { signup(input: {email: "ada@example.org", password: "seven otters read maps",
  username: "ada", displayName: "Ada"}) { accessToken } }"""
LOG_IN = 'mutation { login(email: "ada@example.org", password: "seven otters read maps") { accessToken } }'


class Server:
    """One `bonafide serve`; what it prints is read line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.heard: list[str] = []

    def hear(self, *words: str) -> str:
        """Reads on until a line has one of `words`; fails when the process ends first."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.heard.append(line)
            if any(word in line for word in words):
                return line
        pytest.fail(f"the server ended without saying {words}:\n{''.join(self.heard)}")

    def ready(self) -> str:
        """Its URL, once it said so."""
        return self.hear(READY).strip().removeprefix(READY)

    def stop(self) -> tuple[int, float]:
        """SIGTERM; exit code and seconds."""
        began_s = time.perf_counter()
        self.process.terminate()
        self.process.communicate(timeout=30)
        return self.process.returncode, time.perf_counter() - began_s


@contextmanager
def serve(
    *arguments: str,
    python: str = sys.executable,
    user: str | None = None,
    cwd: Path = ROOT,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    process = subprocess.Popen(
        [python, "-B", "-m", "app.cli", "serve", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=cwd,
        user=user,
        group=pwd.getpwnam(user).pw_gid if user else None,
        extra_groups=[] if user else None,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join([str(ROOT), *SITE_PACKAGES]), **(environment or {})},
    )
    with process:
        try:
            yield Server(process)
        finally:
            process.kill()


def at(data_dir: Path) -> dict[str, str]:
    return {"BONAFIDE_DATA": str(data_dir)}


def get(url: str, path: str) -> tuple[int, Mapping[str, str], Any]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    connection.request("GET", path)
    answer = connection.getresponse()
    found = answer.status, dict(answer.getheaders()), json.loads(answer.read())
    connection.close()
    return found


def ask(url: str, query: str) -> dict[str, Any]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    headers = {"content-type": "application/json", "accept": "application/json"}
    connection.request("POST", "/graphql", body=json.dumps({"query": query}), headers=headers)
    answer: dict[str, Any] = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def figure(url: str, name: str) -> float:
    """One figure of /metrics."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    connection.close()
    return float(dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))[name])


def children_of(pid: int) -> list[int]:
    """Of all its threads: the embedded servers belong to one of their own."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that has ended since it was listed
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def test_every_fault_of_the_settings_is_said_at_once() -> None:
    """An operator would correct one setting, start, and meet the next fault, again and again."""
    wrong = {"SECRET_KEY": "short", "ARGON2_MEMORY_KIB": "many", "PUBLIC_URL": "here", "DATABASE_URL": "mysql://x"}
    with serve(environment=wrong) as server:
        output, _ = server.process.communicate(timeout=30)
        assert server.process.returncode == 2
    for name in wrong:
        assert f"  {name}: " in output


def test_production_names_each_missing_secret(tmp_path: Path) -> None:
    """A real installation would run on secrets that everybody knows."""
    with serve(environment={"BONAFIDE_ENV": "production", "BONAFIDE_DATA": str(tmp_path)}) as server:
        output, _ = server.process.communicate(timeout=30)
        assert server.process.returncode == 2
    for name in ("SECRET_KEY", "LIVENESS_SECRET", "ENCRYPTION_KEYS"):
        assert name in output


def test_listening_to_others_demands_secrets_of_its_own(tmp_path: Path) -> None:
    """Everybody in the same café could forge tokens and badges of a server that was started with --host 0.0.0.0."""
    wrong = {"FACE_THRESHOLD": "much", "BONAFIDE_DATA": str(tmp_path / "data")}
    with serve("--host", "0.0.0.0", "--port", "0", environment=wrong) as server:
        output, _ = server.process.communicate(timeout=30)
        assert server.process.returncode == 2
    for name in ("FACE_THRESHOLD", "SECRET_KEY", "LIVENESS_SECRET", "ENCRYPTION_KEYS"):
        assert f"  {name}: " in output
    assert "listening on 0.0.0.0" in output
    assert not (tmp_path / "data").exists()
    with serve("--host", "0.0.0.0", "--port", "0", environment=at(tmp_path) | OWN_SECRETS) as server:
        assert ask(server.ready(), SIGN_UP)["data"]["signup"]["accessToken"]


def test_without_settings_it_serves_and_an_account_survives_kill_9(tmp_path: Path) -> None:
    """A newcomer could not start it, or would lose the first account with the first crash."""
    with serve("--port", "0", environment=at(tmp_path)) as server:
        url = server.ready()
        status, headers, body = get(url, "/readyz")
        assert (status, body["status"]) == (200, "ready")
        assert "server" not in headers
        assert ask(url, SIGN_UP)["data"]["signup"]["accessToken"]
        servers = children_of(server.process.pid)
        assert len(servers) == 2  # PostgreSQL, Redis
        for pid in (*servers, server.process.pid):
            os.kill(pid, signal.SIGKILL)
        server.process.wait()
    with serve("--port", "0", environment=at(tmp_path)) as server:
        assert ask(server.ready(), LOG_IN)["data"]["login"]["accessToken"]
        code, took_s = server.stop()
        assert code == 0
        assert took_s < STOP_WITHIN_S


def test_two_at_once_the_second_says_what_is_wrong(tmp_path: Path) -> None:
    """Two `make run` would fight over one folder or one port, and the message would be a stack trace."""
    with serve("--port", "0", environment=at(tmp_path / "one")) as first:
        port = first.ready().rpartition(":")[2]
        with serve("--port", port, environment=at(tmp_path / "one")) as second:
            output, _ = second.process.communicate(timeout=30)
            assert second.process.returncode == 1
            assert f"already running on {tmp_path / 'one'} (process {first.process.pid})" in output
            assert "Traceback" not in output
        with serve("--port", port, environment=at(tmp_path / "two")) as second:
            output, _ = second.process.communicate(timeout=30)
            assert second.process.returncode == 1
            assert f"Port {port} on 127.0.0.1 is already in use" in output
            assert "--port" in output
            assert "Traceback" not in output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_stop_is_told_to_open_sockets_and_ends_in_time(tmp_path: Path, number: signal.Signals) -> None:
    """A deployment would cut people off in the middle of their challenge without a word."""
    with serve("--port", "0", environment=at(tmp_path)) as server:
        url = server.ready().replace("http://", "ws://") + "/liveness/stream"
        protocol = websockets.Subprotocol("bonafide.liveness.v1")
        async with websockets.asyncio.client.connect(url, subprotocols=[protocol]) as stream:
            assert stream.protocol.extensions == []  # JPEG frames are not compressed again
            began_s = time.perf_counter()
            server.process.send_signal(number)
            with pytest.raises(ConnectionClosed) as closed:
                await asyncio.wait_for(stream.recv(), timeout=STOP_WITHIN_S)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012
        await asyncio.to_thread(server.process.wait)
        assert server.process.returncode == 0
        assert time.perf_counter() - began_s < STOP_WITHIN_S


def test_a_database_that_is_away_at_the_start_is_named_and_found_when_it_comes(tmp_path: Path) -> None:
    """After a power cut everything starts at once: the server would give up, or claim to be ready."""
    with EmbeddedServices.start(tmp_path / "own") as own:
        environment = at(tmp_path / "data") | {"DATABASE_URL": own.database_url, "REDIS_URL": own.redis_url}
    with serve("--port", "0", environment=environment) as server:
        server.hear("Serving without it until it comes back")
        line = server.hear("is not ready:")
        assert "database:" in line
        assert "redis:" in line
        with EmbeddedServices.start(tmp_path / "own"):
            url = server.ready()
            status, _, body = get(url, "/readyz")
            assert (status, body["status"]) == (200, "ready")
            assert ask(url, SIGN_UP)["data"]["signup"]["accessToken"]
            server.stop()


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="workers are tied to their supervisor on Linux only")
def test_workers_share_the_services_and_end_with_their_supervisor(tmp_path: Path) -> None:
    """After a crash the workers would keep the port without a database, and the next start would fail."""
    with serve("--port", "0", "--workers", "2", environment=at(tmp_path)) as server:
        url = server.ready()
        assert ask(url, SIGN_UP)["data"]["signup"]["accessToken"]
        for _ in range(8):
            assert ask(url, LOG_IN)["data"]["login"]["accessToken"]
        while figure(url, "identity_login_total") < 8:  # whichever is asked answers for both, two seconds late at most
            pass
        assert figure(url, "identity_register_total") == 1
        watched = select.poll()
        descriptors = [os.pidfd_open(child) for child in children_of(server.process.pid)]
        for descriptor in descriptors:
            watched.register(descriptor, select.POLLIN)
        assert len(descriptors) >= 4  # two workers, PostgreSQL, Redis
        server.process.kill()
        ended: set[int] = set()
        while ended != set(descriptors):
            events = watched.poll(15_000)
            assert events, "some child outlives its supervisor"
            for descriptor, _ in events:
                ended.add(descriptor)
                watched.unregister(descriptor)
        for descriptor in descriptors:
            os.close(descriptor)
        server.process.wait()
    port = int(url.rpartition(":")[2])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_an_ordinary_user_runs_it() -> None:
    """Only root could start it; or, by accident, only somebody who is not root."""
    user = FALLBACK_USER if os.geteuid() == 0 else None
    home = Path(f"/tmp/bonafide-test-{os.getpid()}-serve")
    home.mkdir(mode=0o755)
    try:
        python = sys.executable
        if user is not None:
            shutil.chown(home, user)
            python = python_for(user)
            if subprocess.check_output([python, "-V"]) != subprocess.check_output([sys.executable, "-V"]):
                pytest.skip(f"no Python on this machine that {user} may run and that fits the installed packages")
        with serve("--port", "0", python=python, user=user, cwd=home) as server:
            assert ask(server.ready(), SIGN_UP)["data"]["signup"]["accessToken"]
            assert server.stop()[0] == 0
        assert (home / ".bonafide" / "postgres").is_dir()
    finally:
        shutil.rmtree(home)

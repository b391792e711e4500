"""Embedded PostgreSQL and Redis: real servers that outlive every crash but never their owner."""

import json
import os
import pwd
import queue
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
import redis.asyncio

from app.embedded import DataFolderInUse, EmbeddedError, EmbeddedServices, running
from app.embedded.account import FALLBACK_USER
from app.embedded.binaries import Binaries
from app.embedded.process import working_in

ROOT = Path(__file__).parents[2]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")

# Runs servers in a process of their own, which a test can kill. Standard library and app.embedded only.
OWNER = """
import json, sys
from pathlib import Path
sys.path[:0] = json.loads(sys.argv[2])
from app.embedded import EmbeddedError, EmbeddedServices
try:
    services = EmbeddedServices.start(Path(sys.argv[1]))
except EmbeddedError as error:
    print(json.dumps({"error": str(error)}), flush=True)
    sys.exit(1)
print(json.dumps({"database_url": services.database_url, "redis_url": services.redis_url,
                  "postgres": services.postgres.pid, "redis": services.redis.pid}), flush=True)
sys.stdin.read()
services.stop()
"""


@dataclass(frozen=True)
class Owner:
    """A process that runs embedded servers until its input ends, or that says why it cannot."""

    process: subprocess.Popen[str]
    said: dict[str, str]

    def server_pids(self) -> list[int]:
        return [int(self.said["postgres"]), int(self.said["redis"])]


@contextmanager
def owner(data_dir: Path, *, python: str = sys.executable, user: str | None = None) -> Iterator[Owner]:
    search = json.dumps([str(ROOT), *(entry for entry in sys.path if entry.endswith("site-packages"))])
    process = subprocess.Popen(
        [python, "-B", "-c", OWNER, str(data_dir), search],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
        user=user,
        group=pwd.getpwnam(user).pw_gid if user else None,
        extra_groups=[] if user else None,
        env={"PATH": "/usr/bin:/bin"},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        try:
            yield Owner(process, json.loads(process.stdout.readline()))
        finally:
            process.stdin.close()
            process.wait()


async def remember(database_url: str, redis_url: str) -> None:
    connection = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    await connection.execute("create table if not exists kept (word text)")
    await connection.execute("insert into kept values ('committed')")
    await connection.close()
    client = redis.asyncio.Redis.from_url(redis_url)
    await client.set("nonce", "spent")
    await client.aclose()


async def recall(database_url: str, redis_url: str) -> tuple[str, bytes]:
    connection = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    word: str = await connection.fetchval("select word from kept")
    await connection.close()
    client = redis.asyncio.Redis.from_url(redis_url)
    nonce = await client.get("nonce")
    await client.aclose()
    assert isinstance(nonce, bytes)
    return word, nonce


KEPT = ("committed", b"spent")


async def test_postgres_18_with_vectors_and_data_that_survives_a_restart(tmp_path: Path) -> None:
    """The data of one evening would be gone the next morning, or face search impossible."""
    with EmbeddedServices.start(tmp_path) as services:
        connection = await asyncpg.connect(services.database_url.replace("+asyncpg", ""))
        assert (await connection.fetchval("show server_version")).startswith("18.")
        await connection.execute("create extension vector")
        assert await connection.fetchval("select cast('[3,4]' as vector) <-> cast('[0,0]' as vector)") == 5.0
        assert await connection.fetchval("select lower('ÄÖ É')") == "äö é"
        assert await connection.fetchval("show listen_addresses") == ""
        await connection.close()
        await remember(services.database_url, services.redis_url)
        assert running(tmp_path.resolve()) is not None
    assert running(tmp_path.resolve()) is None
    with EmbeddedServices.start(tmp_path) as services:
        assert await recall(services.database_url, services.redis_url) == KEPT


async def test_kill_9_of_everything_loses_nothing_committed(tmp_path: Path) -> None:
    """A power cut or the out-of-memory killer would cost accounts and badges."""
    with owner(tmp_path) as first:
        await remember(first.said["database_url"], first.said["redis_url"])
        for pid in (*first.server_pids(), first.process.pid):
            os.kill(pid, signal.SIGKILL)
        first.process.wait()
    assert (tmp_path / "postgres" / "postmaster.pid").exists()
    with EmbeddedServices.start(tmp_path) as services:
        assert await recall(services.database_url, services.redis_url) == KEPT


async def test_kill_9_of_the_owner_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    """After a crash of the server the next `make run` would fail, or two PostgreSQL would share one folder."""
    with owner(tmp_path) as first:
        await remember(first.said["database_url"], first.said["redis_url"])
        first.process.kill()
        first.process.wait()
        with EmbeddedServices.start(tmp_path) as services:
            assert await recall(services.database_url, services.redis_url) == KEPT
            alive = working_in(tmp_path / "postgres", program="postgres")
            alive += working_in(tmp_path / "redis", program="redis-server")
            assert not set(alive) & set(first.server_pids())


async def test_servers_that_outlived_their_owner_are_stopped_first(tmp_path: Path) -> None:
    """Where the kernel does not end orphans (macOS, a stopped process), the data would be written from two sides."""
    with owner(tmp_path) as first:
        await remember(first.said["database_url"], first.said["redis_url"])
        for pid in first.server_pids():
            os.kill(pid, signal.SIGSTOP)  # cannot react to their owner's death
        first.process.kill()
        first.process.wait()
        assert working_in(tmp_path / "postgres", program="postgres")
        for pid in first.server_pids():
            os.kill(pid, signal.SIGCONT)
        with EmbeddedServices.start(tmp_path) as services:
            assert await recall(services.database_url, services.redis_url) == KEPT


def test_a_second_start_says_who_holds_the_folder(tmp_path: Path) -> None:
    """Two `make run` at once would fight over the data without a word."""
    with owner(tmp_path) as first:
        with pytest.raises(DataFolderInUse, match=f"process {first.process.pid}") as caught:
            EmbeddedServices.start(tmp_path)
        assert "BONAFIDE_DATA" in str(caught.value)
        with owner(tmp_path) as second:
            assert str(first.process.pid) in second.said["error"]
        held = running(tmp_path.resolve())
        assert held is not None
        assert (held.pid, held.database_url) == (first.process.pid, first.said["database_url"])


async def test_a_server_that_dies_is_started_again(tmp_path: Path) -> None:
    """One crash of PostgreSQL or Redis would need a person to restart the product."""
    said: queue.Queue[str] = queue.Queue()
    with EmbeddedServices.start(tmp_path, say=said.put) as services:
        await remember(services.database_url, services.redis_url)
        assert services.postgres is not None
        assert services.redis is not None
        for pid in (services.postgres.pid, services.redis.pid):
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
        back: set[str] = set()
        while len(back) < 2:
            line = said.get(timeout=30)
            if line.endswith("runs again."):
                back.add(line)
        assert await recall(services.database_url, services.redis_url) == KEPT


def test_a_stale_process_id_of_somebody_else_is_neither_believed_nor_killed(tmp_path: Path) -> None:
    """In a container the old number soon belongs to another process: the server would refuse to start, or kill it."""
    with owner(tmp_path) as first:
        for pid in (*first.server_pids(), first.process.pid):
            os.kill(pid, signal.SIGKILL)
        first.process.wait()
        sockets = Path(first.said["database_url"].partition("host=")[2])
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE) as bystander:
        for stale in (tmp_path / "postgres" / "postmaster.pid", sockets / ".s.PGSQL.5432.lock"):
            _, *rest = stale.read_text().splitlines()
            stale.write_text("\n".join([str(bystander.pid), *rest]))
        (tmp_path / "redis" / "redis.pid").write_text(str(bystander.pid))
        with EmbeddedServices.start(tmp_path):
            assert bystander.poll() is None


async def test_an_interrupted_first_start_is_begun_anew(tmp_path: Path) -> None:
    """A newcomer who pressed Ctrl-C at the wrong moment could never start again."""
    EmbeddedServices.start(tmp_path).stop()
    (tmp_path / "postgres" / "bonafide.ready").unlink()
    (tmp_path / "postgres" / "global" / "pg_control").unlink()
    with EmbeddedServices.start(tmp_path) as services:
        await remember(services.database_url, services.redis_url)


def test_data_of_another_postgres_is_refused_and_left_alone(tmp_path: Path) -> None:
    """An upgrade would fail with riddles, or overwrite the data."""
    EmbeddedServices.start(tmp_path).stop()
    (tmp_path / "postgres" / "PG_VERSION").write_text("17\n")
    with pytest.raises(EmbeddedError, match="written by PostgreSQL 17"):
        EmbeddedServices.start(tmp_path)
    assert (tmp_path / "postgres" / "base").is_dir()


async def test_a_deep_data_folder_works(tmp_path: Path) -> None:
    """A clone in a deep folder would fail: a socket's path holds about 100 characters."""
    deep = tmp_path.joinpath(*["a-rather-long-folder-name"] * 5)
    with EmbeddedServices.start(deep) as services:
        await remember(services.database_url, services.redis_url)
        assert "a-rather-long-folder-name" not in services.database_url


@as_root
async def test_root_may_keep_everything_under_its_private_home(tmp_path: Path) -> None:
    """`make run` of a clone in /root would fail: the servers' user may not walk there."""
    private = tmp_path / "home"
    private.mkdir(mode=0o700)
    binaries = Binaries.from_wheels().copy_to(private / "venv")
    with EmbeddedServices(data_dir=private / "data", binaries=binaries) as services:
        await remember(services.database_url, services.redis_url)
        assert services.postgres is not None
        assert services.postgres.pid is not None
        assert Path(f"/proc/{services.postgres.pid}").stat().st_uid == pwd.getpwnam(FALLBACK_USER).pw_uid
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    with EmbeddedServices(data_dir=private / "data", binaries=binaries) as services:
        assert await recall(services.database_url, services.redis_url) == KEPT


def python_for(user: str) -> str:
    """An interpreter that `user` may run."""
    candidates: list[str] = [sys.executable, *filter(None, map(shutil.which, ("python3.11", "python3.12")))]
    for candidate in [*candidates, "/usr/bin/python3.11", "/usr/bin/python3.12", "/usr/bin/python3"]:
        try:
            probe = [candidate, "-c", "import sys, typing; typing.Self; sys.path.append(0)"]
            subprocess.run(probe, user=user, extra_groups=[], check=True, capture_output=True, cwd="/")
        except (OSError, subprocess.CalledProcessError):
            continue
        return candidate
    pytest.skip(f"no Python on this machine that {user} may run")


async def test_an_ordinary_user_runs_it(tmp_path: Path) -> None:
    """Most people are not root."""
    if os.geteuid() != 0:
        with owner(tmp_path / "data") as own:
            await remember(own.said["database_url"], own.said["redis_url"])
        return
    home = Path(f"/tmp/bonafide-test-{os.getpid()}")
    home.mkdir()
    try:
        shutil.chown(home, FALLBACK_USER)
        python = python_for(FALLBACK_USER)
        with owner(home / "data", python=python, user=FALLBACK_USER) as own:
            await remember(own.said["database_url"], own.said["redis_url"])
            assert (home / "data").stat().st_uid == pwd.getpwnam(FALLBACK_USER).pw_uid
        # The same data as root and then as the user again: nothing has changed hands on the way.
        with EmbeddedServices.start(home / "data") as services:
            assert await recall(services.database_url, services.redis_url) == KEPT
        with owner(home / "data", python=python, user=FALLBACK_USER) as own:
            assert await recall(own.said["database_url"], own.said["redis_url"]) == KEPT
    finally:
        shutil.rmtree(home)


@as_root
def test_a_folder_of_somebody_else_is_refused_with_what_to_do() -> None:
    """An ordinary user would see a stack trace after root once ran it here."""
    place = Path(f"/tmp/bonafide-test-{os.getpid()}-root")
    place.mkdir(mode=0o755)
    try:
        EmbeddedServices.start(place / "data").stop()
        with owner(place / "data", python=python_for(FALLBACK_USER), user=FALLBACK_USER) as refused:
            assert "BONAFIDE_DATA" in refused.said["error"]
    finally:
        shutil.rmtree(place)


async def test_the_log_holds_no_personal_data(tmp_path: Path) -> None:
    """E-mail addresses would pile up in postgres.log."""
    with EmbeddedServices.start(tmp_path) as services:
        connection = await asyncpg.connect(services.database_url.replace("+asyncpg", ""))
        await connection.execute("create table person (email text unique)")
        await connection.execute("insert into person values ('secret@example.org')")
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute("insert into person values ('secret@example.org')")
        with pytest.raises(asyncpg.PostgresError):
            await connection.execute("select 'secret@example.org' from nowhere")
        await connection.close()
    for name in ("postgres.log", "redis.log"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    log = (tmp_path / "postgres.log").read_text()
    assert "ready to accept connections" in log
    assert "secret" not in log


async def test_a_warm_start_is_quick(tmp_path: Path) -> None:
    """Start to ready has five seconds for everything; the servers may take two of them."""
    EmbeddedServices.start(tmp_path).stop()
    took_s = []
    for _ in range(3):  # a machine that is busy with something else is slow now and then, not each time
        began_s = time.perf_counter()
        with EmbeddedServices.start(tmp_path) as services:
            took_s.append(time.perf_counter() - began_s)
            assert services.database_url
    assert min(took_s) < 2.0

"""One server process: start it under the right user, stop it in order, find what a dead parent left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from app.embedded.account import Account, give_to_owner_of
from app.embedded.errors import EmbeddedError

LAUNCHER = Path(__file__).with_name("launch.py")
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
POLL_S = 0.005
MAX_LOG_BYTES = 5 * 1024 * 1024
_LOG_TAIL_LINES = 12


def launch(
    program: Sequence[str | Path],
    *,
    folder: Path,
    account: Account | None,
    log: Path,
    death_signal: signal.Signals,
) -> subprocess.Popen[bytes]:
    """Start `program` in `folder` as `account`, in its own session, output appended to `log`.

    The child gets `death_signal` when the calling *thread* ends (Linux PR_SET_PDEATHSIG), so the caller
    must be a thread that lives as long as the server should.
    """
    uid, gid = (account.uid, account.gid) if account else (-1, -1)
    if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    with _appending(log) as output:
        return subprocess.Popen(  # noqa: S603  (a fixed program from the wheel, no shell)
            [
                *(sys.executable, "-I", "-S", str(LAUNCHER)),
                *(str(number) for number in (os.getpid(), uid, gid, int(death_signal))),
                *(str(word) for word in program),
            ],
            cwd=folder,
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # A Ctrl-C in the terminal is for Bonafide, which then stops its servers last.
            start_new_session=True,
        )


def _appending(log: Path) -> BinaryIO:
    """The log, for its owner only: statements and addresses of people stand in it."""
    output = os.fdopen(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600), "ab")
    os.fchmod(output.fileno(), 0o600)
    give_to_owner_of(log.parent, output.fileno())
    return output


def run(program: Sequence[str | Path], *, folder: Path, account: Account | None, log: Path, stdin: str = "") -> None:
    """Run `program` to its end as `launch` would; raises EmbeddedError with its last words when it fails."""
    uid, gid = (account.uid, account.gid) if account else (-1, -1)
    identity = (str(number) for number in (os.getpid(), uid, gid, int(signal.SIGKILL)))
    done = subprocess.run(  # noqa: S603  (a fixed program from the wheel, no shell)
        [sys.executable, "-I", "-S", str(LAUNCHER), *identity, *(str(word) for word in program)],
        cwd=folder,
        env=ENVIRONMENT,
        input=stdin.encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        check=False,
    )
    with _appending(log) as output:
        output.write(done.stdout)
    if done.returncode != 0:
        raise EmbeddedError(f"{Path(program[0]).name} failed ({done.returncode}):\n{log_tail(log)}")


def stop(process: subprocess.Popen[bytes], *, signals: Sequence[signal.Signals], patience_s: float) -> None:
    """Send each signal in turn, waiting `patience_s` after each, until the process is gone."""
    for number in signals:
        if process.poll() is not None:
            return
        process.send_signal(number)
        try:
            process.wait(timeout=patience_s)
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def stop_leftovers(
    folder: Path, *, program: str, signals: Sequence[signal.Signals], patience_s: float = 10.0
) -> list[int]:
    """Stop every `program` that still works in `folder` and return their ids.

    Call it only while holding the folder's lock: then such a process has lost its parent. Letting it run
    beside a new one would destroy the data.
    """
    found = working_in(folder, program=program)
    for number in signals:
        for pid in working_in(folder, program=program):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
        deadline = time.monotonic() + patience_s
        while working_in(folder, program=program):
            if time.monotonic() > deadline:
                break
            time.sleep(POLL_S)
        else:
            return found
    raise EmbeddedError(
        f"{program} (process {', '.join(map(str, working_in(folder, program=program)))}) was left behind on {folder} "
        "and does not stop. Stop it by hand, then start again."
    )


def working_in(folder: Path, *, program: str) -> list[int]:
    """Return the ids of the processes running `program` whose working folder is `folder`.

    Both servers change into their data folder, so this identifies them where a process id written to a file
    may meanwhile belong to somebody else.
    """
    if Path("/proc/self/exe").exists():
        return _working_in_by_proc(folder.resolve(), program)
    return _working_in_by_pid_file(folder, program)


def _working_in_by_proc(folder: Path, program: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # A reinstalled wheel leaves "… (deleted)" behind the name.
            executable = Path(str((entry / "exe").readlink()).removesuffix(" (deleted)")).name
            if executable == program and (entry / "cwd").readlink() == folder:
                found.append(int(entry.name))
        except OSError:  # gone meanwhile, a kernel thread, or another user's
            continue
    return found


def _working_in_by_pid_file(folder: Path, program: str) -> list[int]:
    for name in ("postmaster.pid", "redis.pid"):
        try:
            pid = int((folder / name).read_text().split()[0])
        except (OSError, ValueError, IndexError):
            continue
        ps = subprocess.run(["/bin/ps", "-p", str(pid), "-o", "comm="], capture_output=True, text=True, check=False)  # noqa: S603
        if Path(ps.stdout.strip()).name == program:
            return [pid]
    return []


def log_tail(log: Path) -> str:
    """Return the last lines of a server's log, for an error message."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-_LOG_TAIL_LINES:])

"""A `bonafide serve` of its own for a bench, in its own process on a temporary data folder."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
READY = re.compile(r"Bonafide is ready on (\S+)")


@dataclass
class BenchServer:
    """A serving process; figures are of that process alone, without the embedded servers."""

    pid: int
    url: str
    started_in_s: float
    log: Path

    @property
    def cpu_s(self) -> float:
        """User and system time spent so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS

    @property
    def memory_mib(self) -> float:
        """Resident memory now."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) / 1024


@contextmanager
def serving(data_dir: Path, *, port: int = 8765, settings: dict[str, str] | None = None) -> Iterator[BenchServer]:
    """Starts the server and waits for its ready line; stops it in order."""
    log = Path(tempfile.mkstemp(prefix="bonafide-bench-", suffix=".log")[1])
    environment = {**os.environ, "BONAFIDE_DATA": str(data_dir), "PUBLIC_URL": f"http://127.0.0.1:{port}"}
    began = time.perf_counter()
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "serve", "--port", str(port)],
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**environment, **(settings or {})},
        )
    try:
        while not (found := READY.search(log.read_text())):
            if process.poll() is not None or time.perf_counter() - began > 120:
                raise RuntimeError(f"the server did not start:\n{log.read_text()}")
            time.sleep(0.02)
        yield BenchServer(process.pid, found[1], time.perf_counter() - began, log)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)
        log.unlink()

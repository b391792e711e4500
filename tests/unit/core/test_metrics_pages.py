"""The figures of several workers, added up."""

import os
from pathlib import Path

from app.errors import Code, Problem
from app.metrics import Deed, Metrics
from app.metrics_pages import MetricsPages

NOBODY = 2**22 + 1  # beyond the largest process id of Linux


def page(folder: Path, metrics: Metrics, *, pid: int) -> None:
    """What another process has left."""
    (folder / f"{pid}.page").write_bytes(metrics.text())


def figures(text: bytes) -> dict[str, float]:
    """Every sample by its name and labels."""
    lines = [line.rsplit(" ", 1) for line in text.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


def test_one_process_answers_for_itself() -> None:
    """A server with one worker would keep pages that nobody reads."""
    metrics = Metrics()
    metrics.done(Deed.LOGIN)
    assert figures(MetricsPages(metrics, folder=None).text())["identity_login_total"] == 1


def test_whoever_is_asked_answers_for_all(tmp_path: Path) -> None:
    """Counters would jump up and down with the worker that takes the connection, and every rate would be nonsense."""
    mine, others = Metrics(), Metrics()
    for metrics, times in ((mine, 2), (others, 3)):
        for _ in range(times):
            metrics.done(Deed.LOGIN)
            metrics.rejected(Problem(Code.BUSY, "Wait."))
            metrics.request_answered("GET", "/profile/me", 200, 0.004)
        metrics.stream_opened()
    page(tmp_path, others, pid=os.getppid())
    found = figures(MetricsPages(mine, folder=tmp_path).text())
    assert found["identity_login_total"] == 5
    assert found['identity_rejects_total{reason="BUSY"}'] == 5
    assert found['http_request_seconds_bucket{le="0.005",method="GET",route="/profile/me",status="2xx"}'] == 5
    assert found["liveness_streams_open"] == 2


def test_a_worker_that_ended_stays_in_the_sums_and_holds_nothing(tmp_path: Path) -> None:
    """A counter that falls looks like a restart of everything, and open streams of the dead would never close."""
    ended = Metrics()
    ended.done(Deed.VERIFY)
    ended.stream_opened()
    page(tmp_path, ended, pid=NOBODY)
    found = figures(MetricsPages(Metrics(), folder=tmp_path).text())
    assert found["identity_verify_total"] == 1
    assert found["liveness_streams_open"] == 0


async def test_a_page_is_kept_while_the_worker_serves(tmp_path: Path) -> None:
    """What a worker counted last would be lost with it."""
    metrics = Metrics()
    async with MetricsPages(metrics, folder=tmp_path).kept():
        metrics.done(Deed.RESEND)
    (left,) = tmp_path.glob("*.page")
    assert figures(left.read_bytes())["identity_resend_total"] == 1


async def test_a_folder_that_went_with_the_supervisor_is_no_fault(tmp_path: Path) -> None:
    """A worker would fail in its last moment, and say so to nobody's use."""
    folder = tmp_path / "gone"
    folder.mkdir()
    async with MetricsPages(Metrics(), folder=folder).kept():
        folder.rmdir()

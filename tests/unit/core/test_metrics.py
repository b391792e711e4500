"""The figures of one process."""

import time
import timeit
from typing import Any

import pytest

from app.accounts.model import SecondFactorNeeded
from app.errors import Code, Problem
from app.metrics import Deed, Metrics, counted


class Door:
    """A service of one method, whose outcome a test chooses."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    @counted(Deed.LOGIN)
    async def enter(self, outcome: Any) -> Any:
        """Gives or raises the outcome."""
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def value(metrics: Metrics, sample: str) -> float:
    """One line of the text, 0 when it is not there."""
    lines = dict(line.rsplit(" ", 1) for line in metrics.text().decode().splitlines() if not line.startswith("#"))
    return float(lines.get(sample, 0))


def test_source_b_finds_its_names() -> None:
    """Dashboards written for source B would stay empty, even before anything happened."""
    text = Metrics().text().decode()
    for name in ("identity_register", "identity_verify", "identity_login", "identity_resend"):
        assert f"\n{name}_total 0.0\n" in text
    assert "\nprofile_update_total 0.0\n" in text
    assert "\navatar_upload_total 0.0\n" in text
    assert "# TYPE identity_rejects_total counter" in text


async def test_a_deed_is_counted_once_and_a_refusal_by_its_reason() -> None:
    """An operator would not see that sign-ins fail, or why."""
    metrics = Metrics()
    door = Door(metrics)
    assert await door.enter("in") == "in"
    assert await door.enter(SecondFactorNeeded(temp_token="t")) is not None  # nobody is in yet
    for problem in (
        Problem(Code.UNAUTHENTICATED, "No.", reason="WRONG_CREDENTIALS"),
        Problem(Code.BUSY, "Wait."),
        Problem(Code.BUSY, "Wait."),
    ):
        with pytest.raises(Problem):
            await door.enter(problem)
    assert value(metrics, "identity_login_total") == 1
    assert value(metrics, 'identity_rejects_total{reason="WRONG_CREDENTIALS"}') == 1
    assert value(metrics, 'identity_rejects_total{reason="BUSY"}') == 2


async def test_a_fault_of_ours_is_no_refusal() -> None:
    """A broken database would look like people mistyping."""
    metrics = Metrics()
    with pytest.raises(RuntimeError):
        await Door(metrics).enter(RuntimeError("broken"))
    assert "identity_rejects_total{" not in metrics.text().decode()
    assert value(metrics, "identity_login_total") == 0


def test_two_servers_in_one_process_count_apart() -> None:
    """Tests, and programs that embed us, would read each other's figures."""
    first, second = Metrics(), Metrics()
    first.done(Deed.VERIFY)
    assert (value(first, "identity_verify_total"), value(second, "identity_verify_total")) == (1, 0)


def test_what_a_request_says_never_becomes_a_label() -> None:
    """Anybody could fill the memory of the server, and of Prometheus, with made-up methods."""
    metrics = Metrics()
    for number in range(100):
        metrics.request_answered(f"MADE-UP-{number}", "/graphql", 400 + number % 5, 0.01)
    assert value(metrics, 'http_request_seconds_count{method="other",route="/graphql",status="4xx"}') == 100
    assert "MADE-UP" not in metrics.text().decode()


def test_a_watched_figure_is_read_when_asked_for() -> None:
    """A queue would be shown as it was when the server started."""
    metrics, queue = Metrics(), [1]
    metrics.watch("queue", "What waits.", lambda: len(queue))
    queue.append(2)
    assert value(metrics, "queue") == 2


def test_counting_costs_nothing_that_a_person_could_notice() -> None:
    """Every request and every frame of a stream pays for it; in time of the processor, which others do not take."""
    metrics = Metrics()
    runs = 2000

    def count() -> None:
        metrics.request_answered("GET", "/profile/me", 200, 0.01)

    took_s = min(timeit.repeat(count, timer=time.process_time, number=runs, repeat=5))
    assert took_s / runs < 50e-6

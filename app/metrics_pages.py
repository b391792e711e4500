"""What the workers of one server counted, added up: Prometheus reaches whichever of them takes the connection.

Each worker keeps a page of its figures in a folder that they share; whoever is asked adds the pages. What a worker that
has ended counted stays in the sums, so that no counter ever falls; what it held (open streams, connections) does not.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from app.metrics import Metrics

log = logging.getLogger(__name__)

PAGE_EVERY_S = 2.0
"""How old another worker's figures may be; Prometheus usually asks every 15 s or more."""
_OLDEST = "process_start_time_seconds"


class MetricsPages:
    """The figures of every worker; without a folder there is one process, and its own are all."""

    def __init__(self, metrics: Metrics, *, folder: Path | None) -> None:
        self._metrics = metrics
        self._folder = folder

    def text(self) -> bytes:
        """What Prometheus reads."""
        if self._folder is None:
            return self._metrics.text()
        self._write(self._folder)
        registry = CollectorRegistry()
        registry.register(_Sums(self._folder))
        return generate_latest(registry)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Keeps this worker's page fresh, and leaves it as it is in the end."""
        if self._folder is None:
            yield
            return
        writing = asyncio.create_task(self._keep_writing(self._folder))
        try:
            yield
        finally:
            writing.cancel()
            with suppress(asyncio.CancelledError):
                await writing
            self._write(self._folder)

    async def _keep_writing(self, folder: Path) -> None:
        while True:
            self._write(folder)
            await asyncio.sleep(PAGE_EVERY_S)

    def _write(self, folder: Path) -> None:
        """Whole or not at all: others may be reading."""
        draft = folder / f"{os.getpid()}.draft"
        try:
            draft.write_bytes(self._metrics.text())
            draft.replace(folder / f"{os.getpid()}.page")
        except OSError as error:  # the disk is full, or the supervisor has ended and taken the folder with it
            log.warning("the metrics page was not written: %s", error)


class _Sums(Collector):
    """Adds the pages, sample by sample."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterator[Metric]:
        sums: dict[str, Metric] = {}
        values: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = {}
        for page in sorted(self._folder.glob("*.page")):
            lives = _lives(int(page.stem))
            for family in text_string_to_metric_families(page.read_text(encoding="utf-8")):
                if family.type == "gauge" and not lives:
                    continue
                sums.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                added = values.setdefault(family.name, {})
                for sample in family.samples:
                    key = (sample.name, tuple(sorted(sample.labels.items())))
                    add = min if sample.name == _OLDEST else float.__add__
                    added[key] = add(added[key], sample.value) if key in added else sample.value
        for name, family in sums.items():
            for (sample_name, labels), value in values[name].items():
                family.add_sample(sample_name, dict(labels), value)
            yield family


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True

"""What the server costs before anybody comes: memory with its models loaded, and the time from start to ready."""

import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench_server import serving

NAME = "idle"
SETTLE_S = 3.0


def run() -> list[dict[str, Any]]:
    """Starts twice: the first start makes the database and the model, the second is the warm one."""
    with tempfile.TemporaryDirectory() as folder:
        with serving(Path(folder)) as server:
            first_s = server.started_in_s
        with serving(Path(folder)) as server:
            warm_s = server.started_in_s
            time.sleep(SETTLE_S)
            memory_mib = server.memory_mib
    return [
        {"what": "first start to ready (database and face model made)", "value": first_s, "unit": "s"},
        {"what": "warm start to ready", "value": warm_s, "unit": "s", "bar": "<= 5", "met": warm_s <= 5},
        {
            "what": "idle memory of the server process, models loaded",
            "value": memory_mib,
            "unit": "MiB",
            "bar": "<= 300",
            "met": memory_mib <= 300,
        },
    ]

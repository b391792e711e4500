"""Requests that schemathesis makes up from openapi.json, against a served instance with its real limits."""

import asyncio
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from app.settings import Settings
from tests.running import person, running

ROOT = Path(__file__).parents[3]
PHASES = "examples,coverage,fuzzing,stateful"


@pytest.mark.timeout(300)
async def test_whatever_is_sent_is_answered_as_described(settings: Settings, tmp_path: Path) -> None:
    """A request that nobody thought of would be a 500, or an answer that a generated client cannot read."""
    async with running(replace(settings, trust_forwarded_for=True)) as server, person(server, "ada") as ada:
        command = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "schemathesis.cli", "--config-file", str(ROOT / "tests" / "schemathesis.toml")),
            *("run", f"{server.http_url}/openapi.json", "--phases", PHASES),
            *("--max-examples", "25", "--seed", "1", "--generation-database", "none", "--no-color"),
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "BONAFIDE_TEST_TOKEN": ada.access_token},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        told, _ = await command.communicate()
    assert command.returncode == 0, told.decode()[-20_000:]

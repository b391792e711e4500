"""Requests that schemathesis makes up from openapi.json, against a served instance with its real limits."""

import asyncio
import os
import sys
from dataclasses import replace
from pathlib import Path

from app.client.api import ApiClient
from app.edge.rest.models import EXAMPLE_EMAIL, EXAMPLE_PASSWORD
from app.settings import Settings
from tests.running import running

ROOT = Path(__file__).parents[3]
PHASES = "examples,coverage,fuzzing,stateful"
# Behind authentication, limits and values alike: a run that never gets there would find nothing, and pass.
REACHED = (
    ("POST", "/auth/register"),
    ("POST", "/auth/resend"),
    ("POST", "/auth/login"),
    ("GET", "/auth/campuses"),
    ("GET", "/auth/session"),
    ("GET", "/profile/me"),
    ("PATCH", "/profile/me"),
    ("POST", "/profile/avatar/presign"),
)


async def test_whatever_is_sent_is_answered_as_described(settings: Settings, tmp_path: Path) -> None:
    """A request that nobody thought of would be a 500, or an answer that a generated client cannot read."""
    async with running(replace(settings, trust_forwarded_for=True)) as server, ApiClient(server.http_url) as eileen:
        # The person of the examples, so that these are answered as a developer would hope.
        await eileen.sign_up(email=EXAMPLE_EMAIL, password=EXAMPLE_PASSWORD, handle="eileen_c", name="Eileen Collins")
        assert eileen.access_token is not None
        command = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "schemathesis.cli", "--config-file", str(ROOT / "tests" / "schemathesis.toml")),
            *("run", f"{server.http_url}/openapi.json", "--phases", PHASES),
            *("--max-examples", "15", "--seed", "1", "--generation-database", "none", "--no-color"),
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "BONAFIDE_TEST_TOKEN": eileen.access_token},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        told, _ = await command.communicate()
        counted = server.services.metrics.text().decode()
    assert command.returncode == 0, told.decode()[-20_000:]
    for method, path in REACHED:
        assert f'http_request_seconds_count{{method="{method}",route="{path}",status="2xx"}}' in counted, path

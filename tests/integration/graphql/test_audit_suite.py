"""The graphql-http audit suite: GraphQL over HTTP as other people's clients expect it."""

import asyncio
import json

from app.settings import Settings
from tests.node_peers import peer_command
from tests.running import running

CHECKS = 61


async def test_every_check_of_the_audit_suite_is_ok(settings: Settings) -> None:
    """Some client library would misread our status, content type or errors, and show its user nothing."""
    async with running(settings) as server:
        suite = await asyncio.create_subprocess_exec(
            *peer_command("audit.mjs", f"{server.http_url}/graphql"), stdout=asyncio.subprocess.PIPE
        )
        output, _ = await suite.communicate()
    assert suite.returncode == 0
    results = [json.loads(line) for line in output.splitlines()]
    assert [result for result in results if result["status"] != "ok"] == []
    assert len(results) == CHECKS

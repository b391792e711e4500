"""The shipped server on a real port with a local outbox, and a browser that walks through it."""

import asyncio
import json
import shutil
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from app.commands.serve import uvicorn_config
from app.edge.web import DIST, WEB
from app.main import create_app
from app.settings import Settings
from app.wiring import Services, open_services
from tests.node_peers import NODE, own_port
from tests.running import in_real_time

HERE = Path(__file__).parent
SCENARIO_WITHIN_S = 300  # one that hangs is ended; each wait within has a shorter limit of its own
ENDS_WITHIN_S = 20
# The same engine without windows starts with a third of the work.
CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")


@dataclass(frozen=True, kw_only=True)
class Site:
    """A server that a browser can open."""

    services: Services
    url: str
    outbox: Path


@asynccontextmanager
async def site(
    settings: Settings, *, held: socket.socket | None = None, origins: tuple[str, ...] = ()
) -> AsyncIterator[Site]:
    """Serves until left, on the port that is `held` or a free one of the loopback, as `bonafide serve` does.

    `origins` are listed beside its own.
    """
    listener = held or own_port()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    settings = replace(settings, public_url=url, allowed_origins=(url, *origins))
    async with open_services(settings) as services:
        server = uvicorn.Server(uvicorn_config(create_app(services), lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            yield Site(services=services, url=url, outbox=settings.outbox_dir)
        finally:
            server.should_exit = True
            await serving
            listener.close()


def missing() -> str | None:
    """What a browser test needs and this machine lacks, in words; None when all is there."""
    if CHROMIUM is None:
        return "there is no Chromium on the PATH (`make browser` installs it where it can)"
    if not (DIST / "index.html").is_file():
        return "the web client is not built (`make web`)"
    if not (WEB / "node_modules" / "playwright-core").is_dir():
        return "app/web/node_modules has no playwright-core (`make dev`)"
    return None


in_a_browser = [
    pytest.mark.skipif(missing() is not None, reason=f"browser tests: {missing()}"),
    pytest.mark.timeout(SCENARIO_WITHIN_S + 60),
    in_real_time,
]


async def ended(process: asyncio.subprocess.Process) -> tuple[bytes, bytes]:
    """What it still says once it was told to end, which it gets a while for."""
    end = asyncio.get_running_loop().call_later(ENDS_WITHIN_S, process.kill)
    try:
        return await process.communicate()
    finally:
        end.cancel()


async def walk(site: Site, scenario: str, **more: Any) -> Mapping[str, Any]:
    """What a scenario of tests/e2e/*.scenarios.mjs found out; a fault in it, or in the page, fails here."""
    told = {
        "url": site.url,
        "outbox": str(site.outbox),
        "chromium": CHROMIUM,
        "scenario": scenario,
        **more,
    }
    process = await asyncio.create_subprocess_exec(
        str(NODE),
        str(HERE / "browser.mjs"),
        json.dumps(told),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(SCENARIO_WITHIN_S):
            out, err = await process.communicate()
    except TimeoutError:
        process.terminate()  # it tells where it stands
        out, err = await ended(process)
    assert process.returncode == 0, err.decode() + out.decode()
    found: Mapping[str, Any] = json.loads(out.decode().splitlines()[-1])
    return found

"""A browser with many tabs, in Node.js, that runs the client as it is shipped."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from app.edge.client_files import WEB
from tests.node_peers import NODE

FOLDER = Path(__file__).parent
LONGEST_LINE = 4 * 1024 * 1024


class Browser:
    """Its tabs are numbered as they were opened; they share cookies, locks and channels."""

    def __init__(self, process: asyncio.subprocess.Process, base: str) -> None:
        self._process = process
        self._base = base
        self._ids = itertools.count()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._reading = asyncio.create_task(self._read())

    async def open(self, count: int = 1, *, clock_off_by_ms: int = 0, with_locks: bool = True) -> None:
        """That many more tabs on the server's page."""
        module = (WEB / "session.js").as_uri()
        options = {"base": f"{self._base}/", "module": module, "clockOffByMs": clock_off_by_ms, "withLocks": with_locks}
        await self._order(call="open", count=count, **options)

    async def tab(self, number: int, call: str, **arguments: Any) -> Any:
        """What comes of a call in one tab."""
        return await self._order(tab=number, call=call, **arguments)

    async def every(self, call: str, **arguments: Any) -> list[Any]:
        """What comes of the same call in all tabs at once."""
        results: list[Any] = await self._order(tab=None, call=call, **arguments)
        return results

    async def pass_by(self, ms: float, *, asleep: bool = False) -> None:
        """Time passes in all tabs, unless they sleep; none acts before it has passed in every one."""
        await self.every("pass", ms=ms, asleep=asleep)
        await self.every("ring")

    async def cut(self, *faults: dict[str, Any]) -> None:
        """What the network does from now on to requests whose path ends as given; nothing without any."""
        await self.every("faults", faults=faults)

    async def requests(self, ending: str) -> list[dict[str, Any]]:
        """Those that any tab has sent to a path."""
        told = await self.every("state")
        return [each for tab in told for each in tab["requests"] if each["path"].endswith(ending)]

    async def end(self) -> None:
        """Closes all tabs."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()
        await self._reading

    async def _order(self, **order: Any) -> Any:
        assert self._process.stdin is not None
        number = next(self._ids)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        self._process.stdin.write(json.dumps({"id": number, **order}).encode() + b"\n")
        async with asyncio.timeout(60):
            result = await self._waiting[number]
        del self._waiting[number]
        return result

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            told = json.loads(line)
            self._waiting[told["id"]].set_result(told["result"])


@asynccontextmanager
async def browser(base: str, *, tabs: int = 0) -> AsyncIterator[Browser]:
    """A browser that is closed when left."""
    command: Sequence[str] = (str(NODE), str(FOLDER / "browser.mjs"))
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LONGEST_LINE
    )
    opened = Browser(process, base)
    try:
        if tabs:
            await opened.open(tabs)
        yield opened
    finally:
        await opened.end()

"""A wire between a client and a real server that a test can cut or silence."""

import asyncio
from contextlib import suppress


class Cable:
    """Carries bytes from a port of the loopback to a unix socket, until it is told not to."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._carrying: set[asyncio.Task[None]] = set()
        self._speaks = asyncio.Event()
        self.port = 0

    async def plug_in(self) -> None:
        """Carries, on the same port as before."""
        self._speaks.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Breaks every connection and refuses new ones, as a server that was killed does."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for end in [*self._ends]:
            end.transport.abort()

    def silence(self) -> None:
        """Accepts everything and answers nothing, as a server that hangs does."""
        self._speaks.clear()

    async def unplug(self) -> None:
        await self.cut()
        self._speaks.set()
        for task in self._carrying:
            task.cancel()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._carrying.add(task)
        self._ends.add(writer)
        with suppress(OSError, asyncio.CancelledError):
            there_reader, there = await asyncio.open_unix_connection(self._target)
            self._ends.add(there)
            try:
                await asyncio.gather(self._pump(reader, there), self._pump(there_reader, writer))
            finally:
                self._ends.discard(there)
                there.close()
        self._ends.discard(writer)
        writer.close()
        self._carrying.discard(task)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            await self._speaks.wait()
            sink.write(data)
            await sink.drain()
        sink.close()

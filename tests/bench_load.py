"""A load of HTTP requests that costs next to nothing: bytes made ahead, answers cut off by their length."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: bytes

    @property
    def data(self) -> Any:
        """The data of a GraphQL answer without errors."""
        payload = json.loads(self.body)
        assert "errors" not in payload, payload
        return payload["data"]


class Connection:
    """One keep-alive connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, url: str) -> "Connection":
        split = urlsplit(url)
        return cls(*await asyncio.open_connection(split.hostname, split.port))

    async def ask(self, request: bytes) -> Answer:
        """Sends a whole request and reads its whole answer."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        at = head.lower().index(b"content-length:") + len(b"content-length:")
        body = await self._reader.readexactly(int(head[at : head.index(b"\r\n", at)]))
        return Answer(int(head[9:12]), body)

    def close(self) -> None:
        self._writer.close()


def graphql(query: str, variables: Mapping[str, Any] | None = None, *, headers: Mapping[str, str]) -> bytes:
    """The bytes of one GraphQL request."""
    body = json.dumps({"query": query, "variables": variables or {}}).encode()
    lines = {"host": "bench", "content-type": "application/json", "content-length": str(len(body)), **headers}
    return b"POST /graphql HTTP/1.1\r\n" + _lines(lines) + b"\r\n" + body


def get(path: str, *, headers: Mapping[str, str]) -> bytes:
    """The bytes of one GET."""
    return f"GET {path} HTTP/1.1\r\n".encode() + _lines({"host": "bench", **headers}) + b"\r\n"


def _lines(headers: Mapping[str, str]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()


async def pour(
    url: str, turns: list[Callable[[Connection], Awaitable[None]]], *, for_s: float, warm_up_s: float = 1.0
) -> tuple[int, float]:
    """Each of `turns` again and again on a connection of its own: how many were done, in how many seconds."""
    done, counting = 0, False
    connections = [await Connection.open(url) for _ in turns]

    async def again(connection: Connection, turn: Callable[[Connection], Awaitable[None]]) -> None:
        nonlocal done
        while True:
            await turn(connection)
            done += counting

    tasks = [asyncio.create_task(again(*each)) for each in zip(connections, turns, strict=True)]
    await asyncio.sleep(warm_up_s)
    counting, began_s = True, time.perf_counter()
    await asyncio.wait(tasks, timeout=for_s, return_when=asyncio.FIRST_EXCEPTION)
    took_s = time.perf_counter() - began_s
    for task in tasks:
        if task.done():
            task.result()
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for connection in connections:
        connection.close()
    return done, took_s

"""A load of HTTP requests that costs next to nothing: bytes made ahead, answers cut off by their length."""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


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


class Connection(asyncio.Protocol):
    """One keep-alive connection; one request at a time."""

    def __init__(self) -> None:
        self._received = b""
        self._answer: asyncio.Future[Answer] | None = None

    @classmethod
    async def open(cls, url: str) -> "Connection":
        split = urlsplit(url)
        assert split.hostname, url
        assert split.port, url
        _, connection = await asyncio.get_running_loop().create_connection(cls, split.hostname, split.port)
        return connection

    async def ask(self, request: bytes) -> Answer:
        """Sends a whole request and reads its whole answer; raises ConnectionError when there comes none."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        length = LENGTH.search(head) if found else None
        if length and len(body) >= int(length[1]) and self._answer and not self._answer.done():
            self._received = b""
            self._answer.set_result(Answer(int(head[9:12]), body))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_exception(exc or ConnectionError("the server hung up"))


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

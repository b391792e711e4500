"""Connections that say nothing, say it slowly, or never end, on a real port."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from app.commands.serve import uvicorn_config
from app.edge.connections import MAX_HEAD_BYTES, ImpatientHttp

LIMIT_S = 0.5  # for what arrives at once; a busy machine takes a while for that, too
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class VeryImpatientHttp(ImpatientHttp):
    head_within_s = LIMIT_S


async def slow(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers after the head's deadline."""
    await asyncio.get_running_loop().run_in_executor(None, lambda: asyncio.run(asyncio.sleep(1.5 * LIMIT_S)))
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def quick(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers once the body is there."""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@asynccontextmanager
async def serving(app: ASGIApp, **more: Any) -> AsyncIterator[int]:
    """The port of a server of ours that runs `app`."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn_config(app, lifespan="off", **more))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await task
        listener.close()


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with serving(slow, http=VeryImpatientHttp) as port:
        yield port


async def closed(reader: asyncio.StreamReader) -> bool:
    """Whether the server hangs up, well within a test's patience."""
    async with asyncio.timeout(10):
        return await reader.read(1) == b""


@pytest.mark.parametrize("said", [b"", b"GET / HT", b"\r\n", REQUEST[:-2]], ids=["nothing", "line", "blank", "headers"])
async def test_half_a_request_is_hung_up_on(port: int, said: bytes) -> None:
    """A thousand connections that never finish asking would leave none for anybody else."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said)
    assert await closed(reader)
    writer.close()


@pytest.mark.parametrize("said", [b"G", b"\r\n"], ids=["line", "blank"])
async def test_a_slow_answer_is_not_cut_off_but_a_slow_second_request_is(port: int, said: bytes) -> None:
    """People would lose answers that take long; or a connection that was good once could be held for ever."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(2):
        writer.write(REQUEST)
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
    writer.write(said)
    assert await closed(reader)
    writer.close()


async def answer_to(port: int, *parts: bytes) -> bytes:
    """All that the server says before it hangs up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    said = b""
    with contextlib.suppress(ConnectionError):  # hung up on before everything was sent
        for part in parts:
            writer.write(part)
            await writer.drain()
        async with asyncio.timeout(10):
            said = await reader.read()
    writer.close()
    return said


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * MAX_HEAD_BYTES,
        REQUEST[:-2] + b"X: " + b"a" * MAX_HEAD_BYTES,
        REQUEST[:-2] + b"X: a\r\n" * 16_384,
    ],
    ids=["path", "one header", "many headers"],
)
async def test_a_head_without_end_is_refused(head: bytes) -> None:
    """One stranger with one connection could fill the memory of the server before the head's deadline."""
    async with serving(quick) as port:
        assert (await answer_to(port, head)).startswith(b"HTTP/1.1 431 ")


async def test_trailers_without_end_are_hung_up_on() -> None:
    """The same would go on behind a body."""
    chunked = REQUEST.replace(b"GET", b"POST")[:-2] + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n"
    async with serving(quick) as port:
        assert await answer_to(port, chunked, *[b"X: a\r\n" * 16_384] * 10) == b""


async def test_a_large_head_and_a_larger_body_are_read() -> None:
    """Browsers with many cookies would be turned away, or photos."""
    body = b"x" * 3 * MAX_HEAD_BYTES
    cookies = b"Cookie: " + b"a" * (MAX_HEAD_BYTES // 2) + b"\r\nConnection: close\r\n"
    whole = REQUEST.replace(b"GET", b"POST")[:-2] + cookies + b"Content-Length: %d\r\n\r\n" % len(body) + body
    pieces = [whole[at : at + 4000] for at in range(0, len(whole), 4000)]
    async with serving(quick) as port:
        assert (await answer_to(port, *pieces)).startswith(b"HTTP/1.1 200 ")


def test_it_is_what_the_server_runs() -> None:
    """The guard would exist, and not stand at the door."""
    config = uvicorn_config(slow)
    assert config.http is ImpatientHttp
    assert config.limit_concurrency is not None
    assert config.limit_concurrency < 1024, "the files that a process may usually open"

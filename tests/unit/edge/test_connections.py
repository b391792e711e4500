"""Connections that say nothing, or say it slowly, on a real port."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from app.commands.serve import uvicorn_config
from app.edge.connections import ImpatientHttp

LIMIT_S = 0.5  # for what arrives at once; a busy machine takes a while for that, too
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class VeryImpatientHttp(ImpatientHttp):
    head_within_s = LIMIT_S


async def slow(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers after the head's deadline."""
    await asyncio.get_running_loop().run_in_executor(None, lambda: asyncio.run(asyncio.sleep(1.5 * LIMIT_S)))
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn_config(slow, http=VeryImpatientHttp, lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    yield listener.getsockname()[1]
    server.should_exit = True
    await serving
    listener.close()


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


def test_it_is_what_the_server_runs() -> None:
    """The guard would exist, and not stand at the door."""
    config = uvicorn_config(slow)
    assert config.http is ImpatientHttp
    assert config.limit_concurrency is not None
    assert config.limit_concurrency < 1024, "the files that a process may usually open"

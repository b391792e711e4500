"""HTTP connections that do not wait for ever, nor keep what never ends: uvicorn bounds the time between requests, this
the head of one.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Twice what nginx takes; ours are a cookie, a token and what a browser says of itself.
MAX_HEAD_BYTES = 64 * 1024
_TOO_LARGE = b"The head of the request is too large."
_REFUSAL = b"\r\n".join(
    (
        b"HTTP/1.1 431 Request Header Fields Too Large",
        b"content-type: text/plain; charset=utf-8",
        b"content-length: %d" % len(_TOO_LARGE),
        b"connection: close",
        b"",
        _TOO_LARGE,
    )
)


class ImpatientHttp(HttpToolsProtocol):
    """Closes a connection whose next request line and headers are not there within `head_within_s`, or do not end.

    Measured from the connection's first moment, then from the first byte after each answer. A request that arrived is
    left alone: its body has a deadline of its own (app.edge.requests), its answer none. The parser keeps headers, and
    trailers after a body, however many come: more than MAX_HEAD_BYTES in a row that end neither are refused.
    """

    head_within_s = 10.0
    _head_timer: asyncio.TimerHandle | None = None
    _kept_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        super().connection_made(transport)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self._expect_head()
        self._kept_bytes += len(data)
        super().data_received(data)
        if self._kept_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._refuse_head()

    def on_headers_complete(self) -> None:
        self._head_is_there()
        self._kept_bytes = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._kept_bytes = 0  # app.edge.requests counts these
        super().on_body(body)

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_there()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_within_s, self._give_up)

    def _head_is_there(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse_head(self) -> None:
        if self.cycle is None or self.cycle.response_complete:  # else an answer is under way
            self.transport.write(_REFUSAL)
        self.transport.close()

    def _give_up(self, *_: Any) -> None:
        self._head_timer = None
        self.transport.close()

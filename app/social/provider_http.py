"""How we ask a provider something: bounded in time, in size and in connections, and its answer read without trust."""

import json
from collections.abc import Mapping
from typing import Any

import httpx

from app.tls import outgoing_tls

CONNECT_TIMEOUT_S = 5.0
TOTAL_TIMEOUT_S = 10.0  # for everything that one sign-in asks, together
MAX_ANSWER_BYTES = 256 * 1024  # a provider's own are a few KiB
MAX_CONNECTIONS = 20
RETRY_S = 10.0
MAX_RETRY_S = 3600.0  # GitHub counts by the hour

_USER_AGENT = "bonafide"  # GitHub refuses requests without one


class AnswerTooLarge(Exception):
    """Raised for an answer that nobody honest gives."""

    def __init__(self, status: int) -> None:
        super().__init__()
        self.status = status


class ProviderHttp:
    """Speaks to one provider; one per process, closed at shutdown. No redirect is followed."""

    def __init__(self, *, total_timeout_s: float = TOTAL_TIMEOUT_S) -> None:
        self._http = httpx.AsyncClient(
            verify=outgoing_tls(),
            headers={"user-agent": _USER_AGENT, "accept-encoding": "identity"},
            timeout=httpx.Timeout(total_timeout_s, connect=CONNECT_TIMEOUT_S),
            limits=httpx.Limits(max_connections=MAX_CONNECTIONS),
        )

    async def close(self) -> None:
        """Ends the connections."""
        await self._http.aclose()

    def form(self, url: str, fields: Mapping[str, str]) -> httpx.Request:
        """A form to be posted, that wants JSON back."""
        return self._http.build_request("POST", url, data=dict(fields), headers={"accept": "application/json"})

    def question(self, url: str, headers: Mapping[str, str]) -> httpx.Request:
        """A GET."""
        return self._http.build_request("GET", url, headers=dict(headers))

    async def send(self, request: httpx.Request) -> tuple[int, Mapping[str, str], Any]:
        """Status, headers and the JSON of the body, None where it is none; raises AnswerTooLarge, httpx' errors."""
        response = await self._http.send(request, stream=True)
        body = bytearray()
        try:
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    raise AnswerTooLarge(response.status_code)
        finally:
            await response.aclose()
        try:
            return response.status_code, response.headers, json.loads(body)
        except (ValueError, RecursionError):
            return response.status_code, response.headers, None


def whole_seconds(text: str | None) -> float | None:
    """The whole number of a header, None when it is none."""
    return float(text) if text is not None and text.isascii() and text.isdigit() and len(text) <= 12 else None


def bounded_wait(wait_s: float | None) -> float:
    """What a provider asks us to wait, between a second and an hour; ten seconds when it does not say."""
    return min(max(wait_s or RETRY_S, 1.0), MAX_RETRY_S)

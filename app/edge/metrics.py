"""GET /metrics: for the operator's Prometheus, and nobody else."""

import hmac
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.edge.requests import Caller, is_from_this_machine
from app.errors import Code, Problem

if TYPE_CHECKING:
    from app.wiring import Services


def routes(services: "Services") -> list[Route]:
    """With METRICS_TOKEN whoever has it may read; without one only this machine, and not through a proxy."""

    async def metrics(request: Request) -> Response:
        if (token := services.settings.metrics_token) is not None:
            _demand(token, Caller.of(request).bearer)
        elif not is_from_this_machine(request):
            raise Problem(Code.FORBIDDEN, "Without METRICS_TOKEN only this machine itself may read the metrics.")
        headers = {"cache-control": "no-store", "content-type": CONTENT_TYPE_LATEST}
        return Response(services.metrics_pages.text(), headers=headers)

    return [Route("/metrics", metrics, methods=["GET"])]


def _demand(token: str, given: str | None) -> None:
    if given is None or not hmac.compare_digest(given.encode(), token.encode()):
        raise Problem(Code.UNAUTHENTICATED, "Send METRICS_TOKEN as the bearer token.")

"""GET /client/liveness-policy: the gesture rules' thresholds, so that a browser judges by the server's own.

Public: a client that guides people needs them, and who wants to cheat reads them in the source. The server judges what
the browser claims by the same thresholds again, so that changing them in a page gains nothing.
"""

from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from liveness.policy import DEFAULT_POLICY

PATH = "/client/liveness-policy"
# An attempt takes a minute: a page that was opened before an upgrade has the new thresholds soon after it.
_HEADERS = {"cache-control": "public, max-age=300", "vary": "origin"}


def routes() -> list[Route]:
    """GET /client/liveness-policy."""
    told = asdict(DEFAULT_POLICY)

    async def answer(_: Request) -> JSONResponse:
        return JSONResponse(told, headers=_HEADERS)

    return [Route(PATH, answer, methods=["GET"])]

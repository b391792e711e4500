"""Liveness and readiness for whoever runs the server: red names the fault."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from app.errors import Problem
from app.storage import StorageError
from facecore.dlib_file import CHIP_SIDE
from facecore.errors import FaceBusy
from facecore.pool import FacePool

if TYPE_CHECKING:
    from app.wiring import Services

log = logging.getLogger(__name__)

PROBE_TIMEOUT_S = 3.0
# What a probe's own message may tell anyone who asks: these say what is away, never where it is or how we sign in.
_SPEAKS_PLAINLY = (Problem, StorageError)

Probe = Callable[[], Awaitable[object]]


def routes(services: "Services") -> list[Route]:
    """GET /healthz (the process answers) and GET /readyz (everything it needs answers too)."""
    probes: dict[str, Probe] = {
        "database": services.database.check,
        "redis": services.redis.ping,
        "storage": services.store.check,
        "mail": services.mailer.check,
        "models": partial(_describe_blank, services.face_pool),
    }

    async def healthz(_: Request) -> JSONResponse:
        return _answer({"status": "ok"}, 200)

    async def readyz(_: Request) -> JSONResponse:
        faults = await asyncio.gather(*(_fault(name, probe) for name, probe in probes.items()))
        checks = {name: fault or "ok" for name, fault in zip(probes, faults, strict=True)}
        ready = not any(fault for name, fault in zip(probes, faults, strict=True) if name not in _OPTIONAL)
        return _answer({"status": "ready" if ready else "not ready", "checks": checks}, 200 if ready else 503)

    return [Route("/healthz", healthz, methods=["GET"]), Route("/readyz", readyz, methods=["GET"])]


# Mail being away delays a proof of address; nobody is turned away for it.
_OPTIONAL = frozenset({"mail"})


async def _describe_blank(pool: FacePool) -> None:
    """One face through the network, 4 ms; a full queue means that it works, hard."""
    try:
        await pool.describe(np.zeros((1, CHIP_SIDE, CHIP_SIDE, 3), dtype=np.uint8))
    except FaceBusy:
        return


async def _fault(name: str, probe: Probe) -> str | None:
    """What is wrong with one part, None when nothing is."""
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            await probe()
    except TimeoutError:
        fault = f"no answer within {PROBE_TIMEOUT_S:g} s"
    except _SPEAKS_PLAINLY as error:
        fault = str(error)
    except Exception as error:  # a probe may fail in any way; each is an answer, not a crash
        fault = f"does not answer ({type(error).__name__})"
    else:
        return None
    log.warning("not ready: %s: %s", name, fault)
    return fault


def _answer(content: dict[str, object], status: int) -> JSONResponse:
    return JSONResponse(content, status, headers={"cache-control": "no-store"})

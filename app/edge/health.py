"""Liveness and readiness for whoever runs the server: red names the fault."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from facecore.dlib_file import CHIP_SIDE
from facecore.errors import FaceBusy
from facecore.pool import FacePool

if TYPE_CHECKING:
    from app.wiring import Services

log = logging.getLogger(__name__)

PROBE_TIMEOUT_S = 3.0
# Anyone may ask, and each look costs five round trips and a face: so many looks in a while, then the last answer again.
LOOKS = 4
LOOKS_WITHIN_S = 2.0
# What is red is looked at sooner, so that a recovery is seen at once.
RED_KEPT_S = 0.2

Probe = Callable[[], Awaitable[object]]
Faults = dict[str, str | None]


class Readiness:
    """Runs the probes, side by side and never twice at once, and not more often than whoever asks should cost us."""

    def __init__(
        self,
        probes: Mapping[str, Probe],
        *,
        looks: int = LOOKS,
        within_s: float = LOOKS_WITHIN_S,
        red_kept_s: float = RED_KEPT_S,
    ) -> None:
        self._probes = dict(probes)
        self._within_s = within_s
        self._red_kept_s = red_kept_s
        self._looking = asyncio.Lock()
        self._looked_at_s: deque[float] = deque(maxlen=looks)
        self._faults: Faults = {}

    async def faults(self) -> Faults:
        """What is wrong with each part, None where nothing is; at most `within_s` old."""
        async with self._looking:
            if self._wants_a_look(time.monotonic()):
                found = await asyncio.gather(*(_fault(name, probe) for name, probe in self._probes.items()))
                self._faults = dict(zip(self._probes, found, strict=True))
                self._looked_at_s.append(time.monotonic())
        return self._faults

    def _wants_a_look(self, now_s: float) -> bool:
        looked = self._looked_at_s
        if len(looked) < (looked.maxlen or 0) or now_s - looked[0] >= self._within_s:
            return True
        return any(self._faults.values()) and now_s - looked[-1] >= self._red_kept_s


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

    readiness = Readiness(probes)

    async def readyz(_: Request) -> JSONResponse:
        faults = await readiness.faults()
        checks = {name: fault or "ok" for name, fault in faults.items()}
        ready = not any(fault for name, fault in faults.items() if name not in _OPTIONAL)
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
        log.warning("not ready: %s: %s", name, fault)
        return fault
    except Exception as error:  # a probe may fail in any way; each is an answer, not a crash
        # Its own words may tell where something lies or how we sign in: they are for the log.
        log.warning("not ready: %s: %s: %s", name, type(error).__name__, error)
        return "does not answer as it should; the log says more"
    return None


def _answer(content: dict[str, object], status: int) -> JSONResponse:
    return JSONResponse(content, status, headers={"cache-control": "no-store"})

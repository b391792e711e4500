"""Whether an address has an account: by how much its answers differ in time from those for an address without one.

Known and unknown take turns, one request at a time, each from an address of its own, because the limits count by it.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.embedded import EmbeddedServices
from tests.bench_load import Connection, graphql
from tests.bench_server import BenchServer, serving

NAME = "alike"
PEOPLE = 50
BAR_MS = 5.0

SIGNUP = "mutation ($input: SignupInput!) { signup(input: $input) { isNewUser } }"
LOGIN = 'mutation ($email: String!) { login(email: $email, password: "a wrong guess") { isNewUser } }'
RESET = "mutation ($email: String!) { requestPasswordReset(email: $email) }"
RESEND = "mutation ($email: String!) { resendVerification(email: $email) }"

ASKED = (("sign-in with a wrong password", LOGIN, 10), ("a forgotten password", RESET, 3), ("a new proof", RESEND, 3))
"""What is asked, and how often the limit of one address lets it be."""


def run() -> list[dict[str, Any]]:
    """1,000 sign-ins, 300 of each of the others."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedServices.start(Path(folder) / "data") as services:
        settings = {
            "DATABASE_URL": services.database_url,
            "REDIS_URL": services.redis_url,
            "TRUST_FORWARDED_FOR": "true",
        }
        with serving(Path(folder), settings=settings) as server:
            return asyncio.run(_measure(server))


async def _measure(server: BenchServer) -> list[dict[str, Any]]:
    networks = iter(range(10**6))

    def headers() -> dict[str, str]:
        network = next(networks)
        return {"x-forwarded-for": f"10.{network // 65536}.{network // 256 % 256}.{network % 256}"}

    connection = await Connection.open(server.url)
    for number in range(PEOPLE):
        person = {
            "email": f"known{number}@example.org",
            "password": "orbiter-discovery-1995",
            "username": f"person{number}",
            "displayName": f"Person {number}",
        }
        assert (await connection.ask(graphql(SIGNUP, {"input": person}, headers=headers()))).data
    rows = [await _difference(connection, what, query, tries, headers) for what, query, tries in ASKED]
    connection.close()
    return rows


async def _difference(
    connection: Connection, what: str, query: str, tries: int, headers: Callable[[], dict[str, str]]
) -> dict[str, Any]:
    took_ms: dict[str, list[float]] = {"known": [], "unknown": []}
    for _ in range(tries):
        for number in range(PEOPLE):
            for kind, times in took_ms.items():
                request = graphql(query, {"email": f"{kind}{number}@example.org"}, headers=headers())
                began_s = time.perf_counter()
                answer = await connection.ask(request)
                times.append((time.perf_counter() - began_s) * 1000)
                assert b"RATE_LIMITED" not in answer.body, answer
    difference = abs(_median(took_ms["known"]) - _median(took_ms["unknown"]))
    return {
        "what": f"{what}: p50 for a known and an unknown address differ by",
        "value": difference,
        "unit": "ms",
        "bar": f"<= {BAR_MS:.0f}",
        "met": difference <= BAR_MS,
    }


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]

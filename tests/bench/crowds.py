"""Many streams at once: how many end with the badge, and how long each waits for its feedback."""

import asyncio
import base64
import json
import time
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from app.client.api import ApiClient
from app.client.sprites import AnimatedFrames
from app.client.stream import SUBPROTOCOL
from tests.bench_people import EXCLUDE, FPS, SUMMARY, attempt, join, measured, stream_url
from tests.bench_server import BenchServer

NAME = "crowds"
AT_ONCE = 20
WHEN_FULL = 14
OTHERS = 4
OPENED_WITHIN_S = 1.5
MOST_CLAIMS = 4  # a fifth failure in a row would block the account
CLAIM = (
    "mutation ($token: String!, $frame: String!, $evidence: [StepFrame!]) "
    "{ confirmLiveness(token: $token, frame: $frame, evidence: $evidence) { success error } }"
)


def run() -> list[dict[str, Any]]:
    """Twenty at once, then as many as there may be."""
    return measured((_crowd, {}), (_full_house, {"LIVENESS_MAX_STREAMS": str(WHEN_FULL)}))


async def _crowd(server: BenchServer, frames: AnimatedFrames, portrait: Path) -> list[dict[str, Any]]:
    people = await _joined(server, "crowd", AT_ONCE, portrait)
    began_s, before_cpu_s = time.perf_counter(), server.cpu_s
    passed, ended = await _streamed_at_once(people, server, frames)
    took_s, cpu_s = time.perf_counter() - began_s, server.cpu_s - before_cpu_s
    return [
        {
            "what": f"{AT_ONCE} streams at once at {FPS:.0f} frames/s: ended with the badge",
            "value": passed,
            "unit": "",
            "bar": f"= {AT_ONCE}",
            "met": passed == AT_ONCE,
        },
        *_waits(ended),
        {"what": "  frames dropped by the server", "value": sum(int(each[1]) for each in ended), "unit": ""},
        {
            "what": "  server CPU for one judged frame",
            "value": cpu_s / sum(int(each[0]) for each in ended) * 1000,
            "unit": "ms",
        },
        {"what": "  cores busy in the server meanwhile", "value": cpu_s / took_s, "unit": ""},
    ]


async def _full_house(server: BenchServer, frames: AnimatedFrames, portrait: Path) -> list[dict[str, Any]]:
    """Open streams at LIVENESS_MAX_STREAMS: first by themselves, then while others are refused and claims arrive."""
    people = await _joined(server, "full", WHEN_FULL, portrait)
    others = await _joined(server, "other", OTHERS, portrait)
    alone_passed, alone = await _streamed_at_once(people, server, frames, keep=True)
    done = asyncio.Event()
    pressing = [asyncio.create_task(_press(api, server, frames, done)) for api in others]
    passed, ended = await _streamed_at_once(people, server, frames)
    done.set()
    refused, claims = (sum(each) for each in zip(*await asyncio.gather(*pressing), strict=True))
    for api in others:
        await api.close()
    return [
        {"what": f"{WHEN_FULL} streams, all there may be: ended with the badge", "value": alone_passed, "unit": ""},
        *_waits(alone),
        {
            "what": f"  while {refused} more were told BUSY and {claims} browsers' claims were judged",
            "value": passed,
            "unit": "",
        },
        *_waits(ended),
    ]


async def _press(api: ApiClient, server: BenchServer, frames: AnimatedFrames, done: asyncio.Event) -> tuple[int, int]:
    """One person who asks for a stream and is refused, and then tries as a browser: how often each."""
    refused, claims, source = 0, 0, frames.source(seed=7)
    await asyncio.sleep(OPENED_WITHIN_S)
    while not done.is_set() and claims < MOST_CLAIMS:
        challenge = await api.create_challenge(exclude=EXCLUDE)
        start = {"type": "start", "challengeToken": challenge.token, "accessToken": api.access_token}
        async with connect(stream_url(server), subprotocols=[Subprotocol(SUBPROTOCOL)], proxy=None) as socket:
            await socket.send(json.dumps(start))
            refused += json.loads(await socket.recv()).get("code") == "BUSY"
        stills = [base64.b64encode(source.frame(100 * number) or b"").decode() for number in range(4)]
        evidence = [
            {"step": step.value, "frame": still, "capturedAtMs": 1000 * number}
            for number, (step, still) in enumerate(zip(challenge.steps, stills[1:], strict=False), start=1)
        ]
        variables = {"token": challenge.token, "frame": stills[0], "evidence": evidence}
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
            answer = await http.post(
                "/graphql",
                json={"query": CLAIM, "variables": variables},
                headers={"authorization": f"Bearer {api.access_token}"},
            )
        assert "errors" not in answer.json(), answer.text
        claims += 1
    return refused, claims


async def _joined(server: BenchServer, name: str, count: int, portrait: Path) -> list[ApiClient]:
    people = [ApiClient(server.url) for _ in range(count)]
    for number, api in enumerate(people):
        await join(api, f"{name}{number}", portrait)
    return people


async def _streamed_at_once(
    people: list[ApiClient], server: BenchServer, frames: AnimatedFrames, *, keep: bool = False
) -> tuple[int, list[tuple[str, ...]]]:
    """How many earned the badge, and what the server's log says of each stream."""
    already = len(SUMMARY.findall(server.log.read_text()))
    results = await asyncio.gather(
        *(attempt(api, server, frames.source(seed=100 + number)) for number, api in enumerate(people))
    )
    for api in [] if keep else people:
        await api.close()
    return sum(results), SUMMARY.findall(server.log.read_text())[already:]


def _waits(ended: list[tuple[str, ...]]) -> list[dict[str, Any]]:
    p95_ms = sorted(float(p95) for *_, p95 in ended)
    return [
        {
            "what": "  p95 from frame received to feedback sent, median stream",
            "value": p95_ms[len(p95_ms) // 2],
            "unit": "ms",
        },
        {"what": "  p95 from frame received to feedback sent, worst stream", "value": p95_ms[-1], "unit": "ms"},
    ]

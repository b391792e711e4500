"""Liveness streams: what one costs beside bare FaceMesh, and twenty at once on this machine.

The clients run in this process and the server in its own; the server's figures are its process' alone. Frames are
drawn ahead, so that the clients cost next to nothing.
"""

import asyncio
import re
import tempfile
import time
from pathlib import Path
from typing import Any

from app.client.api import ApiClient
from app.client.opening import animator_of, read_photo
from app.client.sources import Source
from app.client.sprites import AnimatedFrames
from app.client.stream import stream_attempt
from liveness.frames import decode_frame
from liveness.landmarks import FaceMeshGraph
from liveness.steps import LivenessStep
from tests.bench_server import BenchServer, serving
from tests.conftest import shipped

NAME = "streams"
PASSWORD = "orbiter-discovery-1995"
ONE_BY_ONE = 6
AT_ONCE = 20
FPS = 10.0
# At ten frames a second a stream never asks for a blink.
EXCLUDE = (LivenessStep.BLINK,)
SUMMARY = re.compile(r"liveness stream ended .* judged=(\d+) dropped=(\d+) fps=([\d.]+) p95_ms=([\d.]+)")


class _Camera:
    """Remembers what was sent, so that bare FaceMesh can be measured on the same frames."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.sent: list[bytes] = []

    def prompt(self, step: LivenessStep) -> None:
        self._source.prompt(step)

    def frame(self, t_ms: int) -> bytes | None:
        jpeg = self._source.frame(t_ms)
        assert jpeg is not None
        self.sent.append(jpeg)
        return jpeg


def run() -> list[dict[str, Any]]:
    """One by one for the ratio, then all at once."""
    portrait = shipped("matplotlib", "mpl-data", "sample_data", "grace_hopper.jpg")
    frames = AnimatedFrames.prerender(animator_of(read_photo(portrait)))
    rows: list[dict[str, Any]] = []
    for measure in (_ratio, _crowd):
        # A folder each: 20 sign-ups an hour are all that one address may have.
        with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as server:
            rows += asyncio.run(measure(server, frames, portrait))
    return rows


async def _ratio(server: BenchServer, frames: AnimatedFrames, portrait: Path) -> list[dict[str, Any]]:
    sent: list[bytes] = []
    cpu_s, judged, passed = 0.0, 0, 0
    for number in range(ONE_BY_ONE):
        async with ApiClient(server.url) as api:
            await _join(api, f"one{number}", portrait)
            camera = _Camera(frames.source(seed=number))
            before_cpu_s, before = server.cpu_s, _judged(server)
            passed += await _attempt(api, server, camera)
            cpu_s += server.cpu_s - before_cpu_s
            judged += _judged(server) - before
            sent += camera.sent
    bare_ms = _bare_face_mesh_ms(sent)
    streamed_ms = cpu_s / judged * 1000
    ratio = streamed_ms / bare_ms
    return [
        {"what": f"streams one by one that earned the badge, of {ONE_BY_ONE}", "value": passed, "unit": ""},
        {"what": "bare FaceMesh CPU for one 320x240 frame", "value": bare_ms, "unit": "ms"},
        {"what": "server CPU for one streamed frame, whole stream shared out", "value": streamed_ms, "unit": "ms"},
        {
            "what": "server CPU for one streamed frame / bare FaceMesh CPU",
            "value": ratio,
            "unit": "",
            "bar": "<= 1.25",
            "met": ratio <= 1.25,
        },
    ]


async def _crowd(server: BenchServer, frames: AnimatedFrames, portrait: Path) -> list[dict[str, Any]]:
    people = [ApiClient(server.url) for _ in range(AT_ONCE)]
    for number, api in enumerate(people):
        await _join(api, f"crowd{number}", portrait)
    already = len(SUMMARY.findall(server.log.read_text()))
    began_s, before_cpu_s = time.perf_counter(), server.cpu_s
    cameras = [_Camera(frames.source(seed=100 + number)) for number in range(AT_ONCE)]
    results = await asyncio.gather(
        *(_attempt(api, server, camera) for api, camera in zip(people, cameras, strict=True))
    )
    took_s = time.perf_counter() - began_s
    for api in people:
        await api.close()
    ended = SUMMARY.findall(server.log.read_text())[already:]
    p95_ms = max(float(p95) for _, _, _, p95 in ended)
    middle_p95_ms = sorted(float(p95) for _, _, _, p95 in ended)[len(ended) // 2]
    return [
        {
            "what": f"{AT_ONCE} streams at once at {FPS:.0f} frames/s: ended with the badge",
            "value": sum(results),
            "unit": "",
            "bar": f"= {AT_ONCE}",
            "met": sum(results) == AT_ONCE,
        },
        {"what": "  p95 from frame received to feedback sent, median stream", "value": middle_p95_ms, "unit": "ms"},
        {"what": "  p95 from frame received to feedback sent, worst stream", "value": p95_ms, "unit": "ms"},
        {"what": "  frames dropped by the server", "value": sum(int(each[1]) for each in ended), "unit": ""},
        {"what": "  cores busy in the server meanwhile", "value": (server.cpu_s - before_cpu_s) / took_s, "unit": ""},
    ]


async def _join(api: ApiClient, handle: str, portrait: Path) -> None:
    await api.sign_up(email=f"{handle}@example.org", password=PASSWORD, handle=handle, name=handle)
    await api.upload_avatar(portrait.read_bytes(), mime="image/jpeg")


async def _attempt(api: ApiClient, server: BenchServer, camera: _Camera) -> bool:
    challenge = await api.create_challenge(exclude=EXCLUDE)
    result = await stream_attempt(
        camera,
        url=server.url.replace("http", "ws", 1) + "/liveness/stream",
        challenge_token=challenge.token,
        access_token=api.access_token,
        fps=FPS,
    )
    return bool(result["success"])


def _judged(server: BenchServer) -> int:
    return sum(int(judged) for judged, _, _, _ in SUMMARY.findall(server.log.read_text()))


def _bare_face_mesh_ms(jpegs: list[bytes]) -> float:
    """CPU of the landmark graph alone, all its threads, on the frames that were streamed."""
    pictures = [decode_frame(jpeg) for jpeg in jpegs]
    graph = FaceMeshGraph()
    for picture in pictures[:10]:
        graph.read(picture)
    began_s = time.process_time()
    for picture in pictures:
        graph.read(picture)
    spent_s = time.process_time() - began_s
    graph.close()
    return spent_s / len(pictures) * 1000

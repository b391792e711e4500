"""Liveness streams: what a frame costs beside bare FaceMesh (MediaPipe's own solution).

The clients run in this process and the server in its own; the server's figures are its process' alone. They share the
machine's cores, so the clients of the flat-out rows are as cheap as can be: frames drawn ahead, plain sockets, some
0.05 ms a frame. Frames a second are still those of server and clients together on the same cores.

Flat out, server and bare FaceMesh take turns on the same frames, a few seconds each, and the middle ratio counts:
what else a shared machine does changes from second to second, by more than what is measured here.
"""

import importlib
import json
import socket
import statistics
import struct
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from app.client.api import ApiClient
from app.client.sources import Source
from app.client.sprites import AnimatedFrames
from app.client.stream import HEADER, SUBPROTOCOL
from liveness.frames import decode_frame
from liveness.steps import LivenessStep
from tests.bench_people import EXCLUDE, FPS, SUMMARY, attempt, join, measured
from tests.bench_server import BenchServer

NAME = "streams"
ONE_BY_ONE = 4
FLAT_OUT_STREAMS = 2
FLAT_OUT_ROUNDS = 7
FLAT_OUT_S = 3.0
APART_S = 0.001  # of two frames that arrive as one packet the server judges only the newer
_TEXT, _BINARY = 1, 2  # WebSocket opcodes


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
    """At the pace of one phone, then flat out."""
    return measured((_one_by_one, {}), (_flat_out, {}))


async def _one_by_one(server: BenchServer, frames: AnimatedFrames, portrait: Path) -> list[dict[str, Any]]:
    """Whole attempts, one at a time: what the frames cost, and what a stream costs besides."""
    sent: list[bytes] = []
    frames_cpu_s, whole_cpu_s, judged, passed = 0.0, 0.0, 0, 0
    async with ApiClient(server.url) as api:
        await join(api, "grace", portrait)
        for number in range(ONE_BY_ONE):
            camera = _Camera(frames.source(seed=number))
            marks: dict[str, float] = {}
            before_cpu_s, before = server.cpu_s, _judged(server)
            passed += await attempt(api, server, camera, lambda e, m=marks: m.setdefault(e["type"], server.cpu_s))
            whole_cpu_s += server.cpu_s - before_cpu_s
            frames_cpu_s += marks["comparing"] - marks["ready"]
            judged += _judged(server) - before
            sent += camera.sent
    bare_ms, _ = _bare_face_mesh(sent, pause_s=1 / FPS)
    frame_ms = frames_cpu_s / judged * 1000
    return [
        {"what": f"at {FPS:.0f} frames/s: streams that earned the badge, of {ONE_BY_ONE}", "value": passed, "unit": ""},
        {"what": "  bare FaceMesh CPU for one 320x240 frame at that pace", "value": bare_ms, "unit": "ms"},
        {"what": "  server CPU for one streamed frame", "value": frame_ms, "unit": "ms"},
        {"what": "  ratio at that pace (caches are cold on both sides)", "value": frame_ms / bare_ms, "unit": ""},
        {
            "what": "  server CPU for a whole stream beside its frames (challenge, comparison, badge)",
            "value": (whole_cpu_s - frames_cpu_s) / ONE_BY_ONE * 1000,
            "unit": "ms",
        },
    ]


async def _flat_out(server: BenchServer, frames: AnimatedFrames, portrait: Path) -> list[dict[str, Any]]:
    """As many frames as the server takes: the person only looks at the camera, so nothing ends the stream."""
    turns = [await _flat_out_turn(server, frames, portrait, number) for number in range(FLAT_OUT_ROUNDS)]
    server_ms, server_per_s, bare_ms, bare_per_s, client_ms = (
        statistics.median(each) for each in zip(*turns, strict=True)
    )
    cpu_ratio = statistics.median(turn[0] / turn[2] for turn in turns)
    pace_ratio = statistics.median(turn[1] / turn[3] for turn in turns)
    return [
        {
            "what": f"flat out, {FLAT_OUT_STREAMS} streams: frames/s through the socket",
            "value": server_per_s,
            "unit": "",
        },
        {"what": f"  bare FaceMesh frames/s, {FLAT_OUT_STREAMS} graphs and threads", "value": bare_per_s, "unit": ""},
        {
            "what": "  frames/s through the socket / bare FaceMesh frames/s (clients on the same cores)",
            "value": pace_ratio,
            "unit": "",
            "bar": ">= 0.8",
            "met": pace_ratio >= 0.8,
        },
        {"what": "  the clients' own CPU for one frame", "value": client_ms, "unit": "ms"},
        {"what": "  bare FaceMesh CPU for one 320x240 frame, flat out", "value": bare_ms, "unit": "ms"},
        {"what": "  server CPU for one streamed frame", "value": server_ms, "unit": "ms"},
        {
            "what": "  server CPU for one streamed frame / bare FaceMesh CPU",
            "value": cpu_ratio,
            "unit": "",
            "bar": "<= 1.25",
            "met": cpu_ratio <= 1.25,
        },
    ]


async def _flat_out_turn(
    server: BenchServer, frames: AnimatedFrames, portrait: Path, number: int
) -> tuple[float, float, float, float, float]:
    """The server's CPU for one frame in ms and frames a second, bare FaceMesh's, and the clients' CPU for one frame."""
    pourings = []
    for stream in range(FLAT_OUT_STREAMS):
        # An account each time: leaving a stream is a failed attempt, and five in a row block.
        async with ApiClient(server.url) as api:
            await join(api, f"flat{number}x{stream}", portrait)
            challenge = await api.create_challenge(exclude=EXCLUDE)
            source = frames.source(seed=number * FLAT_OUT_STREAMS + stream)
            drawn = [source.frame(at * 100) for at in range(int(FLAT_OUT_S * 1000))]
            pourings.append(_Pouring(server, challenge.token, api.access_token, drawn))
    before_cpu_s, before_own_s, before_s = server.cpu_s, time.process_time(), time.perf_counter()
    _together([pouring.run for pouring in pourings])
    cpu_s, own_s, took_s = (
        server.cpu_s - before_cpu_s,
        time.process_time() - before_own_s,
        time.perf_counter() - before_s,
    )
    sent = [pouring.sent for pouring in pourings]
    count = sum(pouring.judged for pouring in pourings)
    bare_ms, bare_per_s = _bare_face_mesh(_interleaved(sent), streams=FLAT_OUT_STREAMS)
    return cpu_s / count * 1000, count / took_s, bare_ms, bare_per_s, own_s / count * 1000


class _Pouring:
    """One stream over a plain socket: sends a frame for every credit, for some seconds, and keeps what it sent.

    A dropped frame gives its credit back too; only feedback says that a frame was judged.
    """

    def __init__(self, server: BenchServer, challenge_token: str, access_token: str | None, drawn: list[bytes]) -> None:
        self._address = urlsplit(server.url)
        self._start = {"type": "start", "challengeToken": challenge_token, "accessToken": access_token}
        self._drawn = drawn
        self.sent: list[bytes] = []
        self.judged = 0

    def run(self) -> None:
        assert self._address.hostname is not None
        with socket.create_connection((self._address.hostname, self._address.port)) as wire:
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            wire.sendall(
                f"GET /liveness/stream HTTP/1.1\r\nHost: {self._address.netloc}\r\n"
                "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                f"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n".encode()
            )
            heard = wire.makefile("rb")
            assert b" 101 " in heard.readline()
            while heard.readline() != b"\r\n":
                pass
            _send_message(wire, _TEXT, json.dumps(self._start).encode())
            credit = self._credit(heard, "ready")
            began_s = time.perf_counter()
            while (now_s := time.perf_counter() - began_s) < FLAT_OUT_S:
                for number in range(credit):
                    if number > 0:
                        time.sleep(APART_S)
                    jpeg = self._drawn[len(self.sent)]
                    self.sent.append(jpeg)
                    _send_message(wire, _BINARY, HEADER.pack(len(self.sent), int(now_s * 1000)), jpeg)
                credit = self._credit(heard, "feedback")
                self.judged += 1

    def _credit(self, heard: BinaryIO, expected: str) -> int:
        _, size = heard.read(2)
        if size == 126:
            size = int.from_bytes(heard.read(2), "big")
        message = json.loads(heard.read(size))
        assert message["type"] == expected, message
        return int(message["credit"])


def _send_message(wire: socket.socket, opcode: int, *parts: bytes) -> None:
    """One WebSocket message, masked with zeros: the server unmasks it like any other."""
    size = sum(len(part) for part in parts)
    head = struct.pack(">BBHI", 0x80 | opcode, 0x80 | 126, size, 0)
    assert wire.sendmsg([head, *parts]) == len(head) + size


def _judged(server: BenchServer) -> int:
    return sum(int(judged) for judged, _, _, _ in SUMMARY.findall(server.log.read_text()))


def _interleaved(streams: list[list[bytes]]) -> list[bytes]:
    return [jpeg for together in zip(*streams, strict=False) for jpeg in together]


def _bare_face_mesh(jpegs: list[bytes], *, streams: int = 1, pause_s: float = 0.0) -> tuple[float, float]:
    """CPU for one frame in ms, and frames a second, of MediaPipe's own FaceMesh solution on frames decoded before.

    One graph and one thread for each stream, as the server has: two busy cores slow each other down, whoever works.
    """
    face_mesh = importlib.import_module("mediapipe").solutions.face_mesh
    graphs = [face_mesh.FaceMesh(refine_landmarks=True) for _ in range(streams)]
    shares = [[decode_frame(jpeg) for jpeg in jpegs[number::streams]] for number in range(streams)]

    def read(number: int) -> None:
        for picture in shares[number]:
            graphs[number].process(picture)
            time.sleep(pause_s)

    for graph, share in zip(graphs, shares, strict=True):
        for picture in share[:10]:
            graph.process(picture)
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    _together([partial(read, number) for number in range(streams)])
    cpu_s, took_s = time.process_time() - began_cpu_s, time.perf_counter() - began_s
    for graph in graphs:
        graph.close()
    return cpu_s / len(jpegs) * 1000, len(jpegs) / took_s


def _together(works: list[Callable[[], None]]) -> None:
    """Runs each on a thread of its own to the end; raises what one of them raised."""
    with ThreadPoolExecutor(max_workers=len(works)) as threads:
        for job in [threads.submit(work) for work in works]:
            job.result()

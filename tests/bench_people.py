"""People who stream to a bench's server: an account with a photo, an attempt, and what the server's log says of it.

The frames weigh what a camera's do. Our labelled clips, scaled to 320x240 and encoded at 85, are 8 to 14 KB; at 70, a
usual value for canvas.toBlob, 6 to 10. The drawn frames have a noisy wall behind the head, 20 KB at 85: encoded at 70
they are 13.5 KB, as heavy as the heaviest of the clips.
"""

import asyncio
import re
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from app.client.api import ApiClient
from app.client.opening import animator_of, read_photo
from app.client.sources import Source
from app.client.sprites import AnimatedFrames
from app.client.stream import Event, stream_attempt
from liveness.steps import LivenessStep
from tests.bench_server import BenchServer, serving
from tests.conftest import shipped

PASSWORD = "orbiter-discovery-1995"
QUALITY = 70
FPS = 10.0
# At ten frames a second a stream never asks for a blink.
EXCLUDE = (LivenessStep.BLINK,)
SUMMARY = re.compile(r"liveness stream ended .* judged=(\d+) dropped=(\d+) fps=([\d.]+) p95_ms=([\d.]+)")

Measure = Callable[[BenchServer, AnimatedFrames, Path], Coroutine[Any, Any, list[dict[str, Any]]]]


def measured(*measures: tuple[Measure, dict[str, str]]) -> list[dict[str, Any]]:
    """What each finds on a server with its settings, with frames drawn from a photo."""
    portrait = shipped("matplotlib", "mpl-data", "sample_data", "grace_hopper.jpg")
    frames = AnimatedFrames.prerender(animator_of(read_photo(portrait)), quality=QUALITY)
    rows: list[dict[str, Any]] = []
    for measure, settings in measures:
        # A folder each: 20 sign-ups an hour are all that one address may have.
        with tempfile.TemporaryDirectory() as folder, serving(Path(folder), settings=settings) as server:
            rows += asyncio.run(measure(server, frames, portrait))
    return rows


async def join(api: ApiClient, handle: str, portrait: Path) -> None:
    await api.sign_up(email=f"{handle}@example.org", password=PASSWORD, handle=handle, name=handle)
    await api.upload_avatar(portrait.read_bytes(), mime="image/jpeg")


async def attempt(
    api: ApiClient, server: BenchServer, source: Source, on_event: Callable[[Event], object] | None = None
) -> bool:
    challenge = await api.create_challenge(exclude=EXCLUDE)
    result = await stream_attempt(
        source,
        url=stream_url(server),
        challenge_token=challenge.token,
        access_token=api.access_token,
        fps=FPS,
        on_event=on_event,
    )
    return bool(result["success"])


def stream_url(server: BenchServer) -> str:
    return server.url.replace("http", "ws", 1) + "/liveness/stream"

"""What an operator sees of liveness attempts: counted where they are judged, from the real wire."""

from pathlib import Path
from typing import Any

from app.client.animation import PhotoAnimator
from app.client.sources import PhotoSource
from app.client.stream import stream_attempt
from liveness.steps import LivenessStep
from tests.running import RunningServer, person


def figures(server: RunningServer) -> dict[str, float]:
    """Every sample by its name and labels."""
    lines = server.services.metrics.text().decode().splitlines()
    samples = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
    return {name: float(value) for name, value in samples}


async def test_an_attempt_is_counted_from_start_to_badge(
    server: RunningServer, astronaut_path: Path, astronaut: PhotoAnimator
) -> None:
    """An operator would not see that people stop passing, that frames lag, or how many streams are open."""
    async with person(server, "eileen", photo=astronaut_path) as eileen:
        heard: list[Any] = []
        wire = {"url": server.stream_url, "access_token": eileen.access_token, "fps": 15, "on_event": heard.append}
        tries, passed = 0, {"success": False}
        while not passed["success"] and tries < 3:  # who misses a step because the machine stood still tries again
            tries += 1
            # BLINK takes 12 frames a second, which a busy machine does not reach.
            challenge = await eileen.api.create_challenge(exclude=[LivenessStep.BLINK])
            passed = await stream_attempt(PhotoSource(astronaut), challenge_token=challenge.token, **wire)
        assert passed["success"], passed
        again = await stream_attempt(PhotoSource(astronaut), challenge_token=challenge.token, **wire)
        assert again["error"] == "TOKEN_EXPIRED"
    seen = figures(server)
    assert seen["liveness_attempts_started_total"] == tries
    assert seen["liveness_attempts_passed_total"] == 1
    assert seen['liveness_attempts_refused_total{reason="TOKEN_EXPIRED"}'] == 1
    assert seen['face_comparisons_total{result="match"}'] == 1
    assert seen["liveness_streams_open"] == 0
    judged = [event for event in heard if event["type"] == "feedback"]
    assert seen["liveness_frames_judged_total"] == len(judged) > 0
    assert seen["liveness_frame_seconds_count"] == seen["liveness_frames_judged_total"]
    assert seen['liveness_frame_seconds_bucket{le="+Inf"}'] == seen["liveness_frames_judged_total"]
    assert seen["face_pool_waiting"] == 0

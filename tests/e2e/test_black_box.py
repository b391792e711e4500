"""The product as a newcomer meets it: commands in a shell, nothing imported; and what a power cut leaves of it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import httpx
import pytest

from app.client.animation import PhotoAnimator
from app.client.api import ApiClient
from app.client.opening import animator_of, read_photo
from app.client.sources import PhotoSource
from liveness.frames import decode_frame
from liveness.steps import LivenessStep
from tests.attempts import FPS
from tests.integration.test_serve import Server, at, children_of, serve
from tests.running import in_real_time

BONAFIDE = [sys.executable, "-B", "-m", "app.cli"]
PASSWORD = "orbiter-discovery-1995"
WITHIN_S = 120  # a process that hangs is ended; one that is slow comes to its end by itself


@pytest.fixture(scope="module")
def animator(astronaut_path: Path) -> PhotoAnimator:
    return animator_of(read_photo(astronaut_path))


def stream(url: str, photo: Path, handle: str) -> list[str]:
    """The command that signs somebody up and verifies them."""
    who = ["--email", f"{handle}@example.org", "--password", PASSWORD, "--sign-up", "--photo", str(photo)]
    return [*BONAFIDE, "stream", str(photo), "--url", url, *who, "--fps", "15", "--json"]


def kill_everything(server: Server) -> None:
    """A power cut: the server and its databases end in the same moment."""
    for pid in (*children_of(server.process.pid), server.process.pid):
        os.kill(pid, signal.SIGKILL)
    server.process.wait()


async def me(url: str, handle: str, *, token: str | None = None) -> tuple[dict[str, Any], str, bytes]:
    """The account, the access token and the photo: of the session `token`, or of a new one."""
    async with ApiClient(url) as api, httpx.AsyncClient(trust_env=False) as http:
        api.access_token = token
        if token is None:
            await api.sign_in(email=f"{handle}@example.org", password=PASSWORD)
        account = await api.me()
        assert account is not None
        assert api.access_token is not None
        return account, api.access_token, (await http.get(account["avatarUrl"])).content


@in_real_time
@pytest.mark.timeout(300)
def test_a_badge_earned_before_a_power_cut_is_still_there_after_it(tmp_path: Path, astronaut_path: Path) -> None:
    """People would lose accounts, photos, badges and their sessions with every crash of the machine."""
    with serve("--port", "0", environment=at(tmp_path)) as server:
        url = server.ready()
        done = subprocess.run(stream(url, astronaut_path, "eileen"), capture_output=True, text=True, timeout=WITHIN_S)
        assert done.returncode == 0, done.stdout + done.stderr
        assert json.loads(done.stdout.splitlines()[-1])["success"]
        before, token, photo = asyncio.run(me(url, "eileen"))
        assert before["verifiedAt"] is not None
        with subprocess.Popen(
            stream(url, astronaut_path, "mallory"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as other:
            assert other.stdout is not None
            assert any('"feedback"' in line for line in other.stdout), "the stream never ran"
            kill_everything(server)
            _, said = other.communicate(timeout=WITHIN_S)
        assert other.returncode in (1, 2)
        assert said
        assert "Traceback" not in said
    with serve("--port", url.rpartition(":")[2], environment=at(tmp_path)) as server:
        assert server.ready() == url
        assert asyncio.run(me(url, "eileen", token=token)) == (before, token, photo)
        unverified, _, _ = asyncio.run(me(url, "mallory"))
        assert unverified["verifiedAt"] is None
        kill_everything(server)


@pytest.mark.parametrize(("asked", "code"), [("LOOK_LEFT,OPEN_MOUTH", 0), ("LOOK_RIGHT,OPEN_MOUTH", 1)])
def test_check_judges_a_recorded_clip(
    tmp_path: Path, animator: PhotoAnimator, astronaut_path: Path, asked: str, code: int
) -> None:
    """An operator could not find out why somebody was refused."""
    clip = tmp_path / "clip.avi"
    video = cv2.VideoWriter(str(clip), cv2.VideoWriter.fourcc(*"MJPG"), FPS, (320, 240))
    camera = PhotoSource(animator)
    for number in range(8 * FPS):
        if number in (0, 4 * FPS):
            camera.prompt(LivenessStep.LOOK_LEFT if number == 0 else LivenessStep.OPEN_MOUTH)
        video.write(decode_frame(camera.frame(round(1000 * number / FPS)))[..., ::-1])
    video.release()
    command = [*BONAFIDE, "check", str(clip), "--steps", asked, "--photo", str(astronaut_path), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S)
    assert done.returncode == code, done.stdout + done.stderr
    verdict = json.loads(done.stdout)
    assert verdict["passed"] is (code == 0)
    assert [step["passed"] for step in verdict["steps"]] == ([True, True] if code == 0 else [False, False])
    assert (verdict["error"] is None) == (code == 0)

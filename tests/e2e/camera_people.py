"""What the browser's fake camera shows: a photo animated in software, at rest and answering each step.

A stand-in for a person, not one: the same animation that the reference client has (app/client/animation.py), which
landmarks alone cannot tell from somebody alive. It lets a test answer the server's real random challenge.
"""

import base64
import fcntl
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.client.animation import PhotoAnimator
from app.client.opening import read_photo
from app.client.performance import Sway, perform, posed, timing_of
from liveness.landmarks import StillFaceMesh
from liveness.steps import LivenessStep

FPS = 15
SIZE = (480, 360)
REST_MS = 3000
SEED = 7


@dataclass(frozen=True)
class CameraPeople:
    """Files of pictures for tests/e2e/fake_camera.mjs, one for each person."""

    astronaut: Path
    grace_hopper: Path


@pytest.fixture(scope="session")
def camera_people(
    tmp_path_factory: pytest.TempPathFactory, worker_id: str, astronaut_path: Path, grace_hopper_path: Path
) -> CameraPeople:
    """Two people, drawn once for all workers. The second is who somebody else would be, and answers as well."""
    own = tmp_path_factory.getbasetemp()
    folder = (own if worker_id == "master" else own.parent) / "camera"
    folder.mkdir(exist_ok=True)
    people = CameraPeople(astronaut=folder / "astronaut.json", grace_hopper=folder / "grace_hopper.json")
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not people.grace_hopper.exists():
            drawn(astronaut_path, into=people.astronaut, steps=tuple(LivenessStep))
            drawn(grace_hopper_path, into=people.grace_hopper, steps=tuple(LivenessStep))
    return people


def drawn(photo: Path, *, into: Path, steps: tuple[LivenessStep, ...]) -> Path:
    """Writes base64 JPEGs at FPS: `rest`, and for each step one whole answer from its first movement to its last."""
    with closing(StillFaceMesh()) as reader:
        animator = PhotoAnimator(read_photo(photo), reader, size=SIZE, seed=SEED)
    answers = {step.value: [_text(jpeg) for jpeg in _answer(animator, step)] for step in steps}
    rest = [_text(jpeg) for jpeg in _rest(animator)]
    width, height = SIZE
    unfinished = into.with_suffix(".unfinished")
    unfinished.write_text(json.dumps({"fps": FPS, "width": width, "height": height, "rest": rest, "steps": answers}))
    return unfinished.rename(into)  # who finds it finds all of it


def _rest(animator: PhotoAnimator) -> Iterator[bytes]:
    sway = Sway(seed=SEED)
    for number in range(REST_MS * FPS // 1000):
        pose, shift = sway.at(1000 * number // FPS)
        yield animator.jpeg(posed(None, 0.0, pose), shift=shift)


def _answer(animator: PhotoAnimator, step: LivenessStep) -> Iterator[bytes]:
    sway, timing = Sway(seed=SEED), timing_of(step)
    for number in range((timing.reach_ms + timing.hold_ms + timing.back_ms) * FPS // 1000 + 1):
        t_ms = 1000 * number // FPS
        pose, shift = sway.at(t_ms)
        share = perform(step, (timing.react_ms + t_ms) / 1000)
        yield animator.jpeg(posed(step, share, pose), shift=shift)


def _text(jpeg: bytes) -> str:
    return base64.b64encode(jpeg).decode()

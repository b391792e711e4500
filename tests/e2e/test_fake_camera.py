"""The fake camera of the browser tests as the server reads it: what is tested with it is worth as much as it."""

import base64
import zlib
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import pytest

from liveness.frames import decode_frame
from liveness.landmarks import FaceCounter, FaceMeshGraph
from liveness.measures import Measures, brightness, measure
from liveness.policy import DEFAULT_POLICY
from tests.e2e.camera_people import CameraPeople
from tests.e2e.site import Site, in_a_browser, walk

pytestmark = in_a_browser
REACTION_MS = 250
AGAIN_MS = 2000  # who does not see that a turn helped turns once more, and is not back to full any sooner


@dataclass(frozen=True)
class Seen:
    """One frame of the film."""

    t_ms: float
    face: Measures | None
    faces: int
    luma: float
    fingerprint: int


async def seen(here: Site, people: CameraPeople, *, plays: str, step: str, film_ms: int) -> tuple[float, list[Seen]]:
    """When the step was asked, and the film as the server reads it."""
    film = await walk(
        here,
        "camera:films",
        person=str(people.astronaut),
        other=str(people.grace_hopper),
        plays=plays,
        step=step,
        filmMs=film_ms,
    )
    with closing(FaceMeshGraph()) as graph, closing(FaceCounter()) as counter:
        read = [_seen(graph, counter, frame["tMs"], base64.b64decode(frame["jpeg"])) for frame in film["frames"]]
    return film["askedMs"], read


def _seen(graph: FaceMeshGraph, counter: FaceCounter, t_ms: float, jpeg: bytes) -> Seen:
    rgb = decode_frame(jpeg)
    meshes = graph.read(rgb)
    return Seen(
        t_ms=t_ms,
        face=measure(meshes[0]) if meshes else None,
        faces=counter.count(rgb),
        luma=brightness(rgb, meshes[0]) if meshes else float(np.mean(rgb)),
        fingerprint=zlib.crc32(np.ascontiguousarray(rgb[::8]).data),
    )


def _yaws(film: Sequence[Seen]) -> list[float]:
    return [frame.face.yaw for frame in film if frame.face is not None]


async def test_the_person_answers_after_a_reaction_time_and_comes_back(here: Site, camera_people: CameraPeople) -> None:
    """A test that passes would prove nothing: the turn came before its prompt, or the picture was a still one."""
    asked_ms, film = await seen(here, camera_people, plays="answers", step="LOOK_LEFT", film_ms=6000)
    assert len(film) > 25
    assert len({frame.fingerprint for frame in film}) == len(film)
    full = [frame.t_ms for frame in film if frame.face is not None and frame.face.yaw > DEFAULT_POLICY.turn_full]
    assert full
    assert full[0] - asked_ms > REACTION_MS
    turned_ms = max(t_ms for t_ms in full if t_ms < full[0] + AGAIN_MS)
    assert turned_ms - full[0] > DEFAULT_POLICY.turn_hold_ms
    assert min(abs(yaw) for yaw in _yaws([one for one in film if one.t_ms > turned_ms])) < DEFAULT_POLICY.rest_yaw


@pytest.mark.parametrize("plays", ["held", "rests"])
async def test_who_does_not_answer_does_not_turn(here: Site, camera_people: CameraPeople, plays: str) -> None:
    """A photo held before the camera would be tested with one that moves by itself."""
    _, film = await seen(here, camera_people, plays=plays, step="LOOK_LEFT", film_ms=3000)
    assert len({frame.fingerprint for frame in film}) == len(film)
    assert all(frame.face is not None for frame in film)
    assert max(_yaws(film)) - min(_yaws(film)) < DEFAULT_POLICY.neutral_yaw_spread


async def test_dark_empty_and_crowded_pictures_are_what_they_say(here: Site, camera_people: CameraPeople) -> None:
    """The screens for a dark room, nobody and two people would be tested with something else."""
    _, dark = await seen(here, camera_people, plays="dark", step="", film_ms=700)
    assert max(frame.luma for frame in dark) < DEFAULT_POLICY.min_brightness
    _, empty = await seen(here, camera_people, plays="nobody", step="", film_ms=700)
    assert all(frame.face is None for frame in empty)
    _, crowd = await seen(here, camera_people, plays="two", step="", film_ms=700)
    assert all(frame.faces == 2 for frame in crowd)


async def test_a_camera_that_refuses_says_why(here: Site, camera_people: CameraPeople) -> None:
    """A camera that is denied, missing or in use would not be told apart."""
    await walk(here, "camera:refuses", person=str(camera_people.astronaut))

"""Labelled recordings of real people behave as their labels say."""

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from liveness.landmarks import FaceCounter, FaceMeshGraph
from tests.unit.liveness.recordings import Rgb, judged, read_clip, thinned

CLIPS = ["d12.mp4", "d13.mp4", "d14.mp4", "d18.mp4", "talking.mp4"]
_read = lru_cache(maxsize=1)(read_clip)


@pytest.fixture(scope="module")
def graph() -> Iterator[FaceMeshGraph]:
    graph = FaceMeshGraph()
    yield graph
    graph.close()


@pytest.mark.parametrize("kind", ["passes", "fails"])
@pytest.mark.parametrize("thin", [False, True], ids=["full-rate", "thinned"])
@pytest.mark.parametrize("name", CLIPS)
def test_labelled_clip(
    shared_data: Path, graph: FaceMeshGraph, counter: FaceCounter, name: str, kind: str, thin: bool
) -> None:
    """A live person is refused, or somebody passes with gestures that were never made."""
    folder = shared_data / "clips"
    labels = json.loads((folder / "labels.json").read_text())[name]
    clip = _read(folder / name)
    for steps in labels[kind]:
        fps = (12.0 if "BLINK" in steps else 10.0) if thin else None
        verdict, kept, _ = judged(thinned(clip, fps), steps, graph, counter)
        assert verdict.passed is (kind == "passes"), (steps, fps, verdict)
        if verdict.passed:
            assert [frame.role for frame in kept] == ["neutral", *(f"step:{i}" for i in range(len(steps)))]
            times = [step.at_ms for step in verdict.steps]
            assert times == sorted(times)
        else:
            assert verdict.reasons


def test_a_frozen_clip_fails(shared_data: Path, graph: FaceMeshGraph, counter: FaceCounter) -> None:
    """A still picture fed into the stream would keep an attempt alive for its whole time."""
    clip = _read(shared_data / "clips" / "d12.mp4")
    frozen = [(t_ms, clip[5][1]) for t_ms, _ in clip]
    verdict, _, _ = judged(frozen, ["LOOK_LEFT"], graph, counter)
    assert "FRAMES_FROZEN" in verdict.reasons[0]


def test_a_looped_clip_fails(shared_data: Path, graph: FaceMeshGraph, counter: FaceCounter) -> None:
    """A short recording played again and again would sooner or later answer any challenge."""
    clip = _read(shared_data / "clips" / "d18.mp4")[:50]
    looped = [(i * 1000 / 30, clip[i % 50][1]) for i in range(200)]
    verdict, _, _ = judged(looped, ["LOOK_LEFT"], graph, counter)
    assert "FRAMES_LOOPED" in verdict.reasons[0]


def test_another_person_cut_in_fails(shared_data: Path, graph: FaceMeshGraph, counter: FaceCounter) -> None:
    """A second person could finish what the first one began, somewhere else in the picture."""
    first = _read(shared_data / "clips" / "d18.mp4")[:40]
    tall = [rgb for _, rgb in read_clip(shared_data / "clips" / "d13.mp4")[:40]]
    padded = [(t, _on_canvas(rgb, 0)) for t, rgb in first]
    padded += [(1400 + i * 1000 / 30, _on_canvas(rgb, 1)) for i, rgb in enumerate(tall)]
    verdict, _, _ = judged(padded, ["OPEN_MOUTH"], graph, counter)
    assert "FACE_CHANGED" in verdict.reasons[0]


def _on_canvas(rgb: Rgb, side: int) -> Rgb:
    canvas = np.full((480, 960, 3), 90, np.uint8)
    small = cv2.resize(rgb, (480, 480) if side == 0 else (270, 480))
    x = 0 if side == 0 else 960 - small.shape[1]
    canvas[:, x : x + small.shape[1]] = small
    return canvas


def test_the_trace_tells_the_story(shared_data: Path, graph: FaceMeshGraph, counter: FaceCounter) -> None:
    """The report of a refused attempt would have nothing to draw."""
    clip = _read(shared_data / "clips" / "d12.mp4")
    _, _, attempt = judged(clip, ["LOOK_LEFT", "LOOK_RIGHT"], graph, counter, trace=True)
    yaws = [point.yaw for point in attempt.trace if point.yaw is not None]
    assert max(yaws) > 15
    assert min(yaws) < -12
    assert attempt.trace[-1].state == "COMPLETE"

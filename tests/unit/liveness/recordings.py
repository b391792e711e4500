"""Recorded clips and pictures, read for tests and thinned to a slower camera."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from liveness.attempt import Attempt, KeyFrame
from liveness.effects import Verdict
from liveness.landmarks import FaceCounter, FaceMeshGraph
from liveness.steps import LivenessStep

Rgb = npt.NDArray[np.uint8]
Clip = list[tuple[float, Rgb]]


def read_rgb(path: Path) -> Rgb:
    """A picture file as RGB."""
    picture = cv2.imread(str(path))
    assert picture is not None
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


def read_clip(path: Path) -> Clip:
    """Frames with their own times in ms."""
    video = cv2.VideoCapture(str(path))
    fps = video.get(cv2.CAP_PROP_FPS)
    clip: Clip = []
    while True:
        more, picture = video.read()
        if not more:
            return clip
        rgb = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
        clip.append((len(clip) * 1000 / fps, rgb))


def thinned(clip: Clip, fps: float | None) -> Clip:
    """What a camera of `fps` frames a second would have sent of it."""
    if fps is None:
        return clip
    kept: Clip = []
    due = 0.0
    for t_ms, rgb in clip:
        if t_ms + 1e-6 >= due:
            kept.append((t_ms, rgb))
            due += 1000 / fps
    return kept


def judged(
    clip: Clip, steps: list[str], graph: FaceMeshGraph, counter: FaceCounter, **options: bool
) -> tuple[Verdict, list[KeyFrame], Attempt]:
    """The verdict on a clip, its key frames, and the attempt."""
    graph.reset()
    kept: list[KeyFrame] = []
    asked = [LivenessStep(step) for step in steps]
    attempt = Attempt(steps=asked, graph=graph, counter=counter, on_key_frame=kept.append, **options)
    for seq, (t_ms, rgb) in enumerate(clip):
        attempt.judge(rgb, seq=seq, captured_ms=t_ms, received_ms=t_ms)
        if attempt.verdict is not None:
            break
    attempt.stop(clip[-1][0])
    assert attempt.verdict is not None
    return attempt.verdict, kept, attempt

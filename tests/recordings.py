"""Frames as (t_ms, rgb) in time: recorded clips, and what can be done to a recording on its way to the server."""

from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

Rgb = npt.NDArray[np.uint8]
Timed = tuple[int, Rgb]


def frozen(frames: Iterable[Timed], *, at_ms: int, until_ms: int) -> Iterator[Timed]:
    """Plays to `at_ms`, then shows that frame, byte for byte, at the same pace until `until_ms`."""
    before = 0
    t = step = 0
    last: Rgb | None = None
    for t, rgb in frames:
        if t > at_ms:
            break
        step, before, last = (t - before) or step, t, rgb
        yield t, rgb
    if last is None or step <= 0:
        raise ValueError("nothing was shown before the freeze")
    t = before + step
    while t < until_ms:
        yield t, last
        t += step


def looped(frames: Iterable[Timed], *, times: int) -> Iterator[Timed]:
    """Plays the whole recording `times` times over, the clock running on."""
    recording = list(frames)
    length = recording[-1][0] + recording[1][0] - recording[0][0]
    for turn in range(times):
        for t, rgb in recording:
            yield turn * length + t, rgb


def spliced(first: Iterable[Timed], second: Iterable[Timed], *, at_ms: int) -> Iterator[Timed]:
    """`first` until `at_ms`, from then on `second` at the same time stamps: somebody else steps in."""
    yield from ((t, rgb) for t, rgb in first if t < at_ms)
    yield from ((t, rgb) for t, rgb in second if t >= at_ms)


def side_by_side(left: Iterable[Timed], right: Iterable[Timed], *, from_ms: int = 0) -> Iterator[Timed]:
    """Two people before one camera from `from_ms` on: the middle halves of two pictures of equal size."""
    for (t, a), (_, b) in zip(left, right, strict=False):
        quarter = a.shape[1] // 4
        yield t, np.hstack([a[:, quarter:-quarter], b[:, quarter:-quarter]]) if t >= from_ms else a


def thinned(frames: Iterable[Timed], fps: float) -> Iterator[Timed]:
    """The newest frame at each tick of `fps`, as a slow device would send it; never more than there are."""
    tick = 0
    for t, rgb in frames:
        if t * fps >= 1000 * tick:
            tick = int(t * fps / 1000) + 1
            yield t, rgb


def jpegs(frames: Iterable[Timed], *, quality: int = 80) -> Iterator[tuple[int, bytes]]:
    """The same frames as the JPEGs that a client sends."""
    for t, rgb in frames:
        ok, data = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        assert ok
        yield t, data.tobytes()


def clip(path: Path) -> Iterator[Timed]:
    """A recorded clip by its own time: frame number over frames per second."""
    video = cv2.VideoCapture(str(path))
    try:
        fps = video.get(cv2.CAP_PROP_FPS)
        for number in count():
            ok, bgr = video.read()
            if not ok:
                return
            yield round(1000 * number / fps), np.ascontiguousarray(bgr[..., ::-1])
    finally:
        video.release()

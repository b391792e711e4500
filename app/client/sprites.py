"""A photo's answers drawn ahead, for load tests: a frame costs microseconds and still never comes twice.

The server refuses frames that it has seen before, pixel for pixel, as a loop. So each pose is drawn a few times with
fresh noise, each JPEG with a restart marker after every row of blocks, and a frame is put together of rows chosen
afresh: a few drawings of 15 rows make millions of frames.
"""

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from app.client.animation import PhotoAnimator
from app.client.eyelids import Picture
from app.client.performance import REACHES, Performer, Sway, posed
from liveness.steps import LivenessStep

LEVELS = 8  # positions on the way into a gesture
REST_POSES = 24  # positions of the sway at rest
DRAWINGS = 3  # of each pose, with different noise
_BLOCK = 16  # pixels of a JPEG block row with 4:2:0 colours
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_SCAN = b"\xff\xda"


@dataclass(frozen=True, eq=False)
class Sprite:
    """One pose, drawn several times: `head`, then for each row of blocks its drawings."""

    head: bytes
    rows: tuple[tuple[bytes, ...], ...]

    @classmethod
    def of(cls, pictures: list[Picture], *, quality: int = 85) -> "Sprite":
        """A sprite of pictures (H, W, 3) of one size that differ in noise only."""
        heads, rows = zip(*(_in_rows(picture, quality) for picture in pictures), strict=True)
        if len(set(heads)) != 1:
            raise ValueError("the drawings of a sprite must share one JPEG header")
        return cls(head=heads[0], rows=tuple(zip(*rows, strict=True)))

    def compose(self, choice: NDArray[np.int64]) -> bytes:
        """The JPEG made of drawing `choice[row] % drawings` for each row."""
        chosen = zip(self.rows, choice.tolist(), strict=False)
        return self.head + b"".join(drawings[index % len(drawings)] for drawings, index in chosen)


@dataclass(frozen=True, eq=False)
class AnimatedFrames:
    """Every answer of one photo; any number of clients may share it."""

    rest: tuple[Sprite, ...]
    gestures: Mapping[tuple[LivenessStep, int], Sprite]

    @classmethod
    def prerender(cls, animator: PhotoAnimator, *, seed: int = 0, quality: int = 85) -> "AnimatedFrames":
        """Draws all poses as JPEGs of `quality`: about 0.8 s and 3 MB at 320x240."""
        sway = Sway(seed=seed)

        def draw(step: LivenessStep | None, share: float, index: int) -> Sprite:
            motion, shift = sway.at(index * 100)
            pose = posed(step, share, motion)
            return Sprite.of([animator.render(pose, shift=shift) for _ in range(DRAWINGS)], quality=quality)

        gestures = {
            (step, level): draw(step, level / LEVELS, level) for step in REACHES for level in range(1, LEVELS + 1)
        }
        rest = tuple(draw(None, 0.0, index) for index in range(REST_POSES))
        return cls(rest=rest, gestures=MappingProxyType(gestures))

    def source(self, *, seed: int = 0) -> "PrerenderedSource":
        """A new person in front of a new camera; another seed makes other frames."""
        return PrerenderedSource(self, seed=seed)


class PrerenderedSource:
    """Answers prompts out of `AnimatedFrames`."""

    def __init__(self, frames: AnimatedFrames, *, seed: int = 0) -> None:
        self._frames = frames
        self._performer = Performer()
        self._draw = np.random.default_rng(seed)

    def prompt(self, step: LivenessStep) -> None:
        """The person begins to answer `step`."""
        self._performer.prompt(step)

    def frame(self, t_ms: int) -> bytes:
        """The JPEG at `t_ms`."""
        step, share = self._performer.at(t_ms)
        level = round(share * LEVELS)
        if step is None or level == 0:
            # There and back again: the sway has no jump where the poses start over.
            turn = t_ms // 100 % (2 * REST_POSES - 2)
            sprite = self._frames.rest[min(turn, 2 * REST_POSES - 2 - turn)]
        else:
            sprite = self._frames.gestures[(step, level)]
        return sprite.compose(self._draw.integers(0, DRAWINGS, len(sprite.rows)))


def _in_rows(picture: Picture, quality: int) -> tuple[bytes, tuple[bytes, ...]]:
    """The JPEG's header, and its scan cut after each restart marker (which stays) and at the end."""
    row = -(-picture.shape[1] // _BLOCK)
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_RST_INTERVAL, row]
    encoded, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), settings)
    if not encoded:
        raise ValueError("the picture cannot be encoded")
    jpeg = data.tobytes()
    # Inside a scan a byte 0xFF is always followed by 0x00 unless it is a marker, so the cut is exact.
    scan = jpeg.index(_SCAN)
    scan += 2 + int.from_bytes(jpeg[scan + 2 : scan + 4], "big")
    cuts = [scan, *(match.end() for match in _RESTART.finditer(jpeg, scan)), len(jpeg)]
    return jpeg[:scan], tuple(jpeg[a:b] for a, b in itertools.pairwise(cuts))

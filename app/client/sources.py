"""Where a client's frames come from: a camera to the protocol, a photo made to move in fact."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import cv2
import numpy as np

from app.client.animation import PhotoAnimator, encode
from app.client.performance import REACHES, Performer, Sway, posed
from liveness.steps import LivenessStep

LEVELS = 8  # positions on the way into a gesture that are drawn ahead
REST_FRAMES = 24
GESTURE_FRAMES = 3  # frames per position, so that a held gesture is not a frozen picture


class Source(Protocol):
    """A camera with somebody in front of it."""

    def prompt(self, step: LivenessStep) -> None:
        """The person is told what to do next."""

    def frame(self, t_ms: int) -> bytes | None:
        """The JPEG seen `t_ms` after the stream began, or None when there is nothing new.

        Called with growing times. Raises SourceEnded when there will be no further frame.
        """


class PhotoSource:
    """A photo that answers the prompts, each frame rendered when it is asked for."""

    def __init__(self, animator: PhotoAnimator, *, seed: int = 0, mirrored: bool = False) -> None:
        self._animator = animator
        self._performer = Performer()
        self._sway = Sway(seed=seed)
        self._mirrored = mirrored

    def prompt(self, step: LivenessStep) -> None:
        """The photo begins to answer `step` with a person's delay."""
        self._performer.prompt(step)

    def frame(self, t_ms: int) -> bytes:
        """The JPEG at `t_ms`; never twice the same."""
        sway, shift = self._sway.at(t_ms)
        picture = self._animator.render(posed(*self._performer.at(t_ms), sway), shift=shift)
        if self._mirrored:
            picture = np.asarray(cv2.flip(picture, 1), np.uint8)
        return encode(picture)


@dataclass(frozen=True, eq=False)
class AnimatedFrames:
    """A photo's answers drawn ahead, for load tests: any number of clients may share them, at no cost per frame."""

    rest: tuple[bytes, ...]
    gestures: Mapping[tuple[LivenessStep, int], tuple[bytes, ...]]

    @classmethod
    def prerender(cls, animator: PhotoAnimator, *, seed: int = 0) -> "AnimatedFrames":
        """Draws every gesture in `LEVELS` positions; about 0.8 s and 3 MB at 320x240."""
        sway = Sway(seed=seed)

        def draw(step: LivenessStep | None, share: float, index: int) -> bytes:
            motion, shift = sway.at(index * 100)
            return animator.jpeg(posed(step, share, motion), shift=shift)

        gestures = {
            (step, level): tuple(draw(step, level / LEVELS, index * 3) for index in range(GESTURE_FRAMES))
            for step in REACHES
            for level in range(1, LEVELS + 1)
        }
        rest = tuple(draw(None, 0.0, index) for index in range(REST_FRAMES))
        return cls(rest=rest, gestures=MappingProxyType(gestures))

    def source(self) -> "PrerenderedSource":
        """A new person in front of a new camera."""
        return PrerenderedSource(self)


class PrerenderedSource:
    """Answers prompts out of `AnimatedFrames`; two frames in a row are never the same."""

    def __init__(self, frames: AnimatedFrames) -> None:
        self._frames = frames
        self._performer = Performer()
        self._shown = 0

    def prompt(self, step: LivenessStep) -> None:
        """The person begins to answer `step`."""
        self._performer.prompt(step)

    def frame(self, t_ms: int) -> bytes:
        """The JPEG at `t_ms`."""
        step, share = self._performer.at(t_ms)
        level = round(share * LEVELS)
        choice = self._frames.rest if step is None or level == 0 else self._frames.gestures[(step, level)]
        self._shown += 1
        # There and back again: the sway has no jump where the frames start over.
        turn = self._shown % (2 * len(choice) - 2)
        return choice[min(turn, 2 * len(choice) - 2 - turn)]

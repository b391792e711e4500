"""Where a client's frames come from: a camera to the protocol, a photo made to move in fact."""

from typing import Protocol

import cv2
import numpy as np

from app.client.animation import PhotoAnimator, encode
from app.client.performance import Performer, Sway, posed
from liveness.steps import LivenessStep


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

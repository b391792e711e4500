"""A recorded clip as a camera: played by its own time, whatever it is prompted to do."""

from pathlib import Path

import cv2
import numpy as np

from app.client.animation import encode
from app.client.errors import SourceEnded, SourceError
from liveness.steps import LivenessStep

MAX_SIDE = 640  # more pixels than FaceMesh uses only cost bandwidth


class VideoSource:
    """Plays the clip at `path` once; each frame is shown at its own time and only once."""

    def __init__(self, path: Path, *, quality: int = 85) -> None:
        if not path.is_file():
            raise SourceError(f"there is no file {path}")
        self._capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
        # FFmpeg opens some files by their name alone; only a frame proves that there is a video.
        if not (self._capture.isOpened() and self._capture.grab()):
            raise SourceError(f"{path} is neither a photo nor a video that can be read")
        fps = float(self._capture.get(cv2.CAP_PROP_FPS))
        if not 1.0 <= fps <= 240.0:
            raise SourceError(f"{path} states no usable frame rate ({fps:g})")
        self._frame_ms = 1000.0 / fps
        self._quality = quality
        self._grabbed = 1
        self._shown = 0

    def prompt(self, step: LivenessStep) -> None:
        """A recording cannot react."""

    def frame(self, t_ms: int) -> bytes | None:
        """The clip's frame at `t_ms` as a JPEG; None when it was shown already; SourceEnded after the last."""
        wanted = int(t_ms / self._frame_ms) + 1
        if wanted <= self._shown:
            return None
        while self._grabbed < wanted:
            if not self._capture.grab():
                raise SourceEnded("the clip is over")
            self._grabbed += 1
        self._shown = wanted
        found, picture = self._capture.retrieve()
        if not found:
            raise SourceEnded("the clip is over")
        scale = min(1.0, MAX_SIDE / max(picture.shape[:2]))
        if scale < 1.0:
            picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        return encode(np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8), quality=self._quality)

    def close(self) -> None:
        """Lets go of the file."""
        self._capture.release()

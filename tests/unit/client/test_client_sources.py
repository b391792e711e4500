"""Cameras without a camera: a rendered photo, frames drawn ahead, a recorded clip."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import simplejpeg

from app.client.animation import PhotoAnimator
from app.client.errors import SourceEnded, SourceError
from app.client.opening import open_source, photo_mime
from app.client.performance import SETTLE_MS
from app.client.sources import PhotoSource, Source
from app.client.sprites import AnimatedFrames
from app.client.video import VideoSource
from liveness.landmarks import FaceMesh
from liveness.steps import LivenessStep
from tests.unit.client.readings import mouth_opening, nose_offset

HELD_MS = SETTLE_MS + 1200


def at(source: Source, t_ms: int) -> Any:
    jpeg = source.frame(t_ms)
    assert jpeg is not None
    return simplejpeg.decode_jpeg(jpeg)


def test_a_prompted_photo_answers_and_a_mirrored_camera_mirrors_it(
    animator: PhotoAnimator, read_face: Callable[[Any], FaceMesh]
) -> None:
    """Without it: prompts do not reach the animation, or `mirrored` is a word without a meaning."""
    straight, mirrored = PhotoSource(animator), PhotoSource(animator, mirrored=True)
    for source, sign in ((straight, 1), (mirrored, -1)):
        assert abs(nose_offset(read_face(at(source, 0)))) < 0.1
        source.prompt(LivenessStep.LOOK_LEFT)
        source.frame(0)
        assert sign * nose_offset(read_face(at(source, HELD_MS))) > 0.15


@pytest.fixture(scope="session")
def drawn(animator: PhotoAnimator) -> AnimatedFrames:
    return AnimatedFrames.prerender(animator)


def test_frames_drawn_ahead_answer_too(drawn: AnimatedFrames, read_face: Callable[[Any], FaceMesh]) -> None:
    """Without it: a load test streams faces that never pass."""
    source = drawn.source()
    source.prompt(LivenessStep.OPEN_MOUTH)
    source.frame(0)
    assert mouth_opening(read_face(at(source, HELD_MS))) > 0.45


def test_frames_drawn_ahead_cost_nothing_and_never_come_twice(drawn: AnimatedFrames) -> None:
    """Without it: a load test measures its own clients, or is refused as a loop."""
    source = drawn.source(seed=1)
    source.prompt(LivenessStep.SMILE)
    began = time.thread_time()
    frames = [source.frame(t_ms) for t_ms in range(0, 75_000, 66)]
    assert (time.thread_time() - began) / len(frames) < 0.0005
    pictures = {simplejpeg.decode_jpeg(frame).tobytes() for frame in frames}
    assert len(pictures) >= len(frames) - 2
    assert drawn.source(seed=2).frame(0) != drawn.source(seed=1).frame(0)


def test_a_frame_put_together_of_rows_is_a_sound_picture(drawn: AnimatedFrames) -> None:
    """Without it: rows of two drawings do not fit, and colours run across the frame."""
    sprite = drawn.rest[0]
    one, two = (simplejpeg.decode_jpeg(sprite.compose(np.full(15, index))) for index in (0, 1))
    mixed = simplejpeg.decode_jpeg(sprite.compose(np.array([0, 1] * 7 + [0])))
    assert mixed.shape == (240, 320, 3)
    assert np.abs(mixed.astype(int) - one).mean() < 3
    assert np.array_equal(mixed[4:12], one[4:12])
    assert np.array_equal(mixed[20:28], two[20:28])


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Ten frames at 20 a second; frame n is grey 20 n."""
    path = tmp_path / "clip.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 20.0, (1280, 720))
    for number in range(10):
        writer.write(np.full((720, 1280, 3), 20 * number, np.uint8))
    writer.release()
    return path


def test_a_clip_plays_by_its_own_time_each_frame_once(clip: Path) -> None:
    """Without it: gestures in a clip come faster or slower than they were made."""
    video = VideoSource(clip)

    def grey(t_ms: int) -> int | None:
        jpeg = video.frame(t_ms)
        return None if jpeg is None else round(float(simplejpeg.decode_jpeg(jpeg).mean()) / 20)

    assert [grey(0), grey(30), grey(50), grey(60), grey(310)] == [0, None, 1, None, 6]
    assert grey(499) == 9
    with pytest.raises(SourceEnded):
        video.frame(500)
    video.close()


def test_a_large_clip_is_made_smaller(clip: Path) -> None:
    """Without it: a phone's 4K clip passes the server's frame limits."""
    with open_source(clip) as video:
        assert at(video, 0).shape == (360, 640, 3)


@pytest.mark.parametrize("content", [b"not a video at all, only words", b"", b"\xff\xd8\xff\xe0 not a picture either"])
def test_files_that_are_neither_are_refused_in_words(tmp_path: Path, content: bytes) -> None:
    """Without it: a wrong file ends in a stack trace."""
    path = tmp_path / "thing.jpg"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"thing\.jpg"), open_source(path):
        pass


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """Without it: a typing error is reported as a broken video."""
    with pytest.raises(SourceError, match=r"there is no file .*nowhere\.mp4"), open_source(tmp_path / "nowhere.mp4"):
        pass


def test_a_photo_is_told_by_its_first_bytes(astronaut_path: Path, grace_hopper_path: Path) -> None:
    """Without it: the type announced for the profile photo is not the type uploaded."""
    assert photo_mime(astronaut_path.read_bytes()) == "image/png"
    assert photo_mime(grace_hopper_path.read_bytes()) == "image/jpeg"
    assert photo_mime(b"RIFF\x00\x00\x00\x00WEBPVP8 ") == "image/webp"
    assert photo_mime(b"GIF89a") is None

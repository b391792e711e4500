"""A file on disk made into a camera: photos are animated, everything else is played as a clip."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from app.client.animation import PhotoAnimator
from app.client.errors import SourceError
from app.client.eyelids import Picture
from app.client.sources import PhotoSource, Source
from app.client.video import VideoSource
from facecore.photos import PhotoError, decode
from liveness.landmarks import StillFaceMesh

MAX_PHOTO_BYTES = 50 * 1024 * 1024  # a local file, never uploaded as it is
_SIGNATURES = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"))


@contextmanager
def open_source(path: Path, *, seed: int = 0, mirrored: bool = False) -> Iterator[Source]:
    """The photo or clip at `path` as a camera, for as long as the context lasts; raises SourceError."""
    if not path.is_file():
        raise SourceError(f"there is no file {path}")
    with path.open("rb") as file:
        start = file.read(16)
    if photo_mime(start) is None:
        with closing(VideoSource(path)) as video:
            yield video
    else:
        yield PhotoSource(animator_of(read_photo(path), seed=seed), seed=seed, mirrored=mirrored)


def animator_of(photo: Picture, *, seed: int = 0) -> PhotoAnimator:
    """An animator with a landmark graph of its own, used once."""
    with closing(StillFaceMesh()) as reader:
        return PhotoAnimator(photo, reader, seed=seed)


def read_photo(path: Path) -> Picture:
    """The picture in the file, upright, (H, W, 3)."""
    try:
        return decode(path.read_bytes(), max_bytes=MAX_PHOTO_BYTES)
    except PhotoError as error:
        raise SourceError(f"{path}: {error}") from error


def photo_mime(data: bytes) -> str | None:
    """The type of a photo by its first bytes, None for anything that is not one."""
    for signature, mime in _SIGNATURES:
        if data.startswith(signature):
            return mime
    return "image/webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None

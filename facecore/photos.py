"""Pictures that people upload: judged by their header, decoded upright, and written anew without metadata."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facecore.photo_headers import (
    APP0,
    APP14,
    APP15,
    COMMENT,
    PNG_SIGNATURE,
    PhotoError,
    PhotoFault,
    PhotoFormat,
    PhotoInfo,
    damaged,
    jpeg_segments,
    png_chunks,
    read_header,
)

__all__ = [
    "MAX_PHOTO_BYTES",
    "MAX_PHOTO_PIXELS",
    "CleanPhoto",
    "PhotoError",
    "PhotoFault",
    "PhotoFormat",
    "PhotoInfo",
    "clean_jpeg",
    "decode",
    "inspect",
]

Pixels = NDArray[np.uint8]

MAX_PHOTO_BYTES = 5 * 1024 * 1024
# What a 5 MB camera picture has at most; decoded it takes 75 MB.
MAX_PHOTO_PIXELS = 25_000_000

# A profile picture is shown small; 2,048 keeps a face that fills a tenth of it well above what alignment
# can use.
CLEAN_MAX_SIDE = 2048
# Descriptors of a photo and of its copy at 92 without colour subsampling differ by less than 0.05 (tests
# measure it).
CLEAN_JPEG_QUALITY = 92
# (quality, subsampling), the later for what would not fit: 2,048 x 2,048 of noise take 8.5, 6.6 and 2.5 MB.
_CLEAN_AS = ((CLEAN_JPEG_QUALITY, 0), (85, 0), (75, 2))

_DECODERS = {PhotoFormat.JPEG: "JPEG", PhotoFormat.PNG: "PNG", PhotoFormat.WEBP: "WEBP"}
# What a decoder needs of a PNG. Text, profiles and the like stay out: they can be made to inflate to
# gigabytes.
_PNG_NEEDED = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})


@dataclass(frozen=True, kw_only=True)
class CleanPhoto:
    """A picture written by us: nothing in it but pixels."""

    data: bytes
    mime: str
    width: int
    height: int


def inspect(data: bytes, *, max_bytes: int = MAX_PHOTO_BYTES, max_pixels: int = MAX_PHOTO_PIXELS) -> PhotoInfo:
    """Type, size and orientation, from the bytes alone and before any decoding.

    Raises PhotoError naming the limit that is passed, or what is wrong; a refusal takes a few milliseconds
    at most.
    """
    if len(data) > max_bytes:
        raise PhotoError(
            PhotoFault.TOO_MANY_BYTES,
            f"the file has {len(data) / 1e6:.1f} MB, the limit is {max_bytes / 1e6:.1f} MB; make it smaller",
        )
    info = read_header(data)
    if info.width * info.height > max_pixels:
        raise PhotoError(
            PhotoFault.TOO_MANY_PIXELS,
            f"the picture has {info.width} x {info.height} = {info.width * info.height / 1e6:.1f} megapixels, "
            f"the limit is {max_pixels / 1e6:g}; make it smaller",
        )
    return info


def decode(data: bytes, *, max_bytes: int = MAX_PHOTO_BYTES, max_pixels: int = MAX_PHOTO_PIXELS) -> Pixels:
    """The picture upright, uint8 (height, width, 3) RGB; transparency shows white, 16 bits become 8.

    Raises PhotoError as `inspect` does, and for a file that turns out damaged or incomplete.
    """
    info = inspect(data, max_bytes=max_bytes, max_pixels=max_pixels)
    try:
        with Image.open(io.BytesIO(_bare(data, info)), formats=[_DECODERS[info.format]]) as picture:
            if picture.size != (info.width, info.height):
                raise damaged("the header states two sizes")
            rgb = _as_rgb(picture)
    except PhotoError:
        raise
    except MemoryError as short:
        raise PhotoError(PhotoFault.TOO_MANY_PIXELS, "no memory for a picture of this size") from short
    except Exception as fault:  # a decoder's exceptions for hostile bytes are no closed set
        raise damaged("the picture cannot be read to its end") from fault
    return upright(rgb, info.orientation)


def upright(rgb: Pixels, orientation: int) -> Pixels:
    """Turn and mirror pixels as the EXIF orientation (1 to 8) says."""
    if orientation in (5, 6, 7, 8):
        rgb = rgb.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        rgb = rgb[:, ::-1]
    if orientation in (3, 4, 7, 8):
        rgb = rgb[::-1]
    return np.ascontiguousarray(rgb)


def clean_jpeg(rgb: Pixels, *, max_side: int = CLEAN_MAX_SIDE) -> CleanPhoto:
    """Decoded pixels, uint8 (height, width, 3), as a JPEG without any metadata: sides and bytes within their limits.

    Always a JPEG, whatever came: a PNG or WebP can carry chunks that mean something to somebody, a picture
    that is also a script or archive ends here, a 25-megapixel PNG would take seconds to write again, and
    whoever shows profile pictures needs one decoder.
    """
    picture = Image.fromarray(rgb)
    picture.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    data = b""
    for quality, subsampling in _CLEAN_AS:
        written = io.BytesIO()
        # Not `optimize`: it saves 1 %, takes 2.5 times as long, and fails where a noisy picture outgrows its buffer.
        picture.save(written, "JPEG", quality=quality, subsampling=subsampling)
        data = written.getvalue()
        if len(data) <= MAX_PHOTO_BYTES:
            break
    return CleanPhoto(data=data, mime="image/jpeg", width=picture.width, height=picture.height)


def _bare(data: bytes, info: PhotoInfo) -> bytes:
    """The file with only what makes its picture: text, profiles and thumbnails can be made to inflate or
    mislead.
    """
    if info.format is PhotoFormat.PNG:
        kept = [data[at:end] for kind, at, end in png_chunks(data) if kind in _PNG_NEEDED]
        return PNG_SIGNATURE + b"".join(kept)
    if info.format is PhotoFormat.JPEG:
        kept, end = [], 2
        for marker, at, end in jpeg_segments(data):
            if marker in (APP0, APP14) or not (APP0 <= marker <= APP15 or marker == COMMENT):
                kept.append(data[at:end])
        return data[:2] + b"".join(kept) + data[end:]
    return data


def _as_rgb(picture: Image.Image) -> Pixels:
    """Pillow's pixels of any mode as RGB over white."""
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        # Pillow's own conversion clips 16-bit grey at 255 instead of scaling it.
        grey = (np.asarray(picture).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if picture.has_transparency_data:
        layered = picture.convert("RGBA")
        ground = Image.new("RGBA", layered.size, "white")
        return np.array(Image.alpha_composite(ground, layered).convert("RGB"))
    return np.array(picture.convert("RGB"))

"""Picture files made for the tests: every kind that is taken, and every kind of trap."""

import io
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Rgb = NDArray[np.uint8]


def gradient(width: int = 48, height: int = 32) -> Rgb:
    """Red grows to the right, green downwards: every corner tells itself apart."""
    x = np.linspace(0, 255, width).astype(np.uint8)
    y = np.linspace(0, 255, height).astype(np.uint8)
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[:, :, 0], rgb[:, :, 1], rgb[:, :, 2] = x[None, :], y[:, None], 128
    return rgb


def written(picture: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def jpeg(rgb: Rgb | None = None, **options: Any) -> bytes:
    picture = Image.fromarray(gradient() if rgb is None else rgb)
    return written(picture, "JPEG", **{"quality": 95, "subsampling": 0, **options})


def png(rgb: Rgb | None = None, **options: Any) -> bytes:
    return written(Image.fromarray(gradient() if rgb is None else rgb), "PNG", **options)


def webp(rgb: Rgb | None = None, **options: Any) -> bytes:
    return written(Image.fromarray(gradient() if rgb is None else rgb), "WEBP", **{"quality": 95, **options})


def exif(orientation: int) -> Image.Exif:
    block = Image.Exif()
    block[0x0112] = orientation
    block[0x010E] = "a secret description"
    return block


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of(width: int, height: int, *, depth: int = 8, color: int = 2, rows: bytes, extra: bytes = b"") -> bytes:
    """A PNG by hand; `rows` are the raw bytes before compression, `extra` chunks stand before the picture."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))
    picture = png_chunk(b"IDAT", zlib.compress(rows, 9))
    return b"\x89PNG\r\n\x1a\n" + header + extra + picture + png_chunk(b"IEND", b"")


def png_16_bit(rgb: Rgb) -> bytes:
    deep = rgb.astype(">u2") * 257
    rows = b"".join(b"\0" + row.tobytes() for row in deep)
    return png_of(rgb.shape[1], rgb.shape[0], depth=16, rows=rows)


def png_bomb(width: int, height: int) -> bytes:
    """Claims width x height; its megabyte of zeros is a kilobyte of file."""
    return png_of(width, height, rows=bytes(1_000_000))


def png_text_bomb() -> bytes:
    """A small picture whose text and profile inflate to 200 MB each."""
    inflating = zlib.compress(bytes(200_000_000), 9)
    extra = png_chunk(b"zTXt", b"Comment\0\0" + inflating) + png_chunk(b"iCCP", b"icc\0\0" + inflating)
    return png_of(4, 4, rows=b"".join(b"\0" + bytes(12) for _ in range(4)), extra=extra)


def jpeg_claiming(width: int, height: int) -> bytes:
    """A real JPEG whose header states another size."""
    data = bytearray(jpeg())
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def jpeg_of_scans(count: int) -> bytes:
    """A progressive JPEG with its last scan repeated."""
    data = jpeg(progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * count + data[-2:]


def webp_claiming(width: int, height: int) -> bytes:
    """An extended WebP whose canvas has another size than the picture in it."""
    body = webp()[12:]
    size = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    chunks = b"WEBP" + b"VP8X" + struct.pack("<I", 10) + bytes(4) + size + body
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks

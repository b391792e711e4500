"""What a JPEG, PNG or WebP says about itself before anything is decoded: type, size, orientation.

Our own readers rather than a library's `open`, because a library may allocate for the size a header claims
(Pillow's WebP reader does) or inflate text chunks on the way to it. Each reader looks at a bounded number
of segments, so that the cost of a hostile file is bounded too.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class PhotoFormat(StrEnum):
    """The three types taken, named as in `image/...`."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"


class PhotoFault(StrEnum):
    """Why a picture is refused."""

    EMPTY = "EMPTY"
    TOO_MANY_BYTES = "TOO_MANY_BYTES"
    UNKNOWN_TYPE = "UNKNOWN_TYPE"
    TOO_MANY_PIXELS = "TOO_MANY_PIXELS"
    TOO_MANY_SCANS = "TOO_MANY_SCANS"
    ANIMATED = "ANIMATED"
    UNSUPPORTED = "UNSUPPORTED"
    DAMAGED = "DAMAGED"


class PhotoError(Exception):
    """Raised for a picture that is not taken; `reason` is for programs, the message tells the person what
    to do.
    """

    def __init__(self, reason: PhotoFault, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class PhotoInfo:
    """What the header says. Width and height are those of the stored pixels, before `orientation` (EXIF, 1
    to 8).
    """

    format: PhotoFormat
    width: int
    height: int
    orientation: int = 1

    @property
    def mime(self) -> str:
        return f"image/{self.format.value}"


PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
ORIENTATION_TAG = 0x0112

# Camera files hold some tens of segments, MPO and HDR ones up to a few hundred.
_MOST_JPEG_SEGMENTS = 1_000
# libpng writes IDAT chunks of 8 KiB: 640 in 5 MB. A twentieth of that size still passes.
_MOST_PNG_CHUNKS = 20_000
_MOST_WEBP_CHUNKS = 1_000
# The usual progressive script has 10 scans. Each scan walks the whole picture and may cost 60 bytes of
# file: 5 MB of them would keep a processor busy for minutes. Counted as FF DA anywhere behind the header,
# thumbnails included.
_MOST_JPEG_SCANS = 64
_MOST_EXIF_ENTRIES = 512

_SOI, _EOI, _SOS, _TEM = 0xD8, 0xD9, 0xDA, 0x01
APP0, APP1, APP14, APP15, COMMENT = 0xE0, 0xE1, 0xEE, 0xEF, 0xFE
_RESTARTS = range(0xD0, 0xD8)
_BASELINE_EXTENDED_PROGRESSIVE = (0xC0, 0xC1, 0xC2)
# Every start of frame; C4, C8 and CC between them are tables.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def read_header(data: bytes) -> PhotoInfo:
    """What `data` says it is, by its content; PhotoError if it is nothing we take or its header is broken."""
    if not data:
        raise PhotoError(PhotoFault.EMPTY, "the file is empty; choose a picture")
    if data.startswith(b"\xff\xd8\xff"):
        info = _read_jpeg(data)
    elif data.startswith(PNG_SIGNATURE):
        info = _read_png(data)
    elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        info = _read_webp(data)
    else:
        raise PhotoError(
            PhotoFault.UNKNOWN_TYPE, "the file is not a JPEG, PNG or WebP picture; save it as one of these"
        )
    if info.width == 0 or info.height == 0:
        raise damaged("the picture has no width or no height")
    return info


def damaged(what: str) -> PhotoError:
    return PhotoError(PhotoFault.DAMAGED, f"{what}: the file is damaged or incomplete; export or upload it again")


def jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, first byte and end of every segment up to and including the first scan's header."""
    at = 2
    for _ in range(_MOST_JPEG_SEGMENTS):
        # A run of fill bytes is skipped by the search of the first byte that is not one, at C speed.
        rest = data[at : at + 4096].lstrip(b"\xff")
        behind = min(at + 4096, len(data)) - len(rest)
        if behind == at or not rest or rest[0] == 0:
            raise damaged("the JPEG's segments do not follow each other")
        marker, start, at = rest[0], behind - 1, behind + 1
        if marker in (_TEM, _SOI) or marker in _RESTARTS:
            continue
        length = int.from_bytes(data[at : at + 2], "big")
        if marker == _EOI or length < 2 or at + length > len(data):
            raise damaged("the JPEG ends before its picture")
        at += length
        yield marker, start, at
        if marker == _SOS:
            return
    raise damaged(f"the JPEG has over {_MOST_JPEG_SEGMENTS} segments")


def _read_jpeg(data: bytes) -> PhotoInfo:
    size: tuple[int, int] | None = None
    orientation = 1
    for marker, start, end in jpeg_segments(data):
        body = data[start + 4 : end]
        if marker in _FRAMES:
            if size is not None:
                raise damaged("the JPEG holds two picture sizes")
            size = _jpeg_size(marker, body)
        elif marker == APP1 and body.startswith(b"Exif\0\0") and orientation == 1:
            orientation = exif_orientation(body[6:])
        elif marker == _SOS and 1 + data.count(b"\xff\xda", end) > _MOST_JPEG_SCANS:
            raise PhotoError(
                PhotoFault.TOO_MANY_SCANS,
                f"the JPEG is built of over {_MOST_JPEG_SCANS} scans; save it as a plain JPEG",
            )
    if size is None:
        raise damaged("the JPEG has no picture size")
    return PhotoInfo(format=PhotoFormat.JPEG, width=size[0], height=size[1], orientation=orientation)


def _jpeg_size(marker: int, body: bytes) -> tuple[int, int]:
    if len(body) < 6:
        raise damaged("the JPEG's size is cut off")
    precision, height, width, components = struct.unpack_from(">BHHB", body)
    if marker not in _BASELINE_EXTENDED_PROGRESSIVE or precision != 8 or components not in (1, 3, 4):
        raise PhotoError(
            PhotoFault.UNSUPPORTED,
            "the JPEG is of a rare kind (lossless, arithmetic or not 8 bits a colour); save it as a plain JPEG",
        )
    return width, height


def png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Kind, first byte and end (behind the checksum) of every chunk up to IEND; PhotoError if the chain
    breaks.
    """
    at = len(PNG_SIGNATURE)
    for _ in range(_MOST_PNG_CHUNKS):
        if at + 12 > len(data):
            raise damaged("the PNG ends before its end mark")
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            raise damaged("a PNG chunk is cut off")
        yield kind, at, end
        if kind == b"IEND":
            return
        at = end
    raise damaged(f"the PNG has over {_MOST_PNG_CHUNKS} chunks")


def _read_png(data: bytes) -> PhotoInfo:
    width = height = 0
    orientation = 1
    for index, (kind, at, end) in enumerate(png_chunks(data)):
        if (kind == b"IHDR") != (index == 0):
            raise damaged("the PNG does not begin with its size")
        if kind == b"IHDR":
            if end - at != 25:
                raise damaged("the PNG's size is cut off")
            width, height = struct.unpack_from(">II", data, at + 8)
        elif kind == b"acTL":
            raise PhotoError(PhotoFault.ANIMATED, "the picture is animated; choose a still one")
        elif kind == b"eXIf":
            orientation = exif_orientation(data[at + 8 : end - 4])
    return PhotoInfo(format=PhotoFormat.PNG, width=width, height=height, orientation=orientation)


def _read_webp(data: bytes) -> PhotoInfo:
    canvas: tuple[int, int] | None = None
    picture: tuple[int, int] | None = None
    orientation = 1
    at = 12
    for _ in range(_MOST_WEBP_CHUNKS):
        if at + 8 > len(data):
            break
        kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        body = data[at + 8 : at + 8 + min(length, 10)]
        if kind in (b"ANIM", b"ANMF") or (kind == b"VP8X" and body[:1] and body[0] & 0x02):
            raise PhotoError(PhotoFault.ANIMATED, "the picture is animated; choose a still one")
        if at + 8 + length > len(data):
            raise damaged("a WebP chunk is cut off")
        if kind == b"VP8X":
            if canvas is not None or len(body) < 10:
                raise damaged("the WebP's size is cut off")
            canvas = (1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little"))
        elif kind in (b"VP8 ", b"VP8L"):
            if picture is not None:
                raise damaged("the WebP holds two pictures")
            picture = _webp_size(kind, body)
        elif kind == b"EXIF":
            exif = data[at + 8 : at + 8 + length]
            orientation = exif_orientation(exif.removeprefix(b"Exif\0\0"))
        at += 8 + length + length % 2
    else:
        raise damaged(f"the WebP has over {_MOST_WEBP_CHUNKS} chunks")
    if picture is None:
        raise damaged("the WebP ends before its picture")
    if canvas is not None and canvas != picture:
        raise damaged("the WebP states two different sizes")
    return PhotoInfo(format=PhotoFormat.WEBP, width=picture[0], height=picture[1], orientation=orientation)


def _webp_size(kind: bytes, body: bytes) -> tuple[int, int]:
    """Size from the first bytes of the bit stream (RFC 9649, RFC 6386)."""
    if kind == b"VP8 " and len(body) >= 10 and body[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", body, 6)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L" and len(body) >= 5 and body[0] == 0x2F:
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    raise damaged("the WebP's size is unreadable")


def exif_orientation(tiff: bytes) -> int:
    """The orientation tag (1 to 8) of an EXIF block; 1 where there is none or the block makes no sense."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None or len(tiff) < 8:
        return 1
    (at,) = struct.unpack_from(order + "I", tiff, 4)
    if at + 2 > len(tiff):
        return 1
    (entries,) = struct.unpack_from(order + "H", tiff, at)
    for index in range(min(entries, _MOST_EXIF_ENTRIES)):
        entry = at + 2 + 12 * index
        if entry + 12 > len(tiff):
            return 1
        tag, kind, count, value = struct.unpack_from(order + "HHIH", tiff, entry)
        if tag == ORIENTATION_TAG:
            return value if kind == 3 and count == 1 and 1 <= value <= 8 else 1
    return 1

"""Stream frames: the ordinary ones decode, everything else is refused cheaply and never crashes."""

import io
import random
import time

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from liveness.frames import MAX_FRAME_BYTES, FrameError, FrameFault, decode_frame, read_header


def picture(width: int = 320, height: int = 240) -> np.ndarray:
    rng = np.random.default_rng(5)
    rows = np.linspace(0, 200, height)[:, None, None] + rng.integers(0, 40, (height, width, 3))
    return np.ascontiguousarray(rows.astype(np.uint8))


def jpeg(width: int = 320, height: int = 240, **options: object) -> bytes:
    stream = io.BytesIO()
    mode = str(options.pop("mode", "RGB"))
    Image.fromarray(picture(width, height)).convert(mode).save(stream, "JPEG", **options)  # type: ignore[arg-type]
    return stream.getvalue()


def test_an_ordinary_frame_decodes() -> None:
    """Nobody could stream."""
    for data in (jpeg(quality=70), simplejpeg.encode_jpeg(picture(), quality=70), jpeg(mode="L"), jpeg(optimize=True)):
        rgb = decode_frame(data)
        assert rgb.shape == (240, 320, 3)
        assert rgb.dtype == np.uint8
        assert abs(float(rgb.mean()) - float(picture().mean())) < 4


def test_restart_markers_and_exif_are_ordinary() -> None:
    """Some phone cameras send them."""
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode_frame(jpeg(restart_marker_blocks=4)).shape == (240, 320, 3)
    assert decode_frame(jpeg(exif=exif)).shape == (240, 320, 3)


def with_size(data: bytes, width: int, height: int, precision: int = 8) -> bytes:
    """The same bytes with other numbers in the frame header."""
    at = data.index(b"\xff\xc0")
    header = bytes([precision]) + height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return data[: at + 4] + header + data[at + 9 :]


def png() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture()).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", FrameFault.EMPTY),
        (b"hello, I am frame.jpg", FrameFault.NOT_JPEG),
        (png(), FrameFault.NOT_JPEG),
        (b"\xff\xd8", FrameFault.TRUNCATED),
        (b"\xff\xd8\xff\xd9", FrameFault.TRUNCATED),
        (jpeg()[:400], FrameFault.TRUNCATED),
        (jpeg()[:-2], FrameFault.TRUNCATED),
        (jpeg()[: len(jpeg()) // 2], FrameFault.TRUNCATED),
        (jpeg(progressive=True), FrameFault.UNSUPPORTED),
        (jpeg(mode="CMYK"), FrameFault.UNSUPPORTED),
        (with_size(jpeg(), 320, 240, precision=12), FrameFault.UNSUPPORTED),
        (with_size(jpeg(), 320, 240, precision=16), FrameFault.UNSUPPORTED),
        (jpeg(1290, 200), FrameFault.TOO_LARGE),
        (jpeg(200, 970), FrameFault.TOO_LARGE),
        (with_size(jpeg(), 65535, 65535), FrameFault.TOO_LARGE),
        (with_size(jpeg(), 0, 240), FrameFault.TOO_SMALL),
        (jpeg(20, 20), FrameFault.TOO_SMALL),
        (with_size(jpeg(), 1280, 960), FrameFault.DAMAGED),
        (jpeg() + bytes(MAX_FRAME_BYTES), FrameFault.TOO_MANY_BYTES),
    ],
    ids=str,
)
def test_what_is_not_a_frame_is_refused(data: bytes, fault: FrameFault) -> None:
    """The server would spend time or memory on what no camera client sends."""
    with pytest.raises(FrameError) as refused:
        decode_frame(data)
    assert refused.value.reason is fault


def test_a_thousand_scans_are_refused_before_decoding() -> None:
    """A few kilobytes would keep a core busy for seconds: every scan goes over the whole picture."""
    data = jpeg(1280, 960, quality=1)
    at = data.index(b"\xff\xda")
    length = 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    bomb = data[:-2] + data[at : at + length] * 1000 + b"\xff\xd9"
    began_s = time.thread_time()  # of the processor: other programs do not count
    with pytest.raises(FrameError) as refused:
        decode_frame(bomb)
    assert refused.value.reason is FrameFault.UNSUPPORTED
    assert time.thread_time() - began_s < 0.05


def test_ten_thousand_mutations_neither_crash_nor_grow() -> None:
    """One hostile client could end the worker that serves everybody."""
    rng = random.Random(11)
    seeds = [jpeg(96, 64), jpeg(64, 64, mode="L"), jpeg(64, 96, progressive=True), jpeg(64, 64, mode="CMYK"), png()]
    outcomes = {"decoded": 0, "refused": 0}
    for number in range(10_000):
        data = bytearray(seeds[number % len(seeds)])
        for _ in range(rng.randint(1, 8)):
            at = rng.randrange(len(data)) if data else 0
            kind = rng.randrange(5)
            if not data or kind == 0:
                data[at:at] = rng.randbytes(rng.randint(1, 12))
            elif kind == 1:
                del data[at : at + rng.randint(1, 40)]
            elif kind == 2:
                data[at] = rng.choice((0x00, 0xFF, 0xC0, 0xC4, 0xDA, 0xDB, 0xD9, rng.randrange(256)))
            elif kind == 3:
                data[at] ^= 1 << rng.randrange(8)
            else:
                piece = data[at : at + rng.randint(1, 60)]
                data[at:at] = piece
        try:
            rgb = decode_frame(bytes(data))
        except FrameError:
            outcomes["refused"] += 1
        else:
            header = read_header(bytes(data))
            assert rgb.shape == (header.height, header.width, 3)
            outcomes["decoded"] += 1
    assert outcomes["decoded"] > 100
    assert outcomes["refused"] > 5_000

"""Ten thousand damaged pictures: each is read or refused, and nothing grows."""

import random
from pathlib import Path

import pytest
from PIL import Image

from facecore.photos import PhotoError, decode, inspect
from tests.unit.facecore import pictures

MUTANTS = 10_000
MAX_GROWTH_BYTES = 16 * 1024 * 1024
# Keeps a mutant that claims a large size from costing seconds; the limit itself is tested elsewhere.
MAX_PIXELS = 200_000


def seeds() -> list[bytes]:
    rgb = pictures.gradient()
    layered = Image.fromarray(rgb).convert("RGBA")
    return [
        pictures.jpeg(exif=pictures.exif(6)),
        pictures.jpeg(progressive=True, comment=b"hello"),
        pictures.written(Image.fromarray(rgb).convert("CMYK"), "JPEG"),
        pictures.png(exif=pictures.exif(3)),
        pictures.png_16_bit(rgb),
        pictures.written(Image.fromarray(rgb).convert("P"), "PNG"),
        pictures.webp(exif=pictures.exif(8)),
        pictures.webp(lossless=True),
        pictures.written(layered, "WEBP"),
    ]


def mutated(dice: random.Random, data: bytes) -> bytes:
    """The picture with some bytes changed, cut out, doubled or swapped for telling values; often near its header."""
    mutant = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        reach = min(len(mutant), 200) if dice.random() < 0.6 else len(mutant)
        at = dice.randrange(max(1, reach))
        match dice.randrange(5):
            case 0:
                mutant[at : at + 1] = bytes([dice.randrange(256)])
            case 1:
                mutant[at : at + dice.randrange(1, 20)] = b""
            case 2:
                mutant[at:at] = mutant[at : at + dice.randrange(1, 40)]
            case 3:
                mutant[at : at + 4] = dice.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\xff\xda"])
            case _:
                del mutant[at + dice.randrange(1, 400) :]
    return bytes(mutant)


def resident_bytes() -> int:
    statm = Path("/proc/self/statm")
    if not statm.exists():
        pytest.skip("resident memory is read from /proc, which this system has not")
    return int(statm.read_text().split()[1]) * 4096


def test_ten_thousand_mutants_are_read_or_refused() -> None:
    """One damaged upload would crash the process, surface as an internal error, or leave memory behind."""
    originals, dice = seeds(), random.Random(20261120)
    refused = before = 0
    for index in range(MUTANTS):
        if index == MUTANTS // 5:
            before = resident_bytes()
        data = mutated(dice, originals[index % len(originals)])
        try:
            info = inspect(data, max_pixels=MAX_PIXELS)
            rgb = decode(data, max_pixels=MAX_PIXELS)
        except PhotoError:
            refused += 1
        else:
            assert rgb.shape[2] == 3
            assert sorted(rgb.shape[:2]) == sorted((info.height, info.width))
    assert MUTANTS // 10 < refused < MUTANTS
    assert resident_bytes() - before < MAX_GROWTH_BYTES

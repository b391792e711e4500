"""Uploaded pictures: what is taken, how it comes out, and what is refused with which reason."""

import contextlib
import io
import time

import numpy as np
import pytest
from PIL import Image, ImageCms

from facecore.photos import MAX_PHOTO_BYTES, PhotoError, PhotoFault, PhotoFormat, clean_jpeg, decode, inspect
from tests.unit.facecore import pictures

BOMB_MS = 50


def refused(data: bytes, **limits: int) -> PhotoError:
    with pytest.raises(PhotoError) as inspected:
        decode(data, **limits)
    return inspected.value


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (pictures.jpeg(), PhotoFormat.JPEG),
        (pictures.jpeg(progressive=True), PhotoFormat.JPEG),
        (pictures.png(), PhotoFormat.PNG),
        (pictures.png_16_bit(pictures.gradient()), PhotoFormat.PNG),
        (pictures.webp(), PhotoFormat.WEBP),
        (pictures.webp(lossless=True), PhotoFormat.WEBP),
        (pictures.webp(exif=pictures.exif(1)), PhotoFormat.WEBP),
    ],
    ids=["jpeg", "progressive", "png", "png-16-bit", "webp", "webp-lossless", "webp-extended"],
)
def test_the_usual_kinds_are_read_as_they_are(data: bytes, kind: PhotoFormat) -> None:
    """Somebody's ordinary picture would be refused, or come out in wrong colours."""
    info = inspect(data)
    assert (info.format, info.width, info.height) == (kind, 48, 32)
    assert info.mime == f"image/{kind.value}"
    rgb = decode(data)
    assert rgb.dtype == np.uint8
    assert np.abs(rgb.astype(int) - pictures.gradient()).max() <= 12


def test_cmyk_jpeg_comes_out_in_its_colours() -> None:
    """A picture from a print shop would come out inverted, and its face would not be found."""
    picture = Image.fromarray(pictures.gradient()).convert("CMYK")
    rgb = decode(pictures.written(picture, "JPEG", quality=95))
    assert np.abs(rgb.astype(int) - np.asarray(picture.convert("RGB"))).mean() < 6


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_every_png_mode_becomes_rgb(mode: str) -> None:
    """A grey, palette, transparent or 16-bit PNG would be refused or come out black."""
    grey = np.tile(np.linspace(0, 255, 48).astype(np.uint8), (32, 1))
    if mode == "I;16":
        picture = Image.fromarray(grey.astype(np.uint16) * 257)
    else:
        picture = Image.fromarray(grey).convert("RGB").convert(mode, palette=Image.Palette.ADAPTIVE)
    rgb = decode(pictures.written(picture, "PNG"))
    assert rgb.shape == (32, 48, 3)
    if mode != "1":
        assert np.abs(rgb[:, :, 0].astype(int) - grey).max() <= 8
    assert rgb[0, 0].max() < 10
    assert rgb[0, -1].min() > 245


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_transparency_shows_white(kind: str) -> None:
    """A cut-out portrait would stand before whatever colour its hidden pixels hold."""
    layered = np.zeros((8, 8, 4), np.uint8)
    layered[:4] = (200, 0, 0, 255)
    rgb = decode(pictures.written(Image.fromarray(layered), kind, lossless=True))
    assert (rgb[6, 4] == 255).all()
    assert rgb[1, 4].tolist() == [200, 0, 0]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_orientation_is_applied(kind: str, orientation: int) -> None:
    """A phone's portrait would lie on its side, and no face would be found in it."""
    picture = Image.fromarray(pictures.gradient())
    options = {"quality": 95, "subsampling": 0} if kind == "JPEG" else {"lossless": True}
    data = pictures.written(picture, kind, exif=pictures.exif(orientation), **options)
    assert inspect(data).orientation == orientation
    turns = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
             5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
             8: Image.Transpose.ROTATE_90}  # fmt: skip
    upright = picture.transpose(turns[orientation]) if orientation > 1 else picture
    assert np.abs(decode(data).astype(int) - np.asarray(upright)).max() <= 12


def test_a_clean_copy_holds_no_metadata() -> None:
    """The place where somebody's profile picture was taken would be published with it."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = pictures.jpeg(exif=pictures.exif(6), icc_profile=profile, comment=b"a secret comment")
    clean = clean_jpeg(decode(data))
    assert clean.mime == "image/jpeg"
    assert (clean.width, clean.height) == (32, 48)
    for hidden in (b"secret", b"Exif", b"ICC_PROFILE", b"http"):
        assert hidden not in clean.data
    with Image.open(io.BytesIO(clean.data)) as picture:
        assert not picture.getexif()
        assert picture.size == (32, 48)


def test_a_clean_copy_is_no_larger_than_it_needs_to_be() -> None:
    """One visitor of a profile page would download what only a poster needs."""
    clean = clean_jpeg(np.zeros((3000, 1000, 3), np.uint8))
    assert (clean.width, clean.height) == (683, 2048)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", PhotoFault.EMPTY),
        (b"Dear photo service, I am a text file named me.jpg", PhotoFault.UNKNOWN_TYPE),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", PhotoFault.UNKNOWN_TYPE),
        (pictures.written(Image.fromarray(pictures.gradient()), "GIF"), PhotoFault.UNKNOWN_TYPE),
        (b"\xff\xd8\xff" + bytes(range(256)) * 8, PhotoFault.DAMAGED),
        (b"\x89PNG\r\n\x1a\n" + b"\x07" * 500, PhotoFault.DAMAGED),
        (b"RIFF\xff\xff\xff\xffWEBPVP8 ", PhotoFault.DAMAGED),
        (pictures.jpeg()[:-40], PhotoFault.DAMAGED),
        (pictures.jpeg()[:100], PhotoFault.DAMAGED),
        (pictures.png()[:-40], PhotoFault.DAMAGED),
        (pictures.webp()[:-40], PhotoFault.DAMAGED),
        (pictures.jpeg_claiming(0, 32), PhotoFault.DAMAGED),
        (pictures.jpeg_claiming(65_000, 65_000), PhotoFault.TOO_MANY_PIXELS),
        (pictures.png_bomb(60_000, 60_000), PhotoFault.TOO_MANY_PIXELS),
        (pictures.webp_claiming(16_000, 16_000), PhotoFault.DAMAGED),
        (pictures.jpeg_of_scans(100), PhotoFault.TOO_MANY_SCANS),
    ],
    ids=[
        "empty", "text", "svg", "gif", "jpeg-garbage", "png-garbage", "webp-garbage", "jpeg-truncated",
        "jpeg-header-only", "png-truncated", "webp-truncated", "no-width", "jpeg-bomb", "png-bomb", "webp-bomb",
        "scan-bomb",
    ],
)  # fmt: skip
def test_what_is_refused_and_why(data: bytes, reason: PhotoFault) -> None:
    """A broken or hostile file would crash the upload, or be refused without a reason to act on."""
    fault = refused(data)
    assert fault.reason is reason
    assert len(str(fault)) > 20


def test_a_message_names_the_limit() -> None:
    """The person would not know how much smaller the picture has to be."""
    assert "1.3 MB" in str(refused(bytes(2_000_000), max_bytes=1_300_000))
    message = str(refused(pictures.png(), max_pixels=1_000))
    assert "48 x 32" in message
    assert "0.001" in message


@pytest.mark.parametrize("frames", [2, 5])
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_animations_are_refused(kind: str, frames: int) -> None:
    """The face that is checked would not be the face that visitors see."""
    first, *more = (Image.fromarray(pictures.gradient()[:, ::-step]) for step in [1, -1, 1, -1, 1][:frames])
    data = pictures.written(first, kind, save_all=True, append_images=more, duration=100)
    assert refused(data).reason is PhotoFault.ANIMATED


def test_twelve_bit_and_lossless_jpegs_are_named_as_such() -> None:
    """A rare medical JPEG would be called damaged although it is whole."""
    data = bytearray(pictures.jpeg())
    frame = data.index(b"\xff\xc0")
    data[frame + 4] = 12
    assert refused(bytes(data)).reason is PhotoFault.UNSUPPORTED
    data[frame + 1] = 0xC3
    assert refused(bytes(data)).reason is PhotoFault.UNSUPPORTED


@pytest.mark.parametrize(
    "data",
    [
        pictures.png_bomb(60_000, 60_000),
        pictures.png_text_bomb(),
        pictures.jpeg_claiming(65_000, 65_000),
        pictures.webp_claiming(16_000, 16_000),
        pictures.jpeg_of_scans(20_000),
        b"\xff\xd8" + b"\xff\xe1\x00\x02" * 1_200_000,
        b"\xff\xd8" + b"\xff" * 5_000_000,
        b"\x89PNG\r\n\x1a\n" + pictures.png_chunk(b"IHDR", bytes(13)) + pictures.png_chunk(b"tEXt", b"") * 400_000,
        b"RIFF\0\0\0\0WEBP" + b"JUNK\0\0\0\0" * 600_000,
    ],
    ids=["png", "png-text", "jpeg", "webp", "scans", "jpeg-segments", "jpeg-fill", "png-chunks", "webp-chunks"],
)
def test_a_bomb_costs_little(data: bytes) -> None:
    """A few kilobytes would keep a processor or the memory busy; ten of them would stop the server."""
    took_ms = []
    for _ in range(3):
        started = time.thread_time()  # of the processor: other programs do not count
        with contextlib.suppress(PhotoError):
            decode(data, max_bytes=6_000_000)
        took_ms.append(1000 * (time.thread_time() - started))
    assert min(took_ms) < BOMB_MS


def test_type_comes_from_the_bytes_only() -> None:
    """A picture with a wrong extension or a wrong upload header would be misread."""
    assert inspect(pictures.png()).mime == "image/png"
    assert inspect(pictures.jpeg()).mime == "image/jpeg"


@pytest.mark.parametrize("grain", [0, 35, 255], ids=["smooth", "grainy", "noise"])
def test_a_grainy_photo_gets_its_clean_copy(grain: int) -> None:
    """A photo taken in the dark would be answered with an internal error, or be too large to be shown."""
    noise = np.random.default_rng(1).integers(-grain, grain + 1, (2048, 2048, 3))
    clean = clean_jpeg((noise + 128).clip(0, 255).astype(np.uint8))
    assert len(clean.data) <= MAX_PHOTO_BYTES
    assert decode(clean.data).shape == (2048, 2048, 3)

"""The profile photo: what people see of it, and what it does to the badge that is held against it."""

import io
from collections.abc import Callable
from pathlib import Path

import asyncpg
import numpy as np
import pytest
from PIL import Image

from tests.integration.profiles.photos import commit, encoded, jpeg, shown
from tests.serving import ME, Visitor


async def test_a_photo_becomes_the_profile_photo(ada: Visitor, portrait: bytes, sql: asyncpg.Connection) -> None:
    """Nobody could earn the badge."""
    account = await commit(ada, await ada.upload(portrait))
    assert account["faceFindings"] == []
    assert (await ada.data(ME))["me"]["avatarUrl"] == account["avatarUrl"]
    picture = await shown(ada, account["avatarUrl"])
    assert (picture.format, picture.size) == ("JPEG", (512, 512))
    sealed = await sql.fetchval("select template_sealed from photo_templates")
    assert len(sealed) > 128 * 4
    for offset in range(len(sealed) - 511):  # a descriptor in the clear would be 128 numbers below 1
        assert not (np.abs(np.frombuffer(sealed, dtype="<f4", count=128, offset=offset)) < 1).all()


async def test_a_photo_comes_in_three_sizes(ada: Visitor, other_portrait: bytes) -> None:
    """A list of fifty people would load fifty full photos over a phone's connection."""
    await commit(ada, await ada.upload(other_portrait))
    sizes = "{ me { small: avatarUrl(size: SMALL) medium: avatarUrl(size: MEDIUM) large: avatarUrl } }"
    urls = (await ada.data(sizes))["me"]
    assert (await shown(ada, urls["large"])).size == (512, 600)
    assert (await shown(ada, urls["medium"])).size == (273, 320)
    assert (await shown(ada, urls["small"])).size == (82, 96)


async def test_the_photo_is_shown_upright_and_without_metadata(ada: Visitor, portrait: bytes) -> None:
    """A phone's photo would lie on its side, and tell the world where its owner lives."""
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter to the right
    exif[0x010E] = "52.5200 N 13.4050 E"
    picture = Image.open(io.BytesIO(portrait)).resize((400, 300)).rotate(90, expand=True)
    account = await commit(ada, await ada.upload(jpeg(picture, exif=exif, comment=b"home address")))
    answer = await ada.http.get(account["avatarUrl"])
    clean = Image.open(io.BytesIO(answer.content))
    assert clean.size == (400, 300)
    assert not clean.getexif()
    assert b"13.4050" not in answer.content
    assert b"home address" not in answer.content


@pytest.mark.parametrize(
    ("make", "mime"),
    [
        (lambda p: encoded(p.convert("RGB"), "PNG"), "image/png"),
        (lambda p: encoded(p.convert("RGB"), "WEBP", quality=92), "image/webp"),
        (lambda p: encoded(p.convert("CMYK"), "JPEG", quality=92), "image/jpeg"),
        (lambda p: encoded(p.convert("RGB"), "JPEG", quality=92, progressive=True), "image/jpeg"),
        (lambda p: encoded(p.convert("L"), "JPEG", quality=92), "image/jpeg"),
        (lambda p: encoded(p.convert("RGBA"), "PNG"), "image/png"),
        (lambda p: encoded(p.convert("RGB").quantize(200), "PNG"), "image/png"),
        (lambda p: encoded(_sixteen_bit(p), "PNG"), "image/png"),
    ],
    ids=["png", "webp", "cmyk", "progressive", "grey", "transparent", "palette", "16-bit"],
)
async def test_pictures_of_every_usual_make(
    ada: Visitor, astronaut_path: Path, make: Callable[[Image.Image], bytes], mime: str
) -> None:
    """People would be told that their perfectly good photo is broken."""
    account = await commit(ada, await ada.upload(make(Image.open(astronaut_path)), mime=mime))
    assert account["faceFindings"] == []
    assert (await shown(ada, account["avatarUrl"])).format == "JPEG"


def _sixteen_bit(picture: Image.Image) -> Image.Image:
    grey = np.asarray(picture.convert("L"), dtype=np.uint16) * 257
    return Image.fromarray(grey)


async def test_what_is_wrong_with_the_face_is_told_and_the_photo_kept(
    ada: Visitor, portrait: bytes, sql: asyncpg.Connection
) -> None:
    """Somebody with a cat for a profile photo could not have one, or would not learn why they cannot verify."""
    assert (await commit(ada, await ada.upload(portrait)))["faceFindings"] == []
    wall = jpeg(Image.effect_noise((400, 400), 20))
    account = await commit(ada, await ada.upload(wall))
    assert account["faceFindings"] == ["NO_FACE"]
    assert (await ada.data(ME))["me"]["faceFindings"] == ["NO_FACE"]
    assert await sql.fetchval("select count(*) from photo_templates") == 0  # went with the photo it was read from


async def test_a_new_photo_takes_the_badge_away(
    ada: Visitor, portrait: bytes, other_portrait: bytes, sql: asyncpg.Connection
) -> None:
    """Somebody could verify with their own face and then show another."""
    await commit(ada, await ada.upload(portrait))
    await sql.execute("update accounts set verified_at = now()")
    await sql.execute("update profiles set verified_at = now()")
    assert (await ada.data(ME))["me"]["verifiedAt"] is not None
    account = await commit(ada, await ada.upload(other_portrait))
    assert account["verifiedAt"] is None
    assert (await ada.data(ME))["me"]["verifiedAt"] is None
    assert await sql.fetchval("select verified_at from profiles") is None
    assert await sql.fetchval(
        "select t.avatar_key = p.avatar_key from photo_templates t join profiles p using (account_id)"
    )

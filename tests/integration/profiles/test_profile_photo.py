"""The profile photo, from the presigned upload to what people see and what the badge is held against."""

import asyncio
import io
import os
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import numpy as np
import pytest
from PIL import Image

from app.wiring import Services
from tests.fakes import FixedClock
from tests.serving import LOGIN, ME, PASSWORD, PRESIGN, Visitor

COMMIT = "mutation ($key: String!) { commitAvatar(key: $key) { avatarUrl verifiedAt faceFindings } }"


@pytest.fixture
async def ada(transport: httpx.ASGITransport) -> Visitor:
    visitor = Visitor(transport)
    await visitor.signup("ada")
    return visitor


@pytest.fixture
def portrait(astronaut_path: Path) -> bytes:
    """A JPEG of a person whose face fills a fifth of the picture."""
    return jpeg(Image.open(astronaut_path))


@pytest.fixture
def other_portrait(grace_hopper_path: Path) -> bytes:
    return grace_hopper_path.read_bytes()


def jpeg(picture: Image.Image, **options: Any) -> bytes:
    written = io.BytesIO()
    picture.convert("RGB").save(written, "JPEG", quality=92, **options)
    return written.getvalue()


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    written = io.BytesIO()
    picture.save(written, kind, **options)
    return written.getvalue()


def copies_of(url: str) -> set[str]:
    """The names of all that is stored for one photo."""
    name = url.rsplit("/", 1)[1]
    return {name, f"{name}-96", f"{name}-320"}


async def commit(visitor: Visitor, key: str) -> dict[str, Any]:
    account: dict[str, Any] = (await visitor.data(COMMIT, {"key": key}))["commitAvatar"]
    return account


async def shown(visitor: Visitor, url: str) -> Image.Image:
    """The photo as the whole world gets it."""
    answer = await visitor.http.get(url)
    assert answer.status_code == 200, url
    return Image.open(io.BytesIO(answer.content))


def stored_objects(services: Services) -> set[str]:
    """The names of the files in the local object store."""
    folder = services.settings.data_dir / "objects"
    return {path.name for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
async def sql(services: Services) -> Any:
    connection = await asyncpg.connect((services.settings.database_url or "").replace("+asyncpg", "", 1))
    yield connection
    await connection.close()


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


async def test_nothing_is_left_behind(ada: Visitor, services: Services, portrait: bytes, other_portrait: bytes) -> None:
    """Photos that people replaced would stay readable, metadata and all."""
    first = await ada.upload(portrait)
    old = await commit(ada, first)
    new = await commit(ada, await ada.upload(other_portrait))
    assert stored_objects(services) == copies_of(new["avatarUrl"])
    for gone in ("", "-96", "-320"):
        assert (await ada.http.get(old["avatarUrl"] + gone)).status_code == 404


async def test_the_upload_url_cannot_change_a_photo_that_was_judged(
    ada: Visitor, portrait: bytes, other_portrait: bytes
) -> None:
    """The URL lives for ten minutes: another face could be put behind an earned badge."""
    size = max(len(portrait), len(other_portrait))
    photos = [photo + b"\0" * (size - len(photo)) for photo in (portrait, other_portrait)]
    presigned = await ada.presign(size=size)
    await ada.put(presigned, photos[0])
    account = await commit(ada, presigned["key"])
    before = (await ada.http.get(account["avatarUrl"])).content
    await ada.put(presigned, photos[1])
    assert (await ada.http.get(account["avatarUrl"])).content == before
    assert (await commit(ada, presigned["key"]))["avatarUrl"] == account["avatarUrl"]


async def test_committing_twice_changes_nothing(
    ada: Visitor, portrait: bytes, sql: asyncpg.Connection, services: Services
) -> None:
    """A repeated click, or a retry after a lost answer, would show an error or take the badge away."""
    key = await ada.upload(portrait)
    first = await commit(ada, key)
    await sql.execute("update accounts set verified_at = now()")
    assert (await commit(ada, key))["avatarUrl"] == first["avatarUrl"]
    assert (await ada.data(ME))["me"]["verifiedAt"] is not None
    assert len(stored_objects(services)) == 3


async def test_an_upload_is_committed_once(ada: Visitor, portrait: bytes, other_portrait: bytes) -> None:
    """An old photo could be brought back by whoever has an old key."""
    old = await ada.upload(portrait)
    await commit(ada, old)
    await commit(ada, await ada.upload(other_portrait))
    assert await ada.refusal(COMMIT, {"key": old}) == {"code": "NOT_FOUND", "field": "key"}


async def test_eight_commits_of_one_upload_at_once(ada: Visitor, services: Services, portrait: bytes) -> None:
    """A double click would leave a profile that points to a deleted photo."""
    key = await ada.upload(portrait)
    answers = [answer.json() for answer in await asyncio.gather(*(ada.post(COMMIT, {"key": key}) for _ in range(8)))]
    urls = {answer["data"]["commitAvatar"]["avatarUrl"] for answer in answers if "errors" not in answer}
    # Whoever comes after the winner has tidied up finds the upload gone; everybody else gets the winner's photo.
    refusals = [answer["errors"][0]["extensions"]["code"] for answer in answers if "errors" in answer]
    assert set(refusals) <= {"NOT_FOUND"}
    assert urls == {(await ada.data(ME))["me"]["avatarUrl"]}
    assert (await shown(ada, urls.pop())).size == (512, 512)
    assert len(stored_objects(services)) == 3


async def test_two_photos_committed_at_once(
    ada: Visitor, services: Services, portrait: bytes, other_portrait: bytes, sql: asyncpg.Connection
) -> None:
    """Photo, template and file could end up being of two different people."""
    keys = [await ada.upload(portrait), await ada.upload(other_portrait)]
    await asyncio.gather(*(commit(ada, key) for key in keys))
    url = (await ada.data(ME))["me"]["avatarUrl"]
    assert stored_objects(services) == copies_of(url)
    assert url.endswith(await sql.fetchval("select avatar_key from photo_templates"))
    await shown(ada, url)


async def test_somebody_elses_upload(ada: Visitor, transport: httpx.ASGITransport, portrait: bytes) -> None:
    """Anyone could show another person's photo as their own, or learn that it exists."""
    eve = Visitor(transport)
    await eve.signup("eve")
    key = await ada.upload(portrait)
    assert await eve.refusal(COMMIT, {"key": key}) == {"code": "FORBIDDEN", "field": "key"}
    assert (await commit(ada, key))["avatarUrl"]


async def test_nobody_reads_what_was_uploaded(ada: Visitor, services: Services, portrait: bytes) -> None:
    """A photo would be public, with the place where it was taken, before its owner decided to show it."""
    presigned = await ada.presign(size=len(portrait))
    assert (await ada.put(presigned, portrait)).status_code == 200
    account_id = (await ada.data(ME))["me"]["id"]
    assert presigned["key"].startswith(f"avatars/{account_id}/")
    for address in (presigned["url"], presigned["url"].partition("?")[0], services.store.public_url(presigned["key"])):
        assert (await ada.http.get(address)).status_code == 404, address
    clean = (await commit(ada, presigned["key"]))["avatarUrl"]
    shown_before = (await ada.http.get(clean)).content
    # The URL lives on, and takes the same number of any bytes.
    assert (await ada.put(presigned, portrait[::-1])).status_code == 200
    assert (await ada.http.get(presigned["url"].partition("?")[0])).status_code == 404
    assert (await ada.http.get(clean)).content == shown_before
    assert (await commit(ada, presigned["key"]))["avatarUrl"] == clean


async def test_abandoned_uploads_are_swept_away(
    ada: Visitor, services: Services, portrait: bytes, clock: FixedClock
) -> None:
    """Pictures that people decided not to show would stay on our disk for ever."""
    key = await ada.upload(portrait)
    (waiting,) = (path for path in (services.settings.data_dir / "objects").rglob("uploads/*/*") if path.is_file())
    made_s = clock.now().timestamp()
    os.utime(waiting, (made_s, made_s))
    await ada.presign()
    assert waiting.exists()
    clock.advance(3601)
    payload = (await ada.data(LOGIN, {"email": "ada@example.org", "password": PASSWORD}))["login"]
    ada.access_token = payload["accessToken"]
    await ada.presign()
    assert not waiting.exists()
    assert (await ada.refusal(COMMIT, {"key": key}))["code"] == "NOT_FOUND"


async def test_a_key_that_we_never_gave(ada: Visitor) -> None:
    """A crafted key could reach files that are none of the person's business."""
    key = (await ada.presign())["key"]
    crafted = [
        "",
        "/etc/passwd",
        f"{key}/../../x",
        f"../{key}",
        key.upper(),
        f"{key}\n",
        f"{key}-copy",
        "avatars/" + "a" * 9000,
    ]
    for made_up in [*crafted, key.replace("avatars/", "templates/")]:
        assert await ada.refusal(COMMIT, {"key": made_up}) == {"code": "BAD_USER_INPUT", "field": "key"}, made_up


async def test_nothing_uploaded_yet(ada: Visitor) -> None:
    """An upload that failed would look like a broken photo."""
    key = (await ada.presign())["key"]
    assert await ada.refusal(COMMIT, {"key": key}) == {"code": "NOT_FOUND", "field": "key"}
    made_up = key[:-12] + "0" * 12
    assert await ada.refusal(COMMIT, {"key": made_up}) == {"code": "NOT_FOUND", "field": "key"}


def _png(width: int, height: int, body: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("photo", "mime", "code", "reason"),
    [
        (b"just some text, named me.jpg", "image/jpeg", "BAD_USER_INPUT", "UNKNOWN_TYPE"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "image/png", "BAD_USER_INPUT", "UNKNOWN_TYPE"),
        (b"GIF89a" + b"\0" * 50, "image/png", "BAD_USER_INPUT", "UNKNOWN_TYPE"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 50, "image/jpeg", "BAD_USER_INPUT", "DAMAGED"),
        (_png(50_000, 50_000, zlib.compress(b"\0" * 4_000_000)), "image/png", "PAYLOAD_TOO_LARGE", "TOO_MANY_PIXELS"),
        (_png(5001, 5000, b""), "image/png", "PAYLOAD_TOO_LARGE", "TOO_MANY_PIXELS"),
        (_png(100, 100, b"garbage"), "image/png", "BAD_USER_INPUT", "DAMAGED"),
        (_png(4000, 4000, zlib.compress(b"\0" * 1000)), "image/png", "BAD_USER_INPUT", "DAMAGED"),
    ],
    ids=["text", "svg", "gif", "truncated", "bomb", "too many pixels", "garbage inside", "ends early"],
)
async def test_what_is_no_photo_is_refused(ada: Visitor, photo: bytes, mime: str, code: str, reason: str) -> None:
    """A file of another kind could be served under our name, or one small upload could take the server down."""
    key = await ada.upload(photo, mime=mime)
    began_s = time.process_time()  # of the processor: other programs do not count
    refused = await ada.refusal(COMMIT, {"key": key})
    assert time.process_time() - began_s < 2
    assert refused == {"code": code, "field": "key", "reason": reason}
    assert (await ada.data(ME))["me"]["avatarUrl"] is None


async def test_a_photo_of_another_type_than_announced(ada: Visitor, portrait: bytes) -> None:
    """What was signed and what is stored would differ without anybody noticing."""
    key = await ada.upload(portrait, mime="image/png")
    assert await ada.refusal(COMMIT, {"key": key}) == {
        "code": "BAD_USER_INPUT",
        "field": "key",
        "reason": "TYPE_DIFFERS",
    }


async def test_the_store_takes_only_what_was_announced(ada: Visitor, portrait: bytes) -> None:
    """Anyone with an upload URL could fill the disk."""
    presigned = await ada.presign(size=len(portrait))
    assert (await ada.put(presigned, portrait + b"more")).status_code == 403
    tampered = {**presigned, "url": presigned["url"].replace(f"length={len(portrait)}", f"length={len(portrait) + 4}")}
    assert (await ada.put(tampered, portrait + b"more")).status_code == 403


async def test_an_upload_that_would_be_refused_is_not_begun(ada: Visitor) -> None:
    """People would wait for an upload that can only fail."""
    for mime, size, code, field in (
        ("image/gif", 10, "BAD_USER_INPUT", "mime"),
        ("image/svg+xml", 10, "BAD_USER_INPUT", "mime"),
        ("IMAGE/JPEG", 10, "BAD_USER_INPUT", "mime"),
        ("", 10, "BAD_USER_INPUT", "mime"),
        ("image/jpeg", 0, "BAD_USER_INPUT", "bytes"),
        ("image/jpeg", -1, "BAD_USER_INPUT", "bytes"),
        ("image/jpeg", 5 * 1024 * 1024 + 1, "PAYLOAD_TOO_LARGE", "bytes"),
        ("image/jpeg", 2**31, "BAD_USER_INPUT", "bytes"),
    ):
        assert await ada.refusal(PRESIGN, {"mime": mime, "bytes": size}) == {"code": code, "field": field}, (mime, size)


async def test_signed_out_people_upload_nothing(visitor: Visitor) -> None:
    """The whole world could use our storage."""
    assert (await visitor.refusal(PRESIGN, {"mime": "image/jpeg", "bytes": 5}))["code"] == "UNAUTHENTICATED"
    assert (await visitor.refusal(COMMIT, {"key": "avatars/x/y"}))["code"] == "UNAUTHENTICATED"


async def test_uploads_are_limited(ada: Visitor) -> None:
    """One account could fill the storage, or keep the face engine busy."""
    for _ in range(30):
        await ada.presign()
    refused = await ada.refusal(PRESIGN, {"mime": "image/jpeg", "bytes": 5})
    assert refused["code"] == "RATE_LIMITED"
    assert refused["retryAfter"] > 0


async def test_the_largest_photo(ada: Visitor) -> None:
    """A good camera's photo would be refused, or stop the server for everybody else."""
    plain = Image.new("RGB", (5000, 5000), (120, 130, 140))
    key = await ada.upload(encoded(plain, "PNG"), mime="image/png")
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.001)
            ticks += 1

    ticker = asyncio.create_task(tick())
    account = await commit(ada, key)
    ticker.cancel()
    assert (await shown(ada, account["avatarUrl"])).size == (2048, 2048)
    assert ticks > 50  # the loop ran on while a second's work was done; had it waited, there were a handful

"""The upload of a photo: what the store takes, what is refused, and who sees it before it is shown."""

import asyncio
import os
import struct
import time
import zlib

import pytest
from PIL import Image

from app.wiring import Services
from tests.fakes import FixedClock
from tests.integration.profiles.photos import COMMIT, commit, encoded, shown
from tests.serving import LOGIN, ME, PASSWORD, PRESIGN, Visitor


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

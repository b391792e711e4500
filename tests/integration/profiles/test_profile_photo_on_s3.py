"""The profile photo on S3: the browser uploads straight to a bucket that checks every signature."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from app.settings import Settings
from tests.fakes import FixedClock, Mailbox
from tests.s3_server import S3Server
from tests.serving import Visitor, served

COMMIT = "mutation ($key: String!) { commitAvatar(key: $key) { avatarUrl small: avatarUrl(size: SMALL) } }"
CDN = "https://photos.example.org"


@pytest.fixture
def bucket() -> S3Server:
    # botocore signs with the real time.
    return S3Server(clock=FixedClock(datetime.now(UTC)))


@pytest.fixture
async def ada(settings: Settings, mailbox: Mailbox, bucket: S3Server) -> AsyncIterator[Visitor]:
    with bucket:
        on_s3 = replace(
            settings,
            s3_bucket=bucket.bucket,
            s3_endpoint_url=bucket.url,
            s3_public_base=CDN,
            aws_region=bucket.region,
            aws_access_key_id=bucket.access_key_id,
            aws_secret_access_key=bucket.secret_access_key,
        )
        async with served(on_s3, clock=FixedClock(), mailbox=mailbox) as (_, transport):
            visitor = Visitor(transport)
            await visitor.signup("ada")
            yield visitor


async def uploaded(visitor: Visitor, photo: bytes, *, sent: bytes | None = None, mime: str | None = None) -> int:
    """The bucket's answer to an upload that was announced as `photo`; one that arrived is committed."""
    presigned = await visitor.presign(size=len(photo))
    headers = {header["name"].lower(): header["value"] for header in presigned["headers"]}
    if mime is not None:
        headers["content-type"] = mime
    async with httpx.AsyncClient(trust_env=False, timeout=30) as browser:
        answer = await browser.put(presigned["url"], content=sent or photo, headers=headers)
    if answer.is_success:
        await visitor.data(COMMIT, {"key": presigned["key"]})
    return answer.status_code


async def test_the_whole_way_of_a_photo(ada: Visitor, bucket: S3Server, grace_hopper_path: Path) -> None:
    """Whoever runs on S3 would have no photos, or old ones that stay readable."""
    photo = grace_hopper_path.read_bytes()
    assert await uploaded(ada, photo) == 200
    first = set(bucket.objects)
    assert await uploaded(ada, photo) == 200
    urls = (await ada.data("{ me { avatarUrl small: avatarUrl(size: SMALL) } }"))["me"]
    key = urls["avatarUrl"].removeprefix(f"{CDN}/")
    assert set(bucket.objects) == {key, f"{key}-96", f"{key}-320"}
    assert urls["small"] == f"{CDN}/{key}-96"
    assert first.isdisjoint(bucket.objects)
    assert {mime for _, mime in bucket.objects.values()} == {"image/jpeg"}
    assert b"Exif" not in bucket.objects[key][0]


async def test_the_signature_binds_type_and_length(ada: Visitor, bucket: S3Server, grace_hopper_path: Path) -> None:
    """A URL for one small photo would take a film, or a page with scripts, under our name."""
    photo = grace_hopper_path.read_bytes()
    assert await uploaded(ada, photo, sent=photo + b"more") == 403
    assert await uploaded(ada, photo, mime="text/html") == 403
    assert bucket.objects == {}

"""One contract for both object stores: files behind our own routes, and S3 behind a server that checks signatures."""

import asyncio
import os
import re
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from app.edge.objects import ObjectRoutes
from app.edge.problems import exception_handlers
from app.ids import Ids
from app.storage import (
    LocalStore,
    ObjectStore,
    PresignedUpload,
    S3Store,
    StorageUnavailable,
    StoredObjectMissing,
    StoredObjectTooLarge,
    UploadRefused,
)
from tests.fakes import FixedClock
from tests.s3_server import S3Server

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8
KEY = "avatars/0199aa/0199bb"
TEN_MINUTES_S = 600


class RunningClock(FixedClock):
    """The real time, with which botocore signs, and what a test adds to it: a slow start must not outrun the test."""

    def now(self) -> datetime:
        return datetime.now(UTC) + (super().now() - FixedClock().now())


@dataclass(frozen=True)
class Subject:
    """A store, an HTTP client that reaches its URLs, the clock that judges expiry, and a way to take it down."""

    store: ObjectStore
    http: httpx.AsyncClient
    clock: FixedClock
    break_down: Callable[[], Awaitable[None]]
    repair: Callable[[], Awaitable[None]]

    async def presign(self, *, key: str = KEY, mime: str = "image/png", data: bytes = PNG) -> PresignedUpload:
        return await self.store.presign_put(key=key, mime=mime, length_bytes=len(data), expires_s=TEN_MINUTES_S)

    async def put(self, url: str, headers: dict[str, str], body: bytes) -> int:
        return (await self.http.put(url, headers=headers, content=body)).status_code

    async def missing(self, key: str = KEY) -> bool:
        try:
            await self.store.read(key, max_bytes=1 << 20)
        except StoredObjectMissing:
            return True
        return False


async def _local(folder: Path) -> AsyncIterator[Subject]:
    clock = FixedClock()
    objects = folder / "objects"
    store = LocalStore(
        folder=objects, base_url="http://testserver/objects", signing_keys=[b"k" * 32], clock=clock, ids=Ids()
    )
    await store.open()
    app = Starlette(routes=ObjectRoutes(store=store).routes(), exception_handlers=exception_handlers())

    async def break_down() -> None:
        objects.rename(folder / "away")
        objects.write_bytes(b"")  # a file in its place: even root cannot write below it

    async def repair() -> None:
        objects.unlink()
        (folder / "away").rename(objects)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as http:
        yield Subject(store, http, clock, break_down, repair)
    await store.close()


async def _s3() -> AsyncIterator[Subject]:
    clock = RunningClock()
    with S3Server(clock=clock) as server:
        store = S3Store(
            bucket=server.bucket,
            region=server.region,
            endpoint_url=server.url,
            access_key_id=server.access_key_id,
            secret_access_key=server.secret_access_key,
        )
        await store.open()

        async def break_down() -> None:
            await asyncio.to_thread(server.stop)

        async def repair() -> None:
            server.start()

        async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
            yield Subject(store, http, clock, break_down, repair)
        await store.close()


@pytest.fixture(params=["local", "s3"])
async def subject(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Subject]:
    async for made in _local(tmp_path) if request.param == "local" else _s3():
        yield made


async def test_an_upload_as_signed_is_stored_byte_for_byte(subject: Subject) -> None:
    """Nobody could set a profile photo."""
    upload = await subject.presign()
    assert upload.expires_s == TEN_MINUTES_S
    assert await subject.put(upload.url, upload.headers, PNG) == 200
    assert await subject.store.read(KEY, max_bytes=len(PNG)) == PNG


@pytest.mark.parametrize("length", [0, len(PNG) - 1, len(PNG) + 1, 3_000_000])
async def test_an_upload_of_another_length_is_refused(subject: Subject, length: int) -> None:
    """A signed URL for a small photo would let anybody fill the store."""
    upload = await subject.presign()
    assert await subject.put(upload.url, upload.headers, bytes(length)) == 403
    assert await subject.missing()


@pytest.mark.parametrize("mime", ["text/html", "image/jpeg", "image/png; charset=x", ""])
async def test_an_upload_of_another_type_is_refused(subject: Subject, mime: str) -> None:
    """A page with a script could be put where a photo was allowed."""
    upload = await subject.presign()
    assert await subject.put(upload.url, {"Content-Type": mime} if mime else {}, PNG) == 403
    assert await subject.missing()


async def test_an_upload_after_its_time_is_refused(subject: Subject) -> None:
    """A URL that leaked last week would still write."""
    upload = await subject.presign()
    subject.clock.advance(TEN_MINUTES_S + 1)
    assert await subject.put(upload.url, upload.headers, PNG) == 403
    assert await subject.missing()


async def test_a_changed_url_is_refused_whatever_was_changed(subject: Subject) -> None:
    """A person could write over somebody else's photo, or give a URL more time."""
    upload = await subject.presign()
    parts = httpx.URL(upload.url)
    changed = [parts.copy_with(path=parts.path.replace("0199aa", "0199ab"))]
    for name, value in parts.params.items():
        flipped = value[:-1] + ("0" if value[-1] != "0" else "1")
        changed.append(parts.copy_set_param(name, flipped))
        changed.append(parts.copy_remove_param(name))
    for url in changed:
        assert await subject.put(str(url), upload.headers, PNG) >= 400, url
    longer = re.sub(r"(X-Amz-Expires|expires)=(\d+)", lambda found: f"{found[1]}={int(found[2]) + 9000}", upload.url)
    assert longer != upload.url
    assert await subject.put(longer, upload.headers, PNG) == 403
    assert await subject.missing()
    assert await subject.missing("avatars/0199ab/0199bb")


async def test_an_unsigned_upload_is_refused(subject: Subject) -> None:
    """Anybody could write anything."""
    upload = await subject.presign()
    assert await subject.put(upload.url.partition("?")[0], upload.headers, PNG) == 403
    assert await subject.missing()


async def test_write_read_overwrite_delete(subject: Subject) -> None:
    """A photo without EXIF could not take the place of the uploaded one, or an account could not be erased."""
    await subject.store.write(KEY, PNG, mime="image/png")
    await subject.store.write(KEY, b"second", mime="image/png")
    assert await subject.store.read(KEY, max_bytes=100) == b"second"
    await subject.store.delete(KEY)
    assert await subject.missing()
    await subject.store.delete(KEY)


async def test_a_folder_tells_its_keys_and_no_others(subject: Subject) -> None:
    """Photos of a person who left would stay readable for ever, or somebody else's would be deleted with them."""
    mine = {f"avatars/mine/{n}" for n in range(5)} | {"avatars/mine/deeper/6"}
    for key in (*mine, "avatars/mine-too/1", "avatars/other/1", "uploads/mine/1"):
        await subject.store.write(key, b"photo", mime="image/jpeg")
    assert set(await subject.store.keys("avatars/mine")) == mine
    assert await subject.store.keys("avatars/nobody") == []


async def test_a_larger_object_than_wanted_is_not_read(subject: Subject) -> None:
    """One huge object would take the server's memory."""
    await subject.store.write(KEY, PNG, mime="image/png")
    with pytest.raises(StoredObjectTooLarge):
        await subject.store.read(KEY, max_bytes=len(PNG) - 1)


@pytest.mark.parametrize(
    "key",
    ["", "/", "../x", "avatars/../../etc/passwd", "avatars//x", "avatars/.x", "/etc/passwd", "a\x00b", "a\nb", "é"],
)
async def test_a_key_cannot_leave_the_store(subject: Subject, key: str) -> None:
    """A crafted key would read or write files of the server."""
    for attempt in (
        subject.store.read(key, max_bytes=1),
        subject.store.write(key, b"x", mime="image/png"),
        subject.store.delete(key),
        subject.presign(key=key),
    ):
        with pytest.raises(ValueError, match="storage key"):
            await attempt


async def test_a_store_that_is_away_says_so_and_comes_back(subject: Subject) -> None:
    """Operators would see an unexplained failure, or have to restart the server after an outage."""
    await subject.store.write(KEY, PNG, mime="image/png")
    await subject.store.check()
    await subject.break_down()
    for attempt in (
        subject.store.check(),
        subject.store.write("avatars/a/b", PNG, mime="image/png"),
    ):
        with pytest.raises(StorageUnavailable):
            await attempt
    await subject.repair()
    await subject.store.check()
    assert await subject.store.read(KEY, max_bytes=len(PNG)) == PNG


async def test_s3_with_a_wrong_secret_is_unavailable_not_a_crash(tmp_path: Path) -> None:
    """A mistyped AWS_SECRET_ACCESS_KEY would show as an internal error; and the test server would prove nothing."""
    with S3Server(clock=FixedClock(datetime.now(UTC))) as server:
        store = S3Store(
            bucket=server.bucket,
            region=server.region,
            endpoint_url=server.url,
            access_key_id=server.access_key_id,
            secret_access_key="mistyped",
        )
        await store.open()
        with pytest.raises(StorageUnavailable):
            await store.check()
        with pytest.raises(StorageUnavailable, match="SignatureDoesNotMatch"):
            await store.write(KEY, PNG, mime="image/png")
        upload = await store.presign_put(key=KEY, mime="image/png", length_bytes=len(PNG), expires_s=60)
        async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
            answer = await http.put(upload.url, headers=upload.headers, content=PNG)
        assert answer.status_code == 403
        assert server.objects == {}
        await store.close()


async def test_s3_missing_bucket_names_the_setting() -> None:
    """The operator would not know which setting to correct."""
    with S3Server(clock=FixedClock(datetime.now(UTC))) as server:
        store = S3Store(
            bucket="other",
            region=server.region,
            endpoint_url=server.url,
            access_key_id=server.access_key_id,
            secret_access_key=server.secret_access_key,
        )
        await store.open()
        with pytest.raises(StorageUnavailable, match="S3_BUCKET"):
            await store.check()
        await store.close()


def test_s3_public_urls() -> None:
    """Photos would not show: behind a CDN, on a self-hosted store, or on AWS."""

    def store(*, endpoint_url: str | None = None, public_base: str | None = None) -> S3Store:
        return S3Store(
            bucket="b",
            region="eu-west-1",
            access_key_id="a",
            secret_access_key="s",
            endpoint_url=endpoint_url,
            public_base=public_base,
        )

    assert store().public_url(KEY) == f"https://b.s3.eu-west-1.amazonaws.com/{KEY}"
    assert store(endpoint_url="http://store:9000").public_url(KEY) == f"http://store:9000/b/{KEY}"
    assert store(public_base="https://cdn.example").public_url(KEY) == f"https://cdn.example/{KEY}"


async def _pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


@pytest.mark.parametrize("pieces", [(PNG, b"x"), (PNG[:-1],), ()])
async def test_local_body_that_belies_its_content_length_leaves_nothing(
    tmp_path: Path, pieces: tuple[bytes, ...]
) -> None:
    """A client behind a careless proxy could store more than it announced, or half a photo."""
    async for subject in _local(tmp_path):
        assert isinstance(subject.store, LocalStore)
        upload = await subject.presign()
        query = dict(httpx.URL(upload.url).params)
        with pytest.raises(UploadRefused):
            await subject.store.receive(
                KEY, query=query, mime="image/png", length_bytes=len(PNG), body=_pieces(*pieces)
            )
        assert await subject.missing()
        assert [path for path in (tmp_path / "objects").rglob("*") if path.is_file()] == []


async def test_local_upload_survives_a_key_rotation(tmp_path: Path) -> None:
    """Rotating SECRET_KEY would break uploads in flight."""
    clock, ids = FixedClock(), Ids()
    old = LocalStore(folder=tmp_path, base_url="http://h/objects", signing_keys=[b"1" * 32], clock=clock, ids=ids)
    new = LocalStore(
        folder=tmp_path, base_url="http://h/objects", signing_keys=[b"2" * 32, b"1" * 32], clock=clock, ids=ids
    )
    await new.open()
    upload = await old.presign_put(key=KEY, mime="image/png", length_bytes=len(PNG), expires_s=60)
    query = dict(httpx.URL(upload.url).params)
    await new.receive(KEY, query=query, mime="image/png", length_bytes=len(PNG), body=_pieces(PNG))
    assert await new.read(KEY, max_bytes=len(PNG)) == PNG


async def test_local_get_serves_photos_only_and_never_as_a_page(tmp_path: Path) -> None:
    """An uploaded page would run as ours, or private objects would be public."""
    async for subject in _local(tmp_path):
        await subject.store.write(KEY, PNG, mime="image/png")
        answer = await subject.http.get(subject.store.public_url(KEY))
        assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, PNG, "image/png")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert (await subject.http.head(subject.store.public_url(KEY))).status_code == 200
        await subject.store.write("avatars/a/page", b"<html><script>", mime="image/png")
        await subject.store.write("exports/a/photo", PNG, mime="image/png")
        await subject.store.write("uploads/a/photo", PNG, mime="image/png")
        for path in (
            "avatars/a/page",
            "exports/a/photo",
            "uploads/a/photo",
            "avatars/none",
            "avatars",
            "avatars/a",
            "avatars/..%2f..%2fsecret",
            "avatars/%2e%2e/exports/a/photo",
            "avatars/a/b/c/d/e/f/g/h/i",
        ):
            answer = await subject.http.get(f"http://testserver/objects/{path}")
            assert answer.status_code == 404, path


async def test_local_uploads_that_nobody_took_over_are_swept_away(tmp_path: Path) -> None:
    """The disk would fill with pictures that people thought better of, with all that their metadata tell."""
    async for subject in _local(tmp_path):
        now_s = subject.clock.now().timestamp()
        ages_s = {f"uploads/a{n}/{n}": 3700 if n % 2 else 3500 for n in range(300)}
        for key in (*ages_s, KEY):
            await subject.store.write(key, PNG, mime="image/png")
            written_s = now_s - ages_s.get(key, 9_999_999)
            os.utime(tmp_path / "objects" / key, (written_s, written_s))
        left_over = tmp_path / "objects" / ".unfinished" / "part"
        left_over.write_bytes(PNG)
        os.utime(left_over, (0, 0))
        await asyncio.gather(*(subject.store.sweep_uploads(older_than_s=3600) for _ in range(3)))
        assert not await subject.missing("uploads/a298/298"), "a few files at a time"
        for _ in range(12):
            await subject.store.sweep_uploads(older_than_s=3600)
        for key, age_s in ages_s.items():
            assert await subject.missing(key) == (age_s > 3600), key
        assert not await subject.missing(KEY), "what people show is not an upload"
        assert not left_over.exists()


async def test_local_objects_are_for_their_owner_only(tmp_path: Path) -> None:
    """Every user of the machine could read everybody's uploads, metadata and all."""
    (tmp_path / "objects").mkdir(mode=0o755)
    async for subject in _local(tmp_path):
        await subject.store.write("uploads/a/b", PNG, mime="image/png")
        assert stat.S_IMODE((tmp_path / "objects").stat().st_mode) == 0o700
        assert stat.S_IMODE((tmp_path / "objects/uploads/a/b").stat().st_mode) == 0o600


async def test_local_upload_without_a_length_is_refused(tmp_path: Path) -> None:
    """A body without end would be read on and on."""
    async for subject in _local(tmp_path):
        upload = await subject.presign()
        answer = await subject.http.put(upload.url, headers=upload.headers, content=_pieces(PNG))
        assert answer.status_code == 400
        assert await subject.missing()

"""Objects in S3 or anything that speaks it, through aiobotocore."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

from app.storage.objects import (
    PresignedUpload,
    StorageUnavailable,
    StoredObjectMissing,
    StoredObjectTooLarge,
    demand_key,
    demand_mime,
)

CONNECT_TIMEOUT_S = 3.0
READ_TIMEOUT_S = 10.0
# SigV4 query signatures live at most seven days.
MAX_EXPIRES_S = 7 * 24 * 3600
_MISSING = frozenset({"404", "NoSuchKey", "NotFound"})


class S3Store:
    """One bucket. With `endpoint_url` set, addresses it by path, as self-hosted stores expect.

    `public_base` is where the bucket's objects can be read by anybody (a CDN, say), without a slash at the end.
    """

    def __init__(
        self,
        *,
        bucket: str,
        region: str,
        access_key_id: str,
        secret_access_key: str,
        endpoint_url: str | None = None,
        public_base: str | None = None,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        read_timeout_s: float = READ_TIMEOUT_S,
    ) -> None:
        self._bucket = bucket
        self._region = region
        self._access_key_id = access_key_id
        self._secret_access_key = secret_access_key
        self._endpoint_url = endpoint_url
        self._public_base = public_base or (
            f"{endpoint_url}/{bucket}" if endpoint_url else f"https://{bucket}.s3.{region}.amazonaws.com"
        )
        self._timeouts = {"connect_timeout": connect_timeout_s, "read_timeout": read_timeout_s}
        self._held = contextlib.AsyncExitStack()
        self._client: Any = None

    async def open(self) -> None:
        """Make the client; no request is sent."""
        # Imported here: botocore's memory and import time are for those who use S3.
        from aiobotocore.config import AioConfig
        from aiobotocore.session import get_session

        config = AioConfig(
            signature_version="s3v4",
            s3={"addressing_style": "path" if self._endpoint_url else "virtual"},
            retries={"mode": "standard", "total_max_attempts": 2},
            # Newer botocore adds checksums that other stores do not know, and a browser cannot compute.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            **self._timeouts,
        )
        client = get_session().create_client(
            "s3",
            region_name=self._region,
            endpoint_url=self._endpoint_url,
            aws_access_key_id=self._access_key_id,
            aws_secret_access_key=self._secret_access_key,
            config=config,
        )
        self._client = await self._held.enter_async_context(client)

    async def close(self) -> None:
        """Close every connection."""
        self._client = None
        await self._held.aclose()

    async def presign_put(self, *, key: str, mime: str, length_bytes: int, expires_s: int) -> PresignedUpload:
        """Sign one upload (SigV4 in the query); type and length are among the signed headers."""
        if not 0 < expires_s <= MAX_EXPIRES_S:
            raise ValueError(f"an upload lives from 1 to {MAX_EXPIRES_S} seconds")
        signed = {"ContentType": demand_mime(mime), "ContentLength": length_bytes}
        async with self._answered(key):
            url = await self._client.generate_presigned_url(
                "put_object",
                Params={"Bucket": self._bucket, "Key": demand_key(key), **signed},
                ExpiresIn=expires_s,
                HttpMethod="PUT",
            )
        return PresignedUpload(url=url, headers={"Content-Type": mime}, expires_s=expires_s)

    async def read(self, key: str, *, max_bytes: int) -> bytes:
        """The whole object; raises StoredObjectMissing, StoredObjectTooLarge or StorageUnavailable."""
        async with self._answered(key):
            answer = await self._client.get_object(Bucket=self._bucket, Key=demand_key(key))
            async with answer["Body"] as body:
                if answer["ContentLength"] > max_bytes:
                    raise StoredObjectTooLarge(f"the object is larger than {max_bytes} bytes")
                data: bytes = await body.read()
        return data

    async def write(self, key: str, data: bytes, *, mime: str) -> None:
        """Store the object, whole or not at all, over what was there."""
        async with self._answered(key):
            await self._client.put_object(
                Bucket=self._bucket, Key=demand_key(key), Body=data, ContentType=demand_mime(mime)
            )

    async def delete(self, key: str) -> None:
        """Remove the object; no error when there is none."""
        async with self._answered(key):
            await self._client.delete_object(Bucket=self._bucket, Key=demand_key(key))

    async def keys(self, folder: str) -> list[str]:
        """The keys of every object in the folder and below it; our key must be allowed to list the bucket."""
        async with self._answered(folder):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=f"{demand_key(folder)}/"
            )
            return [found["Key"] async for page in pages for found in page.get("Contents", ())]

    async def sweep_uploads(self, *, older_than_s: float) -> None:
        """Nothing: the bucket does it by a lifecycle rule that expires `uploads/` after a day (docker/README.md)."""

    def public_url(self, key: str) -> str:
        """Where anybody may GET the object."""
        return f"{self._public_base}/{quote(demand_key(key))}"

    async def check(self) -> None:
        """Raise StorageUnavailable unless the bucket answers to our key."""
        try:
            async with self._answered(""):
                await self._client.head_bucket(Bucket=self._bucket)
        except StoredObjectMissing as error:
            raise StorageUnavailable(f"there is no bucket {self._bucket} (S3_BUCKET)") from error

    @contextlib.asynccontextmanager
    async def _answered(self, key: str) -> AsyncIterator[None]:
        """Turn botocore's errors into ours."""
        from botocore.exceptions import BotoCoreError, ClientError

        if self._client is None:
            raise StorageUnavailable("the object store is not open")
        try:
            yield
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in _MISSING:
                raise StoredObjectMissing(f"there is no object {key}") from error
            raise StorageUnavailable(f"the object store refuses: {code or 'no reason given'}") from error
        except (BotoCoreError, OSError, TimeoutError) as error:
            raise StorageUnavailable(f"the object store does not answer: {type(error).__name__}") from error

"""Object storage: one promise, kept by files on this machine or by S3."""

from app.clock import Clock
from app.ids import Ids
from app.secrets import derive_key
from app.settings import Settings
from app.storage.local import SIGNING_PURPOSE, LocalStore
from app.storage.objects import (
    UPLOADS,
    ObjectStore,
    PresignedUpload,
    StorageError,
    StorageUnavailable,
    StoredObjectMissing,
    StoredObjectTooLarge,
    UploadRefused,
)
from app.storage.s3 import S3Store

__all__ = [
    "UPLOADS",
    "LocalStore",
    "ObjectStore",
    "PresignedUpload",
    "S3Store",
    "StorageError",
    "StorageUnavailable",
    "StoredObjectMissing",
    "StoredObjectTooLarge",
    "UploadRefused",
    "store_from",
]


def store_from(settings: Settings, *, clock: Clock, ids: Ids) -> LocalStore | S3Store:
    """The store that the settings ask for: S3 where S3_BUCKET is set, else files in the data folder."""
    if settings.s3_bucket is None:
        return LocalStore(
            folder=settings.data_dir / "objects",
            base_url=f"{settings.public_url}/objects",
            signing_keys=[derive_key(secret, purpose=SIGNING_PURPOSE) for secret in settings.secret_keys],
            clock=clock,
            ids=ids,
        )
    return S3Store(
        bucket=settings.s3_bucket,
        region=settings.aws_region,
        access_key_id=settings.aws_access_key_id or "",
        secret_access_key=settings.aws_secret_access_key or "",
        endpoint_url=settings.s3_endpoint_url,
        public_base=settings.s3_public_base,
    )

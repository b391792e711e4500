"""Profile photos: made, committed, and looked at as the world sees them."""

import io
from typing import Any

from PIL import Image

from app.wiring import Services
from tests.serving import Visitor

COMMIT = "mutation ($key: String!) { commitAvatar(key: $key) { avatarUrl verifiedAt faceFindings } }"


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

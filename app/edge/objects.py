"""The local object store over HTTP: signed uploads in, public avatars out. Not mounted where S3 is used."""

from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from app.errors import Code, Problem
from app.storage import LocalStore, StorageUnavailable, StoredObjectMissing, StoredObjectTooLarge, UploadRefused

# Only what people show to each other is served; anything else in the store is the server's own.
PUBLIC_PREFIX = "avatars/"
MAX_SERVED_BYTES = 8 * 1024 * 1024
# The type comes from the bytes: what somebody uploaded is never served as something a browser would run.
_SIGNATURES = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"))
_HEADERS = {
    "cache-control": "public, max-age=3600",  # an hour: a photo that was taken back should not live on in caches
    "content-security-policy": "default-src 'none'; sandbox",
    "cross-origin-resource-policy": "cross-origin",
    "x-content-type-options": "nosniff",
}


class ObjectRoutes:
    """PUT /objects/{key} for presigned uploads, GET and HEAD for public objects."""

    def __init__(self, *, store: LocalStore) -> None:
        self._store = store

    def routes(self) -> list[Route]:
        """For the application's route table."""
        return [
            Route("/objects/{key:path}", self.put, methods=["PUT"]),
            Route("/objects/{key:path}", self.get, methods=["GET"]),
        ]

    async def put(self, request: Request) -> Response:
        """Take one signed upload; 200 when it is stored whole, as S3 answers."""
        announced = request.headers.get("content-length", "")
        if not (announced.isascii() and announced.isdigit()) or len(announced) > 12:
            raise Problem(Code.BAD_USER_INPUT, "An upload says its length in Content-Length.", field="Content-Length")
        try:
            await self._store.receive(
                request.path_params["key"],
                query=request.query_params,
                mime=request.headers.get("content-type", ""),
                length_bytes=int(announced),
                body=_chunks(request),
            )
        except (UploadRefused, ValueError) as error:
            raise Problem(Code.FORBIDDEN, f"The upload is refused: {error}.") from error
        except StorageUnavailable as error:
            raise Problem(Code.BUSY, "The object store cannot take uploads now.", retry_after_s=5) from error
        return Response(status_code=200, headers={"cache-control": "no-store"})

    async def get(self, request: Request) -> Response:
        """Serve one public object."""
        key: str = request.path_params["key"]
        if not key.startswith(PUBLIC_PREFIX):
            raise Problem(Code.NOT_FOUND, "There is no such object.")
        try:
            data = await self._store.read(key, max_bytes=MAX_SERVED_BYTES)
        except (StoredObjectMissing, StoredObjectTooLarge, ValueError) as error:
            raise Problem(Code.NOT_FOUND, "There is no such object.") from error
        except StorageUnavailable as error:
            raise Problem(Code.BUSY, "The object store cannot be read now.", retry_after_s=5) from error
        media_type = image_type(data)
        if media_type is None:
            raise Problem(Code.NOT_FOUND, "There is no such object.")
        return Response(data, headers=_HEADERS, media_type=media_type)


def image_type(data: bytes) -> str | None:
    """The media type that the first bytes prove, of the three that are served, or None."""
    for signature, media_type in _SIGNATURES:
        if data.startswith(signature):
            return media_type
    return "image/webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.stream():
            yield chunk
    except ClientDisconnect as error:
        raise UploadRefused("the connection ended before the body did") from error

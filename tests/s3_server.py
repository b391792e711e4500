"""A small S3-shaped server that really checks signatures, for tests.

It recomputes every Signature Version 4 (query-signed and header-signed) with botocore's own signer over the request
as it arrived, and checks expiry, clock skew, and the payload hash. No S3 stand-in in the registries does.
"""

import hashlib
import socket
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Self
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import uvicorn
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.clock import Clock

MAX_EXPIRES_S = 7 * 24 * 3600
MAX_SKEW = timedelta(minutes=15)
UNSIGNED = "UNSIGNED-PAYLOAD"
PAGE = 2


class Refusal(Exception):
    """Raised with the status and code that S3 answers."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


class S3Server:
    """One bucket in memory on a loopback port; a context manager. A restart keeps port and objects."""

    def __init__(self, *, clock: Clock, bucket: str = "bonafide-test", region: str = "eu-test-1") -> None:
        self.bucket = bucket
        self.region = region
        self.access_key_id = "AKIDTEST"
        self.secret_access_key = "test-secret-access-key"
        self.objects: dict[str, tuple[bytes, str]] = {}
        self._clock = clock
        self._port = 0
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The endpoint, addressed by path."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listen; connections are queued from here on."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self._port))
        listener.listen(64)
        self._port = listener.getsockname()[1]
        methods = ["GET", "HEAD", "PUT", "DELETE"]
        app = Starlette(routes=[Route("/{path:path}", self._answer, methods=methods)])
        self._server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", ws="none"))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listener]}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Hang up and refuse connections."""
        assert self._server is not None
        assert self._thread is not None
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def _answer(self, request: Request) -> Response:
        handlers: dict[str, Callable[[str, Request, bytes], Awaitable[Response]]] = {
            "GET": self._get,
            "HEAD": self._get,
            "PUT": self._put,
            "DELETE": self._delete,
        }
        body = await request.body()
        try:
            self._verify(request, body)
            bucket, _, key = unquote(request.scope["raw_path"].decode()).removeprefix("/").partition("/")
            if bucket != self.bucket:
                raise Refusal(404, "NoSuchBucket")
            return await handlers[request.method](key, request, body)
        except Refusal as refusal:
            document = f"<?xml version='1.0'?><Error><Code>{refusal.code}</Code></Error>"
            return Response(b"" if request.method == "HEAD" else document, refusal.status, media_type="application/xml")

    async def _get(self, key: str, request: Request, body: bytes) -> Response:
        if not key:
            return self._list(request.query_params.get("prefix", ""), request.query_params.get("continuation-token"))
        if key not in self.objects:
            raise Refusal(404, "NoSuchKey")
        data, mime = self.objects[key]
        return Response(data, headers={"etag": f'"{hashlib.md5(data).hexdigest()}"'}, media_type=mime)

    def _list(self, prefix: str, after: str | None) -> Response:
        """ListObjectsV2, in pages as small as they can be."""
        keys = sorted(key for key in self.objects if key.startswith(prefix) and key > (after or ""))
        found = "".join(f"<Contents><Key>{key}</Key></Contents>" for key in keys[:PAGE])
        more = f"<NextContinuationToken>{keys[PAGE - 1]}</NextContinuationToken>" if len(keys) > PAGE else ""
        truncated = f"<IsTruncated>{str(bool(more)).lower()}</IsTruncated>{more}"
        document = f"<?xml version='1.0'?><ListBucketResult>{truncated}{found}</ListBucketResult>"
        return Response(document, media_type="application/xml")

    async def _put(self, key: str, request: Request, body: bytes) -> Response:
        self.objects[key] = (body, request.headers.get("content-type", "binary/octet-stream"))
        return Response(headers={"etag": f'"{hashlib.md5(body).hexdigest()}"'})

    async def _delete(self, key: str, request: Request, body: bytes) -> Response:
        self.objects.pop(key, None)
        return Response(status_code=204)

    def _verify(self, request: Request, body: bytes) -> None:
        query = dict(parse_qsl(request.url.query, keep_blank_values=True))
        if "X-Amz-Signature" in query:
            self._verify_query(request, query)
        elif "authorization" in request.headers:
            self._verify_header(request, body)
        else:
            raise Refusal(403, "AccessDenied")

    def _verify_query(self, request: Request, query: dict[str, str]) -> None:
        signed_at = self._signed_at(query.get("X-Amz-Date", ""))
        expires_s = int(query.get("X-Amz-Expires", "0"))
        if not 0 < expires_s <= MAX_EXPIRES_S:
            raise Refusal(400, "AuthorizationQueryParametersError")
        if self._clock.now() >= signed_at + timedelta(seconds=expires_s):
            raise Refusal(403, "AccessDenied")
        if self._clock.now() < signed_at - MAX_SKEW:
            raise Refusal(403, "RequestTimeTooSkewed")
        given = query.pop("X-Amz-Signature")
        url = f"{self._origin(request)}?{urlencode(query, quote_via=quote)}"
        signer = S3SigV4QueryAuth(self._credentials(), "s3", self.region, expires=expires_s)
        headers = query.get("X-Amz-SignedHeaders", "").split(";")
        self._compare(signer, request, url, headers, query["X-Amz-Date"], query.get("X-Amz-Credential", ""), given)

    def _verify_header(self, request: Request, body: bytes) -> None:
        algorithm, _, rest = request.headers["authorization"].partition(" ")
        fields = dict(part.strip().split("=", 1) for part in rest.split(","))
        stamp = request.headers.get("x-amz-date", "")
        if algorithm != "AWS4-HMAC-SHA256":
            raise Refusal(400, "InvalidRequest")
        if abs(self._clock.now() - self._signed_at(stamp)) > MAX_SKEW:
            raise Refusal(403, "RequestTimeTooSkewed")
        announced = request.headers.get("x-amz-content-sha256", "")
        if announced.startswith("STREAMING-"):
            raise Refusal(501, "NotImplemented")
        if announced not in (UNSIGNED, hashlib.sha256(body).hexdigest()):
            raise Refusal(400, "XAmzContentSHA256Mismatch")
        signer = S3SigV4Auth(self._credentials(), "s3", self.region)
        query = f"?{request.url.query}" if request.url.query else ""
        headers = fields["SignedHeaders"].split(";")
        url = self._origin(request) + query
        self._compare(signer, request, url, headers, stamp, fields["Credential"], fields["Signature"])

    def _compare(
        self,
        signer: S3SigV4Auth,
        request: Request,
        url: str,
        signed_headers: list[str],
        stamp: str,
        credential: str,
        given: str,
    ) -> None:
        if "host" not in signed_headers:
            raise Refusal(403, "AccessDenied")
        received = {name: request.headers[name] for name in signed_headers if name in request.headers}
        again = AWSRequest(method=request.method, url=url, headers=received)
        again.context["timestamp"] = stamp
        if credential != f"{self.access_key_id}/{signer.credential_scope(again)}":
            raise Refusal(403, "InvalidAccessKeyId")
        text = signer.string_to_sign(again, signer.canonical_request(again))
        if signer.signature(text, again) != given:
            raise Refusal(403, "SignatureDoesNotMatch")

    def _credentials(self) -> Credentials:
        return Credentials(self.access_key_id, self.secret_access_key)

    @staticmethod
    def _origin(request: Request) -> str:
        path = request.scope["raw_path"].decode()
        return urlsplit(f"http://{request.headers['host']}{path}").geturl()

    @staticmethod
    def _signed_at(stamp: str) -> datetime:
        try:
            return datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        except ValueError:
            raise Refusal(403, "AccessDenied") from None

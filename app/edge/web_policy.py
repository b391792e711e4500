"""What a page of the web client may do: its own scripts and nobody else's, no inline code, no frames around it."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from app.settings import Settings

MARKUP = "lit-html"
"""The one maker of markup: Lit, which fills in what is told as text, never as markup."""
FACE_MESH = "bonafide-face-mesh"
"""The one that chooses scripts, on pages with the camera: it knows the addresses of FaceMesh's own files and no other
(app/web/src/liveness/face-mesh.ts)."""


def page_headers(settings: Settings, needs_camera: bool) -> dict[str, str]:
    """The headers of a page; one with the camera may run WebAssembly too."""
    camera = "(self)" if needs_camera else "()"
    return {
        "cache-control": "no-store",
        "content-security-policy": content_policy(settings, needs_camera=needs_camera),
        "permissions-policy": f"camera={camera}, microphone=(), geolocation=(), payment=(), usb=()",
    }


def content_policy(settings: Settings, *, needs_camera: bool) -> str:
    """The Content-Security-Policy of a page."""
    own = _origin(settings.public_url)
    wasm = " 'wasm-unsafe-eval'" if needs_camera else ""
    directives = {
        "default-src": "'none'",
        "script-src": f"'self'{wasm}",
        "style-src": "'self'",
        # blob: is the photo that is being cut out, data: the QR code.
        "img-src": " ".join(("'self'", "data:", "blob:", own, *_photo_origins(settings))),
        # Not every browser takes 'self' for the sockets of the same host.
        "connect-src": " ".join(("'self'", own, own.replace("http", "ws", 1), *_upload_origins(settings))),
        "manifest-src": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
        "require-trusted-types-for": "'script'",
        "trusted-types": f"{MARKUP} {FACE_MESH}" if needs_camera else MARKUP,
    }
    if needs_camera:
        directives |= {"worker-src": "'self' blob:", "media-src": "'self' blob:"}
    return "; ".join(f"{name} {value}" for name, value in directives.items())


def _photo_origins(settings: Settings) -> Iterator[str]:
    if settings.s3_bucket is None:
        return
    if settings.s3_public_base is not None:
        yield _origin(settings.s3_public_base)
    else:
        yield from _upload_origins(settings)


def _upload_origins(settings: Settings) -> Iterator[str]:
    """Where a signed upload may lead: the store of our settings, or the bucket's own host at AWS."""
    if settings.s3_bucket is None:
        return
    if settings.s3_endpoint_url is not None:
        yield _origin(settings.s3_endpoint_url)
        return
    yield f"https://{settings.s3_bucket}.s3.{settings.aws_region}.amazonaws.com"
    yield f"https://{settings.s3_bucket}.s3.amazonaws.com"  # how a bucket of the first region may be signed


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"

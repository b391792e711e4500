"""Which pages are ours: an exact list of origins, wherever one is checked."""

from urllib.parse import urlsplit

from app.settings import Settings

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def allowed_origins(settings: Settings) -> frozenset[str]:
    """ALLOWED_ORIGINS and our own."""
    return own_origins(settings) | {origin.rstrip("/").lower() for origin in settings.allowed_origins}


def own_origins(settings: Settings) -> frozenset[str]:
    """That of PUBLIC_URL; in development on loopback, every loopback name of the same port."""
    own = urlsplit(settings.public_url)
    origins = {f"{own.scheme}://{own.netloc}".lower()}
    if not settings.production and own.hostname in ("127.0.0.1", "localhost", "::1"):
        port = f":{own.port}" if own.port else ""
        origins.update(f"{own.scheme}://{host}{port}" for host in _LOOPBACK)
    return frozenset(origins)

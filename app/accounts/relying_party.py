"""On whose pages passkeys are made and used: the relying party of WebAuthn, as PUBLIC_URL and ALLOWED_ORIGINS name it.

A passkey belongs to a host name for good. Browsers take no IP address for one, so in development on this machine alone
the name is `localhost`: at http://127.0.0.1:8000 everything but passkeys works, at http://localhost:8000 they do too.
"""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from app.errors import Code, Problem
from app.origins import allowed_origins
from app.settings import Settings, is_loopback

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, kw_only=True)
class RelyingParty:
    """The host name that passkeys belong to, and the pages on it and its sub-domains that may use them.

    `id` is None where PUBLIC_URL has an address for a host: then there are no passkeys.
    """

    id: str | None
    home: str
    origins: frozenset[str]

    @classmethod
    def of(cls, settings: Settings) -> "RelyingParty":
        """The one of this server."""
        own = urlsplit(settings.public_url)
        host = (own.hostname or "").lower()
        if not settings.production and is_loopback(host):
            host = "localhost"
        home = _origin(own.scheme, host, own.port)
        if _is_address(host):
            return cls(id=None, home=home, origins=frozenset())
        pages = [urlsplit(origin) for origin in allowed_origins(settings)]
        ours = {
            _origin(page.scheme, page.hostname, page.port)
            for page in pages
            if page.hostname is not None and f".{page.hostname}".endswith(f".{host}")
        }
        return cls(id=host, home=home, origins=frozenset(ours))

    def demand(self, page: str | None) -> str:
        """The id, for a page that may use passkeys; `page` is its origin, None for a client that is no browser.

        Raises Problem(FORBIDDEN) with reason PASSKEYS_NOT_HERE for any other, before its browser says something that
        nobody understands.
        """
        if self.id is None:
            raise _not_here("Passkeys need a host name, and this server is reached by an IP address.")
        if page is not None and page.lower() not in self.origins:
            raise _not_here(f"Passkeys of this server cannot be used on this page. Open {self.home} instead.")
        return self.id


def _origin(scheme: str, host: str | None, port: int | None) -> str:
    """As a browser writes it: without the port that goes without saying."""
    shown = "" if port is None or _DEFAULT_PORTS.get(scheme) == port else f":{port}"
    return f"{scheme}://{host}{shown}"


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _not_here(detail: str) -> Problem:
    return Problem(Code.FORBIDDEN, detail, reason="PASSKEYS_NOT_HERE")

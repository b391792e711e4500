"""How other servers are called: by the certificate authorities of httpx, which take 20 ms to read."""

import ssl
from functools import cache

import httpx


@cache
def outgoing_tls() -> ssl.SSLContext:
    """One for the process; a context is shared by any number of clients."""
    return httpx.create_ssl_context()

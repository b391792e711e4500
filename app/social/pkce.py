"""What may be shown of a secret before it is used: derived from it, and leading nowhere back."""

import base64
import hashlib


def challenge_of(verifier: str) -> str:
    """What PKCE shows of the verifier before the code is traded (RFC 7636, 4.2, S256)."""
    return _digest(verifier)


def nonce_of(verifier: str) -> str:
    """What binds an ID token to the browser that left with this verifier (OpenID Connect Core 1.0, 15.5.2)."""
    return _digest(f"nonce {verifier}")


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()

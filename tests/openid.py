"""Keys, ID tokens minted with them, and a small server that publishes the keys as providers do."""

import base64
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from joserfc.jwk import ECKey, RSAKey

from app.clock import Clock


def signing_key(kid: str, kind: str = "RSA") -> RSAKey | ECKey:
    """A fresh private key of this name."""
    if kind == "RSA":
        return RSAKey.generate_key(2048, {"kid": kid, "use": "sig", "alg": "RS256"}, private=True)
    return ECKey.generate_key("P-256", {"kid": kid, "use": "sig", "alg": "ES256"}, private=True)


@dataclass
class KeyServer:
    """A JWKS endpoint whose answer a test decides; `asked` counts requests."""

    url: str
    keys: list[Mapping[str, Any]] = field(default_factory=list)
    status: int = 200
    body: bytes | None = None
    asked: int = 0
    hold: threading.Event = field(default_factory=threading.Event)

    def publish(self, *keys: RSAKey | ECKey) -> None:
        """Answers with exactly these keys from now on."""
        self.keys = [key.as_dict(private=False) for key in keys]


@contextmanager
def key_server() -> Iterator[KeyServer]:
    """Serves on the loopback until left; a cleared `hold` makes every answer wait."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.asked += 1
            server.hold.wait(30)
            body = server.body if server.body is not None else json.dumps({"keys": server.keys}).encode()
            self.send_response(server.status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None: ...

    http = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server = KeyServer(f"http://127.0.0.1:{http.server_port}/jwks")
    server.hold.set()
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.hold.set()
        http.shutdown()
        thread.join()
        http.server_close()


@dataclass
class Minter:
    """Signs ID tokens as one provider would, by the clock it is given."""

    issuer: str
    audience: str
    key: RSAKey | ECKey
    clock: Clock

    def token(self, *, header: Mapping[str, Any] | None = None, key: Any = None, **claims: Any) -> str:
        """An ID token for Ada, good for an hour; a claim given as None is left out."""
        now = int(self.clock.now().timestamp())
        every = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": "ada-at-the-provider",
            "iat": now,
            "exp": now + 3600,
            "email": "ada@example.org",
            "email_verified": True,
            "name": "Ada Lovelace",
        }
        return self.signed({k: v for k, v in {**every, **claims}.items() if v is not None}, header=header, key=key)

    def firebase(self, *, sign_in_provider: str = "google.com", **claims: Any) -> str:
        """The same, shaped as Firebase Auth shapes it."""
        subject = claims.get("sub", "firebase-uid-of-ada")
        now = int(self.clock.now().timestamp())
        shape = {
            "sub": subject,
            "user_id": subject,
            "auth_time": now,
            "firebase": {"identities": {}, "sign_in_provider": sign_in_provider},
        }
        return self.token(**{**shape, **claims})

    def signed(self, claims: object, *, header: Mapping[str, Any] | None = None, key: Any = None) -> str:
        """Any claims under any header, signed by hand: a library would refuse what a forger writes."""
        key = key or self.key
        algorithm = "RS256" if isinstance(key, RSAKey) else "ES256"
        whole = {"alg": algorithm, "kid": key.kid, "typ": "JWT", **(header or {})}
        covered = f"{base64url(json.dumps(whole).encode())}.{base64url(json.dumps(claims).encode())}"
        return f"{covered}.{base64url(_signature(key, covered.encode()))}"


def base64url(data: bytes) -> str:
    """Without padding, as JWTs write it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _signature(key: RSAKey | ECKey, covered: bytes) -> bytes:
    if isinstance(key, RSAKey):
        assert isinstance(key.private_key, rsa.RSAPrivateKey)
        return key.private_key.sign(covered, padding.PKCS1v15(), hashes.SHA256())
    assert isinstance(key.private_key, ec.EllipticCurvePrivateKey)
    r, s = decode_dss_signature(key.private_key.sign(covered, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32) + s.to_bytes(32)

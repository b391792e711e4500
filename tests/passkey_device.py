"""A security key in software: it stands for a person's device and the browser around it, honest or not.

It makes keys, attestations and assertions as WebAuthn Level 3 has them, with `cryptography` and `cbor2`; what a test
changes about it (flags, counter, origin, host, signature) is what an attacker would.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from app.ids import Ids

UP, UV, BE, BS, AT = 0x01, 0x04, 0x08, 0x10, 0x40
PAGE = "http://localhost:8000"
HOST = "localhost"

PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, kw_only=True)
class Says:
    """What the device and the browser claim, as an honest pair on our page would."""

    origin: str = PAGE
    host: str = HOST
    flags: int = UP | UV
    count: int | None = None
    """The counter; None counts on from the last use."""
    challenge: bytes | None = None
    """None signs the one that was asked."""
    kind: str | None = None
    client_data: Mapping[str, Any] = field(default_factory=dict)
    user_handle: bytes | None = None
    """None names whom the key was made for."""


HONEST = Says()


@dataclass(kw_only=True)
class Device:
    """One key, of one of the three kinds that we ask for; `counts`: whether it counts its uses."""

    algorithm: str = "ES256"
    counts: bool = True
    synced: bool = False
    key: PrivateKey = field(init=False)
    credential_id: bytes = field(init=False)
    user_handle: bytes = b""
    count: int = 0

    def __post_init__(self) -> None:
        self.key = _new_key(self.algorithm)
        self.credential_id = Ids().bytes(32)

    def copy(self) -> "Device":
        """Another device with the very same key."""
        twin = Device(algorithm="EdDSA", counts=self.counts, synced=self.synced)
        twin.algorithm, twin.key, twin.credential_id = self.algorithm, self.key, self.credential_id
        twin.user_handle, twin.count = self.user_handle, self.count
        return twin

    def create(self, options: str, says: Says = HONEST, **changes: Any) -> str:
        """What `navigator.credentials.create` gives for these options, as JSON."""
        asked = json.loads(options)
        self.user_handle = decoded(asked["user"]["id"])
        auth_data = self._auth_data(says, says.flags | AT) + self._attested()
        attestation = {"fmt": "none", "attStmt": {}, "authData": auth_data}
        client_data = _client_data("webauthn.create", asked, says)
        return self._answer(
            {
                "clientDataJSON": encoded(client_data),
                "attestationObject": encoded(cbor2.dumps({**attestation, **changes})),
                "transports": ["internal", "hybrid", "of-tomorrow"],
            }
        )

    def get(self, options: str, says: Says = HONEST, **changes: Any) -> str:
        """What `navigator.credentials.get` gives for these options, as JSON; `changes` to the response come last."""
        asked = json.loads(options)
        client_data = _client_data("webauthn.get", asked, says)
        auth_data = self._auth_data(says, says.flags)
        handle = self.user_handle if says.user_handle is None else says.user_handle
        response = {
            "clientDataJSON": encoded(client_data),
            "authenticatorData": encoded(auth_data),
            "signature": encoded(self.sign(auth_data + hashlib.sha256(client_data).digest())),
            "userHandle": encoded(handle),
        }
        return self._answer({**response, **changes})

    def sign(self, data: bytes) -> bytes:
        match self.key:
            case ed25519.Ed25519PrivateKey():
                return self.key.sign(data)
            case ec.EllipticCurvePrivateKey():
                return self.key.sign(data, ec.ECDSA(SHA256()))
            case _:
                return self.key.sign(data, padding.PKCS1v15(), SHA256())

    def _answer(self, response: Mapping[str, Any]) -> str:
        identifier = encoded(self.credential_id)
        return json.dumps(
            {
                "id": identifier,
                "rawId": identifier,
                "type": "public-key",
                "authenticatorAttachment": "platform",
                "clientExtensionResults": {},
                "response": response,
            }
        )

    def _auth_data(self, says: Says, flags: int) -> bytes:
        if says.count is None:
            self.count += 1 if self.counts else 0
        count = self.count if says.count is None else says.count
        flags |= BE | BS if self.synced else 0
        return hashlib.sha256(says.host.encode()).digest() + bytes([flags]) + count.to_bytes(4, "big")

    def _attested(self) -> bytes:
        length = len(self.credential_id).to_bytes(2, "big")
        return bytes(16) + length + self.credential_id + cbor2.dumps(_cose(self.key))


def saying(**claims: Any) -> Says:
    """An honest pair but for these."""
    return replace(HONEST, **claims)


def encoded(raw: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "==")


def _client_data(kind: str, asked: Mapping[str, Any], says: Says) -> bytes:
    challenge = asked["challenge"] if says.challenge is None else encoded(says.challenge)
    told = {"type": says.kind or kind, "challenge": challenge, "origin": says.origin, "crossOrigin": False}
    return json.dumps({**told, **says.client_data}).encode()


def _new_key(algorithm: str) -> PrivateKey:
    match algorithm:
        case "EdDSA":
            return ed25519.Ed25519PrivateKey.generate()
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case "ES512-curve":  # says ES256 on a curve that nobody asked for
            return ec.generate_private_key(ec.SECP521R1())
        case "RS256":
            return rsa.generate_private_key(public_exponent=65537, key_size=2048)
        case "RS256-short":
            return rsa.generate_private_key(public_exponent=65537, key_size=1024)
    raise ValueError(algorithm)


def _cose(key: PrivateKey) -> dict[int, Any]:
    """The public half (RFC 9053)."""
    match key:
        case ed25519.Ed25519PrivateKey():
            return {1: 1, 3: -8, -1: 6, -2: key.public_key().public_bytes_raw()}
        case ec.EllipticCurvePrivateKey():
            numbers, size = key.public_key().public_numbers(), (key.key_size + 7) // 8
            curve = 1 if isinstance(key.curve, ec.SECP256R1) else 3
            return {1: 2, 3: -7, -1: curve, -2: numbers.x.to_bytes(size, "big"), -3: numbers.y.to_bytes(size, "big")}
        case _:
            public = key.public_key().public_numbers()
            return {1: 3, 3: -257, -1: public.n.to_bytes((key.key_size + 7) // 8, "big"), -2: b"\x01\x00\x01"}

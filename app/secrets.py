"""Keys: one derived per purpose, and encryption at rest whose keys can be rotated."""

import hashlib
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.ids import Ids

_VERSION = b"\x01"
_KEY_ID_BYTES = 4
_NONCE_BYTES = 12  # NIST SP 800-38D, 5.2.1.1: 96 bits
MAX_TOKEN_CHARS = 200


class SealBroken(Exception):
    """Raised when sealed bytes were altered, belong to another context, or name a key that is not configured."""


def derive_key(secret: str, *, purpose: str) -> bytes:
    """A 32-byte key for one purpose (HKDF-SHA256, RFC 5869): a key leaked for one purpose says nothing of another."""
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=f"bonafide/{purpose}".encode()).derive(
        secret.encode()
    )


def digest(secret: str) -> bytes:
    """SHA-256 of a high-entropy token, the only form in which one is stored."""
    return hashlib.sha256(secret.encode()).digest()


def could_be_token(text: str) -> bool:
    """Whether it has the form of the random tokens that we hand out: no other text is hashed or looked up."""
    return text.isascii() and 0 < len(text) <= MAX_TOKEN_CHARS


def digest_of_token(text: str) -> bytes | None:
    """What is stored in a token's place; None for what cannot be one."""
    return digest(text) if could_be_token(text) else None


class Encryption:
    """AES-256-GCM at rest; the first key seals, every key opens, the context is authenticated."""

    def __init__(self, *, keys: Sequence[bytes], ids: Ids) -> None:
        if not keys or any(len(key) != 32 for key in keys):
            raise ValueError("encryption needs at least one key, each of 32 bytes")
        self._ids = ids
        self._first = self._key_id(keys[0])
        self._ciphers = {self._key_id(key): AESGCM(key) for key in keys}

    def seal(self, plain: bytes, *, context: str) -> bytes:
        """version | key id | nonce | ciphertext and tag; opens only with the same `context`."""
        nonce = self._ids.bytes(_NONCE_BYTES)
        return _VERSION + self._first + nonce + self._ciphers[self._first].encrypt(nonce, plain, context.encode())

    def open(self, sealed: bytes, *, context: str) -> bytes:
        """The plain bytes; raises SealBroken when anything about them is not as it was sealed."""
        key_id, rest = sealed[1 : 1 + _KEY_ID_BYTES], sealed[1 + _KEY_ID_BYTES :]
        cipher = self._ciphers.get(key_id)
        if sealed[:1] != _VERSION or cipher is None:
            raise SealBroken("sealed with a key that is not in ENCRYPTION_KEYS")
        try:
            return cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], context.encode())
        except (InvalidTag, ValueError) as error:
            raise SealBroken("altered, or sealed for something else") from error

    @staticmethod
    def _key_id(key: bytes) -> bytes:
        return hashlib.sha256(b"bonafide/key-id" + key).digest()[:_KEY_ID_BYTES]

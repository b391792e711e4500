"""Access tokens: short-lived JWTs that other services verify by the published keys, without our secret.

EdDSA (Ed25519, RFC 8037) with a key derived from each entry of SECRET_KEY: the first signs, all verify, so a
rotation needs no second secret. HS256 by TOKEN_ALG publishes no keys.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey

from app.clock import Clock
from app.errors import Code, Problem
from app.ids import Ids
from app.secrets import derive_key

ACCESS_TTL = timedelta(minutes=15)
AUDIENCE = "bonafide"
MAX_TOKEN_CHARS = 2048
REMEMBERED_TOKENS = 4096  # about 3 MB


@dataclass(frozen=True)
class AccessClaims:
    """What a verified access token says."""

    account_id: UUID
    session_id: UUID
    expires_at: datetime


class AccessTokens:
    """Issues and verifies access tokens; knows nothing of whether the session still lives."""

    def __init__(self, *, secret_keys: tuple[str, ...], algorithm: str, issuer: str, clock: Clock, ids: Ids) -> None:
        self._clock = clock
        self._ids = ids
        self._issuer = issuer
        self._algorithm = algorithm
        keys: list[OctKey | RSAKey | ECKey | OKPKey] = [
            _ed25519(secret) if algorithm == "EdDSA" else _hmac(secret) for secret in secret_keys
        ]
        self._signing = keys[0]
        self._keys = KeySet(keys)
        # A signature stays good: only whether the token has expired is asked again (0.13 ms saved for each request).
        self._verified: OrderedDict[str, AccessClaims] = OrderedDict()

    def issue(self, account_id: UUID, session_id: UUID) -> tuple[str, datetime]:
        """The signed token and when it expires."""
        now = self._clock.now()
        expires_at = now + ACCESS_TTL
        claims = {
            "iss": self._issuer,
            "aud": AUDIENCE,
            "sub": str(account_id),
            "sid": str(session_id),
            "type": "access",
            "iat": int(now.timestamp()),
            "exp": int(expires_at.timestamp()),
            "jti": self._ids.token(12),
        }
        header = {"alg": self._algorithm, "typ": "JWT", "kid": self._signing.kid}
        return jwt.encode(header, claims, self._signing, algorithms=[self._algorithm]), expires_at

    def verify(self, token: str) -> AccessClaims:
        """The claims; raises Problem(UNAUTHENTICATED) with reason TOKEN_EXPIRED or INVALID_TOKEN."""
        if len(token) > MAX_TOKEN_CHARS:
            raise _invalid()
        verified = self._verified.get(token)
        if verified is None:
            verified = self._verified[token] = self._signed_claims(token)
            if len(self._verified) > REMEMBERED_TOKENS:
                self._verified.popitem(last=False)
        if verified.expires_at <= self._clock.now():
            raise Problem(Code.UNAUTHENTICATED, "The access token has expired.", reason="TOKEN_EXPIRED")
        return verified

    def _signed_claims(self, token: str) -> AccessClaims:
        """What the token says, signed by one of our keys, expired or not; raises Problem(UNAUTHENTICATED)."""
        try:
            claims = jwt.decode(token, self._keys, algorithms=[self._algorithm]).claims
            expires_at = datetime.fromtimestamp(claims["exp"], tz=UTC)
            verified = AccessClaims(UUID(claims["sub"]), UUID(claims["sid"]), expires_at)
            if (claims["iss"], claims["aud"], claims["type"]) != (self._issuer, AUDIENCE, "access"):
                raise _invalid()
        except (JoseError, KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise _invalid() from error
        return verified

    def jwks(self) -> dict[str, object]:
        """The public keys as a JWK set (RFC 7517); empty when tokens are signed with a shared secret."""
        if self._algorithm != "EdDSA":
            return {"keys": []}
        return {"keys": [{**key.as_dict(private=False), "use": "sig", "alg": "EdDSA"} for key in self._keys]}


def _invalid() -> Problem:
    return Problem(Code.UNAUTHENTICATED, "The access token is not valid.", reason="INVALID_TOKEN")


def _ed25519(secret: str) -> OKPKey:
    private = Ed25519PrivateKey.from_private_bytes(derive_key(secret, purpose="access-token/ed25519"))
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    key = OKPKey.import_key(pem)
    key.ensure_kid()
    return key


def _hmac(secret: str) -> OctKey:
    key = OctKey.import_key(derive_key(secret, purpose="access-token/hs256"))
    key.ensure_kid()
    return key

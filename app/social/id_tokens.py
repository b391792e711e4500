"""ID tokens of providers: signature, issuer, audience and time checked as OpenID Connect Core 1.0, 3.1.3.7 asks."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeGuard

from joserfc import jwt
from joserfc.errors import JoseError

from app.clock import Clock
from app.errors import Code, Problem
from app.secrets import digest
from app.social.jwks import KeySets
from app.social.model import ProvedIdentity, Provider
from app.social.providers import BROKERS, IdTokenProvider, sign_in_provider

MAX_TOKEN_CHARS = 8192
MAX_KID_CHARS = 256
LEEWAY_S = 60
_MAX_TIME = 2**40  # the year 36812: what lies beyond is no date


class _NotValid(Exception):
    """Something about the token is not as it must be."""


class _Expired(Exception):
    """The token was good once."""


@dataclass(frozen=True, kw_only=True)
class VerifiedIdToken:
    """What a provider says, once everything about the saying was checked."""

    identity: ProvedIdentity
    expires_at: datetime
    auth_time: int
    nonce: str | None = field(default=None, repr=False)
    fingerprint: str = field(repr=False)
    """Names the token by what its signature covers: the signature's own bytes can be written in several ways."""


class IdTokens:
    """Verifies ID tokens of the configured providers."""

    def __init__(self, *, providers: Mapping[Provider, IdTokenProvider], key_sets: KeySets, clock: Clock) -> None:
        self._providers = providers
        self._key_sets = key_sets
        self._clock = clock

    @property
    def accepted(self) -> tuple[Provider, ...]:
        """The providers whose sign-in some configured issuer can vouch for."""
        through_a_broker = set(Provider) - BROKERS if BROKERS & self._providers.keys() else set()
        return tuple(provider for provider in Provider if provider in self._providers or provider in through_a_broker)

    def issued_by(self, name: Provider, issuer: str | None) -> bool:
        """Whether the provider is in use and calls itself so."""
        provider = self._providers.get(name)
        return provider is not None and issuer in provider.issuers

    async def verify(
        self, wanted: Provider, token: str, *, nonce: str | None = None, field: str | None = None
    ) -> VerifiedIdToken:
        """What the token says of a person who signed in at `wanted`.

        The token is the provider's own, or one of Firebase or Auth0 that sent the person there: which, its issuer
        says. GITHUB issues no ID tokens and comes that way only. A nonce is compared where it is given.
        Raises Problem(UNAUTHENTICATED) with reason INVALID_TOKEN or TOKEN_EXPIRED, naming the argument that the token
        came in as `field`, none for one of a header; BUSY when keys cannot be had.
        """
        issuer = unverified_issuer(token)
        name = next((name for name in (wanted, *sorted(BROKERS)) if self.issued_by(name, issuer)), None)
        if name is None:
            raise invalid(field)
        verified = await self._verify(self._providers[name], wanted, token, field)
        if nonce is not None and nonce != verified.nonce:
            raise invalid(field)
        return verified

    async def verify_own(self, name: Provider, token: str, *, audience: str) -> VerifiedIdToken:
        """What a token says that the provider itself gave to our client `audience`, not a broker nor to another client.

        The nonce is the caller's to compare. Raises Problem as `verify` does.
        """
        if not self.issued_by(name, unverified_issuer(token)):
            raise invalid()
        return await self._verify(replace(self._providers[name], audiences=(audience,)), name, token)

    async def _verify(
        self, provider: IdTokenProvider, wanted: Provider, token: str, field: str | None = None
    ) -> VerifiedIdToken:
        try:
            return await self._checked(provider, wanted, token)
        except _Expired as error:
            detail = "The provider's token has expired."
            raise Problem(Code.UNAUTHENTICATED, detail, field=field, reason="TOKEN_EXPIRED") from error
        except _NotValid as error:
            raise invalid(field) from error

    async def _checked(self, provider: IdTokenProvider, wanted: Provider, token: str) -> VerifiedIdToken:
        claims = await self._signed_claims(provider, token)
        expires_at = self._check_times(claims)
        audience = claims.get("aud")
        named = audience if isinstance(audience, list) else [audience]
        presenter = claims.get("azp")
        if (
            claims.get("iss") not in provider.issuers
            or not any(one in provider.audiences for one in named if isinstance(one, str))
            or (presenter is not None and presenter not in provider.audiences)
            or (presenter is None and len(named) > 1)
            or not provider.vouches_through(wanted, claims)
        ):
            raise _NotValid
        auth_time = claims.get("auth_time", claims["iat"])
        if provider.provider is Provider.FIREBASE:
            self._check_firebase(claims)
        return VerifiedIdToken(
            identity=_identity(provider, claims),
            expires_at=expires_at,
            auth_time=int(auth_time) if _is_time(auth_time) else int(claims["iat"]),
            nonce=_text(claims.get("nonce")),
            fingerprint=digest(token.rpartition(".")[0]).hex(),
        )

    async def _signed_claims(self, provider: IdTokenProvider, token: str) -> Mapping[str, Any]:
        header = _part(token, 0)
        kid, typ = header.get("kid"), header.get("typ", "JWT")
        # An access or a logout token (typ at+jwt, logout+jwt) of the same issuer is not a sign-in.
        if not isinstance(kid, str) or len(kid) > MAX_KID_CHARS or str(typ).upper() != "JWT":
            raise _NotValid
        if header.get("alg") not in provider.algorithms:
            raise _NotValid
        key = await self._key_sets.key(provider.jwks_url, kid)
        if key is None:
            raise _NotValid
        try:
            claims: Mapping[str, Any] = jwt.decode(token, key, algorithms=provider.algorithms).claims
        except (JoseError, ValueError, TypeError) as error:
            raise _NotValid from error
        return claims

    def _check_times(self, claims: Mapping[str, Any]) -> datetime:
        now_s = self._clock.now().timestamp()
        expires_s, issued_s, begins_s = claims.get("exp"), claims.get("iat"), claims.get("nbf", 0)
        if not (_is_time(expires_s) and _is_time(issued_s) and _is_time(begins_s)):
            raise _NotValid
        if expires_s + LEEWAY_S <= now_s:
            raise _Expired
        if max(issued_s, begins_s) > now_s + LEEWAY_S:
            raise _NotValid
        return datetime.fromtimestamp(expires_s, tz=UTC)

    def _check_firebase(self, claims: Mapping[str, Any]) -> None:
        """What Firebase asks for besides; and nobody comes in anonymously, nor from a tenant, whose users may share
        an identifier with those of another one."""
        signed_in_s, firebase = claims.get("auth_time"), claims.get("firebase")
        if not _is_time(signed_in_s) or signed_in_s > self._clock.now().timestamp() + LEEWAY_S:
            raise _NotValid
        if not isinstance(firebase, dict) or sign_in_provider(claims) in (None, "anonymous") or "tenant" in firebase:
            raise _NotValid


# Asked for every request, and a token comes with many.
@lru_cache(maxsize=4096)
def unverified_issuer(token: str) -> str | None:
    """Who the token says it is from, None when it says nothing; only good for choosing who verifies it."""
    if len(token) > MAX_TOKEN_CHARS or not token.isascii() or token.count(".") != 2:
        return None
    issuer = _part(token, 1).get("iss")
    return issuer if isinstance(issuer, str) else None


def invalid(field: str | None = None) -> Problem:
    """The one refusal of a token that is not good, whatever is wrong with it."""
    return Problem(Code.UNAUTHENTICATED, "The provider's token is not valid.", field=field, reason="INVALID_TOKEN")


def _identity(provider: IdTokenProvider, claims: Mapping[str, Any]) -> ProvedIdentity:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject:
        raise _NotValid
    return ProvedIdentity(
        provider=provider.provider,
        issuer=provider.issuers[0],
        subject=subject,
        email=_text(claims.get("email")),
        # Facebook leaves the claim out: its addresses prove nothing. A text proves nothing either, but where the
        # provider is known to write its truths so.
        email_verified=claims.get("email_verified") is True
        or (provider.says_true_in_words and claims.get("email_verified") == "true"),
        name=_text(claims.get("name")),
    )


def _part(token: str, index: int) -> Mapping[str, Any]:
    part = token.split(".")[index]
    try:
        decoded = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return decoded if isinstance(decoded, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _is_time(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _MAX_TIME

"""The public keys of providers: fetched over HTTP, cached, and fetched anew when a provider rotates them.

- Keys are fresh for an hour. After it they are fetched again in the background, and the old ones serve meanwhile.
- A token that names an unknown key may mean a rotation: one fetch, at most one a minute, however many tokens come. All
  of them wait for it, and while it fails are told that the provider is away, not that they are bad.
- While a provider is away its keys stay good for a day; the log says whose. Tries are spaced out, up to a minute.
- Any number of callers share one fetch; the event loop waits for nothing but the network.
"""

import asyncio
import json
import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from app.clock import Clock
from app.errors import Code, Problem

log = logging.getLogger(__name__)

FETCH_TIMEOUT_S = 5.0
FRESH_S = 3600.0
STALE_S = 24 * 3600.0
"""How long keys outlive the provider's silence. A key that leaked is gone from the set the provider serves, so a
silence is worth an attacker's while; a day is what an outage of a large provider may last."""
ROTATION_FETCH_EVERY_S = 60.0
MAX_BACK_OFF_S = 60.0
MAX_SET_BYTES = 256 * 1024
MAX_KEYS = 100
MIN_RSA_BITS = 2048  # NIST SP 800-131A

PublicKey: TypeAlias = RSAKey | ECKey


class KeySetUnavailable(Exception):
    """Raised when a provider's answer is not a set of keys; the text names neither a token nor a person."""


FETCH_FAULTS = (KeySetUnavailable, httpx.HTTPError, httpx.InvalidURL, TimeoutError)
"""Everything that fetching keys raises when the provider, the way there or its address is at fault."""


class KeySets:
    """The keys of each address, by their `kid`."""

    def __init__(self, *, http: httpx.AsyncClient, clock: Clock) -> None:
        self._http = http
        self._clock = clock
        self._sources: dict[str, _Source] = {}

    async def key(self, url: str, kid: str) -> PublicKey | None:
        """The key of this name, None when the provider has none; raises Problem(BUSY) when it cannot be asked."""
        source = self._sources.setdefault(url, _Source(url, self._http, self._clock))
        return await source.key(kid)

    async def close(self) -> None:
        """Lets go of fetches still under way."""
        for source in self._sources.values():
            await source.close()


class _Source:
    """One address: its keys, how old they are, and the one fetch that may be under way."""

    def __init__(self, url: str, http: httpx.AsyncClient, clock: Clock) -> None:
        self._url = url
        self._http = http
        self._clock = clock
        self._keys: Mapping[str, PublicKey] = MappingProxyType({})
        self._fetched_at_s: float | None = None
        self._rotation_fetch_from_s = 0.0
        self._is_for_rotation = False
        self._failures = 0
        self._next_try_at_s = 0.0
        self._fetch: asyncio.Task[None] | None = None

    async def key(self, kid: str) -> PublicKey | None:
        now_s = self._clock.monotonic_s()
        if self._fetched_at_s is None or now_s - self._fetched_at_s > STALE_S:
            await self._fetched()
            return self._keys.get(kid)
        if now_s - self._fetched_at_s > FRESH_S and now_s >= self._next_try_at_s:
            self._begin()  # the keys at hand serve this caller
        if kid not in self._keys and (self._fetch is not None or now_s >= self._rotation_fetch_from_s):
            self._is_for_rotation = True
            await self._fetched()
        return self._keys.get(kid)

    async def close(self) -> None:
        if self._fetch is not None:
            self._fetch.cancel()
            await asyncio.wait([self._fetch])

    async def _fetched(self) -> None:
        """Waits for the fetch under way, or a new one; raises Problem(BUSY) when it brings nothing."""
        now_s = self._clock.monotonic_s()
        if self._fetch is None and now_s < self._next_try_at_s:
            raise _away(self._next_try_at_s - now_s)
        # Shielded: whoever hangs up must not take the fetch from the others.
        await asyncio.shield(self._begin())
        if self._failures:
            raise _away(self._next_try_at_s - self._clock.monotonic_s())

    def _begin(self) -> asyncio.Task[None]:
        if self._fetch is None:
            self._fetch = asyncio.create_task(self._refresh())
        return self._fetch

    async def _refresh(self) -> None:
        try:
            self._keys = await fetch_key_set(self._http, self._url)
            self._fetched_at_s = self._clock.monotonic_s()
            self._failures, self._next_try_at_s = 0, 0.0
            if self._is_for_rotation:
                self._is_for_rotation = False
                self._rotation_fetch_from_s = self._fetched_at_s + ROTATION_FETCH_EVERY_S
        except FETCH_FAULTS as error:
            self._failures += 1
            wait_s = min(2.0 ** (self._failures - 1), MAX_BACK_OFF_S)
            self._next_try_at_s = self._clock.monotonic_s() + wait_s
            held = "the keys at hand stay in use" if self._keys else "nobody can sign in by it"
            log.warning("keys of %s not fetched (%s): %s", self._url, type(error).__name__, held)
        finally:
            self._fetch = None


async def fetch_key_set(http: httpx.AsyncClient, url: str) -> Mapping[str, PublicKey]:
    """The keys at the address by their `kid`; raises one of `FETCH_FAULTS`."""
    # Unpacked by nobody, so that what arrives is what it takes of memory.
    plain = {"accept": "application/json", "accept-encoding": "identity"}
    async with asyncio.timeout(FETCH_TIMEOUT_S), http.stream("GET", url, headers=plain) as response:
        if response.status_code != httpx.codes.OK:
            raise KeySetUnavailable(f"it answers {response.status_code}")
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > MAX_SET_BYTES:
                raise KeySetUnavailable(f"it is larger than {MAX_SET_BYTES} bytes")
    try:
        listed = json.loads(bytes(body))["keys"]
        keys = {jwk["kid"]: key for jwk in listed[:MAX_KEYS] if (key := _public_key(jwk))}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise KeySetUnavailable("it is not a JWK set") from error
    if not keys:
        raise KeySetUnavailable("it holds no key for signatures")
    return MappingProxyType(keys)


def _public_key(jwk: object) -> PublicKey | None:
    """The key, None when it is of a kind that signs no ID token of ours; one bad key leaves the others in use."""
    if not isinstance(jwk, dict) or jwk.get("use", "sig") != "sig" or not isinstance(jwk.get("kid"), str):
        return None
    named: dict[str, str | list[str]] = {
        name: str(jwk[name]) for name in ("kty", "crv", "n", "e", "x", "y") if name in jwk
    }
    try:
        if named.get("kty") == "RSA":
            is_long_enough = len(named["n"]) * 6 >= MIN_RSA_BITS
            return RSAKey.import_key(named) if is_long_enough else None
        if named.get("kty") == "EC" and named.get("crv") == "P-256":
            return ECKey.import_key(named)
    except (JoseError, ValueError, KeyError, TypeError) as error:
        log.warning("a published key was passed over: %s", type(error).__name__)
    return None


def _away(retry_after_s: float) -> Problem:
    return Problem(
        Code.BUSY, "The provider's keys cannot be fetched right now. Try again shortly.", retry_after_s=retry_after_s
    )

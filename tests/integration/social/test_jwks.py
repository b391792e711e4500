"""Keys of providers: fetched once, kept, renewed, and what happens when the provider is away."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from app.errors import Code, Problem
from app.social.jwks import FRESH_S, MAX_SET_BYTES, ROTATION_FETCH_EVERY_S, STALE_S, KeySets
from tests.fakes import FixedClock
from tests.openid import KeyServer, key_server, signing_key

OLD, NEW = signing_key("old", "EC"), signing_key("new", "EC")


@pytest.fixture
def provider() -> Iterator[KeyServer]:
    with key_server() as server:
        server.publish(OLD)
        yield server


@pytest.fixture
async def key_sets(clock: FixedClock) -> AsyncIterator[KeySets]:
    async with httpx.AsyncClient(trust_env=False) as http:
        sets = KeySets(http=http, clock=clock)
        yield sets
        await sets.close()


async def busy(key_sets: KeySets, url: str, kid: str = "old") -> Problem:
    with pytest.raises(Problem) as caught:
        await key_sets.key(url, kid)
    assert caught.value.code is Code.BUSY
    assert caught.value.retry_after_s
    return caught.value


async def test_fifty_callers_share_one_fetch(provider: KeyServer, key_sets: KeySets) -> None:
    """A morning's rush would ask the provider once a person, until it refuses us all."""
    found = await asyncio.gather(*(key_sets.key(provider.url, "old") for _ in range(50)))
    assert None not in found
    assert provider.asked == 1
    await key_sets.key(provider.url, "old")
    assert provider.asked == 1


async def test_a_caller_who_hangs_up_takes_the_fetch_from_nobody(provider: KeyServer, key_sets: KeySets) -> None:
    """One person closing the page would fail the sign-in of everybody who waits with them."""
    provider.hold.clear()
    impatient = asyncio.create_task(key_sets.key(provider.url, "old"))
    patient = asyncio.create_task(key_sets.key(provider.url, "old"))
    while not provider.asked:
        await asyncio.sleep(0.01)
    impatient.cancel()
    provider.hold.set()
    assert (await patient) is not None


async def test_a_rotated_key_is_found_at_once(provider: KeyServer, key_sets: KeySets) -> None:
    """When a provider rotates its keys nobody could sign in for an hour."""
    await key_sets.key(provider.url, "old")
    provider.publish(OLD, NEW)
    assert await key_sets.key(provider.url, "new") is not None
    assert provider.asked == 2


async def test_fifty_callers_with_a_rotated_key_are_all_let_in(provider: KeyServer, key_sets: KeySets) -> None:
    """Of all who sign in at the moment of a rotation one would come in, and the others' good tokens be called bad."""
    await key_sets.key(provider.url, "old")
    provider.publish(OLD, NEW)
    found = await asyncio.gather(*(key_sets.key(provider.url, "new") for _ in range(50)))
    assert None not in found
    assert provider.asked == 2


async def test_a_rotation_during_an_outage_is_no_fault_of_the_token(
    provider: KeyServer, key_sets: KeySets, clock: FixedClock
) -> None:
    """People would be told for a minute that their good tokens are bad, the provider being back already."""
    await key_sets.key(provider.url, "old")
    provider.publish(OLD, NEW)
    provider.status = 503
    for _ in range(3):
        await busy(key_sets, provider.url, "new")
    assert provider.asked == 2, "the tries are spaced out all the same"
    provider.status = 200
    clock.advance(1)
    assert await key_sets.key(provider.url, "new") is not None


async def test_unknown_keys_cost_one_fetch_a_minute(provider: KeyServer, key_sets: KeySets, clock: FixedClock) -> None:
    """Anybody with a pen could make us flood the provider: a token names any key it likes."""
    await key_sets.key(provider.url, "old")
    for number in range(20):
        assert await key_sets.key(provider.url, f"made-up-{number}") is None
    assert provider.asked == 2
    clock.advance(ROTATION_FETCH_EVERY_S)
    assert await key_sets.key(provider.url, "made-up") is None
    assert provider.asked == 3


async def test_old_keys_serve_while_new_ones_are_fetched(
    provider: KeyServer, key_sets: KeySets, clock: FixedClock
) -> None:
    """Once an hour somebody would wait for the provider, however slow it is."""
    await key_sets.key(provider.url, "old")
    clock.advance(FRESH_S + 1)
    provider.publish(NEW)
    provider.hold.clear()
    assert await key_sets.key(provider.url, "old") is not None
    provider.hold.set()
    while await key_sets.key(provider.url, "old") is not None:  # until the new set, which took it back, is there
        await asyncio.sleep(0.01)


async def test_an_outage_is_survived_for_a_day(
    provider: KeyServer, key_sets: KeySets, clock: FixedClock, caplog: pytest.LogCaptureFixture
) -> None:
    """An hour's outage of a provider would sign nobody in here, though all is known that is needed."""
    await key_sets.key(provider.url, "old")
    provider.status = 503
    clock.advance(FRESH_S + 1)
    with caplog.at_level(logging.WARNING):
        assert await key_sets.key(provider.url, "old") is not None
        while "the keys at hand stay in use" not in caplog.text:
            await asyncio.sleep(0.01)
    clock.advance(STALE_S)
    await busy(key_sets, provider.url)


async def test_tries_are_spaced_out_while_the_provider_is_away(
    provider: KeyServer, key_sets: KeySets, clock: FixedClock
) -> None:
    """A provider that struggles would be hit by every request of ours."""
    provider.status = 500
    await busy(key_sets, provider.url)
    for _ in range(10):
        await busy(key_sets, provider.url)
    assert provider.asked == 1
    clock.advance(1)
    await busy(key_sets, provider.url)
    clock.advance(1)
    await busy(key_sets, provider.url)
    assert provider.asked == 2, "the second pause is longer"
    provider.status = 200
    clock.advance(60)
    assert await key_sets.key(provider.url, "old") is not None


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/jwks", "https://a..b/jwks"])
async def test_a_provider_that_cannot_be_reached_is_said_so(key_sets: KeySets, url: str) -> None:
    """A person would be told that their token is bad while only the network or the address is."""
    await busy(key_sets, url)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"keys": {}}',
        b'{"keys": [1, null, "x"]}',
        b'{"keys": [{"kid": "old"}]}',
        b'{"keys": ' + b"[" * 5000 + b"]" * 5000 + b"}",
        b" " * (MAX_SET_BYTES + 1),
        b"\xff\xfe",
    ],
    ids=["empty", "html", "list", "no-keys", "object", "no-objects", "no-kind", "deep", "huge", "no-text"],
)
async def test_an_answer_that_is_no_key_set_is_an_outage(provider: KeyServer, key_sets: KeySets, body: bytes) -> None:
    """A provider's error page would come back as our own 500, or throw away the keys at hand."""
    await key_sets.key(provider.url, "old")
    provider.body = body
    await busy(key_sets, provider.url, "new")
    assert await key_sets.key(provider.url, "old") is not None


async def test_keys_that_sign_no_id_token_are_passed_over(provider: KeyServer, key_sets: KeySets) -> None:
    """A shared secret or a short key in the set would let anybody sign; one broken key would hide the good ones."""
    good = OLD.as_dict(private=False)
    provider.keys = [
        {"kty": "oct", "kid": "secret", "k": "c2VjcmV0"},
        {"kty": "RSA", "kid": "short", "n": "q83v" * 30, "e": "AQAB"},
        {"kty": "EC", "kid": "curve", "crv": "P-521", "x": "AA", "y": "AA"},
        {"kty": "EC", "kid": "broken", "crv": "P-256", "x": "AA", "y": None},
        {**good, "kid": "encrypts", "use": "enc"},
        {name: value for name, value in good.items() if name != "kid"},
        good,
    ]
    assert await key_sets.key(provider.url, "old") is not None
    for kid in ("secret", "short", "curve", "broken", "encrypts"):
        assert await key_sets.key(provider.url, kid) is None

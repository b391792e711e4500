"""Access tokens: ours verify, everything else is refused with a reason."""

import json
import random
from base64 import urlsafe_b64decode, urlsafe_b64encode
from uuid import UUID

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from app.errors import Code, Problem
from app.ids import Ids
from app.tokens import ACCESS_TTL, AccessTokens
from tests.damage import damaged
from tests.fakes import FixedClock

ACCOUNT, SESSION = UUID(int=1), UUID(int=2)


def tokens(clock: FixedClock, *keys: str, algorithm: str = "EdDSA", issuer: str = "http://id") -> AccessTokens:
    return AccessTokens(secret_keys=keys or ("a" * 32,), algorithm=algorithm, issuer=issuer, clock=clock, ids=Ids())


@pytest.mark.parametrize("algorithm", ["EdDSA", "HS256"])
def test_a_token_lives_fifteen_minutes(clock: FixedClock, algorithm: str) -> None:
    """A stolen token would serve for ever, or a good one not at all."""
    issuer = tokens(clock, algorithm=algorithm)
    token, _ = issuer.issue(ACCOUNT, SESSION)
    clock.advance(899)
    assert issuer.verify(token).account_id == ACCOUNT
    clock.advance(1)
    with pytest.raises(Problem) as caught:
        issuer.verify(token)
    assert (caught.value.code, caught.value.reason) == (Code.UNAUTHENTICATED, "TOKEN_EXPIRED")


def test_another_service_verifies_by_the_published_key_alone(clock: FixedClock) -> None:
    """Other products could not check our tokens without our secret."""
    issuer = tokens(clock, "a" * 32, "b" * 32)
    token, _ = issuer.issue(ACCOUNT, SESSION)
    published = KeySet.import_key_set(issuer.jwks())
    assert jwt.decode(token, published, algorithms=["EdDSA"]).claims["sub"] == str(ACCOUNT)
    assert all("d" not in key for key in issuer.jwks()["keys"])


def test_rotation_keeps_yesterdays_tokens(clock: FixedClock) -> None:
    """Rotating SECRET_KEY would sign everybody out."""
    token, _ = tokens(clock, "a" * 32).issue(ACCOUNT, SESSION)
    assert tokens(clock, "b" * 32, "a" * 32).verify(token).session_id == SESSION
    with pytest.raises(Problem):
        tokens(clock, "b" * 32).verify(token)


def _with_header(token: str, **changes: str) -> str:
    head, payload, mac = token.split(".")
    header = json.loads(urlsafe_b64decode(head + "=="))
    return ".".join([urlsafe_b64encode(json.dumps(header | changes).encode()).rstrip(b"=").decode(), payload, mac])


def test_no_foreign_token_is_taken(clock: FixedClock) -> None:
    """Somebody else's signature, issuer or algorithm would open an account."""
    issuer = tokens(clock)
    token, _ = issuer.issue(ACCOUNT, SESSION)
    head, payload, mac = token.split(".")
    foreign = [
        "",
        "x",
        f"{head}.{payload}.",
        f"{head}.{payload}",
        _with_header(token, alg="none"),
        _with_header(token, alg="HS256"),
        _with_header(token, kid="another"),
        f"{head}.{payload[:-2]}AA.{mac}",
        "x" * 5000,
        "\u2603.\u2603.\u2603",
        tokens(clock, issuer="http://elsewhere").issue(ACCOUNT, SESSION)[0],
        tokens(clock, "z" * 32).issue(ACCOUNT, SESSION)[0],
        tokens(clock, algorithm="HS256").issue(ACCOUNT, SESSION)[0],
    ]
    for each in foreign:
        with pytest.raises(Problem) as caught:
            issuer.verify(each)
        assert caught.value.code is Code.UNAUTHENTICATED


def test_a_shared_secret_publishes_no_key(clock: FixedClock) -> None:
    """HS256 keys in the JWKS would let anyone sign."""
    assert tokens(clock, algorithm="HS256").jwks() == {"keys": []}


def test_a_remembered_token_still_expires_and_lends_its_trust_to_no_other(clock: FixedClock, ids: Ids) -> None:
    """What spares the check of the signature would keep old tokens alive, or let a changed one in."""
    issuer = tokens(clock, "a" * 40)
    token, _ = issuer.issue(ids.uuid7(), ids.uuid7())
    assert issuer.verify(token) == issuer.verify(token)
    for altered in (token[:-2] + ("AA" if token[-2:] != "AA" else "BB"), token + "A", token.replace(".", "..", 1)):
        with pytest.raises(Problem):
            issuer.verify(altered)
    clock.advance(ACCESS_TTL.total_seconds())
    with pytest.raises(Problem) as expired:
        issuer.verify(token)
    assert expired.value.reason == "TOKEN_EXPIRED"


def test_ten_thousand_changed_tokens_are_refused(clock: FixedClock) -> None:
    """A token with a slip in it would answer 500, or somebody would find the slip that lets them in."""
    rng, issuer = random.Random(20261121), tokens(clock)
    good, _ = issuer.issue(ACCOUNT, SESSION)
    claims = issuer.verify(good)
    codes = set()
    for _ in range(10_000):
        changed = damaged(rng, good.encode()).decode("latin-1")
        try:
            assert issuer.verify(changed) == claims
            # The signature's last letter has bits that stand for nothing; what it covers must be as it was.
            assert changed.rpartition(".")[0] == good.rpartition(".")[0]
        except Problem as problem:
            codes.add(problem.code)
    assert codes == {Code.UNAUTHENTICATED}

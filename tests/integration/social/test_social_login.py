"""Signing in by ID token: the service, and socialLogin over GraphQL."""

import asyncio
from datetime import timedelta

import httpx
import pytest
from redis.asyncio import Redis

from app.accounts.model import SecondFactorNeeded, SignedIn
from app.errors import Code, Problem
from app.main import create_app
from app.social.id_tokens import VerifiedIdToken
from app.social.limits import SOCIAL_LOGIN_PER_IP
from app.social.replays import RETRY_GRACE, TradedTokens
from tests.integration.social.conftest import ADA, HOME, World
from tests.openid import KeyServer, Minter
from tests.serving import ME, SESSION_FIELDS, Visitor

SOCIAL_LOGIN = (
    "mutation ($provider: String!, $idToken: String!, $nonce: String) "
    f"{{ socialLogin(provider: $provider, idToken: $idToken, nonce: $nonce) {{ {SESSION_FIELDS} tempToken }} }}"
)


async def sign_in(world: World, token: str, *, provider: str = "GOOGLE") -> SignedIn:
    admission = await world.services.social.sign_in(provider=provider, id_token=token, origin=HOME)
    assert isinstance(admission, SignedIn)
    return admission


async def refused(world: World, token: str, *, provider: str = "GOOGLE") -> Problem:
    with pytest.raises(Problem) as caught:
        await world.services.social.sign_in(provider=provider, id_token=token, origin=HOME)
    return caught.value


@pytest.fixture
def visitor(world: World) -> Visitor:
    return Visitor(httpx.ASGITransport(app=create_app(world.services), client=("192.0.2.1", 4242)))


async def test_a_page_signs_a_newcomer_in_and_later_again(visitor: Visitor, world: World, google: Minter) -> None:
    """The Google button would do nothing."""
    payload = (await visitor.data(SOCIAL_LOGIN, {"provider": "GOOGLE", "idToken": google.token()}))["socialLogin"]
    assert payload["isNewUser"] is True
    assert payload["user"]["handle"] == "ada-lovelace"
    assert payload["user"]["emailVerified"] is True
    assert visitor.session_cookies == {"bonafide_refresh", "bonafide_csrf"}
    visitor.access_token = payload["accessToken"]
    me = (await visitor.data("{ me { id identities { provider email linkedAt } } }"))["me"]
    assert me["identities"] == [
        {"provider": "GOOGLE", "email": "ada@example.org", "linkedAt": "2026-11-20T12:00:00.000Z"}
    ]
    world.clock.advance(60)
    again = (await visitor.data(SOCIAL_LOGIN, {"provider": "GOOGLE", "idToken": google.token()}))["socialLogin"]
    assert again["isNewUser"] is False
    assert again["user"]["id"] == me["id"]


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({}, "BAD_USER_INPUT"),
        ({"provider": None, "idToken": "x"}, "BAD_USER_INPUT"),
        ({"provider": "GOOGLE", "idToken": None}, "BAD_USER_INPUT"),
        ({"provider": "GOOGLE", "idToken": 5}, "BAD_USER_INPUT"),
        ({"provider": "GOOGLE", "idToken": ["x"]}, "BAD_USER_INPUT"),
        ({"provider": "GOOGLE", "idToken": ""}, "UNAUTHENTICATED"),
        ({"provider": "GOOGLE", "idToken": "x" * 60_000}, "UNAUTHENTICATED"),
        ({"provider": "GOOGLE", "idToken": "'; drop table accounts; --"}, "UNAUTHENTICATED"),
        ({"provider": "GOOGLE", "idToken": "\u202e.\u200b.<script>"}, "UNAUTHENTICATED"),
    ],
    ids=str,
)
async def test_bad_input_is_refused_with_its_code(visitor: Visitor, variables: dict[str, object], code: str) -> None:
    """A slip of a page would come back as a 500."""
    assert (await visitor.refusal(SOCIAL_LOGIN, variables))["code"] == code


@pytest.mark.parametrize("provider", ["", "google", "LINKEDIN ", "MYSPACE", "\u202eGOOGLE", "AUTH0"])
async def test_a_provider_that_is_not_set_up_is_named_with_those_that_are(
    visitor: Visitor, google: Minter, provider: str
) -> None:
    """Whoever integrates a page could not see what to correct."""
    answer = (await visitor.post(SOCIAL_LOGIN, {"provider": provider, "idToken": google.token()})).json()["errors"][0]
    assert (answer["extensions"]["code"], answer["extensions"]["field"]) == ("BAD_USER_INPUT", "provider")
    assert answer["message"].endswith("set up: GOOGLE, FACEBOOK, LINKEDIN, GITHUB, FIREBASE.")


async def test_an_expired_token_is_told_apart_from_a_bad_one(world: World, google: Minter) -> None:
    """A page could not know that asking the provider once more will do."""
    token = google.token()
    world.clock.advance(3700)
    problem = await refused(world, token)
    assert (problem.code, problem.field, problem.reason) == (Code.UNAUTHENTICATED, "idToken", "TOKEN_EXPIRED")


async def test_a_token_is_traded_once_but_for_a_double_click(world: World, google: Minter) -> None:
    """Whoever finds a token in a log within its hour would be in the account; a double click would be an error."""
    token = google.token()
    first, second = await asyncio.gather(sign_in(world, token), sign_in(world, token))
    assert first.viewer.account_id == second.viewer.account_id
    world.clock.advance(RETRY_GRACE.total_seconds())
    await sign_in(world, token)
    world.clock.advance(1)
    problem = await refused(world, token)
    assert (problem.code, problem.field, problem.reason) == (Code.UNAUTHENTICATED, "idToken", "TOKEN_REPLAYED")
    failed = await world.sql.fetch("select account_id, detail from audit_events where event = 'SIGN_IN_FAILED'")
    assert [row["account_id"] for row in failed] == [first.viewer.account_id], "its owner can read that it was tried"
    assert "TOKEN_REPLAYED" in failed[0]["detail"]


async def test_a_signature_written_otherwise_is_the_same_token(world: World, google: Minter) -> None:
    """The last letter of a signature carries bits that nobody reads: a found token could be used again that way."""
    token = google.token()
    await sign_in(world, token)
    world.clock.advance(11)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    spare = alphabet[alphabet.index(token[-1]) ^ 1]
    assert (await refused(world, token[:-1] + spare)).reason in ("TOKEN_REPLAYED", "INVALID_TOKEN")


async def test_when_redis_is_away_no_token_is_traded_uncounted(world: World, google: Minter) -> None:
    """Whoever can make Redis stumble could use a found token again."""
    redis = Redis.from_url("unix:///nowhere/redis.sock")
    token = VerifiedIdToken(
        identity=ADA, expires_at=world.clock.now() + timedelta(hours=1), auth_time=0, fingerprint="f"
    )
    with pytest.raises(Problem) as caught:
        await TradedTokens(redis=redis, clock=world.clock).trade(token, deed="sign-in")
    assert caught.value.code is Code.BUSY
    await redis.aclose()


async def test_fifty_sign_ins_at_once_make_one_account(world: World, google: Minter) -> None:
    """A page that sends its requests side by side would leave a person with several accounts."""
    token = google.token()
    signed_in = await asyncio.gather(*(sign_in(world, token) for _ in range(50)))
    assert len({each.viewer.account_id for each in signed_in}) == 1
    assert [each.is_new for each in signed_in].count(True) == 1


async def test_the_second_factor_is_asked_for_here_too(world: World, google: Minter) -> None:
    """Whoever has the Google account would be past the second factor."""
    first = await sign_in(world, google.token())
    phone = await world.guard(first.viewer)
    admission = await world.services.social.sign_in(provider="GOOGLE", id_token=google.token(), origin=HOME)
    assert isinstance(admission, SecondFactorNeeded)
    entered = await world.services.second_factors.verify_login(
        temp_token=admission.temp_token, code=phone.code(), origin=HOME
    )
    assert entered.viewer.account_id == first.viewer.account_id


async def test_one_network_cannot_try_without_end(world: World, google: Minter) -> None:
    """A script could hold the server with signatures; others would still be let in."""
    for _ in range(SOCIAL_LOGIN_PER_IP.amount):
        await refused(world, "a.b.c")
    problem = await refused(world, google.token())
    assert problem.code is Code.RATE_LIMITED
    assert problem.retry_after_s


async def test_a_provider_that_is_away_is_no_fault_of_the_person(
    world: World, google: Minter, published: KeyServer
) -> None:
    """A person would be told that their sign-in is bad while Google does not answer."""
    published.status = 503
    try:
        assert (await refused(world, google.token())).code is Code.BUSY
    finally:
        published.status = 200
    world.clock.advance(1)
    await sign_in(world, google.token())


async def test_who_signed_up_first_is_met_with_a_way_out(world: World, visitor: Visitor, google: Minter) -> None:
    """Pre-registration takeover over the wire: the owner of the address would be let into the stranger's account, or
    not be told what to do."""
    await world.signup()
    refusal = await visitor.refusal(SOCIAL_LOGIN, {"provider": "GOOGLE", "idToken": google.token()})
    assert refusal == {"code": "CONFLICT", "field": "email", "reason": "LINK_NEEDED"}


async def test_my_session_is_mine_alone(visitor: Visitor, world: World, google: Minter) -> None:
    """Two people of one provider would see each other's account."""
    ada = (await visitor.data(SOCIAL_LOGIN, {"provider": "GOOGLE", "idToken": google.token()}))["socialLogin"]
    bob_token = google.token(sub="bob", email="bob@example.org", name="Bob")
    bob = (await visitor.data(SOCIAL_LOGIN, {"provider": "GOOGLE", "idToken": bob_token}))["socialLogin"]
    assert ada["user"]["id"] != bob["user"]["id"]
    visitor.access_token = bob["accessToken"]
    assert (await visitor.data(ME))["me"]["handle"] == "bob"

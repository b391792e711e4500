"""ID tokens: who vouches for whom, and every way in which a token is not what it says."""

import hmac
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Code, Problem
from app.settings import Settings
from app.social.id_tokens import IdTokens, unverified_issuer
from app.social.jwks import KeySets
from app.social.model import Provider
from app.social.providers import providers_from
from tests.fakes import FixedClock
from tests.openid import KeyServer, Minter, base64url, key_server, signing_key

RSA, EC, STRANGER = signing_key("rsa"), signing_key("ec", "EC"), signing_key("rsa")
GOOGLE_CLIENT, AUTH0_CLIENT, PROJECT = "web.apps.example", "auth0-client", "bonafide-test"


@pytest.fixture(scope="module")
def provider() -> Iterator[KeyServer]:
    with key_server() as server:
        server.publish(RSA, EC)
        yield server


@pytest.fixture
async def id_tokens(provider: KeyServer, clock: FixedClock) -> AsyncIterator[IdTokens]:
    """Google as published, Auth0 self-hosted, Firebase as published; all keys from the loopback."""
    settings = Settings.from_environment(
        {
            "GOOGLE_CLIENT_ID": f"{GOOGLE_CLIENT}, android.apps.example",
            "GOOGLE_JWKS_URL": provider.url,
            "FIREBASE_PROJECT_ID": PROJECT,
            "FIREBASE_JWKS_URL": provider.url,
            "AUTH0_CLIENT_ID": AUTH0_CLIENT,
            "AUTH0_ISSUER": "https://login.example.org/",
            "AUTH0_JWKS_URL": provider.url,
        }
    )
    async with httpx.AsyncClient(trust_env=False) as http:
        key_sets = KeySets(http=http, clock=clock)
        yield IdTokens(providers=providers_from(settings), key_sets=key_sets, clock=clock)
        await key_sets.close()


@pytest.fixture
def google(clock: FixedClock) -> Minter:
    return Minter("https://accounts.google.com", GOOGLE_CLIENT, RSA, clock)


@pytest.fixture
def firebase(clock: FixedClock) -> Minter:
    return Minter(f"https://securetoken.google.com/{PROJECT}", PROJECT, RSA, clock)


@pytest.fixture
def auth0(clock: FixedClock) -> Minter:
    return Minter("https://login.example.org/", AUTH0_CLIENT, RSA, clock)


async def refused(id_tokens: IdTokens, token: str, *, wanted: Provider = Provider.GOOGLE, **more: Any) -> str | None:
    """The reason of the refusal."""
    with pytest.raises(Problem) as caught:
        await id_tokens.verify(wanted, token, **more)
    assert caught.value.code is Code.UNAUTHENTICATED
    return caught.value.reason


async def test_a_good_token_names_its_person(id_tokens: IdTokens, google: Minter) -> None:
    """Nobody could come in."""
    verified = await id_tokens.verify(Provider.GOOGLE, google.token())
    who = verified.identity
    assert (who.provider, who.issuer, who.subject) == (
        Provider.GOOGLE,
        "https://accounts.google.com",
        "ada-at-the-provider",
    )
    assert (who.email, who.email_verified, who.name) == ("ada@example.org", True, "Ada Lovelace")


async def test_both_forms_of_googles_issuer_are_one_person(id_tokens: IdTokens, google: Minter) -> None:
    """A person would have two accounts, depending on which of Google's libraries the page uses."""
    for issuer in ("https://accounts.google.com", "accounts.google.com"):
        verified = await id_tokens.verify(Provider.GOOGLE, google.token(iss=issuer))
        assert verified.identity.issuer == "https://accounts.google.com"


async def test_a_provider_of_the_operators_own_may_sign_by_elliptic_curve(id_tokens: IdTokens, auth0: Minter) -> None:
    """A self-hosted provider that signs with ES256 could not be used."""
    verified = await id_tokens.verify(Provider.AUTH0, auth0.token(key=EC))
    assert verified.identity.provider is Provider.AUTH0


async def test_a_published_provider_signs_as_it_says(id_tokens: IdTokens, google: Minter) -> None:
    """A weaker algorithm would be taken because a key of its kind happens to be in the set."""
    assert await refused(id_tokens, google.token(key=EC)) == "INVALID_TOKEN"


def unsigned(minter: Minter) -> str:
    header = base64url(b'{"alg":"none","kid":"rsa"}')
    return f"{header}.{minter.token().split('.')[1]}."


def signed_with_the_public_key(minter: Minter) -> str:
    """HMAC keyed with what everybody knows: whoever lets the header choose the algorithm takes it for a signature."""
    header = base64url(b'{"alg":"HS256","kid":"rsa"}')
    covered = f"{header}.{minter.token().split('.')[1]}"
    mac = hmac.digest(RSA.as_pem(private=False), covered.encode(), "sha256")
    return f"{covered}.{base64url(mac)}"


def tampered(minter: Minter) -> str:
    header, _, signature = minter.token().split(".")
    _, body, _ = minter.token(sub="somebody-else").split(".")
    return f"{header}.{body}.{signature}"


@pytest.mark.parametrize(
    "forged",
    [
        unsigned,
        lambda minter: minter.token().rpartition(".")[0] + ".",
        signed_with_the_public_key,
        tampered,
        lambda minter: minter.token(key=STRANGER),
        lambda minter: minter.token(header={"kid": "ec"}),
        lambda minter: minter.token(header={"kid": "unknown"}),
        lambda minter: minter.token(header={"kid": None}),
        lambda minter: minter.token(header={"kid": "k" * 300}),
        lambda minter: minter.token(header={"typ": "at+jwt"}),
        lambda minter: minter.token(header={"crit": ["exp"], "exp": 1}),
    ],
    ids=[
        "alg-none",
        "no-signature",
        "hs256-with-public-key",
        "tampered",
        "strangers-key",
        "other-kind-of-key",
        "unknown-kid",
        "no-kid",
        "long-kid",
        "access-token",
        "critical-extension",
    ],
)
async def test_a_forged_token_opens_nothing(
    id_tokens: IdTokens, google: Minter, forged: Callable[[Minter], str]
) -> None:
    """Anybody could be anybody."""
    assert await refused(id_tokens, forged(google)) == "INVALID_TOKEN"


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://accounts.example.org"},
        {"iss": "https://accounts.google.com/"},
        {"iss": None},
        {"iss": 5},
        {"iss": f"https://securetoken.google.com/{PROJECT}"},
        {"aud": "somebody-elses-client"},
        {"aud": None},
        {"aud": []},
        {"aud": {"web.apps.example": 1}},
        {"aud": [GOOGLE_CLIENT, "somebody-elses-client"]},
        {"azp": "somebody-elses-client"},
        {"azp": 5},
        {"sub": None},
        {"sub": ""},
        {"sub": 5},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": True},
        {"exp": -1},
        {"exp": 1e300},
        {"iat": None},
        {"iat": "now"},
        {"nbf": "now"},
    ],
    ids=str,
)
async def test_a_token_for_somebody_else_or_of_no_shape_opens_nothing(
    id_tokens: IdTokens, google: Minter, claims: dict[str, Any]
) -> None:
    """Any other site that a person signs in to by Google could sign in here as them."""
    assert await refused(id_tokens, google.token(**claims)) == "INVALID_TOKEN"


@pytest.mark.parametrize("number", [float("nan"), float("inf")], ids=str)
async def test_a_time_that_is_no_number_opens_nothing(id_tokens: IdTokens, google: Minter, number: float) -> None:
    """A token that never expires, or a 500."""
    assert await refused(id_tokens, google.token(exp=number)) == "INVALID_TOKEN"


async def test_clients_of_one_project_may_present_each_others_tokens(id_tokens: IdTokens, google: Minter) -> None:
    """An Android app signs in for the web client's audience; its people could not come in."""
    await id_tokens.verify(Provider.GOOGLE, google.token(azp="android.apps.example"))
    await id_tokens.verify(Provider.GOOGLE, google.token(aud=["other", GOOGLE_CLIENT], azp=GOOGLE_CLIENT))


async def test_a_token_lives_from_its_beginning_to_its_end(
    id_tokens: IdTokens, google: Minter, clock: FixedClock
) -> None:
    """A token found in an old log would open the account for ever; a clock a little off would keep people out."""
    token = google.token()
    clock.advance(3600 + 59)
    await id_tokens.verify(Provider.GOOGLE, token)
    clock.advance(1)
    assert await refused(id_tokens, token) == "TOKEN_EXPIRED"

    now = int(clock.now().timestamp())
    await id_tokens.verify(Provider.GOOGLE, google.token(iat=now + 60, nbf=now + 60))
    assert await refused(id_tokens, google.token(iat=now + 61)) == "INVALID_TOKEN"
    assert await refused(id_tokens, google.token(nbf=now + 61)) == "INVALID_TOKEN"


async def test_a_nonce_that_is_given_must_be_the_tokens(id_tokens: IdTokens, google: Minter) -> None:
    """A token caught elsewhere could be slipped into a person's own sign-in."""
    token = google.token(nonce="n-0S6_WzA2Mj")
    await id_tokens.verify(Provider.GOOGLE, token, nonce="n-0S6_WzA2Mj")
    await id_tokens.verify(Provider.GOOGLE, token)
    for wrong in ("", "n-0S6_WzA2M", "ñ", "\ud800"):
        assert await refused(id_tokens, token, nonce=wrong) == "INVALID_TOKEN"
    assert await refused(id_tokens, google.token(), nonce="n-0S6_WzA2Mj") == "INVALID_TOKEN"


@pytest.mark.parametrize("claim", [None, False, "true", 1, "yes"])
async def test_only_true_is_verified(id_tokens: IdTokens, google: Minter, claim: object) -> None:
    """An address that nobody verified would link to its owner's account."""
    verified = await id_tokens.verify(Provider.GOOGLE, google.token(email_verified=claim))
    assert verified.identity.email_verified is False


@pytest.mark.parametrize("claims", [{"email": 5, "name": ["Ada"]}, {"email": None, "name": None}], ids=str)
async def test_claims_of_the_wrong_kind_count_as_missing(
    id_tokens: IdTokens, google: Minter, claims: dict[str, Any]
) -> None:
    """A provider's odd answer would come back as a 500."""
    who = (await id_tokens.verify(Provider.GOOGLE, google.token(**claims))).identity
    assert (who.email, who.name) == (None, None)


async def test_firebase_vouches_for_whom_it_sent_elsewhere(id_tokens: IdTokens, firebase: Minter) -> None:
    """Source A's page signs in at Google through Firebase and says GOOGLE: its people could not come in."""
    for wanted, through in (
        (Provider.GOOGLE, "google.com"),
        (Provider.FACEBOOK, "facebook.com"),
        (Provider.LINKEDIN, "oidc.linkedin"),
        (Provider.GITHUB, "github.com"),
        (Provider.FIREBASE, "password"),
    ):
        verified = await id_tokens.verify(wanted, firebase.firebase(sign_in_provider=through))
        assert verified.identity.provider is Provider.FIREBASE
        assert verified.identity.subject == "firebase-uid-of-ada"
    token = firebase.firebase(sign_in_provider="password")
    assert await refused(id_tokens, token, wanted=Provider.GOOGLE) == "INVALID_TOKEN"


async def test_auth0_vouches_for_whom_it_sent_elsewhere(id_tokens: IdTokens, auth0: Minter) -> None:
    """The same for pages that sign in through Auth0."""
    for wanted, subject in (
        (Provider.GOOGLE, "google-oauth2|103547991597142817347"),
        (Provider.FACEBOOK, "facebook|10211592857087429"),
        (Provider.LINKEDIN, "linkedin|aBc"),
        (Provider.GITHUB, "github|583231"),
        (Provider.AUTH0, "auth0|5f7c8ec7c33c6c004bbafe82"),
    ):
        assert (await id_tokens.verify(wanted, auth0.token(sub=subject))).identity.subject == subject
    for subject in ("auth0|5f7c", "google-oauth2", "google|1"):
        assert await refused(id_tokens, auth0.token(sub=subject), wanted=Provider.GOOGLE) == "INVALID_TOKEN"


@pytest.mark.parametrize(
    "claims",
    [
        {"auth_time": None},
        {"auth_time": "now"},
        {"auth_time": 2**33},
        {"firebase": None},
        {"firebase": []},
        {"firebase": {}},
        {"firebase": {"sign_in_provider": 5}},
        {"firebase": {"sign_in_provider": "anonymous"}},
        {"firebase": {"sign_in_provider": "google.com", "tenant": "t1"}},
        {"aud": "another-project"},
        {"iss": "https://securetoken.google.com/another-project"},
    ],
    ids=str,
)
async def test_firebase_tokens_that_name_nobody_here_open_nothing(
    id_tokens: IdTokens, firebase: Minter, claims: dict[str, Any]
) -> None:
    """Another project's people, or anybody without signing in at all, would be let in."""
    assert await refused(id_tokens, firebase.firebase(**claims), wanted=Provider.FIREBASE) == "INVALID_TOKEN"


async def test_a_provider_vouches_only_for_itself(id_tokens: IdTokens, google: Minter) -> None:
    """Google could name the people of another provider."""
    assert await refused(id_tokens, google.token(), wanted=Provider.FIREBASE) == "INVALID_TOKEN"
    assert await refused(id_tokens, google.token(), wanted=Provider.LINKEDIN) == "INVALID_TOKEN"


def test_what_can_be_signed_in_with_is_said(id_tokens: IdTokens) -> None:
    """A page could not tell which buttons to show."""
    assert id_tokens.accepted == tuple(Provider), "GITHUB, FACEBOOK and LINKEDIN come through the brokers"


@pytest.mark.parametrize(
    "token",
    ["", ".", "..", "a.b", "a.b.c.d", "." * 9000, "e30.e30.", "W10.W10.", "\ud800.\ud800.x", "ü.ü.ü", "a" * 9000],
)
async def test_what_is_no_token_is_refused(id_tokens: IdTokens, token: str) -> None:
    """A slip of a client would come back as a 500."""
    assert await refused(id_tokens, token) == "INVALID_TOKEN"


async def test_a_token_over_eight_kibibytes_is_refused_unread(id_tokens: IdTokens, google: Minter) -> None:
    """One request could hold the server with a token of megabytes."""
    assert await refused(id_tokens, google.token(padding="x" * 8000)) == "INVALID_TOKEN"


@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*", fullmatch=True))
def test_reading_an_issuer_never_fails(token: str) -> None:
    """Any bearer token is looked at this way: a strange one would answer 500 instead of 401."""
    assert unverified_issuer(token) is None or isinstance(unverified_issuer(token), str)

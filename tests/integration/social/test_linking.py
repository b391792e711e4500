"""Linking and unlinking from the settings."""

import asyncio
from typing import Any

import httpx
import pytest

from app.accounts.model import SignedIn, Viewer
from app.audit import NOBODY
from app.errors import Code, Problem
from app.main import create_app
from app.social.model import Provider
from tests.integration.social.conftest import ADA, HOME, PASSWORD, World
from tests.openid import Minter
from tests.serving import Visitor

LINK = (
    "mutation ($p: String!, $t: String!) "
    "{ linkIdentity(provider: $p, idToken: $t) { emailVerified identities { provider email } } }"
)
UNLINK = "mutation ($p: String!) { unlinkIdentity(provider: $p) { identities { provider } } }"


async def link(world: World, viewer: Viewer, token: str, *, provider: str = "GOOGLE") -> Viewer:
    return await world.services.social.link(viewer, provider=provider, id_token=token, origin=HOME)


async def unlink(world: World, viewer: Viewer, provider: str = "GOOGLE") -> None:
    await world.services.social.unlink(viewer, provider=provider, origin=HOME)


async def refusal(attempt: Any) -> tuple[Code, str | None]:
    with pytest.raises(Problem) as caught:
        await attempt
    return caught.value.code, caught.value.reason


async def proved(world: World, name: str = "grace") -> SignedIn:
    """Somebody with a password and a proved address."""
    signed_in = await world.signup(name)
    await world.prove(f"{name}@example.org")
    (await world.letters()).clear()
    return signed_in


async def test_a_linked_provider_opens_the_account(world: World, google: Minter) -> None:
    """A person could not add the Google button to the account they have."""
    own = await proved(world)
    visitor = Visitor(httpx.ASGITransport(app=create_app(world.services), client=("192.0.2.1", 4242)))
    visitor.access_token = own.access_token
    linked = (await visitor.data(LINK, {"p": "GOOGLE", "t": google.token()}))["linkIdentity"]
    assert linked["identities"] == [{"provider": "GOOGLE", "email": "ada@example.org"}]
    assert [mail.to for mail in await world.letters()] == ["grace@example.org"]
    world.clock.advance(60)
    admitted = await world.services.social.sign_in(provider="GOOGLE", id_token=google.token(), origin=HOME)
    assert isinstance(admitted, SignedIn)
    assert admitted.viewer.account_id == own.viewer.account_id
    unlinked = (await visitor.data(UNLINK, {"p": "GOOGLE"}))["unlinkIdentity"]
    assert unlinked["identities"] == []
    assert [mail.subject for mail in await world.letters()][1:] == ["Google can no longer sign in to your account"]
    events = await world.sql.fetch("select event from audit_events where event like 'IDENTITY%' order by id")
    assert [row["event"] for row in events] == ["IDENTITY_LINKED", "IDENTITY_UNLINKED"]


async def test_nobody_links_signed_out(world: World, google: Minter) -> None:
    """Anybody could add a key to anybody's account."""
    visitor = Visitor(httpx.ASGITransport(app=create_app(world.services), client=("192.0.2.1", 4242)))
    assert (await visitor.refusal(LINK, {"p": "GOOGLE", "t": google.token()}))["code"] == "UNAUTHENTICATED"
    assert (await visitor.refusal(UNLINK, {"p": "GOOGLE"}))["code"] == "UNAUTHENTICATED"


async def test_a_device_left_open_gives_nobody_a_lasting_key(world: World, google: Minter) -> None:
    """Whoever passes an unlocked screen could link their own Google account and come back for ever; the owner, who
    knows the password, would be kept out of the settings."""
    own, social = await proved(world), world.services.social
    world.clock.advance(301)
    needed = (Code.FORBIDDEN, "REAUTHENTICATION_NEEDED")
    assert await refusal(link(world, own.viewer, google.token())) == needed
    assert await refusal(unlink(world, own.viewer)) == needed
    wrong = social.link(own.viewer, provider="GOOGLE", id_token=google.token(), password="a guess", origin=HOME)
    assert await refusal(wrong) == needed
    await social.link(own.viewer, provider="GOOGLE", id_token=google.token(), password=PASSWORD, origin=HOME)
    await social.unlink(own.viewer, provider="GOOGLE", password=PASSWORD, origin=HOME)


async def test_an_ended_session_links_nothing(world: World, google: Minter) -> None:
    """A thief whose session was just ended could leave a key behind."""
    own = await proved(world)
    await world.services.sessions.sign_out(
        account_id=own.viewer.account_id, session_id=own.viewer.session_id, origin=NOBODY
    )
    assert (await refusal(link(world, own.viewer, google.token())))[0] is Code.UNAUTHENTICATED
    assert await world.count("identities") == 0


async def test_an_identity_opens_one_account(world: World, google: Minter) -> None:
    """Linking would take an account away from its owner, or two people would share a key."""
    await world.enter(ADA, subject="ada-at-the-provider")
    other = await proved(world)
    assert await refusal(link(world, other.viewer, google.token())) == (Code.CONFLICT, "IDENTITY_TAKEN")
    with pytest.raises(Problem) as caught:
        await link(world, other.viewer, google.token(), provider="LINKEDIN")
    told = caught.value
    assert (told.code, told.field, told.reason) == (Code.UNAUTHENTICATED, "idToken", "INVALID_TOKEN")


async def test_one_account_of_a_provider_at_a_time(world: World, google: Minter) -> None:
    """A second Google account would come in unnoticed beside the first."""
    own = await proved(world)
    await link(world, own.viewer, google.token())
    other = google.token(sub="another")
    assert await refusal(link(world, own.viewer, other)) == (Code.CONFLICT, "PROVIDER_LINKED")


async def test_linking_twice_changes_nothing(world: World, google: Minter) -> None:
    """A double click would be an error."""
    own = await proved(world)
    token = google.token()
    await asyncio.gather(*(link(world, own.viewer, token) for _ in range(10)))
    assert await world.count("identities") == 1
    assert len(await world.letters()) == 1


async def test_a_stranger_cannot_leave_a_key_in_an_account_made_with_my_address(world: World, google: Minter) -> None:
    """The attacker signs up with my address, links their own Google account, and waits until I reset the password:
    the key would still open what is mine by then."""
    attacker = await world.signup("victim")
    token = google.token(sub="attacker", email="attacker@example.org")
    assert await refusal(link(world, attacker.viewer, token)) == (Code.FORBIDDEN, "EMAIL_NOT_PROVED")
    claimed = google.token(sub="attacker", email="victim@example.org", email_verified=False)
    assert await refusal(link(world, attacker.viewer, claimed)) == (Code.FORBIDDEN, "EMAIL_NOT_PROVED")
    assert await world.count("identities") == 0


async def test_a_new_password_is_the_way_out_for_the_owner_of_an_address(world: World, google: Minter) -> None:
    """The owner of an address that a stranger signed up with could never use the Google button, or would share the
    account with the stranger ever after."""
    attacker = await world.signup()
    await world.letters()
    sign_in = world.services.social.sign_in
    assert (await refusal(sign_in(provider="GOOGLE", id_token=google.token(), origin=HOME)))[1] == "LINK_NEEDED"
    await world.services.recovery.request(email="ada@example.org", origin=HOME)
    letter = (await world.letters())[-1]
    link_token = letter.text.split("/reset#token=")[1].split()[0]
    await world.services.recovery.reset(token=link_token, password="an-owner-of-her-own-1815", origin=HOME)
    world.clock.advance(1)
    entered = await sign_in(provider="GOOGLE", id_token=google.token(), origin=HOME)
    assert isinstance(entered, SignedIn)
    assert entered.viewer.account_id == attacker.viewer.account_id
    assert (await refusal(world.services.sessions.authenticate(attacker.access_token)))[1] == "SESSION_ENDED"
    login = world.services.accounts.login(email="ada@example.org", password=PASSWORD, origin=HOME)
    assert (await refusal(login))[1] == "WRONG_CREDENTIALS"


async def test_the_identity_that_has_my_address_proves_it(world: World, google: Minter) -> None:
    """The way out of LINK_NEEDED would be closed: sign in with the password, link, and both sides are proved."""
    own = await world.signup()
    token = google.token()
    assert (await refusal(world.services.social.sign_in(provider="GOOGLE", id_token=token, origin=HOME)))[1] == (
        "LINK_NEEDED"
    )
    linked = await link(world, own.viewer, token)
    assert linked.email_verified_at == world.clock.now()


async def test_an_account_without_an_address_takes_the_one_that_is_proved(world: World, google: Minter) -> None:
    """A person who came by Facebook, which proves no address, could never reset a password."""
    came = await world.enter(ADA, provider=Provider.FACEBOOK, issuer="https://www.facebook.com", email_verified=False)
    linked = await link(world, came.viewer, google.token())
    assert linked.email == "ada@example.org"


async def test_the_last_way_in_stays(world: World) -> None:
    """A person would lock themselves out of their own account by one click."""
    came = await world.enter()
    assert await refusal(unlink(world, came.viewer)) == (Code.CONFLICT, "LAST_SIGN_IN_METHOD")
    assert await world.count("identities") == 1


async def test_of_two_ways_in_one_stays_however_many_clicks(world: World, google: Minter, firebase: Minter) -> None:
    """Two settings pages unlinking two providers at once would leave an account that nobody can enter."""
    came = await world.enter(ADA, subject="ada-at-the-provider")
    await link(world, came.viewer, firebase.firebase(), provider="FIREBASE")
    attempts = [unlink(world, came.viewer, ("GOOGLE", "FIREBASE")[n % 2]) for n in range(50)]
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    assert outcomes.count(None) == 1
    assert await world.count("identities") == 1
    reasons = {outcome.reason or outcome.code for outcome in outcomes if isinstance(outcome, Problem)}
    assert reasons <= {"LAST_SIGN_IN_METHOD", Code.NOT_FOUND}
    assert "LAST_SIGN_IN_METHOD" in reasons


@pytest.mark.parametrize("provider", ["", "google", "MYSPACE", "\u202eGOOGLE", "'; drop table identities; --"])
async def test_a_provider_that_does_not_exist_is_named(world: World, provider: str) -> None:
    """A slip of a page would come back as a 500."""
    own = await proved(world)
    with pytest.raises(Problem) as caught:
        await unlink(world, own.viewer, provider)
    assert (caught.value.code, caught.value.field) == (Code.BAD_USER_INPUT, "provider")


async def test_what_is_not_linked_is_not_unlinked(world: World) -> None:
    """A page would show as done what was never there; somebody else's identity would go."""
    await world.enter()
    other = await proved(world)
    assert (await refusal(unlink(world, other.viewer)))[0] is Code.NOT_FOUND
    assert await world.count("identities") == 1


async def test_unlinking_firebase_ends_the_sessions_of_its_tokens(world: World, firebase: Minter) -> None:
    """A person who unlinks a lost Firebase account would stay open to it for an hour."""
    own = await proved(world)
    await link(world, own.viewer, firebase.firebase(), provider="FIREBASE")
    token = firebase.firebase()
    await world.services.bearer_tokens.authenticate(token, origin=HOME)
    await unlink(world, own.viewer, "FIREBASE")
    assert await refusal(world.services.bearer_tokens.authenticate(token, origin=HOME)) == (
        Code.UNAUTHENTICATED,
        "SESSION_ENDED",
    )
    await world.services.sessions.authenticate(own.access_token)


async def test_an_unlinked_provider_does_not_come_back_by_the_address(
    world: World, google: Minter, firebase: Minter
) -> None:
    """Whoever took over the Google account that I unlinked would still be let in, as it bears my proved address."""
    own, social = await proved(world, "ada"), world.services.social
    await link(world, own.viewer, google.token())
    await link(world, own.viewer, firebase.firebase(), provider="FIREBASE")
    await unlink(world, own.viewer, "GOOGLE")
    await unlink(world, own.viewer, "FIREBASE")
    world.clock.advance(60)
    gone = (Code.CONFLICT, "IDENTITY_UNLINKED")
    assert await refusal(social.sign_in(provider="GOOGLE", id_token=google.token(), origin=HOME)) == gone
    later = firebase.firebase(auth_time=int(world.clock.now().timestamp()))
    assert await refusal(world.services.bearer_tokens.authenticate(later, origin=HOME)) == gone
    assert await world.count("identities") == 0

    await link(world, own.viewer, google.token())
    world.clock.advance(60)
    admitted = await social.sign_in(provider="GOOGLE", id_token=google.token(), origin=HOME)
    assert isinstance(admitted, SignedIn)
    assert admitted.viewer.account_id == own.viewer.account_id


async def test_who_unlinked_an_identity_does_not_keep_it_from_others(world: World, google: Minter) -> None:
    """An address that changed hands would leave its new owner without the Google button."""
    before = await proved(world, "ada")
    await link(world, before.viewer, google.token())
    await unlink(world, before.viewer, "GOOGLE")
    await world.sql.execute("update accounts set email = 'moved@example.org'")
    world.clock.advance(60)
    admitted = await world.services.social.sign_in(provider="GOOGLE", id_token=google.token(), origin=HOME)
    assert isinstance(admitted, SignedIn)
    assert admitted.is_new

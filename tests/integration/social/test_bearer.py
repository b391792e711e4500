"""Firebase ID tokens as bearer, beside our own (source E)."""

import asyncio
from dataclasses import replace

import httpx
import pytest

from app.accounts.model import Origin, Viewer
from app.accounts.proofs import FRESH, SensitiveDeed
from app.accounts.refresh_tokens import REFRESH_TTL, SESSION_MAX_AGE
from app.errors import Code, Problem
from app.main import create_app
from app.settings import ProviderSettings
from app.wiring import open_services
from tests.integration.social.conftest import HOME, World
from tests.openid import Minter
from tests.serving import ME, Visitor


async def viewer(world: World, token: str) -> Viewer:
    return await world.services.bearer_tokens.authenticate(token, origin=HOME)


async def refused(world: World, token: str) -> str | None:
    with pytest.raises(Problem) as caught:
        await viewer(world, token)
    assert caught.value.code is Code.UNAUTHENTICATED
    return caught.value.reason


@pytest.fixture
def visitor(world: World) -> Visitor:
    return Visitor(httpx.ASGITransport(app=create_app(world.services), client=("192.0.2.1", 4242)))


async def test_a_first_request_makes_the_account(world: World, visitor: Visitor, firebase: Minter) -> None:
    """Source E's page sends nothing but its Firebase token: nobody could use it."""
    visitor.access_token = firebase.firebase()
    me = (await visitor.data(ME))["me"]
    assert (me["handle"], me["email"], me["emailVerified"]) == ("ada-lovelace", "ada@example.org", True)
    sessions = (await visitor.data("{ sessions { method current } }"))["sessions"]
    assert sessions == [{"method": "FIREBASE", "current": True}]
    assert await world.count("accounts") == await world.count("sessions") == await world.count("identities") == 1
    assert await world.count("refresh_tokens") == 0


async def test_our_own_tokens_are_taken_as_before(world: World, visitor: Visitor) -> None:
    """Turning Firebase on would lock everybody else out."""
    visitor.access_token = (await world.signup()).access_token
    assert (await visitor.data(ME))["me"]["handle"] == "ada"


async def test_the_issuer_decides_and_no_other_way_is_tried(world: World, firebase: Minter) -> None:
    """A broken token of one kind would be answered as if it were of the other, and nobody could tell why."""
    ours = await world.signup("bob")
    assert (await viewer(world, ours.access_token)).handle == "bob"
    assert await refused(world, firebase.firebase(aud="another")) == "INVALID_TOKEN"
    assert await refused(world, firebase.firebase(iss=world.services.settings.public_url)) == "INVALID_TOKEN"
    late = firebase.firebase()
    world.clock.advance(3660)
    assert await refused(world, late) == "TOKEN_EXPIRED"
    assert await refused(world, ours.access_token) == "TOKEN_EXPIRED"


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "..", "e30.e30.e30", "\ud800.\ud800.\ud800", "x" * 20_000])
async def test_what_is_no_token_is_refused(world: World, token: str) -> None:
    """A slip of a client would come back as a 500."""
    assert await refused(world, token) == "INVALID_TOKEN"


async def test_tokens_of_one_sign_in_share_a_session_that_lives_on_with_them(world: World, firebase: Minter) -> None:
    """The SDK renews its token each hour: the list of sessions would grow by one an hour, or the person be signed
    out."""
    began = int(world.clock.now().timestamp())
    first = await viewer(world, firebase.firebase())
    world.clock.advance(3000)
    renewed = firebase.firebase(auth_time=began)
    assert (await viewer(world, renewed)).session_id == first.session_id
    world.clock.advance(3000)
    assert (await viewer(world, renewed)).session_id == first.session_id, "past the end of the first token"
    assert await world.count("sessions") == 1


async def test_a_device_that_slept_is_let_in_again_unless_it_was_ended(
    world: World, visitor: Visitor, firebase: Minter
) -> None:
    """Ending all other sessions would pass over a lost device only because it was switched off just then."""
    began = int(world.clock.now().timestamp())
    lost = await viewer(world, firebase.firebase())
    world.clock.advance(3 * 24 * 3600)
    assert (await viewer(world, firebase.firebase(auth_time=began))).session_id == lost.session_id
    world.clock.advance(3 * 24 * 3600)
    visitor.access_token = firebase.firebase()
    assert (await visitor.data("mutation { revokeOtherSessions }"))["revokeOtherSessions"] == 1
    assert await refused(world, firebase.firebase(auth_time=began)) == "SESSION_ENDED"


async def test_a_sign_in_ends_by_itself_as_any_session_does(world: World, firebase: Minter) -> None:
    """A device forgotten in a drawer, or a sign-in of years ago, would open the account for ever."""
    began = int(world.clock.now().timestamp())
    await viewer(world, firebase.firebase())
    world.clock.advance(REFRESH_TTL.total_seconds())
    assert await refused(world, firebase.firebase(auth_time=began)) == "SESSION_ENDED"

    began = int(world.clock.now().timestamp())
    for _ in range(SESSION_MAX_AGE.days // 6):
        await viewer(world, firebase.firebase(auth_time=began))
        world.clock.advance(6 * 24 * 3600)
    assert await refused(world, firebase.firebase(auth_time=began)) == "SESSION_ENDED"
    stranger = firebase.firebase(auth_time=began, sub="seen-for-the-first-time", email=None)
    assert await refused(world, stranger) == "SESSION_ENDED"
    assert await world.count("accounts") == 1


async def test_another_sign_in_is_another_session(world: World, firebase: Minter) -> None:
    """Ending one device would end all of them."""
    first = await viewer(world, firebase.firebase())
    world.clock.advance(1)
    second = await viewer(world, firebase.firebase())
    assert first.account_id == second.account_id
    assert first.session_id != second.session_id


async def test_fifty_first_requests_make_one_account_and_one_session(world: World, firebase: Minter) -> None:
    """A page sends its first requests side by side: a person would have several accounts."""
    token = firebase.firebase()
    viewers = await asyncio.gather(*(viewer(world, token) for _ in range(50)))
    assert len({(each.account_id, each.session_id) for each in viewers}) == 1
    assert await world.count("accounts") == await world.count("sessions") == 1
    assert await world.sql.fetchval("select count(*) from audit_events where event = 'SIGNED_UP'") == 1


async def test_a_sign_in_by_bearer_from_a_new_device_is_told(world: World, firebase: Minter) -> None:
    """The one way in beside the door would be the one that nobody watches."""
    began = int(world.clock.now().timestamp())
    await viewer(world, firebase.firebase(auth_time=began - 60))
    await viewer(world, firebase.firebase(auth_time=began))
    assert [mail for mail in await world.letters() if "/not-me#" in mail.text] == []
    elsewhere = Origin(ip="203.0.113.9", user_agent="another program")
    await world.services.bearer_tokens.authenticate(firebase.firebase(auth_time=began + 1), origin=elsewhere)
    assert len([mail for mail in await world.letters() if "/not-me#" in mail.text]) == 1


async def test_a_session_that_was_ended_refuses_every_token_of_its_sign_in(
    world: World, visitor: Visitor, firebase: Minter
) -> None:
    """A person who ends the session of a lost device would only seem to: its SDK gets a new token each hour."""
    began = int(world.clock.now().timestamp())
    token = firebase.firebase()
    visitor.access_token = token
    session = (await visitor.data("{ sessions { id } }"))["sessions"][0]["id"]
    await visitor.data("mutation ($id: ID!) { revokeSession(id: $id) }", {"id": session})
    assert await refused(world, token) == "SESSION_ENDED"
    world.clock.advance(1800)
    assert await refused(world, firebase.firebase(auth_time=began)) == "SESSION_ENDED"
    await viewer(world, firebase.firebase())


async def test_signing_out_ends_the_firebase_session(world: World, visitor: Visitor, firebase: Minter) -> None:
    """Who presses "sign out" on a borrowed device would stay signed in here until the token runs out."""
    visitor.access_token = firebase.firebase()
    await visitor.data(ME)
    assert (await visitor.data("mutation { logout }"))["logout"] is True
    assert await refused(world, visitor.access_token) == "SESSION_ENDED"


async def test_a_deleted_account_does_not_come_back_with_the_next_request(world: World, firebase: Minter) -> None:
    """The page's next request would make the account anew a second after the person had it deleted."""
    began = int(world.clock.now().timestamp())
    token = firebase.firebase()
    await world.services.erasure.delete(await viewer(world, token), origin=HOME)
    assert await refused(world, token) == "SESSION_ENDED"
    assert await refused(world, firebase.firebase(auth_time=began, name="Ada")) == "SESSION_ENDED"
    assert await world.count("accounts") == 0
    world.clock.advance(60)
    assert (await viewer(world, firebase.firebase())).handle.startswith("ada-lovelace-"), "who signs in begins anew"


async def test_an_account_with_a_second_factor_is_not_open_to_a_header(world: World, firebase: Minter) -> None:
    """Whoever has the Firebase account would be past the second factor."""
    token = firebase.firebase()
    first = await viewer(world, token)
    await world.guard(first)
    assert await refused(world, token) == "SECOND_FACTOR_NEEDED"
    sessions = await world.count("sessions")
    assert await refused(world, firebase.firebase()) == "SECOND_FACTOR_NEEDED"
    assert await world.count("sessions") == sessions


async def test_an_address_proved_on_both_sides_is_one_account(world: World, firebase: Minter) -> None:
    """A person with a password would get a second account by Firebase; a stranger's claim would be taken over."""
    own = await world.signup()
    with pytest.raises(Problem) as caught:
        await viewer(world, firebase.firebase())
    assert (caught.value.code, caught.value.reason) == (Code.CONFLICT, "LINK_NEEDED")
    await world.prove("ada@example.org")
    assert (await viewer(world, firebase.firebase())).account_id == own.viewer.account_id


async def test_a_token_seen_before_is_only_read(world: World, firebase: Minter) -> None:
    """Each request of a Firebase user would cost a write."""
    token = firebase.firebase()
    await viewer(world, token)
    before = await world.sql.fetchrow("select xmin::text, last_seen_at from sessions")
    world.clock.advance(5)
    await viewer(world, token)
    assert await world.sql.fetchrow("select xmin::text, last_seen_at from sessions") == before


async def test_anonymous_users_are_nobody(world: World, firebase: Minter) -> None:
    """Anybody could make accounts without end, without signing in anywhere."""
    token = firebase.firebase(sign_in_provider="anonymous", email=None, email_verified=None)
    assert await refused(world, token) == "INVALID_TOKEN"
    assert await world.count("accounts") == 0


async def test_without_a_project_no_firebase_token_is_taken(world: World, firebase: Minter) -> None:
    """An operator who never set Firebase up would let its people in."""
    settings = replace(world.services.settings, firebase=ProviderSettings())
    async with open_services(settings, clock=world.clock, mailer=world.mailbox) as services:
        with pytest.raises(Problem) as caught:
            await services.bearer_tokens.authenticate(firebase.firebase(), origin=HOME)
    assert caught.value.reason == "INVALID_TOKEN"


async def test_rest_takes_it_too_and_a_first_sight_is_a_sign_in(
    world: World, visitor: Visitor, firebase: Minter
) -> None:
    """A person signed in by Firebase would be a stranger to half of the API, and to the operator's figures."""
    headers = {"authorization": f"Bearer {firebase.firebase()}"}
    for _ in range(2):
        profile = await visitor.http.get("/profile/me", headers=headers)
        assert profile.status_code == 200, profile.text
    assert "\nidentity_login_total 1.0\n" in world.services.metrics.text().decode()


async def test_a_young_token_of_an_old_sign_in_is_no_proof(world: World, firebase: Minter) -> None:
    """Firebase renews its tokens by itself: a phone found an hour later could link its finder's account."""
    began = int(world.clock.now().timestamp())
    await viewer(world, firebase.firebase(auth_time=began))
    world.clock.advance(FRESH.total_seconds() + 1)
    renewed = await viewer(world, firebase.firebase(auth_time=began))
    for deed in SensitiveDeed:
        with pytest.raises(Problem) as caught:
            await world.services.reauthentication.demand(renewed, deed, origin=HOME)
        assert caught.value.reason == "REAUTHENTICATION_NEEDED"
    again = await viewer(world, firebase.firebase())
    for deed in SensitiveDeed:
        await world.services.reauthentication.demand(again, deed, origin=HOME)

"""Which account a proved identity opens."""

import asyncio

import pytest

from app.accounts.model import SecondFactorNeeded, SignedIn, SignInMethod
from app.errors import Code, Problem
from app.social.model import Provider
from tests.integration.social.conftest import ADA, HOME, PASSWORD, World


async def test_a_first_sight_makes_an_account_that_waits_for_onboarding(world: World) -> None:
    """A newcomer could not come in through a provider, or would be given a role that nobody asked for."""
    signed_in = await world.enter()
    assert signed_in.is_new
    viewer = await world.services.sessions.authenticate(signed_in.access_token)
    assert viewer == signed_in.viewer
    assert (viewer.handle, viewer.display_name, viewer.email) == ("ada-lovelace", "Ada Lovelace", "ada@example.org")
    assert viewer.email_verified_at == world.clock.now()
    assert (viewer.has_password, viewer.persona, viewer.onboarded_at) == (False, None, None)
    assert await world.letters() == [], "nothing is left to prove"


async def test_the_same_identity_opens_the_same_account_whatever_its_address_is_today(world: World) -> None:
    """A person who changes their address at the provider would lose their account."""
    first = await world.enter()
    world.clock.advance(3600)
    again = await world.enter(email="ada@new.example.org", username="countess")
    assert not again.is_new
    assert again.viewer.account_id == first.viewer.account_id
    assert again.viewer.email == "ada@example.org", "the account's own address is the person's to change"
    row = await world.sql.fetchrow("select email, username, last_used_at from identities")
    assert tuple(row) == ("ada@new.example.org", "countess", world.clock.now())


async def test_an_address_proved_on_both_sides_links(world: World) -> None:
    """A person with a password would get a second, empty account by the Google button."""
    own = await world.signup()
    await world.prove("ada@example.org")
    world.mailbox.sent.clear()
    entered = await world.enter(email="ADA@example.org")
    assert not entered.is_new
    assert entered.viewer.account_id == own.viewer.account_id
    (mail,) = await world.letters()
    assert (mail.to, mail.subject) == ("ada@example.org", "Google can now sign in to your account")
    events = await world.sql.fetch("select event, detail from audit_events order by id")
    assert ("IDENTITY_LINKED", '{"provider": "GOOGLE"}') in [tuple(event) for event in events]


async def test_an_address_links_nothing_before_the_second_factor(world: World) -> None:
    """Whoever got into my mailbox for a day would have a lasting way in, open once I switch the second factor off."""
    own = await world.signup()
    await world.prove("ada@example.org")
    phone = await world.guard(own.viewer)
    told = list(await world.letters())
    for _ in range(2):
        world.clock.advance(30)
        admission = await world.services.identities.enter(ADA, method=SignInMethod.SOCIAL, origin=HOME)
        assert isinstance(admission, SecondFactorNeeded)
        entered = await world.services.second_factors.verify_login(
            temp_token=admission.temp_token, code=phone.code(), origin=HOME
        )
        assert entered.viewer.account_id == own.viewer.account_id
    assert await world.count("identities") == 0
    assert await world.letters() == told


async def test_who_signed_up_with_my_address_first_gains_nothing(world: World) -> None:
    """Pre-registration takeover: an attacker signs up with a stranger's address, waits for the stranger to come in by
    Google, and reads along in an account whose password only the attacker knows."""
    attacker = await world.signup()
    with pytest.raises(Problem) as caught:
        await world.enter()
    assert (caught.value.code, caught.value.reason) == (Code.CONFLICT, "LINK_NEEDED")
    assert await world.count("identities") == 0
    assert await world.count("accounts") == 1
    assert (await world.services.sessions.authenticate(attacker.access_token)).email_verified_at is None


async def test_who_came_first_by_an_unverified_identity_holds_no_address(world: World) -> None:
    """The same attack from the other side: an identity that only claims the stranger's address would stay linked to
    the account after the stranger reset its password."""
    claimed = await world.enter(subject="attacker", email_verified=False)
    assert claimed.is_new
    assert (claimed.viewer.email, claimed.viewer.email_verified_at) == (None, None)
    owner = await world.enter()
    assert owner.is_new
    assert owner.viewer.email == "ada@example.org"
    assert owner.viewer.account_id != claimed.viewer.account_id


async def test_an_unverified_address_never_links(world: World) -> None:
    """Whoever types my address into a careless provider would be in my account."""
    own = await world.signup()
    await world.prove("ada@example.org")
    stranger = await world.enter(email_verified=False)
    assert stranger.is_new
    assert stranger.viewer.account_id != own.viewer.account_id
    assert stranger.viewer.email is None


async def test_an_address_comes_along_once_the_provider_vouches_for_it(world: World) -> None:
    """A person who confirms their address at the provider would stay without one here."""
    claimed = await world.enter(email_verified=False)
    later = await world.enter()
    assert later.viewer.account_id == claimed.viewer.account_id
    assert (later.viewer.email, later.viewer.email_verified_at) == ("ada@example.org", world.clock.now())


async def test_an_address_that_somebody_has_does_not_come_along(world: World) -> None:
    """Signing in would fail, or take the address away from its account."""
    claimed = await world.enter(email_verified=False)
    await world.signup()
    later = await world.enter()
    assert (later.viewer.account_id, later.viewer.email) == (claimed.viewer.account_id, None)


async def test_a_second_identity_of_one_provider_does_not_link(world: World) -> None:
    """Addresses change hands: the next employee with my old address would be in my account."""
    await world.enter()
    with pytest.raises(Problem) as caught:
        await world.enter(subject="the-next-employee")
    assert (caught.value.code, caught.value.reason) == (Code.CONFLICT, "PROVIDER_LINKED")


async def test_one_subject_at_two_issuers_is_two_people(world: World) -> None:
    """A self-hosted provider could mint anybody's subject."""
    google = await world.enter(email=None)
    other = await world.enter(email=None, issuer="https://other.example.org", provider=Provider.AUTH0)
    assert google.viewer.account_id != other.viewer.account_id


async def test_fifty_first_sights_at_once_make_one_account(world: World) -> None:
    """A page that sends its requests side by side would leave a person with several accounts."""
    entered = await asyncio.gather(*(world.enter() for _ in range(50)))
    assert len({signed_in.viewer.account_id for signed_in in entered}) == 1
    assert [signed_in.is_new for signed_in in entered].count(True) == 1
    assert await world.count("accounts") == await world.count("profiles") == await world.count("identities") == 1
    assert await world.count("sessions") == 50


async def test_fifty_first_sights_without_an_address_make_one_account(world: World) -> None:
    """The same person without an address would be made fifty times: nothing but the identity holds them together."""
    entered = await asyncio.gather(*(world.enter(email=None) for _ in range(50)))
    assert len({signed_in.viewer.account_id for signed_in in entered}) == 1
    assert await world.count("accounts") == 1


async def test_fifty_people_of_one_name_all_come_in(world: World) -> None:
    """The second Ada Lovelace would be refused because of her name."""
    entered = await asyncio.gather(*(world.enter(subject=str(n), email=f"a{n}@example.org") for n in range(50)))
    handles = {signed_in.viewer.handle for signed_in in entered}
    assert len(handles) == 50
    assert "ada-lovelace" in handles
    assert all(handle.startswith("ada-lovelace") for handle in handles)


async def test_fifty_links_at_once_link_once(world: World) -> None:
    """A race would answer some of a person's own requests with an error."""
    own = await world.signup()
    await world.prove("ada@example.org")
    entered = await asyncio.gather(*(world.enter() for _ in range(50)))
    assert {signed_in.viewer.account_id for signed_in in entered} == {own.viewer.account_id}
    assert await world.count("identities") == 1
    assert len(await world.letters()) == 2, "the link of the sign-up, and one notice"


async def test_a_handle_on_hold_goes_to_nobody(world: World) -> None:
    """A person who changed their handle could not go back: a newcomer of the same name would have it."""
    other = await world.signup("grace")
    await world.sql.execute(
        "insert into handle_holds values ('ada-lovelace', $1, $2)", other.viewer.account_id, world.clock.now().max
    )
    assert (await world.enter()).viewer.handle.startswith("ada-lovelace-")


@pytest.mark.parametrize("subject", ["", "s" * 256, "a\0b", "\ud800", "sübject", "a\nb"])
async def test_a_subject_that_names_nobody_is_refused(world: World, subject: str) -> None:
    """Everybody whose provider sends an empty subject would share one account; a broken one would answer 500."""
    with pytest.raises(Problem) as caught:
        await world.enter(subject=subject)
    assert caught.value.code is Code.UNAUTHENTICATED
    assert await world.count("accounts") == 0


@pytest.mark.parametrize(
    "email", ["", "nobody", "a@b", "ada@exämple.org", "ada@example.org\0", "\ud800@example.org", "a" * 300]
)
async def test_an_address_that_is_none_counts_as_none(world: World, email: str) -> None:
    """A person with an odd address at the provider could not come in at all."""
    signed_in = await world.enter(email=email)
    assert signed_in.viewer.email is None
    assert await world.sql.fetchval("select email from identities") is None


async def test_a_sealed_token_is_kept_until_a_new_one_comes(world: World) -> None:
    """A sign-in without a token of the provider would make us forget the one a person gave us."""
    await world.enter(token_sealed=b"first")
    await world.enter()
    assert await world.sql.fetchval("select token_sealed from identities") == b"first"
    await world.enter(token_sealed=b"second")
    assert await world.sql.fetchval("select token_sealed from identities") == b"second"


async def test_a_password_still_opens_an_account_that_was_linked(world: World) -> None:
    """Using the Google button once would take a person's password away."""
    await world.signup()
    await world.prove("ada@example.org")
    await world.enter()
    admitted = await world.services.accounts.login(email="ada@example.org", password=PASSWORD, origin=HOME)
    assert isinstance(admitted, SignedIn)


async def test_the_session_says_how_it_began(world: World) -> None:
    """A person could not tell in the list of sessions which one came by GitHub."""
    await world.services.identities.enter(ADA, method=SignInMethod.GITHUB, origin=HOME)
    assert await world.sql.fetchval("select method from sessions") == "github"

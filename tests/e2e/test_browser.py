"""The web client in a real browser, on the shipped server."""

from dataclasses import replace
from pathlib import Path

import pytest

from app.clock import Clock
from app.errors import Code
from app.ids import Ids
from app.settings import ProviderSettings, Settings
from tests.e2e.site import Site, in_a_browser, site, walk
from tests.github_server import GithubUser, address, github_on_loopback
from tests.linkedin_server import linkedin_on_loopback
from tests.node_peers import openid_provider, own_port
from tests.openid import signing_key

pytestmark = in_a_browser


async def test_the_front_page_leads_on_and_the_focus_follows(here: Site) -> None:
    """A newcomer would stand before an empty page, or somebody without a mouse could not tell where they are."""
    await walk(here, "entry:frontPage")


async def test_a_newcomer_gets_from_the_sign_up_to_a_profile(here: Site) -> None:
    """Nobody could join: the mailed link, the button or one of the four screens would be a dead end."""
    await walk(here, "entry:newcomerArrives")


async def test_the_code_of_the_mail_does_what_its_link_does(here: Site) -> None:
    """Whoever reads mail on another device, or has an old link, could not go on."""
    await walk(here, "entry:mailCode")


async def test_a_wrong_password_is_told_once_and_the_way_back_is_kept(here: Site) -> None:
    """A person would not know what is wrong, be locked out by a double click, or be sent to a stranger's page."""
    await walk(here, "entry:wrongPassword")


async def test_the_second_factor_is_set_up_asked_for_and_switched_off(here: Site) -> None:
    """Who has a second factor could not get in, or not get rid of it."""
    await walk(here, "entry:secondFactor")


async def test_a_link_of_an_earlier_letter_still_works(here: Site) -> None:
    """Who has a letter from before the update would end up where the badge is earned, with a dead link."""
    await walk(here, "entry:earlierLetter")


async def test_a_forgotten_password_is_replaced(here: Site) -> None:
    """Who forgot the password would have lost the account."""
    await walk(here, "entry:forgottenPassword")


async def test_a_handle_is_judged_while_it_is_typed(here: Site) -> None:
    """A person would fill in the whole form only to hear that the name is taken."""
    await walk(here, "entry:takenHandle")


async def test_a_member_of_a_campus_registers(here: Site) -> None:
    """Students could not join with their campus."""
    await walk(here, "entry:campus")


async def test_whoever_has_an_address_of_a_campus_becomes_its_student(here: Site) -> None:
    """A student who signed up before they had their campus address would find no way to say where they study."""
    await walk(here, "newcomers:student")


async def test_what_is_said_in_passing_ends(here: Site) -> None:
    """A word would stay over the page, and over its buttons, as long as somebody goes on; and be wrong by then."""
    await walk(here, "newcomers:saidInPassing")


async def test_what_happened_is_told_in_words(here: Site) -> None:
    """A person would look for the thief in a list that says "(2)" and "(signup)"."""
    await walk(here, "newcomers:activityInWords")


async def test_every_refusal_is_in_words_with_a_way_on(here: Site) -> None:
    """A person would read an error code, or nothing, and not know what to do."""
    heard = await walk(here, "entry:everyRefusal", codes=list(Code))
    assert set(heard) == set(Code)


async def test_no_token_lies_about(here: Site) -> None:
    """Whoever uses the computer next, or a script that slipped in, could take the session along."""
    await walk(here, "session:tokenInMemory")


async def test_tabs_renew_once_together_and_sign_out_together(here: Site) -> None:
    """Many tabs would end each other's session, or one would stay open on a shared computer."""
    await walk(here, "session:manyTabs")


async def test_a_tab_never_shows_somebody_else(here: Site) -> None:
    """Two people at one computer: one would act with the other's account without knowing."""
    await walk(here, "session:otherAccount")


async def test_a_session_that_was_ended_elsewhere_ends_here(here: Site) -> None:
    """A thief's page, or one's own on a lost phone, would stay open after it was ended; or go on with errors."""
    await walk(here, "session:endedElsewhere")


async def test_all_tabs_listen_over_one_connection_that_comes_back(here: Site) -> None:
    """Every tab would hold, or a hidden one hammer for, a connection; or a person would miss what happened in a gap."""
    await walk(here, "session:oneConnection")


async def test_a_dead_token_is_renewed_without_a_word(here: Site) -> None:
    """A person would be thrown out in the middle of what they do."""
    await walk(here, "session:retriedOnce")


async def test_a_server_that_is_away_is_told_and_tried_again(here: Site) -> None:
    """A person would stand before an empty page until they think of reloading."""
    await walk(here, "session:serverAway")


async def test_a_profile_is_changed_seen_and_found(here: Site) -> None:
    """What people write about themselves would be lost, or shown to whom it is not meant for."""
    await walk(here, "settings:profile")


async def test_a_photo_is_cut_sent_and_shown(here: Site, astronaut_path: Path) -> None:
    """Nobody could have a photo, and so no badge."""
    await walk(here, "settings:photo", photo=str(astronaut_path))


async def test_what_needs_a_proof_asks_for_it(here: Site) -> None:
    """A password could not be changed, or by whoever finds the computer unlocked."""
    await walk(here, "settings:askedAgain")


async def test_everything_can_be_taken_along_and_deleted(here: Site) -> None:
    """A person could not leave, or would leave by a slip."""
    await walk(here, "settings:leaving")


async def test_the_invitation_to_the_badge_comes_back_after_a_week(here: Site) -> None:
    """People would be nagged, or never hear of the badge again."""
    await walk(here, "settings:banner")


@pytest.mark.parametrize("half", ["out", "in"])
async def test_everybody_can_use_every_page(here: Site, astronaut_path: Path, half: str) -> None:
    """A person with a screen reader, little sight or a small screen could not use a page that others use."""
    await walk(here, "pages:accessible", photo=str(astronaut_path), half=half)


async def test_the_first_page_is_small_and_comes_from_here_alone(here: Site) -> None:
    """A person on a slow line would wait, and another company would learn who opens the page."""
    sizes = await walk(here, "pages:budget")
    assert set(sizes) == {"/", "/login", "/signup"}


async def test_people_of_other_providers_sign_in_and_link(settings: Settings, ids: Ids) -> None:
    """Who has an account at Google or GitHub could not come in, or would end up in somebody else's."""
    held = own_port()
    home = f"http://127.0.0.1:{held.getsockname()[1]}"
    page = {
        "client_id": "page",
        "application_type": "native",  # a page on http; the provider takes those from the loopback only
        "grant_types": ["implicit"],
        "response_types": ["id_token"],
        "redirect_uris": [f"{home}/auth/callback"],
    }
    ada = {"email": "ada@example.org", "email_verified": True, "name": "Ada Lovelace"}
    octocat = GithubUser(id=583231, login="octocat", name="Octo", emails=[address("octocat@example.org")])
    keys = [dict(signing_key("rsa-1").as_dict(private=True))]
    with openid_provider(keys=keys, clients=[page], people={"ada": ada}) as provider:
        async with github_on_loopback(clock=Clock(), ids=ids) as github:
            github.browser_user, github.callback_url = octocat, f"{home}/"
            google = ProviderSettings(
                clients=("page",),
                issuer=provider.issuer,
                jwks_url=provider.jwks_url,
                authorize_url=f"{provider.issuer}/auth?login_hint=ada",
            )
            set_up = {name.lower(): value for name, value in github.environment.items()}
            async with site(replace(settings, google=google, **set_up), held=held) as here:  # type: ignore[arg-type]
                await walk(here, "providers:throughProviders")


async def test_people_of_linkedin_sign_in_and_link(settings: Settings, ids: Ids) -> None:
    """Who has an account at LinkedIn could not come in, or would not find the way on after saying no there."""
    held = own_port()
    async with linkedin_on_loopback(clock=Clock(), ids=ids, key=signing_key("linkedin")) as linkedin:
        home = f"http://127.0.0.1:{held.getsockname()[1]}"
        linkedin.redirect_uris = frozenset({f"{home}/auth/linkedin/callback", f"{home}/auth/callback"})
        own = Settings.from_environment(linkedin.environment).linkedin
        async with site(replace(settings, linkedin=own), held=held) as here:
            await walk(here, "providers:throughLinkedIn")


async def test_a_forged_arrival_signs_nobody_in_and_says_nothing_of_its_own(here: Site) -> None:
    """Anybody could write a link that signs a person in as somebody else, or makes the page say what they like."""
    await walk(here, "providers:forgedArrival")


async def test_a_passkey_opens_the_account(here: Site) -> None:
    """Who has no password to remember could not come in."""
    await walk(here, "providers:passkeys")


async def test_not_me_closes_everything(here: Site) -> None:
    """A person in a fright would press, and not know whether the thief is out."""
    await walk(here, "providers:notMe")

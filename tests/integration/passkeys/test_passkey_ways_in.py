"""Passkeys beside the other ways into an account: what a reset takes along, and which way is the last."""

import re

from app.accounts.model import Origin, SignedIn, SignInMethod
from app.audit import AuditEvent
from app.social.model import ProvedIdentity, Provider
from app.wiring import Services
from tests.fakes import FixedClock, Mailbox
from tests.integration.passkeys.conftest import BEGIN_LOGIN, FINISH_LOGIN, LOGIN, MINE, REMOVE, Begun, Owner, Town
from tests.passkey_device import Device
from tests.serving import PASSWORD, Visitor

NEW = "a brand new wheelbarrow"
RESET = "mutation ($token: String!, $password: String!) { resetPassword(token: $token, password: $password) }"
UNLINK = 'mutation { unlinkIdentity(provider: "GOOGLE") { id } }'


async def reset(visitor: Visitor, mailbox: Mailbox) -> None:
    """As the owner of ada@example.org does who forgot the password."""
    await visitor.data('mutation { requestPasswordReset(email: "ada@example.org") }')
    token = re.search(r"/reset#token=(\S+)", mailbox.sent[-1].text)
    assert token is not None
    assert (await visitor.data(RESET, {"token": token[1], "password": NEW}))["resetPassword"] is True


async def opens(town: Town, device: Device) -> bool:
    stranger = town.stranger()
    begun = Begun.of(await stranger.data(BEGIN_LOGIN))
    return "errors" not in (await stranger.post(FINISH_LOGIN, begun.answer(device))).json()


async def test_a_passkey_from_before_the_address_was_proved_goes_with_a_reset(town: Town, mailbox: Mailbox) -> None:
    """Whoever signs up first with somebody's address, and adds a key, would be in their account for good."""
    attacker = await town.owner()
    await attacker.add()
    assert await opens(town, attacker.device)
    await reset(town.stranger(), mailbox)
    assert not await opens(town, attacker.device)
    assert await town.sql.fetchval("select count(*) from passkeys") == 0
    assert len(await town.events(AuditEvent.PASSKEY_REMOVED)) == 2
    letter = mailbox.sent[-1].text
    assert "passkeys) that were added before this address was proved have been unlinked" in letter
    assert "still open" not in letter


async def test_a_passkey_of_the_proved_owner_stays_and_is_named(
    town: Town, mailbox: Mailbox, clock: FixedClock
) -> None:
    """Whoever forgets a password would lose their keys as well; or a thief's key would stay unseen."""
    ada = await town.owner()
    await town.sql.execute("update accounts set email_verified_at = $1", clock.now())
    clock.advance(60)
    await ada.add()
    await reset(town.stranger(), mailbox)
    assert await opens(town, ada.devices[1])
    assert "These still open your account: 2 passkeys." in mailbox.sent[-1].text
    assert (await town.stranger().data(LOGIN, {"email": "ada@example.org", "password": NEW}))["login"]["accessToken"]


async def test_a_reset_ends_a_step_that_waits_for_a_passkey(town: Town, mailbox: Mailbox) -> None:
    """A browser that had begun before the reset would still come in by a key that went with it."""
    ada = await town.owner()
    stranger = town.stranger()
    begun = Begun.of(await stranger.data(BEGIN_LOGIN))
    answer = begun.answer(ada.device)
    await reset(town.stranger(), mailbox)
    assert (await stranger.refusal(FINISH_LOGIN, answer))["reason"] == "WRONG_PASSKEY"


async def test_a_passkey_and_a_provider_count_for_each_other(town: Town, services: Services) -> None:
    """An account could lose its last way in by one rule that the other does not know."""
    google = ProvedIdentity(
        provider=Provider.GOOGLE, issuer="https://accounts.google.com", subject="1", email=None, email_verified=False
    )
    entered = await services.identities.enter(google, method=SignInMethod.SOCIAL, origin=Origin())
    assert isinstance(entered, SignedIn)
    ada = Owner(town.stranger())
    ada.visitor.access_token = entered.access_token
    last = {"code": "CONFLICT", "reason": "LAST_SIGN_IN_METHOD"}
    assert await ada.visitor.refusal(UNLINK) == {**last, "field": "provider"}
    await ada.add()
    assert await opens(town, ada.device), "an account without an address or a password"
    assert (await ada.visitor.data(UNLINK))["unlinkIdentity"]["id"]
    (passkey,) = (await ada.visitor.data(MINE))["me"]["passkeys"]
    assert await ada.visitor.refusal(REMOVE, {"id": passkey["id"]}) == {**last, "field": "id"}
    assert await opens(town, ada.device)


async def test_a_password_without_an_address_is_no_way_in(town: Town) -> None:
    """Whoever has a password but no address to give with it would be locked out."""
    ada = await town.owner()
    await town.sql.execute("update accounts set email = null")
    (passkey,) = (await ada.visitor.data(MINE))["me"]["passkeys"]
    refused = await ada.visitor.refusal(REMOVE, {"id": passkey["id"], "password": PASSWORD})
    assert refused["reason"] == "LAST_SIGN_IN_METHOD"

"""Two people register one address: whoever proves it has the account, and nothing of the other opens it any more."""

import pytest

from app.accounts.limits import REPEATED_PER_EMAIL
from app.accounts.model import Origin, SignedIn
from app.mail import Mail
from tests.integration.accounts.conftest import HOME, PASSWORD, Slice
from tests.integration.accounts.factors import problem_of
from tests.integration.accounts.registering import ADA, elsewhere, link_in, register
from tests.integration.accounts.test_not_me import link, own_key_and_face, providers, reset_token
from tests.integration.accounts.test_recovery import faces, is_live

MALLORY = Origin(
    ip="203.0.113.66", user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Firefox/141.0", device="m" * 43
)
THEIRS, NEW = "another mule entirely", "a brand new wheelbarrow"


async def sign_in(world: Slice, password: str, *, origin: Origin = HOME) -> SignedIn:
    entered = await world.accounts.login(email=ADA, password=password, origin=origin)
    assert isinstance(entered, SignedIn)
    return entered


async def proof_of(world: Slice) -> str:
    """The token of the newest letter that proves the address."""
    return link_in([mail.text for mail in await world.letters() if "/verify-email#token=" in mail.text][-1])


async def reset_letters(world: Slice) -> list[Mail]:
    return [mail for mail in await world.letters() if "/reset#token=" in mail.text]


async def test_whoever_registered_an_address_first_is_out_when_its_owner_proves_it(world: Slice) -> None:
    """A stranger who registers a student's address first would be in an account of that campus, for good, as soon as
    the student registers too and opens the link."""
    await register(world, "mallory", email=ADA, password=THEIRS, origin=MALLORY)
    mallory = await sign_in(world, THEIRS, origin=MALLORY)
    account_id = mallory.viewer.account_id
    await own_key_and_face(world, account_id)
    await link(world, account_id, "GITHUB")
    await register(world, "ada")
    assert await is_live(world, mallory), "nothing changes before the address is proved"
    await world.email_proofs.prove(token=await proof_of(world), origin=HOME)

    assert not await is_live(world, mallory)
    assert await world.live_tokens() == 0
    blocked = await problem_of(world.accounts.login(email=ADA, password=THEIRS, origin=MALLORY))
    assert blocked.reason == "PASSWORD_RESET_REQUIRED"
    assert await world.sql.fetchval("select count(*) from passkeys") == await faces(world) == 0
    assert await providers(world) == []
    (letter,) = await reset_letters(world)
    assert letter.to == ADA
    assert "registered more than once, with different passwords" in letter.text
    await world.recovery.reset(token=reset_token(letter), password=NEW, origin=HOME)
    ada = await sign_in(world, NEW)
    assert ada.viewer.account_id == account_id
    assert ada.viewer.email_verified_at is not None
    assert (await problem_of(world.accounts.login(email=ADA, password=THEIRS, origin=MALLORY))).reason == (
        "WRONG_CREDENTIALS"
    )
    events = await world.events()
    assert [
        events.count(name) for name in ("EMAIL_PROVED", "PASSKEY_REMOVED", "FACE_FORGOTTEN", "IDENTITY_UNLINKED")
    ] == [1] * 4


@pytest.mark.parametrize("by_code", [False, True], ids=["link", "code"])
async def test_it_is_the_same_by_the_code_and_whoever_comes_last(world: Slice, by_code: bool) -> None:
    """A stranger who registers after the student, or again and again, would decide whose password it is."""
    await register(world, "ada")
    for number in range(REPEATED_PER_EMAIL.amount + 2):
        await register(world, f"mallory{number}", email=ADA, password=f"{THEIRS} {number}", origin=elsewhere(number))
    if by_code:
        code = [mail.text for mail in await world.letters()][-1].split("minutes:\n")[1][:6]
        await world.email_proofs.prove(code=code, email=ADA, origin=HOME)
    else:
        await world.email_proofs.prove(token=await proof_of(world), origin=HOME)
    assert (await problem_of(world.accounts.login(email=ADA, password=PASSWORD, origin=HOME))).reason == (
        "PASSWORD_RESET_REQUIRED"
    )
    (letter,) = await reset_letters(world)
    await world.recovery.reset(token=reset_token(letter), password=NEW, origin=HOME)
    await sign_in(world, NEW)


async def test_who_registers_twice_with_one_password_keeps_it(world: Slice) -> None:
    """A person whose letter got lost, and who filled the form in again, would have to choose another password."""
    await register(world, "ada")
    await register(world, "ada_l", email=ADA)
    mine = await sign_in(world, PASSWORD)
    await world.email_proofs.prove(token=await proof_of(world), origin=HOME)
    assert await is_live(world, mine)
    await sign_in(world, PASSWORD)
    assert await reset_letters(world) == []


async def test_an_address_that_was_proved_before_stays_its_owners(world: Slice) -> None:
    """Anybody could have a person's devices signed out by registering their address once more."""
    await register(world, "ada")
    await world.email_proofs.prove(token=await proof_of(world), origin=HOME)
    mine = await sign_in(world, PASSWORD)
    await register(world, "mallory", email=ADA, password=THEIRS, origin=MALLORY)
    await world.credentials.change_email(mine.viewer, email="ada@example.org", password=PASSWORD, origin=HOME)
    await world.email_proofs.prove(token=await proof_of(world), origin=HOME)
    assert await is_live(world, mine)
    assert await reset_letters(world) == []


async def test_whoever_holds_an_address_that_is_not_proved_does_not_read_where_its_owner_is(world: Slice) -> None:
    """A stranger who signs up with somebody's address would wait for the owner to come, and read their network and
    device in the log."""
    owner = Origin(ip="198.51.100.7", user_agent="Phone of Ada/1", device="a" * 43)
    await register(world, "mallory", email=ADA, password=THEIRS, origin=MALLORY)
    mallory = await sign_in(world, THEIRS, origin=MALLORY)
    await register(world, "ada", origin=owner)
    await world.recovery.request(email=ADA, origin=owner)
    await world.background.settled()
    read = (await world.audit.page(mallory.viewer.account_id, first=50, after=None)).nodes
    assert {"REGISTRATION_REPEATED", "PASSWORD_RESET_REQUESTED"} <= {entry.event.value for entry in read}
    assert owner.ip not in {entry.ip for entry in read}
    assert owner.user_agent not in {entry.user_agent for entry in read}


async def test_whoever_proved_the_address_reads_where_a_stranger_was(world: Slice) -> None:
    """The owner of an account could not tell who tries to get in."""
    await register(world, "ada")
    await world.email_proofs.prove(token=await proof_of(world), origin=HOME)
    mine = await sign_in(world, PASSWORD)
    await register(world, "mallory", email=ADA, password=THEIRS, origin=MALLORY)
    await world.recovery.request(email=ADA, origin=MALLORY)
    await world.background.settled()
    read = (await world.audit.page(mine.viewer.account_id, first=50, after=None)).nodes
    assert [entry.event.value for entry in read if entry.ip == MALLORY.ip] == [
        "PASSWORD_RESET_REQUESTED",
        "REGISTRATION_REPEATED",
    ]

"""Who passes for a member of a campus: whoever proved an address of it, and nobody else."""

from dataclasses import replace
from typing import Any

import pytest

from app.accounts.model import Origin
from app.settings import Settings
from app.wiring import Services
from tests.fakes import FixedClock, Mailbox
from tests.serving import Visitor, served

TORONTO = "01900000-0000-7000-8000-00000000000c"
PASSWORD = "correct mule battery paperclip"
HOME = Origin(ip="192.0.2.1")


async def register(visitor: Visitor, services: Services) -> None:
    """Signed in with an address of the campus that nobody has to own."""
    body: dict[str, Any] = {"email": "made.up@utoronto.ca", "password": PASSWORD, "handle": "mallory"}
    answer = await visitor.http.post("/auth/register", json={**body, "campus_id": TORONTO})
    assert answer.status_code == 200, answer.text
    login = await visitor.http.post("/auth/login", json={"email": body["email"], "password": PASSWORD})
    visitor.access_token = login.json()["access_token"]
    await services.background.settled()


async def prove(services: Services, mailbox: Mailbox, *, to: str) -> None:
    """Opens the link of the newest letter to the address."""
    await services.background.settled()
    text = next(mail.text for mail in reversed(mailbox.sent) if mail.to == to and "/verify-email#token=" in mail.text)
    await services.email_proofs.prove(token=text.split("/verify-email#token=")[1].split()[0], origin=HOME)


async def shown_campus(visitor: Visitor) -> dict[str, Any] | None:
    """The campus that everybody sees."""
    person = (await visitor.data('{ user(handle: "mallory") { campus { domain } } }'))["user"]
    campus: dict[str, Any] | None = person["campus"]
    return campus


async def test_an_address_that_nobody_proved_shows_no_campus(
    visitor: Visitor, services: Services, mailbox: Mailbox
) -> None:
    """Anybody could pass for a member of a university by making up an address there."""
    await register(visitor, services)
    assert await shown_campus(visitor) is None
    await prove(services, mailbox, to="made.up@utoronto.ca")
    assert await shown_campus(visitor) == {"domain": "utoronto.ca"}


async def test_a_made_up_address_cannot_be_traded_for_a_proved_one(
    visitor: Visitor, services: Services, mailbox: Mailbox
) -> None:
    """The impostor would prove any address at all, and be of the university from then on."""
    await register(visitor, services)
    assert visitor.access_token is not None
    viewer = await services.sessions.authenticate(visitor.access_token)
    await services.credentials.change_email(viewer, email="mallory@example.net", password=PASSWORD, origin=HOME)
    await prove(services, mailbox, to="mallory@example.net")
    assert await shown_campus(visitor) is None
    assert (await visitor.data("{ me { campus { domain } } }"))["me"]["campus"] is None


async def test_a_slip_in_the_address_costs_no_member_their_campus(
    visitor: Visitor, services: Services, mailbox: Mailbox
) -> None:
    """Who mistyped their address would have to begin anew; who leaves a proved one would not stay a member."""
    await register(visitor, services)
    assert visitor.access_token is not None
    for email in ("mallory@utoronto.ca", "mallory@example.net"):
        viewer = await services.sessions.authenticate(visitor.access_token)
        await services.credentials.change_email(viewer, email=email, password=PASSWORD, origin=HOME)
        await prove(services, mailbox, to=email)
        assert await shown_campus(visitor) == {"domain": "utoronto.ca"}


@pytest.mark.parametrize(
    ("with_subdomains", "email", "stays"),
    [
        (True, "mallory@mail.utoronto.ca", True),
        (True, "mallory@notutoronto.ca", False),
        (False, "mallory@mail.utoronto.ca", False),
    ],
)
async def test_a_slip_is_mended_within_what_belongs_to_the_campus(
    settings: Settings, clock: FixedClock, mailbox: Mailbox, with_subdomains: bool, email: str, stays: bool
) -> None:
    """Where sub-domains of the campus count, who moves to one would be thrown out; elsewhere a stranger be let in."""
    settings = replace(settings, campus_subdomains=with_subdomains)
    async with served(settings, clock=clock, mailbox=mailbox) as (services, transport):
        visitor = Visitor(transport)
        await register(visitor, services)
        assert visitor.access_token is not None
        viewer = await services.sessions.authenticate(visitor.access_token)
        await services.credentials.change_email(viewer, email=email, password=PASSWORD, origin=HOME)
        await prove(services, mailbox, to=email)
        assert (await shown_campus(visitor) is not None) is stays

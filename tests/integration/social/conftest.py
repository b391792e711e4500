"""The social slice on real PostgreSQL and Redis, wired as shipped."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import pytest
from joserfc.jwk import ECKey, RSAKey

from app.accounts.model import Admission, Origin, SignedIn, SignInMethod, Viewer
from app.mail import Mail
from app.settings import ProviderSettings, Settings
from app.social.model import ProvedIdentity, Provider
from app.wiring import Services, open_services
from tests.authenticator import Phone
from tests.fakes import FixedClock, Mailbox
from tests.openid import KeyServer, Minter, key_server, signing_key

HOME = Origin(ip="192.0.2.1", user_agent="Firefox/150")
PASSWORD = "correct mule battery paperclip"

ADA = ProvedIdentity(
    provider=Provider.GOOGLE,
    issuer="https://accounts.google.com",
    subject="110169484474386276334",
    email="ada@example.org",
    email_verified=True,
    name="Ada Lovelace",
)


@dataclass(frozen=True, kw_only=True)
class World:
    """What a test of this slice touches; `sql` is a connection of the test's own."""

    services: Services
    clock: FixedClock
    mailbox: Mailbox
    sql: asyncpg.Connection

    async def signup(self, name: str = "ada") -> SignedIn:
        """`name`@example.org, with a password, the address not proved, the letter about it delivered."""
        signed_in = await self.services.accounts.signup(
            email=f"{name}@example.org", password=PASSWORD, username=name, display_name=name.title(), origin=HOME
        )
        await self.services.background.settled()
        return signed_in

    async def prove(self, email: str) -> None:
        """As if the link had been opened."""
        await self.sql.execute("update accounts set email_verified_at = $2 where email = $1", email, self.clock.now())

    async def enter(self, identity: ProvedIdentity = ADA, **changes: Any) -> SignedIn:
        """Enters; the account has no second factor."""
        admission: Admission = await self.services.identities.enter(
            replace(identity, **changes), method=SignInMethod.SOCIAL, origin=HOME
        )
        assert isinstance(admission, SignedIn)
        return admission

    async def guard(self, viewer: Viewer) -> Phone:
        """Switches the viewer's second factor on; the phone's next code is unused."""
        setup = await self.services.second_factors.enable(viewer, origin=HOME)
        phone = Phone.of(setup.otpauth_url, self.clock)
        await self.services.second_factors.verify(viewer, phone.code(), origin=HOME)
        self.clock.advance(30)
        return phone

    async def letters(self) -> list[Mail]:
        """All that was mailed, once nothing is on its way."""
        await self.services.background.settled()
        return self.mailbox.sent

    async def count(self, table: str) -> int:
        found: int = await self.sql.fetchval(f"select count(*) from {table}")
        return found


@pytest.fixture(scope="session")
def provider_key() -> RSAKey | ECKey:
    """What all minted tokens of this folder are signed with."""
    return signing_key("provider")


@pytest.fixture(scope="session")
def published(provider_key: RSAKey | ECKey) -> Iterator[KeyServer]:
    """Where it is published."""
    with key_server() as server:
        server.publish(provider_key)
        yield server


@pytest.fixture
def google(provider_key: RSAKey | ECKey, clock: FixedClock) -> Minter:
    return Minter("https://accounts.google.com", "google-client", provider_key, clock)


@pytest.fixture
def firebase(provider_key: RSAKey | ECKey, clock: FixedClock) -> Minter:
    return Minter("https://securetoken.google.com/bonafide-test", "bonafide-test", provider_key, clock)


@pytest.fixture
def settings(settings: Settings, published: KeyServer) -> Settings:
    """Google and Firebase set up; LinkedIn and Auth0 not."""
    return replace(
        settings,
        google=ProviderSettings(clients=("google-client",), jwks_url=published.url),
        firebase=ProviderSettings(clients=("bonafide-test",), jwks_url=published.url),
    )


@pytest.fixture
async def world(settings: Settings, clock: FixedClock, mailbox: Mailbox) -> AsyncIterator[World]:
    """The slice on a database of the test's own."""
    assert settings.database_url is not None
    async with open_services(settings, clock=clock, mailer=mailbox) as services:
        sql = await asyncpg.connect(settings.database_url.replace("+asyncpg", ""))
        yield World(services=services, clock=clock, mailbox=mailbox, sql=sql)
        await sql.close()

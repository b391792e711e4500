"""The shipped application beside a LinkedIn on loopback, and browsers that travel between the two."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import pytest
from joserfc.jwk import ECKey, RSAKey

from app.ids import Ids
from app.settings import Settings
from app.wiring import Services
from tests.fakes import FixedClock, Mailbox
from tests.integration.github import conftest as github
from tests.linkedin_server import CLIENT_ID, KEYS, LinkedInServer, linkedin_on_loopback
from tests.openid import signing_key
from tests.serving import HOME, served

LOGIN = "/auth/linkedin/login"
CALLBACK = "/auth/linkedin/callback"
PAGE = {"origin": HOME}
LINK = (
    "mutation ($code: String!, $state: String!, $password: String, $second: String) "
    '{ linkByCode(provider: "LINKEDIN", code: $code, state: $state, password: $password, secondFactorCode: $second) '
    "{ id email emailVerified identities { provider email } } }"
)
NOTHING = {"accounts": 0, "profiles": 0, "identities": 0, "sessions": 0}

through_linkedin = github.through_github


class Browser(github.Browser):
    """One browser: its cookies here, and a way to LinkedIn and back."""

    login = LOGIN


@dataclass(frozen=True)
class Site:
    """Everything a test of LinkedIn touches; `sql` is a connection of the test's own."""

    services: Services
    transport: httpx.ASGITransport
    linkedin: LinkedInServer
    clock: FixedClock
    mailbox: Mailbox
    sql: asyncpg.Connection

    def browser(self) -> Browser:
        return Browser(self.transport)

    async def count(self, table: str) -> int:
        found: int = await self.sql.fetchval(f"select count(*) from {table}")
        return found

    async def rows(self) -> dict[str, int]:
        """How much stands in every table that a sign-in writes."""
        return {table: await self.count(table) for table in NOTHING}

    async def identity(self) -> Any:
        """The only identity."""
        rows = await self.sql.fetch("select * from identities")
        assert len(rows) == 1
        return rows[0]

    def forms(self) -> list[dict[str, str]]:
        """What the token endpoint was sent, the latest last."""
        return [dict(form) for path, form in self.linkedin.asked if path.endswith("accessToken")]


@pytest.fixture(scope="session")
def linkedin_key() -> RSAKey | ECKey:
    return signing_key("d929668a-bab1-4c69-9598-4373149723ff")


@pytest.fixture
async def linkedin(clock: FixedClock, ids: Ids, linkedin_key: RSAKey | ECKey) -> AsyncIterator[LinkedInServer]:
    """A LinkedIn where Ada is signed in."""
    async with linkedin_on_loopback(clock=clock, ids=ids, key=linkedin_key) as linkedin:
        linkedin.redirect_uris = frozenset({HOME + CALLBACK, HOME + "/settings"})
        yield linkedin


@pytest.fixture
def linkedin_settings(settings: Settings, linkedin: LinkedInServer) -> Settings:
    """The test's settings with this LinkedIn and a second page of ours."""
    assert settings.database_url is not None
    environment = {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url or "",
        "BONAFIDE_DATA": str(settings.data_dir),
        "ARGON2_MEMORY_KIB": "64",
        "ARGON2_TIME_COST": "1",
        "PUBLIC_URL": HOME,
        "ALLOWED_ORIGINS": f"{HOME},https://good.example",
        # A broker whose word for LinkedIn counts in `socialLogin`, but not here; it signs with the same key.
        "AUTH0_CLIENT_ID": CLIENT_ID,
        "AUTH0_ISSUER": "https://tenant.example.org/",
        "AUTH0_JWKS_URL": linkedin.url + KEYS,
    }
    return Settings.from_environment({**environment, **linkedin.environment})


@pytest.fixture
async def site(
    linkedin_settings: Settings, linkedin: LinkedInServer, clock: FixedClock, mailbox: Mailbox
) -> AsyncIterator[Site]:
    assert linkedin_settings.database_url is not None
    async with served(linkedin_settings, clock=clock, mailbox=mailbox) as (services, transport):
        sql = await asyncpg.connect(linkedin_settings.database_url.replace("+asyncpg", ""))
        yield Site(services, transport, linkedin, clock, mailbox, sql)
        await sql.close()


@pytest.fixture
def browser(site: Site) -> Browser:
    return site.browser()

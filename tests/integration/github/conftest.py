"""The shipped application beside a GitHub on loopback, and browsers that travel between the two."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import asyncpg
import httpx
import pytest

from app.ids import Ids
from app.settings import Settings
from app.wiring import Services
from tests.fakes import FixedClock, Mailbox
from tests.github_server import GithubServer, GithubUser, address, github_on_loopback
from tests.serving import HOME, Visitor, served

LOGIN = "/auth/github/login"
LOGIN_WITH_GITHUB = (
    "mutation ($code: String!, $state: String!) { loginWithGithub(code: $code, state: $state) "
    "{ requiresTwoFactor tempToken accessToken refreshToken isNewUser user { id handle email } } }"
)
PAGE = {"origin": HOME}


async def through_github(url: str) -> str:
    """Follows to GitHub over the network: the address to which that sends the browser back."""
    async with httpx.AsyncClient(trust_env=False, timeout=30) as network:
        answer = await network.get(url)
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


class Browser(Visitor):
    """One browser: its cookies here, and a way to a provider and back, GitHub unless `login` says another."""

    login = LOGIN

    async def depart(self, **given: str) -> str:
        """Presses the button: the address at GitHub to which it is sent."""
        answer = await self.http.get(self.login, params=given)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def arrive(self, url: str) -> "Arrival":
        """Follows back to us."""
        return Arrival.of(await self.http.get(url))

    async def sign_in(self, **given: str) -> "Arrival":
        """The whole way."""
        arrival = await self.arrive(await through_github(await self.depart(**given)))
        self.access_token = arrival.told.get("access_token")
        return arrival

    async def code_and_state(self, **given: str) -> dict[str, str]:
        """What a page of its own would find in its address."""
        returned = await through_github(await self.depart(redirect_uri=HOME + "/settings", **given))
        return {name: value for name, value in parse_qsl(urlsplit(returned).query) if name in ("code", "state")}


@dataclass(frozen=True)
class Arrival:
    """How the callback answered: the page, and what its fragment says."""

    response: httpx.Response
    page: str
    told: dict[str, str]

    @classmethod
    def of(cls, response: httpx.Response) -> "Arrival":
        assert response.status_code == 303, response.text
        page, _, fragment = response.headers["location"].partition("#")
        return cls(response, page, dict(parse_qsl(fragment, strict_parsing=True)))


@dataclass(frozen=True)
class Site:
    """Everything a test of GitHub touches; `sql` is a connection of the test's own."""

    services: Services
    transport: httpx.ASGITransport
    github: GithubServer
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
        return {table: await self.count(table) for table in ("accounts", "profiles", "identities", "sessions")}

    async def identity(self) -> Any:
        """The only identity."""
        rows = await self.sql.fetch("select * from identities")
        assert len(rows) == 1
        return rows[0]


NOTHING = {"accounts": 0, "profiles": 0, "identities": 0, "sessions": 0}


@pytest.fixture
def octocat() -> GithubUser:
    return GithubUser(id=583231, login="octocat", name="The Octocat", emails=[address("octocat@example.org")])


@pytest.fixture
async def github(clock: FixedClock, ids: Ids, octocat: GithubUser) -> AsyncIterator[GithubServer]:
    """A GitHub where the octocat is signed in."""
    async with github_on_loopback(clock=clock, ids=ids) as github:
        github.browser_user = octocat
        yield github


@pytest.fixture
def github_settings(settings: Settings, github: GithubServer) -> Settings:
    """The test's settings with this GitHub and a second page of ours."""
    assert settings.database_url is not None
    environment = {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url or "",
        "BONAFIDE_DATA": str(settings.data_dir),
        "ARGON2_MEMORY_KIB": "64",
        "ARGON2_TIME_COST": "1",
        "PUBLIC_URL": HOME,
        "ALLOWED_ORIGINS": f"{HOME},https://good.example",
    }
    return Settings.from_environment({**environment, **github.environment})


@pytest.fixture
async def site(
    github_settings: Settings, github: GithubServer, clock: FixedClock, mailbox: Mailbox
) -> AsyncIterator[Site]:
    assert github_settings.database_url is not None
    async with served(github_settings, clock=clock, mailbox=mailbox) as (services, transport):
        sql = await asyncpg.connect(github_settings.database_url.replace("+asyncpg", ""))
        yield Site(services, transport, github, clock, mailbox, sql)
        await sql.close()


@pytest.fixture
def browser(site: Site) -> Browser:
    return site.browser()

"""Many tabs of one browser on the served application."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import pytest

from app.settings import Settings
from app.tokens import ACCESS_TTL
from tests.browser import Browser, browser
from tests.fakes import FixedClock
from tests.running import PASSWORD, RunningServer, person, running

TABS = 20
ME = "/profile/me"
TTL_S = ACCESS_TTL.total_seconds()
OFFLINE = {"path": "", "status": 0}


@dataclass(frozen=True, kw_only=True)
class Site:
    """A server with ada and grace, who have no session, and a browser without a tab."""

    server: RunningServer
    browser: Browser
    clock: FixedClock
    sql: asyncpg.Connection

    async def sign_in(self, name: str = "ada", *, tab: int = 0) -> None:
        await self.browser.tab(tab, "login", email=f"{name}@example.org", password=PASSWORD)

    async def renewals(self) -> int:
        """How many refresh tokens were made in place of another."""
        found: int = await self.sql.fetchval("select count(*) from refresh_tokens where parent_id is not null")
        return found

    def refreshes(self) -> int:
        """How many requests for one have reached the server."""
        counted = self.server.services.metrics.text().decode().splitlines()
        mark = 'http_request_seconds_count{method="POST",route="/auth/refresh"'
        return sum(int(float(line.rpartition(" ")[2])) for line in counted if line.startswith(mark))

    async def pass_by(self, seconds: float, *, asleep: bool = False) -> None:
        """Time passes, for the server and, unless they sleep, for all tabs."""
        self.clock.advance(seconds)
        await self.browser.pass_by(seconds * 1000, asleep=asleep)

    async def who(self, tab: int) -> object:
        """Whom the server takes a tab for, or what the call ends in."""
        answer = await self.browser.tab(tab, "fetch", path=ME)
        return answer.get("error") or answer["body"].get("handle") or answer["body"]["code"]

    async def states(self) -> list[str]:
        return [tab["state"] for tab in await self.browser.every("state")]

    async def all_become(self, *expected: str) -> None:
        """Waits until every tab has heard the news, which travels beside what they answer us."""
        async with asyncio.timeout(20):
            while set(await self.states()) != set(expected):
                pass

    async def reused(self) -> int:
        found: int = await self.sql.fetchval("select count(*) from audit_events where event = 'REFRESH_REUSED'")
        return found


@pytest.fixture
async def site(settings: Settings, clock: FixedClock) -> AsyncIterator[Site]:
    assert settings.database_url is not None
    async with running(settings, clock=clock) as server, browser(server.http_url) as opened:
        sql = await asyncpg.connect(settings.database_url.replace("+asyncpg", ""))
        for name in ("ada", "grace"):
            async with person(server, name):
                pass
        await sql.execute("delete from sessions")
        yield Site(server=server, browser=opened, clock=clock, sql=sql)
        await sql.close()

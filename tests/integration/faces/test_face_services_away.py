"""Redis or PostgreSQL away while somebody signs in by face: nobody comes in uncounted, and nothing is lost."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from app.embedded import EmbeddedServices
from tests.attempts import Claim, Studio, studio
from tests.browsers import browser, nobody_known
from tests.cables import Cable

pytestmark = pytest.mark.asyncio(loop_scope="module")

ANSWER_WITHIN_S = 30.0  # the longest time-out below is 10 s, for a statement; without one nothing would ever come


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cables(embedded: EmbeddedServices) -> AsyncIterator[dict[str, Cable]]:
    folder = embedded.database_url.partition("host=")[2]
    pair = {
        "database": Cable(f"{folder}/.s.PGSQL.5432"),
        "redis": Cable(embedded.redis_url.removeprefix("unix://")),
    }
    for cable in pair.values():
        await cable.plug_in()
    yield pair
    for cable in pair.values():
        await cable.unplug()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(
    embedded: EmbeddedServices,
    cables: dict[str, Cable],
    tmp_path_factory: pytest.TempPathFactory,
    face_models: Path,
) -> AsyncIterator[Studio]:
    async with studio(
        embedded,
        tmp_path_factory.mktemp("faces_away"),
        face_models,
        database_at=f"127.0.0.1:{cables['database'].port}",
        REDIS_URL=f"redis://127.0.0.1:{cables['redis'].port}",
    ) as opened:
        yield opened


@pytest.mark.parametrize("which", ["redis", "database"])
async def test_nobody_is_let_in_meanwhile_and_everything_works_afterwards(
    stage: Studio, cables: dict[str, Cable], eileen: Claim, which: str
) -> None:
    """Faces could be tried uncounted, a ticket used twice; or a person would lose their challenge to an outage."""
    await cables[which].plug_in()
    await nobody_known(stage)
    async with browser(stage) as owner, browser(stage) as visitor:
        await owner.face_login(eileen)
        token, ticket = await visitor.challenge(), (await owner.first_call(eileen)).json()["ticket"]
        await cables[which].cut()
        async with asyncio.timeout(ANSWER_WITHIN_S):
            refused = await visitor.face_login(eileen, token=token)
            assert (refused["code"], refused["retryAfter"] > 0) == ("BUSY", True)
        async with asyncio.timeout(ANSWER_WITHIN_S):
            words, code = await visitor.heard_at_start(token)
            assert (words["code"], code) == ("BUSY", 4503)
        async with asyncio.timeout(ANSWER_WITHIN_S):
            assert (await visitor.first_call(eileen, token=token)).status_code == 503
        if which == "redis":
            async with asyncio.timeout(ANSWER_WITHIN_S):
                assert (await owner.trade(ticket))["code"] == "BUSY"
                drawn = await visitor.ask("mutation { createLivenessChallenge(purpose: LOGIN) { token } }")
                assert drawn["code"] == "BUSY"
        assert visitor.access_token is None
        await cables[which].plug_in()
        assert (await owner.trade(ticket))["success"], "an outage must not use a ticket up"
        result = await visitor.face_login(eileen, token=token)
        assert (result["success"], result["matchFound"]) == (True, True)

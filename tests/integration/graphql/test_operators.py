"""What operators and other services read: health, keys, the front page, production's manners."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from app.edge.health import Readiness
from app.settings import Settings
from app.storage import StorageUnavailable
from tests.fakes import FixedClock, Mailbox
from tests.own_secrets import OWN_SECRETS
from tests.serving import LOGIN, PASSWORD, Visitor, served

PRODUCTION = {
    "BONAFIDE_ENV": "production",
    "PUBLIC_URL": "https://id.example.org",
    "ALLOWED_ORIGINS": "https://app.example.org",
    **OWN_SECRETS,
}


@pytest.fixture
async def production(
    settings: Settings, clock: FixedClock, mailbox: Mailbox, database_url: str, redis_url: str
) -> AsyncIterator[Visitor]:
    """A visitor at an instance that serves real people."""
    environment = {**PRODUCTION, "DATABASE_URL": database_url, "REDIS_URL": redis_url}
    environment["BONAFIDE_DATA"] = str(settings.data_dir)
    async with served(Settings.from_environment(environment), clock=clock, mailbox=mailbox) as (
        _,
        transport,
    ):
        yield Visitor(transport, base_url="https://id.example.org")


async def test_production_keeps_its_manners(production: Visitor) -> None:
    """The list of operations would be public, and cookies would travel in the clear."""
    await production.signup()
    assert production.session_cookies == {"__Host-bonafide_refresh", "__Host-bonafide_csrf"}
    answer = await production.post("{ __schema { types { name } } }")
    assert answer.headers["strict-transport-security"].startswith("max-age=")
    assert "errors" in answer.json()
    assert "Did you mean" not in (await production.post("{ mee { id } }")).text
    headers = {
        "origin": "https://app.example.org",
        "x-csrf-token": production.http.cookies["__Host-bonafide_csrf"],
    }
    refresh = "mutation { refreshToken { accessToken } }"
    assert (await production.post(refresh, headers={**headers, "origin": "http://127.0.0.1:8000"})).json()["errors"]
    assert (await production.data(refresh, headers=headers))["refreshToken"]["accessToken"]


async def test_other_services_verify_our_tokens_by_the_published_keys(visitor: Visitor) -> None:
    """A product next to us would need our secret to know who its users are."""
    payload = await visitor.signup()
    answer = await visitor.http.get("/.well-known/jwks.json")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert all("d" not in key for key in answer.json()["keys"])
    token = jwt.decode(payload["accessToken"], KeySet.import_key_set(answer.json()), algorithms=["EdDSA"])
    assert token.claims["sub"] == payload["user"]["id"]


async def test_health_and_readiness(visitor: Visitor) -> None:
    """An operator's probe would restart a healthy server."""
    assert (await visitor.http.get("/healthz")).json() == {"status": "ok"}
    ready = await visitor.http.get("/readyz")
    assert ready.status_code == 200
    assert set(ready.json()["checks"]) == {"database", "redis", "storage", "mail", "models"}
    assert set(ready.json()["checks"].values()) == {"ok"}


async def test_readiness_costs_one_look_for_everybody_who_asks() -> None:
    """A stranger could keep the database, Redis and the face engine busy by asking whether they are there."""
    looks, broken = 0, False

    async def probe() -> None:
        nonlocal looks
        looks += 1
        await asyncio.sleep(0)
        if broken:
            raise StorageUnavailable("the folder /srv/secret/place cannot be written")

    kept = Readiness({"storage": probe}, looks=2, within_s=60.0, red_kept_s=0.0)
    assert await asyncio.gather(*(kept.faults() for _ in range(20))) == [{"storage": None}] * 20
    assert looks == 2
    broken = True
    assert (await kept.faults())["storage"] is None, "the last answer, for a while"
    at_once = Readiness({"storage": probe}, looks=1, within_s=60.0, red_kept_s=0.0)
    fault = (await at_once.faults())["storage"]
    assert fault is not None
    assert "/" not in fault
    broken = False
    assert (await at_once.faults())["storage"] is None, "a recovery is seen at once"


async def test_what_is_away_is_named_and_can_be_tried_again(
    settings: Settings, clock: FixedClock, mailbox: Mailbox, tmp_path: Path
) -> None:
    """An operator would not know what to restart, strangers would learn where it is, and people would see a crash."""
    away = replace(
        settings, redis_url=f"unix://{tmp_path}/nobody.sock", database_url="postgresql+asyncpg://u:pw@127.0.0.1:1/x"
    )
    async with served(away, clock=clock, mailbox=mailbox) as (_, transport):
        visitor = Visitor(transport)
        ready = await visitor.http.get("/readyz")
        assert ready.status_code == 503
        checks = ready.json()["checks"]
        assert {name for name, state in checks.items() if state != "ok"} == {"database", "redis"}
        assert "pw" not in ready.text
        assert str(tmp_path) not in ready.text
        assert (await visitor.http.get("/healthz")).status_code == 200
        refused = await visitor.refusal(LOGIN, {"email": "ada@example.org", "password": PASSWORD})
        assert (refused["code"], refused["retryAfter"]) == ("BUSY", 5)


async def test_what_developers_read_first_is_there(visitor: Visitor) -> None:
    """A newcomer who follows the links of the front page would see errors."""
    for link in ("/schema.graphql", "/.well-known/jwks.json", "/openapi.json", "/healthz", "/readyz"):
        assert (await visitor.http.get(link)).status_code == 200

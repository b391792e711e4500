"""`bonafide doctor` against healthy and broken installations; each fault comes with what to do."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import redis.asyncio

from app.commands.face_index import (
    LARGE_INDEX_BYTES,
    MANY_OLD_LINKS,
    huge_pages_hint,
    linked_before,
    old_links_hint,
)
from app.embedded import EmbeddedServices
from tests.fakes import FixedClock
from tests.geoip_file import write_places
from tests.node_peers import own_port
from tests.openid import key_server, signing_key
from tests.s3_server import S3Server

ROOT = Path(__file__).parents[2]
CHECKS = [
    "settings",
    "data folder",
    "database",
    "clock",
    "redis",
    "storage",
    "mail",
    "providers",
    "places",
    "face model",
    "landmarks",
]


@dataclass(frozen=True)
class Diagnosis:
    """Exit code and findings by name."""

    code: int
    ok: bool
    checks: dict[str, dict[str, Any]]

    @property
    def faults(self) -> list[str]:
        return [name for name, found in self.checks.items() if not found["ok"]]


def doctor(environment: Mapping[str, str]) -> Diagnosis:
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "doctor", "--json"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    document = json.loads(done.stdout)
    checks = {found["name"]: found for found in document["checks"]}
    for found in checks.values():
        assert bool(found["advice"]) != found["ok"], found
    return Diagnosis(done.returncode, document["ok"], checks)


@pytest.fixture
def external(database_url: str, redis_url: str, tmp_path: Path) -> dict[str, str]:
    return {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "BONAFIDE_DATA": str(tmp_path)}


@pytest.fixture
def away() -> Iterator[int]:
    """A port that nobody listens on: held, so that nobody else comes to listen there meanwhile."""
    with own_port() as held:
        yield held.getsockname()[1]


def test_a_fresh_machine_is_well_before_and_while_it_serves(tmp_path: Path) -> None:
    """The first thing that a newcomer runs would report faults that are none."""
    environment = {"BONAFIDE_DATA": str(tmp_path)}
    before = doctor(environment)
    assert (before.code, before.ok, before.faults) == (0, True, [])
    assert list(before.checks) == CHECKS
    assert "PostgreSQL 18" in before.checks["database"]["detail"]
    assert "pgvector" in before.checks["database"]["detail"]
    with EmbeddedServices.start(tmp_path):
        assert doctor(environment).faults == []
    assert [path.name for path in (tmp_path / "objects").rglob("probe-*")] == []


def test_people_get_one_line_a_check(external: dict[str, str], away: int) -> None:
    """The operator could not see at a glance what is wrong."""
    environment = {"PATH": "/usr/bin:/bin", **external, "REDIS_URL": f"redis://127.0.0.1:{away}"}
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "doctor"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["ok"] * 4 + ["fault", "->"] + ["ok"] * 6
    assert "REDIS_URL" in lines[5]


def test_faulty_settings_are_each_a_fault_with_advice() -> None:
    """Doctor itself would fall over the first wrong setting."""
    found = doctor({"SECRET_KEY": "short"})
    assert (found.code, found.faults) == (1, ["settings"])
    assert "SECRET_KEY" in found.checks["settings"]["detail"]


def test_servers_that_are_away_are_named_and_the_rest_is_still_checked(tmp_path: Path, away: int) -> None:
    """One outage would hide the next, or doctor would hang with the server it looks at."""
    found = doctor(
        {
            "BONAFIDE_DATA": str(tmp_path),
            "DATABASE_URL": f"postgresql://u:hunter2@127.0.0.1:{away}/db",
            "REDIS_URL": f"redis://:hunter2@127.0.0.1:{away}",
            "SMTP_URL": f"smtp://u:hunter2@127.0.0.1:{away}",
            "S3_BUCKET": "bucket",
            "S3_ENDPOINT_URL": f"http://127.0.0.1:{away}",
            "AWS_ACCESS_KEY_ID": "id",
            "AWS_SECRET_ACCESS_KEY": "hunter2",
        }
    )
    assert found.code == 1
    assert found.faults == ["database", "clock", "redis", "storage", "mail"]
    assert "hunter2" not in str(found.checks)
    for name, setting in {
        "database": "DATABASE_URL",
        "redis": "REDIS_URL",
        "storage": "S3_",
        "mail": "SMTP_URL",
    }.items():
        assert setting in found.checks[name]["advice"]


async def test_a_changed_migration_is_found(external: dict[str, str]) -> None:
    """Code and schema would disagree, and show it only as errors in front of people."""
    connection = await asyncpg.connect(external["DATABASE_URL"].replace("+asyncpg", ""))
    await connection.execute("update schema_migrations set checksum = 'other' where number = 1")
    await connection.close()
    found = doctor(external)
    assert found.faults == ["database"]
    assert "0001" in found.checks["database"]["detail"]


async def test_a_schema_that_is_behind_says_what_brings_it_up_to_date(external: dict[str, str]) -> None:
    """The operator would not know that a migration waits."""
    connection = await asyncpg.connect(external["DATABASE_URL"].replace("+asyncpg", ""))
    await connection.execute("delete from schema_migrations")
    await connection.close()
    assert "bonafide migrate" in doctor(external).checks["database"]["detail"]


def test_a_large_gallery_without_huge_pages_is_told() -> None:
    """The slowest searches of a million faces would take longer than we promise, and nobody would know why."""
    assert huge_pages_hint(LARGE_INDEX_BYTES - 1, "off") == huge_pages_hint(LARGE_INDEX_BYTES, "on") == ""
    assert "512 MiB: reserve huge pages" in huge_pages_hint(LARGE_INDEX_BYTES, "off")


async def test_an_index_of_faces_from_before_is_told_until_it_is_built_anew(external: dict[str, str]) -> None:
    """Some people of a large gallery would not be found by their face, and nobody would know what helps."""
    connection = await asyncpg.connect(external["DATABASE_URL"].replace("+asyncpg", ""))
    assert await linked_before(connection) == 0
    for created_at in ("now()", "now() - interval '1 year'"):
        await connection.execute(
            "with a as (insert into accounts (id) values (uuidv7()) returning id) insert into face_templates "
            f"select uuidv7(), id, array_fill(0.1, array[128])::vector, 1, now(), true, {created_at} from a"
        )
    assert await linked_before(connection) == 1
    assert "0014" not in doctor(external).checks["database"]["detail"], "too few to be worth the work"
    assert old_links_hint(MANY_OLD_LINKS - 1) == ""
    assert "50000 templates of the index of faces are from before" in old_links_hint(MANY_OLD_LINKS)
    await connection.execute("reindex index concurrently face_templates_nearest")
    assert await linked_before(connection) == 0
    await connection.close()


async def test_a_redis_that_forgets_keys_is_a_fault(external: dict[str, str]) -> None:
    """An evicted nonce or counter would let a challenge or a password be tried again."""
    client = redis.asyncio.Redis.from_url(external["REDIS_URL"])
    await client.config_set("maxmemory", "100mb")
    await client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        found = doctor(external)
    finally:
        await client.config_set("maxmemory-policy", "noeviction")
        await client.config_set("maxmemory", "0")
        await client.aclose()
    assert found.faults == ["redis"]
    assert "noeviction" in found.checks["redis"]["advice"]


def test_s3_is_written_read_and_deleted_and_a_wrong_secret_is_a_fault(external: dict[str, str]) -> None:
    """A bucket that refuses writes would be noticed by the first person who uploads a photo."""
    with S3Server(clock=FixedClock(datetime.now(UTC))) as server:
        environment = external | {
            "S3_BUCKET": server.bucket,
            "S3_ENDPOINT_URL": server.url,
            "AWS_REGION": server.region,
            "AWS_ACCESS_KEY_ID": server.access_key_id,
            "AWS_SECRET_ACCESS_KEY": server.secret_access_key,
        }
        assert doctor(environment).faults == []
        assert server.objects == {}
        found = doctor(environment | {"AWS_SECRET_ACCESS_KEY": "mistyped"})
    assert found.faults == ["storage"]
    assert "mistyped" not in str(found.checks)


def test_a_provider_whose_keys_cannot_be_had(external: dict[str, str], away: int) -> None:
    """People would be unable to sign in by Google, and nothing would say that the way out is closed."""
    google = {"GOOGLE_CLIENT_ID": "client", "GOOGLE_JWKS_URL": f"http://127.0.0.1:{away}/jwks"}
    found = doctor({**external, **google})
    assert found.faults == ["providers"]
    assert "GOOGLE_JWKS_URL" in found.checks["providers"]["advice"]
    with key_server() as provider:
        provider.publish(signing_key("k", "EC"))
        found = doctor({**external, **google, "GOOGLE_JWKS_URL": provider.url})
    assert found.checks["providers"]["detail"] == "keys at hand of: GOOGLE"


def test_the_file_of_places_is_told_with_its_age_or_its_fault(external: dict[str, str], tmp_path: Path) -> None:
    """An operator would not see that the file is years old, or that the server will not start with it."""
    assert "no GEOIP_FILE" in doctor(external).checks["places"]["detail"]
    cities = write_places(tmp_path / "cities.mmdb")
    found = doctor(external | {"GEOIP_FILE": str(cities)})
    assert found.faults == []
    assert f"GeoLite2-City, built {datetime.now(UTC):%Y-}" in found.checks["places"]["detail"]
    damaged = tmp_path / "damaged.mmdb"
    damaged.write_bytes(cities.read_bytes()[:500])
    found = doctor(external | {"GEOIP_FILE": str(damaged)})
    assert (found.code, found.faults) == (1, ["settings"])
    assert "GEOIP_FILE" in found.checks["settings"]["detail"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_data_folder_that_cannot_be_written_is_a_fault(external: dict[str, str], tmp_path: Path) -> None:
    """The server would fail at the first avatar and not at the start."""
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    found = doctor(external | {"BONAFIDE_DATA": str(locked / "data")})
    assert "data folder" in found.faults
    assert "BONAFIDE_DATA" in found.checks["data folder"]["advice"]


def test_a_broken_model_cache_is_repaired_or_named(external: dict[str, str], tmp_path: Path) -> None:
    """A half-written model would stop the server with a riddle."""
    assert doctor(external).faults == []
    for cached in (tmp_path / "models").iterdir():
        cached.write_bytes(cached.read_bytes()[:1000])
    found = doctor(external)
    assert found.faults in ([], ["face model"])

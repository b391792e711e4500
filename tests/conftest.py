"""Fixtures: real PostgreSQL and Redis for the whole run, a database cloned from a migrated template for each test."""

import asyncio
import importlib.util
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import hypothesis
import pytest
import redis.asyncio

from app.embedded import EmbeddedServices
from app.ids import Ids
from app.migrate import migrate
from app.settings import Settings
from facecore.converter import cached_model
from tests.fakes import FixedClock, Mailbox

ROOT = Path(__file__).parent.parent

# Each run has the same examples, and none fails for the time that a busy machine took over it.
hypothesis.settings.register_profile(
    "tests",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("tests")


def shipped(package: str, *parts: str) -> Path:
    """A file inside an installed package, found without importing the package."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(next(iter(spec.submodule_search_locations))).joinpath(*parts)


@pytest.fixture(scope="session")
def astronaut_path() -> Path:
    """A real portrait (512x512 PNG, Eileen Collins, NASA, public domain) that scikit-image ships."""
    return shipped("skimage", "data", "astronaut.png")


@pytest.fixture(scope="session")
def grace_hopper_path() -> Path:
    """A real portrait (512x600 JPEG, Grace Hopper, US Navy, public domain) that matplotlib ships."""
    return shipped("matplotlib", "mpl-data", "sample_data", "grace_hopper.jpg")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Labelled faces and clips that stand beside the project on some machines; tests with it skip visibly elsewhere."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("../shared/data is not beside the project")
    return folder


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServices]:
    """One PostgreSQL and one Redis for the whole run, the migrated schema in the database `template_bonafide`."""
    with EmbeddedServices.start(tmp_path_factory.mktemp("embedded"), durable=False) as services:
        asyncio.run(_make_template(services.database_url))
        yield services


@pytest.fixture
def ids() -> Ids:
    return Ids()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
async def database_url(embedded: EmbeddedServices, ids: Ids) -> AsyncIterator[str]:
    """A migrated database of the test's own."""
    name = f"test_{ids.uuid7().hex}"
    admin = await asyncpg.connect(_plain(embedded.database_url))
    await admin.execute(f"create database {name} template template_bonafide")
    yield _named(embedded.database_url, name)
    await admin.execute(f"drop database {name} with (force)")
    await admin.close()


@pytest.fixture
async def redis_url(embedded: EmbeddedServices) -> AsyncIterator[str]:
    """An empty Redis."""
    client = redis.asyncio.Redis.from_url(embedded.redis_url)
    await client.flushall()
    yield embedded.redis_url
    await client.aclose()


@pytest.fixture(scope="session")
def face_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The converted face model, made once for the whole run."""
    folder = tmp_path_factory.mktemp("models")
    cached_model(folder)
    return folder


@pytest.fixture
def settings(database_url: str, redis_url: str, tmp_path: Path, face_models: Path) -> Settings:
    """Development settings on the test's own database and folder; Argon2 as cheap as it goes."""
    (tmp_path / "models").symlink_to(face_models)
    environment = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "BONAFIDE_DATA": str(tmp_path),
        "ARGON2_MEMORY_KIB": "64",
        "ARGON2_TIME_COST": "1",
        "PUBLIC_URL": "http://127.0.0.1:8000",
    }
    return Settings.from_environment(environment)


async def _make_template(database_url: str) -> None:
    admin = await asyncpg.connect(_plain(database_url))
    await admin.execute("create database template_bonafide")
    await admin.close()
    await migrate(_named(database_url, "template_bonafide"))


def _plain(database_url: str) -> str:
    return database_url.replace("postgresql+asyncpg://", "postgresql://", 1)


def _named(database_url: str, name: str) -> str:
    return database_url.replace("@/bonafide", f"@/{name}", 1)

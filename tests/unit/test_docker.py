"""Image and compose file do what `make run` does; checked as text, where no container engine is at hand."""

import argparse
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

import pytest

from app.commands import serve
from app.migrate import MIGRATIONS
from app.settings import Settings, SettingsError

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"

Yaml: TypeAlias = "dict[str, Yaml] | list[str] | str"


class SimpleYaml:
    """Reads the part of YAML that compose.yaml uses: nested maps, lists of scalars, plain or quoted scalars.

    Anything else (anchors, flow style, block text, tabs, duplicate keys) raises ValueError: the file stays this simple.
    """

    def __init__(self, text: str) -> None:
        self._lines = [
            (len(line) - len(line.lstrip(" ")), line.strip())
            for line in text.splitlines()
            if line.strip() and not line.lstrip().startswith("#")
        ]
        self._at = 0

    def read(self) -> dict[str, Yaml]:
        found = self._map(0)
        if self._at != len(self._lines):
            raise ValueError(f"unexpected indentation: {self._lines[self._at][1]}")
        return found

    def _map(self, indent: int) -> dict[str, Yaml]:
        found: dict[str, Yaml] = {}
        while self._at < len(self._lines) and self._lines[self._at][0] == indent:
            line = self._lines[self._at][1]
            matched = re.fullmatch(r"([A-Za-z_][\w.-]*):(?: +(.+))?", line)
            if not matched or matched[1] in found:
                raise ValueError(f"not a simple entry: {line}")
            self._at += 1
            found[matched[1]] = self._scalar(matched[2]) if matched[2] else self._nested(indent)
        return found

    def _nested(self, indent: int) -> Yaml:
        if self._at == len(self._lines) or self._lines[self._at][0] <= indent:
            return ""
        deeper, line = self._lines[self._at]
        if not line.startswith("- "):
            return self._map(deeper)
        items = []
        while self._at < len(self._lines) and self._lines[self._at][0] == deeper:
            line = self._lines[self._at][1]
            if not line.startswith("- "):
                raise ValueError(f"not a list item: {line}")
            items.append(self._scalar(line.removeprefix("- ")))
            self._at += 1
        return items

    @staticmethod
    def _scalar(text: str) -> str:
        if text[0] in "&*[{|>!%@`'\t" or " #" in text:
            raise ValueError(f"not a simple scalar: {text}")
        if text[0] == '"':
            if not re.fullmatch(r'"[^"\\]*"', text):
                raise ValueError(f"not a simple quoted scalar: {text}")
            return text[1:-1]
        return text


class Asked(dict[str, str]):
    """An environment that remembers which names were asked for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(values)
        self.names: set[str] = set()

    def get(self, key: str, default: str | None = None) -> str | None:  # type: ignore[override]  # narrower on purpose
        self.names.add(key)
        return super().get(key, default)


def mapping(value: Yaml) -> dict[str, Yaml]:
    assert isinstance(value, dict), value
    return value


@pytest.fixture(scope="module")
def compose() -> dict[str, Yaml]:
    return SimpleYaml((DOCKER / "compose.yaml").read_text()).read()


@pytest.fixture(scope="module")
def services(compose: dict[str, Yaml]) -> dict[str, Yaml]:
    return mapping(compose["services"])


@pytest.fixture(scope="module")
def dockerfile() -> str:
    return (DOCKER / "Dockerfile").read_text().replace("\\\n", " ")


@pytest.fixture(scope="module")
def env_file() -> dict[str, str]:
    lines = (DOCKER / "bonafide.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@pytest.mark.parametrize(
    "text", ["a: &x 1", "a: [1]", "a: |", "a: 1\na: 2", "a:\n  - b\n  c: d", "a: 1\n   b: 2", "- a"]
)
def test_the_yaml_reader_refuses_what_it_does_not_know(text: str) -> None:
    """The tests below would read another file than the container engine does."""
    with pytest.raises(ValueError, match=r".+"):
        SimpleYaml(text).read()


def test_image_installs_the_same_lock_in_the_same_way_as_make_run(dockerfile: str) -> None:
    """A container would run other versions than were tested."""
    makefile = (ROOT / "Makefile").read_text()
    flags = re.search(r"^INSTALL := \$\(BIN\)/python -m pip install (.+)$", makefile, re.MULTILINE)
    assert flags is not None
    from_make = re.findall(r"\$\(INSTALL\) (--require-hashes -r \S+)", makefile.partition("$(VENV)/.dev:")[0])
    assert from_make == ["--require-hashes -r requirements-build.lock", "--require-hashes -r requirements.lock"]
    installs = re.findall(r"pip install ((?:--\S+ )*)(-r \S+|-e \.)", dockerfile)
    assert [target for _, target in installs] == ["-r requirements-build.lock", "-r requirements.lock", "-e ."]
    for options, target in installs:
        assert set(flags[1].split()) <= set(options.split())
        assert ("--require-hashes" in options) == target.startswith("-r")


def test_image_has_a_supported_python_and_every_part_of_the_product(dockerfile: str) -> None:
    """The container would not start: a missing package, query or schema."""
    assert set(re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)) == {"python:3.11-slim-bookworm"}
    copied = set(" ".join(re.findall(r"^COPY ((?!--from)[^\n]+) \S+$", dockerfile, re.MULTILINE)).split())
    parts = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    needed = {*parts, MIGRATIONS.parent.name, "schema.graphql", "pyproject.toml"}
    assert needed <= copied
    allowed = (DOCKER / "Dockerfile.dockerignore").read_text().splitlines()
    for name in copied - {"--chmod=755"}:
        assert f"!{name}" in allowed
        assert (ROOT / name).exists()


def test_image_builds_the_web_client_as_make_does(dockerfile: str) -> None:
    """A container would answer every page with "not built"."""
    makefile = (ROOT / "Makefile").read_text()
    for step in ("ci --omit=dev --silent", "run --silent build"):
        assert f"$(NPM) {step}" in makefile
        assert f"sh tools/npm.sh /srv/bonafide/.venv/bin/python {step}" in " ".join(dockerfile.split())
    ignored = (DOCKER / "Dockerfile.dockerignore").read_text().splitlines()
    assert {"app/web/node_modules", "app/web/dist"} <= set(ignored)


def test_image_is_built_in_stages_and_not_run_by_root(dockerfile: str) -> None:
    """A break-out of the server would be root's."""
    stages = dockerfile.split("FROM ")[1:]
    assert len(stages) == 2
    assert re.findall(r"^USER (\S+)", stages[1], re.MULTILINE) == ["bonafide"]
    assert stages[1].index("USER bonafide") < stages[1].index("ENTRYPOINT")
    assert "HEALTHCHECK" in stages[1]
    assert "/readyz" in stages[1]


def test_entry_migrates_and_then_runs_the_command_of_make_run(dockerfile: str) -> None:
    """The container would serve on an old schema, or could not be stopped in order."""
    assert '"bonafide-entry"' in dockerfile
    assert "COPY --chmod=755 docker/entry.sh /usr/local/bin/bonafide-entry" in dockerfile
    script = [line for line in (DOCKER / "entry.sh").read_text().splitlines() if line and not line.startswith("#")]
    assert script == ["set -eu", "bonafide migrate", 'exec bonafide serve --host 0.0.0.0 "$@"']
    assert "@$(BIN)/bonafide serve" in (ROOT / "Makefile").read_text()
    parser = argparse.ArgumentParser()
    serve.add_arguments(parser)
    assert parser.parse_args(["--host", "0.0.0.0", "--workers", "2"]).host == "0.0.0.0"


def test_every_setting_that_is_named_exists_and_holds(env_file: dict[str, str], dockerfile: str) -> None:
    """A mistyped setting would be ignored without a word."""
    asked = Asked(env_file)
    settings = Settings.from_environment(asked)
    image = re.search(r"^ENV ([^\n]+)", dockerfile, re.MULTILINE)
    assert image is not None
    of_image = {pair.split("=")[0] for pair in image[1].split()} - {"PATH", "PYTHONUNBUFFERED"}
    assert set(env_file) | of_image <= asked.names
    for external in (settings.database_url, settings.redis_url, settings.s3_bucket, settings.smtp_url):
        assert external is not None


def test_the_instances_get_secrets_of_their_own_or_do_not_start(env_file: dict[str, str], tmp_path: Path) -> None:
    """Every installation from this folder would share its secrets with everybody who reads it; or none would start."""
    with pytest.raises(SettingsError, match="SECRET_KEY"):
        Settings.from_environment(env_file, listening_on="0.0.0.0")
    shutil.copy(DOCKER / "make-secrets.sh", tmp_path)
    subprocess.run(["sh", "make-secrets.sh"], cwd=tmp_path, check=True, capture_output=True)
    made = (tmp_path / "secrets.env").read_text()
    assert (tmp_path / "secrets.env").stat().st_mode & 0o777 == 0o600
    secrets = dict(line.split("=", 1) for line in made.splitlines())
    settings = Settings.from_environment({**env_file, **secrets}, listening_on="0.0.0.0")
    assert settings.development_secrets == ()
    subprocess.run(["sh", "make-secrets.sh"], cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "secrets.env").read_text() == made
    assert "docker/secrets.env" in (ROOT / ".gitignore").read_text().splitlines()


def test_compose_runs_the_image_with_these_settings(services: dict[str, Yaml]) -> None:
    """Compose would start something else than the image that is tested."""
    app = mapping(services["app"])
    assert app["env_file"] == ["bonafide.env", "secrets.env"]
    build = mapping(app["build"])
    assert (DOCKER / str(build["context"]) / str(build["dockerfile"])).resolve() == DOCKER / "Dockerfile"
    assert "command" not in app
    assert "entrypoint" not in app
    assert "environment" not in app
    # Longer than the ten seconds in which the server promises to stop.
    assert int(str(app["stop_grace_period"]).removesuffix("s")) > serve.STOP_WITHIN_S


def _hosts(services: dict[str, Yaml]) -> Iterator[str]:
    for name, service in services.items():
        yield name
        network = mapping(mapping(service).get("networks", {})).get("default", {})
        yield from mapping(network).get("aliases", [])


def test_every_server_that_a_setting_names_is_a_service(services: dict[str, Yaml], env_file: dict[str, str]) -> None:
    """An instance would wait for a database that nobody starts."""
    hosts = set(_hosts(services))
    for name in ("DATABASE_URL", "REDIS_URL", "SMTP_URL", "S3_ENDPOINT_URL"):
        assert urlsplit(env_file[name]).hostname in hosts, name
    assert "app:8000" in (DOCKER / "proxy.conf").read_text()


def test_the_services_agree_with_the_settings(services: dict[str, Yaml], env_file: dict[str, str]) -> None:
    """Names and passwords would differ, and the first start would fail."""
    database = urlsplit(env_file["DATABASE_URL"])
    assert mapping(services["database"])["image"] == "pgvector/pgvector:pg18"
    assert mapping(mapping(services["database"])["environment"]) == {
        "POSTGRES_USER": database.username,
        "POSTGRES_PASSWORD": database.password,
        "POSTGRES_DB": database.path.removeprefix("/"),
    }
    key, secret = env_file["AWS_ACCESS_KEY_ID"], env_file["AWS_SECRET_ACCESS_KEY"]
    assert mapping(mapping(services["objects"])["environment"]) == {
        "MINIO_ROOT_USER": key,
        "MINIO_ROOT_PASSWORD": secret,
    }
    bucket = mapping(services["bucket"])
    assert mapping(bucket["environment"])["MC_HOST_store"] == f"http://{key}:{secret}@objects:9000"
    assert f"store/{env_file['S3_BUCKET']} " in str(bucket["entrypoint"])
    assert env_file["S3_PUBLIC_BASE"] == f"{env_file['S3_ENDPOINT_URL']}/{env_file['S3_BUCKET']}"
    assert "--appendonly yes --maxmemory-policy noeviction" in str(mapping(services["redis"])["command"])


def test_everything_that_is_waited_for_can_be_told_to_be_healthy(services: dict[str, Yaml]) -> None:
    """`docker compose up` would wait for ever, or start the app before its database."""
    for name, service in services.items():
        waits = mapping(mapping(service).get("depends_on", {}))
        for other, how in waits.items():
            condition = mapping(how)["condition"]
            if condition == "service_healthy" and other != "app":  # the image itself has its check
                assert "healthcheck" in mapping(services[other]), (name, other)
    published = [str(port) for service in services.values() for port in mapping(service).get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in published)

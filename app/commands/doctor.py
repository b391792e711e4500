"""Check everything the server needs, and say what to do about each fault.

Looks at the settings, the data folder, PostgreSQL, Redis, the object store, mail, the keys of sign-in providers, the
GeoIP file, the models and the clock, with the same settings as `bonafide serve`. Embedded PostgreSQL and Redis are used
where they run, else started for the look. A probe object is written and deleted again. On a fresh machine the data
folder, the embedded servers' files and the converted face model are made, as the first `bonafide serve` would.

Exit code 0: all well; 1: at least one fault. --json prints {"ok", "checks": [{"name", "ok", "detail", "advice"}]}.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import json
import os
import shutil
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx
import numpy as np
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.clock import Clock
from app.commands.face_index import face_index_hints
from app.embedded import EmbeddedError, EmbeddedServices, running
from app.geoip import GeoIpError, Places
from app.ids import Ids
from app.mail import MailError, mailer_from
from app.migrate import MigrationError, pending
from app.settings import Settings, SettingsError
from app.social.jwks import FETCH_FAULTS, fetch_key_set
from app.social.providers import providers_from
from app.storage import StorageError, store_from

CHECK_TIMEOUT_S = 30.0
CONNECT_TIMEOUT_S = 5.0
# The features that the SQL uses are those of 18 (lab: PostgreSQL 18.4); Redis scripts need 6.2.
POSTGRES_MAJOR = 18
REDIS_AT_LEAST = (6, 2)
# Below this PostgreSQL may stop with a full disk within a day of avatars.
FREE_DISK_BYTES = 512 * 1024 * 1024
# Challenges and codes live for minutes; a second or two between machines is normal.
CLOCK_SKEW_S = 2.0


class Fault(Exception):
    """Raised by a check: what is wrong, and what to do about it."""

    def __init__(self, detail: str, *, advice: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.advice = advice


@dataclass(frozen=True)
class Finding:
    """What one check found; `advice` is empty where all is well."""

    name: str
    ok: bool
    detail: str
    advice: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of lines")


def run(options: argparse.Namespace) -> int:
    """Checks, prints, and gives back 0 when all is well."""
    findings: list[Finding] = []
    for finding in examine():
        findings.append(finding)
        if not options.json:
            print(_line(finding), flush=True)
    ok = all(finding.ok for finding in findings)
    if options.json:
        print(json.dumps({"ok": ok, "checks": [dataclasses.asdict(finding) for finding in findings]}, indent=2))
    return 0 if ok else 1


def examine() -> Iterator[Finding]:
    """Runs the checks in the order in which one needs the other."""
    try:
        settings = Settings.from_process()
    except SettingsError as error:
        for fault in error.faults:
            yield Finding("settings", False, fault, advice="Correct it in the environment; README lists every setting.")
        return
    yield Finding("settings", True, f"valid for {settings.environment}")
    yield _found("data folder", _data_folder, settings)
    with contextlib.ExitStack() as stack:
        try:
            settings = stack.enter_context(_with_services(settings))
        except EmbeddedError as error:
            yield Finding("embedded services", False, str(error), advice="Follow the message, then run doctor again.")
        else:
            yield _found("database", _database, settings)
            yield _found("clock", _clock, settings)
            yield _found("redis", _redis, settings)
        yield _found("storage", _storage, settings)
        yield _found("mail", _mail, settings)
        yield _found("providers", _providers, settings)
        yield _found("places", _places, settings)
        yield _found("face model", _face_model, settings)
        yield _found("landmarks", _landmarks, settings)


def _line(finding: Finding) -> str:
    line = f"{'ok' if finding.ok else 'fault':6} {finding.name:12} {finding.detail}"
    return f"{line}\n{'':20}-> {finding.advice}" if finding.advice else line


def _found(name: str, check: Callable[[Settings], Awaitable[str]], settings: Settings) -> Finding:
    async def bounded() -> str:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            return await check(settings)

    try:
        return Finding(name, True, asyncio.run(bounded()))
    except Fault as fault:
        return Finding(name, False, fault.detail, fault.advice)
    except TimeoutError:
        return Finding(name, False, f"no answer within {CHECK_TIMEOUT_S:.0f} s", advice="Is it overloaded?")
    except Exception as error:  # a diagnosis must go on to the next check, whatever breaks in this one
        return Finding(name, False, f"{type(error).__name__}: {error}", advice="This is unexpected; please report it.")


@contextlib.contextmanager
def _with_services(settings: Settings) -> Iterator[Settings]:
    """Settings in which both URLs are set: by hand, from the servers that run already, or from ones started now."""
    postgres, redis = settings.database_url is None, settings.redis_url is None
    held = running(settings.data_dir)
    if not postgres and not redis:
        yield settings
    elif held is not None:
        yield dataclasses.replace(
            settings,
            database_url=settings.database_url or held.database_url,
            redis_url=settings.redis_url or held.redis_url,
        )
    else:
        with EmbeddedServices.start(settings.data_dir, postgres=postgres, redis=redis) as services:
            yield dataclasses.replace(
                settings,
                database_url=services.database_url if postgres else settings.database_url,
                redis_url=services.redis_url if redis else settings.redis_url,
            )


async def _data_folder(settings: Settings) -> str:
    folder = settings.data_dir
    existing = folder
    while not existing.exists():
        existing = existing.parent
    if not os.access(existing, os.W_OK | os.X_OK):
        raise Fault(
            f"{existing} cannot be written by this user",
            advice=f"Give the folder to the user that runs Bonafide (chown), or set BONAFIDE_DATA. Wanted: {folder}",
        )
    free = shutil.disk_usage(existing).free
    if free < FREE_DISK_BYTES:
        raise Fault(
            f"only {free / 1e6:.0f} MB are free on the disk of {folder}",
            advice=f"Make room: at least {FREE_DISK_BYTES / 1e6:.0f} MB, or set BONAFIDE_DATA to a larger disk.",
        )
    return f"{folder} ({free / 1e9:.1f} GB free)"


async def _database(settings: Settings) -> str:
    connection = await _connect(settings)
    try:
        major = connection.get_server_version().major
        version = (await connection.fetchval("show server_version")).split()[0]
        vector = await connection.fetchval("select default_version from pg_available_extensions where name = 'vector'")
        hints = await face_index_hints(connection)
    finally:
        await connection.close()
    if major < POSTGRES_MAJOR:
        raise Fault(
            f"PostgreSQL {version} is too old",
            advice=f"Bonafide needs PostgreSQL {POSTGRES_MAJOR}; unset DATABASE_URL to use the embedded one.",
        )
    if vector is None:
        raise Fault("pgvector is not installed", advice="Install pgvector on the server (package or image pgvector).")
    assert settings.database_url is not None
    try:
        waiting = await pending(settings.database_url)
    except MigrationError as error:
        raise Fault(str(error), advice="Restore the released file, or the database that belongs to it.") from error
    schema = "schema up to date"
    if waiting:
        schema = f"{len(waiting)} migration(s) to apply: the next `bonafide serve` or `bonafide migrate` does it"
    return f"PostgreSQL {version}, pgvector {vector}, {schema}{hints}"


async def _clock(settings: Settings) -> str:
    connection = await _connect(settings)
    try:
        began_s = time.monotonic()
        theirs = await connection.fetchval("select clock_timestamp()")
        took_s = time.monotonic() - began_s
    finally:
        await connection.close()
    skew_s = abs((Clock().now() - theirs).total_seconds() - took_s / 2)
    if skew_s > CLOCK_SKEW_S:
        raise Fault(
            f"this machine and the database differ by {skew_s:.1f} s",
            advice="Let both keep time by NTP: challenges, codes and tokens live for minutes only.",
        )
    return f"within {max(skew_s, 0.001):.3f} s of the database"


async def _connect(settings: Settings) -> "asyncpg.Connection":
    assert settings.database_url is not None
    plain = settings.database_url.replace("postgresql+asyncpg://", "postgresql://", 1)
    try:
        return await asyncpg.connect(plain, timeout=CONNECT_TIMEOUT_S)
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise Fault(
            f"PostgreSQL does not answer: {error or type(error).__name__}",
            advice="Is it running, and are host, port, user and password in DATABASE_URL right?",
        ) from error


async def _redis(settings: Settings) -> str:
    assert settings.redis_url is not None
    client = Redis.from_url(settings.redis_url, socket_timeout=CONNECT_TIMEOUT_S)
    try:
        information = await client.info()
    except (RedisError, OSError, TimeoutError) as error:
        raise Fault(
            f"Redis does not answer: {error or type(error).__name__}",
            advice="Is it running, and are host, port and password in REDIS_URL right?",
        ) from error
    finally:
        await client.aclose()
    version = str(information["redis_version"])
    if tuple(int(part) for part in version.split(".")[:2]) < REDIS_AT_LEAST:
        raise Fault(f"Redis {version} is too old", advice=f"Use {'.'.join(map(str, REDIS_AT_LEAST))} or later.")
    if information.get("maxmemory") and information.get("maxmemory_policy") != "noeviction":
        raise Fault(
            f"Redis may evict keys ({information['maxmemory_policy']})",
            advice="Set maxmemory-policy to noeviction: an evicted nonce or counter undoes a protection.",
        )
    if information.get("aof_enabled"):
        return f"Redis {version}, append-only on"
    return f"Redis {version}, append-only off: a restart of it forgets open challenges and counted attempts"


async def _storage(settings: Settings) -> str:
    ids = Ids()
    store = store_from(settings, clock=Clock(), ids=ids)
    key, probe = f"doctor/probe-{ids.token(12)}", b"bonafide doctor"
    place = f"bucket {settings.s3_bucket}" if settings.s3_bucket else str(settings.data_dir / "objects")
    try:
        await store.open()
        await store.write(key, probe, mime="text/plain")
        same = await store.read(key, max_bytes=100) == probe
        await store.delete(key)
    except StorageError as error:
        settings_named = (
            "S3_BUCKET, S3_ENDPOINT_URL, AWS_REGION and the AWS_ keys" if settings.s3_bucket else "the folder"
        )
        raise Fault(
            str(error), advice=f"Check {settings_named}, and that reading, writing and deleting are allowed."
        ) from error
    finally:
        await store.close()
    if not same:
        raise Fault(f"{place} gave back other bytes than were stored", advice="Do not use this store.")
    return f"{place}: wrote, read and deleted a probe"


async def _mail(settings: Settings) -> str:
    try:
        mailer = mailer_from(settings, clock=Clock(), ids=Ids())
        await mailer.open()
        await mailer.check()
    except ValueError as error:
        raise Fault(str(error), advice="Correct SMTP_URL.") from error
    except (MailError, OSError) as error:
        raise Fault(str(error), advice="Check SMTP_URL and that the server is reachable from here.") from error
    await mailer.close()
    if settings.smtp_url is None:
        return f"outbox {settings.outbox_dir} (no SMTP_URL: letters are written there, not sent)"
    return "the mail server takes our sign-in"


async def _providers(settings: Settings) -> str:
    async with httpx.AsyncClient() as http:
        for name, provider in providers_from(settings).items():
            try:
                await fetch_key_set(http, provider.jwks_url)
            except FETCH_FAULTS as error:
                raise Fault(
                    f"the keys of {name} at {provider.jwks_url} cannot be had: {error or type(error).__name__}",
                    advice=f"Check {name}_JWKS_URL and that this machine reaches it; nobody new signs in by it now.",
                ) from error
    return f"keys at hand of: {', '.join(providers_from(settings)) or 'none is set up'}"


async def _places(settings: Settings) -> str:
    try:
        places = Places.open(settings.geoip_file)
    except GeoIpError as error:
        raise Fault(str(error), advice="Fetch GEOIP_FILE anew, or unset it.") from error
    told = places.told
    places.close()
    return told


async def _face_model(settings: Settings) -> str:
    from facecore.dlib_file import CHIP_SIDE
    from facecore.engine import load_engine
    from facecore.errors import FaceError

    cache: Path = settings.data_dir / "models"
    try:
        began_s = time.perf_counter()
        engine = load_engine(settings.face_engine, cache_dir=cache)
        loaded_s = time.perf_counter() - began_s
        engine.describe(np.zeros((1, CHIP_SIDE, CHIP_SIDE, 3), dtype=np.uint8))
        took_s = time.perf_counter() - began_s - loaded_s
    except (FaceError, OSError) as error:
        raise Fault(
            f"the face model does not load: {error}",
            advice=f"Delete {cache} to have it converted again; if that fails, install the packages again.",
        ) from error
    return f"{settings.face_engine} loaded in {loaded_s * 1000:.0f} ms, one face in {took_s * 1000:.0f} ms"


async def _landmarks(_: Settings) -> str:
    from liveness.landmarks import LandmarksError, StillFaceMesh

    try:
        with contextlib.closing(StillFaceMesh()) as reader:
            found = reader.read(np.zeros((240, 320, 3), dtype=np.uint8))
    except (LandmarksError, ImportError, RuntimeError) as error:
        raise Fault(
            f"FaceMesh does not open: {error}", advice="Install the packages again: make clean, make run."
        ) from error
    return f"FaceMesh opens ({len(found)} faces in a black picture)"

"""Frames live in memory only, templates only sealed: everything that was written down is searched for them."""

import base64
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import pytest

from app.client.animation import PhotoAnimator
from app.client.opening import animator_of, read_photo
from app.client.sources import PhotoSource, Source
from app.embedded import EmbeddedServices
from app.ids import Ids
from app.migrate import migrate
from app.secrets import Encryption
from app.verification.model import PhotoTemplate
from app.verification.store import VerificationStore
from app.wiring import Services
from liveness.frames import decode_frame
from liveness.steps import LivenessStep
from tests.attempts import Claim, Disobedient, Studio, confirm, studio
from tests.running import Person, RunningServer, person, wire

LEFT, MOUTH, RIGHT = LivenessStep.LOOK_LEFT, LivenessStep.OPEN_MOUTH, LivenessStep.LOOK_RIGHT
STEPS = (LEFT, MOUTH, RIGHT)
WINDOW_BYTES = 48
CHUNK_BYTES = 4 * 1024 * 1024


@dataclass
class Remembered:
    """A camera that keeps what it sent."""

    source: Source
    sent: list[bytes] = field(default_factory=list)

    def prompt(self, step: LivenessStep) -> None:
        self.source.prompt(step)

    def frame(self, t_ms: int) -> bytes | None:
        jpeg = self.source.frame(t_ms)
        if jpeg is not None:
            self.sent.append(jpeg)
        return jpeg


def windows(data: bytes, *, number: int) -> Iterator[bytes]:
    """Runs of bytes from all over `data`, none of them so plain that it may be found by chance."""
    for start in np.linspace(0.15, 0.95, number) * (len(data) - WINDOW_BYTES):
        window = data[int(start) : int(start) + WINDOW_BYTES]
        if len(set(window)) >= 16:
            yield window


def traces(frame: bytes) -> Iterator[bytes]:
    """What would betray a frame: its JPEG, its pixels, its base64."""
    scan = frame[frame.index(b"\xff\xda") + 14 :]  # the tables before it are those of any JPEG
    yield from windows(scan, number=5)
    yield from windows(decode_frame(frame).tobytes(), number=3)
    for offset in range(3):
        yield from windows(base64.b64encode(scan[offset:]), number=2)


def found(folder: Path, wanted: Iterable[bytes]) -> dict[bytes, Path]:
    """Which of `wanted` (all of one length) stand in which file below `folder`."""
    sought = set(wanted)
    (length,) = {len(window) for window in sought}
    begins = np.zeros(1 << 24, bool)
    for window in sought:
        begins[window[0] | window[1] << 8 | window[2] << 16] = True
    places: dict[bytes, Path] = {}
    for path in (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()):
        data = path.read_bytes()
        for start in range(0, len(data), CHUNK_BYTES):
            chunk = np.frombuffer(data[start : start + CHUNK_BYTES + length], np.uint8).astype(np.uint32)
            if chunk.size < 3:
                continue
            codes = chunk[:-2] | chunk[1:-1] << 8 | chunk[2:] << 16
            for at in np.flatnonzero(begins[codes]).tolist():
                window = data[start + at : start + at + length]
                if window in sought:
                    places[window] = path
    return places


async def template_of(services: Services, who: Person) -> PhotoTemplate | None:
    viewer = await services.sessions.authenticate(who.access_token)
    encryption = Encryption(keys=services.settings.encryption_keys, ids=Ids())
    store = VerificationStore(database=services.database, encryption=encryption, audit=services.audit)
    return await store.photo_template(viewer.account_id)


async def sealed_template_of(services: Services, who: Person) -> bytes | None:
    viewer = await services.sessions.authenticate(who.access_token)
    row = await services.database.one(services.database.queries.photo_template_of, account_id=viewer.account_id)
    return None if row is None else bytes(row["template_sealed"])


async def stream(stage: Studio, who: Person, camera: Source) -> str:
    challenge = await stage.challenge(who, *STEPS)
    async with wire(stage.server) as socket:
        await socket.start(challenge.token, who.access_token)
        return (await stage.shoot(socket, camera)).outcome


async def claim(stage: Studio, who: Person, claimed: Claim) -> str:
    challenge = await stage.challenge(who, *STEPS)
    stage.clock.advance(7)
    return str((await confirm(stage.server, who, challenge.token, claimed))["error"])


async def test_no_frame_and_no_open_template_is_ever_written_down(
    tmp_path: Path,
    face_models: Path,
    astronaut_path: Path,
    grace_hopper_path: Path,
    astronaut: PhotoAnimator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A stolen disk, backup or log would hold people's faces in front of their cameras, and their biometric templates.

    Searched after the servers ended in order, so that every page and every log is on the disk: PostgreSQL's tables and
    write-ahead log, Redis' append-only file, the object store, the servers' logs; and the application's log.
    """
    caplog.set_level(logging.INFO)
    folder = tmp_path / "data"
    folder.mkdir()
    camera, wrong = Remembered(PhotoSource(astronaut)), Remembered(PhotoSource(astronaut, seed=1))
    grace = animator_of(read_photo(grace_hopper_path))
    claims = [Claim.of(astronaut, STEPS), Claim.of(grace, STEPS)]
    with EmbeddedServices.start(folder) as own:
        await migrate(own.database_url)
        async with (
            studio(own, folder, face_models, database="bonafide") as stage,
            person(stage.server, "eileen", photo=astronaut_path) as eileen,
        ):
            assert await stream(stage, eileen, camera) == "SUCCESS"
            assert await stream(stage, eileen, Disobedient(wrong, {LEFT: RIGHT})) == "CHALLENGE_FAILED"
            assert await claim(stage, eileen, claims[0]) == "None"
            assert await claim(stage, eileen, claims[1]) == "FACE_MISMATCH"
            services = stage.server.services
            template, sealed = await template_of(services, eileen), await sealed_template_of(services, eileen)
            assert template is not None
            assert sealed is not None
            me = await eileen.api.me()
            assert me is not None
            async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
                photo = (await http.get(me["avatarUrl"])).content
            tokens = [eileen.access_token]
    frames = [*camera.sent, *wrong.sent]
    for each in claims:
        frames += [each.still, *(jpeg for _, jpeg, _ in each.evidence)]
    assert len(frames) > 60
    secrets = {window for frame in frames for window in traces(frame)}
    assert len(secrets) > 6 * len(frames)
    plain = template.descriptor.astype("<f4").tobytes()
    secrets |= {plain[at : at + WINDOW_BYTES] for at in range(0, len(plain) - WINDOW_BYTES, 4)}
    assert found(folder, secrets) == {}
    # The search does find what is there.
    scan = photo[photo.index(b"\xff\xda") + 14 :]
    assert "objects" in str(next(iter(found(folder, windows(scan, number=3)).values())))
    assert "postgres" in str(next(iter(found(folder, windows(sealed, number=3)).values())))
    said = "\n".join(
        f"{record.getMessage()} {record.args!r}" for record in caplog.records if "websockets.client" not in record.name
    )
    assert "liveness refused" in said
    for secret in (*tokens, "eileen@example.org", *(repr(window)[2:-1] for window in secrets)):
        assert secret not in said
    for number in template.descriptor[:8]:
        assert f"{number:.5f}" not in said


async def test_the_template_goes_with_its_photo(
    server: RunningServer, astronaut_path: Path, grace_hopper_path: Path, empty_room: bytes
) -> None:
    """Somebody who took their face down would leave its measure behind."""
    services = server.services
    async with person(server, "eileen", photo=astronaut_path) as eileen:
        first, first_sealed = await template_of(services, eileen), await sealed_template_of(services, eileen)
        assert first is not None
        assert first_sealed is not None
        assert first.descriptor.astype("<f4").tobytes()[:WINDOW_BYTES] not in first_sealed
        await eileen.api.upload_avatar(grace_hopper_path.read_bytes(), mime="image/jpeg")
        second = await template_of(services, eileen)
        assert second is not None
        assert second.avatar_key != first.avatar_key
        assert not np.array_equal(second.descriptor, first.descriptor)
        assert await sealed_template_of(services, eileen) != first_sealed
        await eileen.api.upload_avatar(empty_room, mime="image/jpeg")
        assert await sealed_template_of(services, eileen) is None


async def test_a_template_copied_to_another_account_does_not_open(
    server: RunningServer, astronaut_path: Path, grace_hopper_path: Path
) -> None:
    """Whoever can write to the database could lend their face to any account."""
    services = server.services
    async with (
        person(server, "eileen", photo=astronaut_path) as eileen,
        person(server, "grace", photo=grace_hopper_path) as grace,
    ):
        theirs = await sealed_template_of(services, eileen)
        viewer = await services.sessions.authenticate(grace.access_token)
        row = await services.database.one(services.database.queries.photo_template_of, account_id=viewer.account_id)
        assert row is not None
        await services.database.run(
            services.database.queries.replace_photo_template,
            account_id=viewer.account_id,
            avatar_key=row["avatar_key"],
            template_sealed=theirs,
        )
        challenge = await grace.challenge()
        async with wire(server) as socket:
            await socket.start(challenge.token, grace.access_token)
            words, code = await socket.last_words()
        assert (words["code"], code) == ("INTERNAL", 4500)
        await server.graphs_given_back()

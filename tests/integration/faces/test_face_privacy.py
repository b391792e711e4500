"""What is written down of a face that signs in: its template in the gallery, and nothing anywhere else."""

import logging
from pathlib import Path

import numpy as np
import pytest

from app.client.animation import PhotoAnimator
from app.client.sources import PhotoSource
from app.embedded import EmbeddedServices
from app.migrate import migrate
from tests.attempts import Claim, studio
from tests.browsers import browser, sql
from tests.integration.verification.test_privacy import WINDOW_BYTES, Remembered, found, traces
from tests.running import PASSWORD


async def test_no_frame_is_written_down_and_no_template_outside_the_gallery(
    tmp_path: Path,
    face_models: Path,
    astronaut: PhotoAnimator,
    eileen: Claim,
    grace: Claim,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A stolen backup, log or Redis would hold people's faces in front of their cameras.

    Searched after the servers ended in order: PostgreSQL's files, Redis' append-only file, the object store, the logs.
    """
    caplog.set_level(logging.INFO)
    folder = tmp_path / "data"
    folder.mkdir()
    camera, tickets, answers = Remembered(PhotoSource(astronaut)), [], []
    with EmbeddedServices.start(folder) as own:
        await migrate(own.database_url)
        async with (
            studio(own, folder, face_models, database="bonafide") as stage,
            browser(stage) as first,
            browser(stage) as second,
            browser(stage) as third,
        ):
            take = await first.film(camera)
            tickets.append(take.last["ticket"])
            answers.append(await first.trade(take.last["ticket"]))
            answers.append(await second.face_login(eileen))
            answers.append((await third.first_call(grace, keepPhoto=True)).json())
            tickets.append(answers[-1]["ticket"])
            answers.append((await third.second_call(tickets[-1])).json())
            answers.append(await second.face_login(Claim(eileen.still, grace.evidence)))
            exported = await first.ask("mutation { exportMyData }")
            rows = await sql(stage, "select descriptor::real[] as face from face_templates")
    assert len(rows) == 2
    frames = [
        *camera.sent,
        eileen.still,
        grace.still,
        *(jpeg for claim in (eileen, grace) for _, jpeg, _ in claim.evidence),
    ]
    assert found(folder, {window for frame in frames for window in traces(frame)}) == {}
    said = "\n".join(
        f"{record.getMessage()} {record.args!r}" for record in caplog.records if "websockets" not in record.name
    )
    assert "liveness passed LOGIN" in said
    for secret in (*tickets, PASSWORD):
        assert secret not in said
    for row in rows:
        template = np.array(row["face"], "<f4")
        for order in ("<f4", ">f4"):
            plain = template.astype(order).tobytes()
            windows = {plain[at : at + WINDOW_BYTES] for at in range(0, len(plain) - WINDOW_BYTES, 4)}
            places = [str(path) for path in found(folder, windows).values()]
            assert all("postgres" in path for path in places)
            assert places or order == ">f4", "the search finds what is there"
        for number in template[:16]:
            for text in (said, exported, repr(answers)):
                assert f"{number:.5f}" not in text
                assert f"{number:.6g}" not in text

"""`bonafide check`, as a person at a terminal meets it, on clips of an animated photo."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from app.cli import main
from app.client.animation import PhotoAnimator, Pose
from app.verification.clip import ClipError, clip_frames
from facecore.converter import cached_model
from facecore.photos import decode
from liveness.landmarks import StillFaceMesh
from tests.recordings import Rgb

FPS = 15
LEFT, MOUTH = Pose(yaw_deg=22.0), Pose(mouth_open=1.0)
STEPS = "LOOK_LEFT,OPEN_MOUTH"


def acted(animator: PhotoAnimator, *poses: Pose) -> Iterator[Rgb]:
    """Rest for 1.2 s, then each pose: 0.5 s to it, held for 0.7 s, 0.5 s back, 0.5 s of rest."""
    for _ in range(18):
        yield animator.render(Pose())
    for pose in poses:
        for share in [*np.linspace(0, 1, 8), *[1.0] * 10, *np.linspace(1, 0, 8), *[0.0] * 7]:
            yield animator.render(Pose().towards(pose, float(share)))


def record(path: Path, frames: Iterable[Rgb], *, fps: float = FPS) -> Path:
    writer = None
    for rgb in frames:
        if writer is None:
            code = cv2.VideoWriter.fourcc(*"mp4v")
            writer = cv2.VideoWriter(str(path), code, fps, (rgb.shape[1], rgb.shape[0]))
        writer.write(np.ascontiguousarray(rgb[..., ::-1]))
    assert writer is not None
    writer.release()
    return path


@pytest.fixture(scope="module")
def animators(astronaut_path: Path, grace_hopper_path: Path) -> tuple[PhotoAnimator, PhotoAnimator]:
    reader = StillFaceMesh()
    made = [PhotoAnimator(decode(path.read_bytes()), reader) for path in (astronaut_path, grace_hopper_path)]
    reader.close()
    return made[0], made[1]


@pytest.fixture(scope="module")
def clips(animators: tuple[PhotoAnimator, PhotoAnimator], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """answers.mp4 looks left, then opens the mouth; swapped.mp4 is somebody else for the second half of it."""
    folder = tmp_path_factory.mktemp("clips")
    astronaut, hopper = animators
    record(folder / "answers.mp4", acted(astronaut, LEFT, MOUTH))
    first, second = list(acted(astronaut, LEFT, MOUTH)), list(acted(hopper, LEFT, MOUTH))
    record(folder / "swapped.mp4", [*first[:51], *second[51:]])
    record(folder / "mirrored.mp4", (np.ascontiguousarray(rgb[:, ::-1]) for rgb in first))
    record(folder / "nobody.mp4", (np.full((240, 320, 3), 90 + n % 7, np.uint8) for n in range(30)))
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    cached_model(folder / "models")
    return folder


@pytest.fixture(autouse=True)
def data_folder(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BONAFIDE_DATA", str(models))


def checked(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict[str, Any]]:
    code = main(["check", *map(str, arguments), "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_a_clip_that_answers_passes(clips: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Scripts hold on to the exit code and to these names."""
    code, result = checked(capsys, clips / "answers.mp4", "--steps", STEPS)
    assert code == 0
    assert list(result) == ["passed", "error", "steps", "signals", "distance", "reasons"]
    assert (result["passed"], result["error"], result["distance"], result["reasons"]) == (True, None, None, [])
    assert [(o["step"], o["passed"]) for o in result["steps"]] == [("LOOK_LEFT", True), ("OPEN_MOUTH", True)]
    assert 1200 < result["steps"][0]["at_ms"] < result["steps"][1]["at_ms"] < 5700
    assert result["signals"]["fps"] == pytest.approx(FPS, abs=0.5)
    assert result["signals"]["yaw_max_deg"] > 15
    assert result["signals"]["frames"] == result["signals"]["frames_with_face"] > 50


@pytest.mark.parametrize("steps", ["LOOK_RIGHT", "OPEN_MOUTH,LOOK_LEFT", "LOOK_LEFT,LOOK_UP"])
def test_a_clip_of_something_else_fails(clips: Path, capsys: pytest.CaptureFixture[str], steps: str) -> None:
    """A recording of other gestures would count."""
    code, result = checked(capsys, clips / "answers.mp4", "--steps", steps)
    assert code == 1
    assert (result["passed"], result["error"]) == (False, "CHALLENGE_FAILED")
    assert result["reasons"]
    assert len(result["steps"]) == len(steps.split(","))


def test_a_mirrored_clip_is_read_the_right_way_round(clips: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Selfie recordings would be told that the person turned to the wrong side."""
    assert checked(capsys, clips / "mirrored.mp4", "--steps", STEPS, "--mirrored")[0] == 0
    code, result = checked(capsys, clips / "mirrored.mp4", "--steps", STEPS)
    assert code == 1
    assert "OPPOSITE_TURN" in result["reasons"][0]


def test_nobody_is_told_as_no_face(clips: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The words would send the person looking for the wrong fault."""
    code, result = checked(capsys, clips / "nobody.mp4", "--steps", "BLINK")
    assert code == 1
    assert result["signals"]["frames_with_face"] == 0
    assert result["signals"]["yaw_max_deg"] is None


def test_a_slow_device_is_imitated(clips: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One could not find out whether a poor telephone would do."""
    code, result = checked(capsys, clips / "answers.mp4", "--steps", STEPS, "--fps", "5")
    assert code == 0
    assert result["signals"]["fps"] == pytest.approx(5, abs=0.3)


def test_the_photo_decides_too(
    clips: Path, astronaut_path: Path, grace_hopper_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A live stranger would pass for the person in the photo."""
    code, result = checked(capsys, clips / "answers.mp4", "--steps", STEPS, "--photo", astronaut_path)
    assert code == 0
    assert 0 < result["distance"] < 0.4
    code, result = checked(capsys, clips / "answers.mp4", "--steps", STEPS, "--photo", grace_hopper_path)
    assert code == 1
    assert result["error"] == "FACE_MISMATCH"
    assert result["distance"] > 0.6
    assert all(outcome["passed"] for outcome in result["steps"])
    # A match never rescues a failed challenge.
    code, result = checked(capsys, clips / "answers.mp4", "--steps", "LOOK_RIGHT", "--photo", astronaut_path)
    assert (code, result["error"]) == (1, "CHALLENGE_FAILED")
    assert result["distance"] < 0.4


def test_another_person_stepping_in_fails(clips: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One person would lend another the half of the challenge that he cannot do."""
    code, result = checked(capsys, clips / "swapped.mp4", "--steps", STEPS)
    assert code == 1
    assert result["error"] == "CHALLENGE_FAILED"


def test_words_for_people_and_a_report(clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A refused person could not be told why."""
    report = tmp_path / "out.svg"
    assert main(["check", str(clips / "answers.mp4"), "--steps", "LOOK_RIGHT", "--report", str(report)]) == 1
    told = capsys.readouterr()
    assert told.out.startswith("failed: CHALLENGE_FAILED\n  LOOK_RIGHT")
    assert "the head turned fully to the opposite side" in told.out
    assert ET.parse(report).getroot().tag.endswith("svg")
    assert "the head turned fully to the opposite side" in report.read_text(encoding="utf-8")
    assert main(["check", str(clips / "answers.mp4"), "--steps", STEPS]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("passed\n  LOOK_LEFT   passed")
    assert "LOOK_LEFT passed" in told.err  # progress


# Unusable input: exit code 2, and words that say what and what to do


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["none.mp4", "--steps", "BLINK"], "there is no file"),
        (["text.mp4", "--steps", "BLINK"], "not a video"),
        (["cut.mp4", "--steps", "BLINK"], "not a video"),
        (["still.png", "--steps", "BLINK"], "not a video"),
        ([".", "--steps", "BLINK"], "there is no file"),
        (["answers.mp4", "--steps", "NOD"], "'NOD' is no step; use LOOK_LEFT, LOOK_RIGHT, LOOK_UP"),
        (["answers.mp4", "--steps", "BLINK,,SMILE"], "'' is no step"),
        (["answers.mp4", "--steps", ""], "'' is no step"),
        (["answers.mp4", "--steps", "BLINK", "--photo", "none.jpg"], "none.jpg cannot be read"),
        (["answers.mp4", "--steps", "BLINK", "--photo", "text.mp4"], "text.mp4: "),
        (["answers.mp4", "--steps", "BLINK", "--photo", "teal.png"], "shows no face"),
        (["answers.mp4", "--steps", "BLINK", "--report", "none/out.svg"], "cannot be written"),
        (["answers.mp4", "--steps", "BLINK", "--report", "."], "cannot be written"),
        (["answers.mp4", "--steps", "BLINK", "--fps", "0"], "--fps"),
        (["answers.mp4", "--steps", "BLINK", "--fps", "nan"], "--fps"),
    ],
)
def test_unusable_input_is_named(
    clips: Path,
    astronaut_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    """A typing mistake would look like a failed person, or end in a stack trace."""
    monkeypatch.chdir(tmp_path)
    Path("answers.mp4").symlink_to(clips / "answers.mp4")
    Path("text.mp4").write_text("not a video")
    Path("cut.mp4").write_bytes((clips / "answers.mp4").read_bytes()[:5000])
    Path("still.png").write_bytes(astronaut_path.read_bytes())
    cv2.imwrite("teal.png", np.full((300, 300, 3), (128, 128, 0), np.uint8))
    assert main(["check", *arguments]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert words in told.err
    assert "Traceback" not in told.err


def test_an_unwritable_report_is_found_before_the_work(clips: Path, tmp_path: Path) -> None:
    """Minutes of judging a long clip would be thrown away; and the look must not leave a file behind."""
    report = tmp_path / "out.svg"
    assert main(["check", str(clips / "answers.mp4"), "--steps", "BLINK", "--report", str(report), "--fps", "0"]) == 2
    assert main(["check", str(clips / "nobody.mp4"), "--steps", "NOD", "--report", str(report)]) == 2
    assert main(["check", str(tmp_path / "x.mp4"), "--steps", "BLINK", "--report", str(report)]) == 2
    assert not report.exists()


# Frames


def test_frames_carry_the_clips_own_time(clips: Path) -> None:
    """Gestures would be timed by how fast this machine reads files."""
    times = [t for t, _ in clip_frames(clips / "answers.mp4")]
    assert times[:4] == [0, 67, 133, 200]
    thin = [t for t, _ in clip_frames(clips / "answers.mp4", fps=5)]
    assert thin == times[::3]


def test_large_frames_are_sent_as_a_client_would(tmp_path: Path) -> None:
    """A telephone's recording would be judged on more detail than the stream ever gets."""
    big = record(tmp_path / "big.mp4", [np.full((960, 1280, 3), n * 20, np.uint8) for n in range(4)])
    assert {rgb.shape for _, rgb in clip_frames(big)} == {(480, 640, 3)}


def test_a_single_frame_is_no_clip(tmp_path: Path) -> None:
    """A photo would be judged as a person who does not move."""
    one = record(tmp_path / "one.mp4", [np.zeros((240, 320, 3), np.uint8)])
    with pytest.raises(ClipError, match="1 frame"):
        list(clip_frames(one))


def test_the_recorded_people_behave_as_labelled(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Real people, unlike animations, would be refused."""
    clip = shared_data / "clips" / "d12.mp4"
    code, result = checked(capsys, clip, "--steps", "LOOK_LEFT,LOOK_RIGHT,OPEN_MOUTH")
    assert (code, result["passed"]) == (0, True), result["reasons"]
    assert checked(capsys, clip, "--steps", "LOOK_RIGHT,LOOK_LEFT")[0] == 1

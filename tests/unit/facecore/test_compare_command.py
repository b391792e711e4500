"""`bonafide compare`, as a person at a terminal meets it."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from app.cli import main
from facecore.converter import cached_model


@pytest.fixture(autouse=True)
def data_folder(model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data folder that has the model already."""
    models = tmp_path / "data" / "models"
    models.mkdir(parents=True)
    (models / model_path.name).write_bytes(model_path.read_bytes())
    monkeypatch.setenv("BONAFIDE_DATA", str(tmp_path / "data"))
    assert cached_model(models).parent == models


@pytest.fixture
def photos(tmp_path: Path, astronaut_path: Path, grace_hopper_path: Path) -> Path:
    """a1 and a2 show one person, b1 and b2 another, text.jpg nobody, plain.png no face."""
    folder = tmp_path / "photos"
    folder.mkdir()
    with Image.open(astronaut_path) as a, Image.open(grace_hopper_path) as b:
        for name, picture in (("a", a), ("b", b)):
            picture.convert("RGB").save(folder / f"{name}1.png")
            picture.convert("L").rotate(4).save(folder / f"{name}2.jpg", quality=80)
    (folder / "text.jpg").write_text("not a picture")
    Image.new("RGB", (300, 300), "teal").save(folder / "plain.png")
    return folder


def test_one_person_matches(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A script could not tell a match by the exit code or the JSON."""
    assert main(["compare", str(photos / "a1.png"), str(photos / "a2.jpg"), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert set(result) == {"match", "distance"}
    assert result["match"] is True
    assert 0 < result["distance"] < 0.4


def test_two_people_do_not_match(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Strangers would be told to be one person."""
    assert main(["compare", str(photos / "a1.png"), str(photos / "b1.png")]) == 1
    assert "no match" in capsys.readouterr().out


def test_threshold_and_engine_can_be_chosen(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The operator could not calibrate, nor check one engine against the other."""
    files = [str(photos / "a1.png"), str(photos / "a2.jpg"), "--json"]
    distances = []
    for engine in ("onnx", "dlib"):
        assert main(["compare", *files, "--engine", engine, "--threshold", "0.01"]) == 1
        distances.append(json.loads(capsys.readouterr().out)["distance"])
    assert distances[0] == pytest.approx(distances[1], abs=1e-4)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a1.png", "nothing.png"], "nothing.png cannot be read"),
        (["text.jpg", "a1.png"], "not a JPEG, PNG or WebP"),
        (["a1.png", "plain.png"], "no face was found"),
        (["a1.png"], "two photos"),
        ([], "two photos"),
    ],
    ids=["missing", "text", "no-face", "one", "none"],
)
def test_unusable_input_is_named(
    photos: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    """A script would take a broken file for a stranger's face."""
    assert main(["compare", *(str(photos / name) for name in arguments)]) == 2
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.out == ""


def pairs_file(folder: Path, *rows: str, header: str = "file_x,file_y,Decision") -> str:
    path = folder / "pairs.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return str(path)


def test_pairs_give_rates_and_a_sweep(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The operator would deploy without knowing how often strangers pass."""
    rows = ["a1.png,a2.jpg,Yes", "b1.png,b2.jpg,yes", "a1.png,b1.png,No", "a2.jpg,b2.jpg,NO", "a1.png,b2.jpg,Yes",
            "a1.png,text.jpg,No", "plain.png,missing.png,Yes"]  # fmt: skip
    path = pairs_file(photos, *rows)
    assert main(["compare", "--pairs", path, "--root", str(photos), "--json"]) == 0
    captured = capsys.readouterr()
    result: dict[str, Any] = json.loads(captured.out)
    assert set(result) == {"fmr", "fnmr", "threshold", "same", "different", "unusable", "sweep"}
    assert (result["same"], result["different"], result["unusable"]) == (3, 2, 2)
    assert result["threshold"] == 0.5
    assert result["fmr"] == 0
    assert result["fnmr"] == pytest.approx(1 / 3)  # the mislabelled pair
    assert {"threshold", "fmr", "fnmr"} == set(result["sweep"][0])
    assert "text.jpg" in captured.err

    assert main(["compare", "--pairs", path]) == 0
    assert "FNMR 33.33 %" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("rows", "header", "words"),
    [
        (["a1.png,a2.jpg,Maybe"], "file_x,file_y,Decision", "line 2"),
        (["a1.png,a2.jpg,Yes", ",b.png,No"], "file_x,file_y,Decision", "line 3"),
        (["a1.png,a2.jpg"], "file_x,file_y,Decision", "line 2"),
        (["a1.png,a2.jpg,Yes"], "left,right,same", "file_x,file_y,Decision"),
        ([], "file_x,file_y,Decision", "lists no pair"),
        (["x.png,y.png,Yes"], "file_x,file_y,Decision", "none of the 1 pairs"),
    ],
    ids=["decision", "empty-name", "short", "columns", "empty", "all-unusable"],
)
def test_a_wrong_pairs_file_is_named_by_line(
    photos: Path, capsys: pytest.CaptureFixture[str], rows: list[str], header: str, words: str
) -> None:
    """The rates would be computed from half a file."""
    assert main(["compare", "--pairs", pairs_file(photos, *rows, header=header), "--json"]) == 2
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.out == ""


def test_a_pairs_file_or_folder_that_is_not_there(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A typing error in a path would end in a traceback."""
    assert main(["compare", "--pairs", str(photos / "no.csv")]) == 2
    assert main(["compare", "--pairs", pairs_file(photos), "--root", str(photos / "no")]) == 2
    assert main(["compare", "--pairs", str(photos / "plain.png")]) == 2
    assert main(["compare", "a", "b", "--pairs", pairs_file(photos)]) == 2
    assert capsys.readouterr().out == ""

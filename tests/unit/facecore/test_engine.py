"""Two engines, one answer."""

import itertools
import threading
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from app.verification.photo_faces import PhotoFaces
from facecore.alignment import aligned_chip
from facecore.distance import distance, is_match
from facecore.engine import DlibEngine, OnnxEngine, load_engine
from facecore.errors import FaceError, ModelError
from facecore.photos import clean_jpeg, decode
from liveness.landmarks import FaceMesh

Rgb = NDArray[np.uint8]
AGREEMENT = 1e-3
THRESHOLD = 0.5


@pytest.fixture(scope="module")
def chips(astronaut: Rgb, astronaut_face: FaceMesh, grace_hopper: Rgb, hopper_face: FaceMesh) -> Rgb:
    """Two real faces, each upright, mirrored and dimmed; and a black chip."""
    faces = [aligned_chip(astronaut, astronaut_face.points), aligned_chip(grace_hopper, hopper_face.points)]
    varied = [chip for face in faces for chip in (face, face[:, ::-1], face // 2)]
    return np.stack([*varied, np.zeros((150, 150, 3), np.uint8)])


def test_engines_agree_on_every_chip(onnx_engine: OnnxEngine, dlib_engine: DlibEngine, chips: Rgb) -> None:
    """Templates would stop matching the day the operator changes the engine."""
    ours, reference = onnx_engine.describe(chips), dlib_engine.describe(chips)
    assert np.linalg.norm(ours - reference, axis=1).max() <= AGREEMENT
    for a, b in itertools.combinations(range(len(chips)), 2):
        verdicts = [is_match(distance(each[a], each[b]), THRESHOLD) for each in (ours, reference)]
        assert verdicts[0] == verdicts[1]


def test_engines_agree_on_the_labelled_faces(
    shared_data: Path, photo_faces: PhotoFaces, onnx_engine: OnnxEngine, dlib_engine: DlibEngine
) -> None:
    """The badge would be given to strangers, or refused to the person on the photo."""
    files = sorted((shared_data / "faces").iterdir())
    cut = []
    for path in files:
        rgb = decode(path.read_bytes())
        face = photo_faces.best(rgb)
        assert face is not None, path.name
        cut.append(aligned_chip(rgb, face.points))
    ours, reference = onnx_engine.describe(np.stack(cut)), dlib_engine.describe(np.stack(cut))
    assert np.linalg.norm(ours - reference, axis=1).max() <= AGREEMENT
    for a, b in itertools.combinations(range(len(files)), 2):
        expected = files[a].name[:2] == files[b].name[:2]
        for descriptors in (ours, reference):
            assert is_match(distance(descriptors[a], descriptors[b]), THRESHOLD) == expected


def test_a_batch_says_what_single_chips_say(onnx_engine: OnnxEngine, chips: Rgb) -> None:
    """The verdict on a person would depend on who else is checked at that moment."""
    many = np.concatenate([chips] * 6)
    singly = np.concatenate([onnx_engine.describe(chip[None]) for chip in many])
    assert np.abs(onnx_engine.describe(many) - singly).max() < 1e-5
    assert onnx_engine.describe(chips[:0]).shape == (0, 128)


def test_a_clean_copy_keeps_the_face(
    astronaut: Rgb, astronaut_face: FaceMesh, photo_faces: PhotoFaces, onnx_engine: OnnxEngine
) -> None:
    """The stored profile photo would no longer look like its template."""
    copy = decode(clean_jpeg(astronaut).data)
    face = photo_faces.best(copy)
    assert face is not None
    pair = np.stack([aligned_chip(astronaut, astronaut_face.points), aligned_chip(copy, face.points)])
    assert distance(*onnx_engine.describe(pair)) < 0.1


def test_threads_share_an_engine(onnx_engine: OnnxEngine, chips: Rgb) -> None:
    """Two checks at once would spoil each other's descriptors."""
    expected = onnx_engine.describe(chips)
    answers: list[NDArray[np.float32]] = []
    threads = [threading.Thread(target=lambda: answers.append(onnx_engine.describe(chips))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4
    assert all((answer == expected).all() for answer in answers)


@pytest.mark.parametrize(
    "chips",
    [
        np.zeros((1, 150, 150, 3), np.float32),
        np.full((1, 150, 150, 3), np.nan),
        np.zeros((150, 150, 3), np.uint8),
        np.zeros((1, 149, 150, 3), np.uint8),
        np.zeros((1, 3, 150, 150), np.uint8),
    ],
    ids=["float", "nan", "single", "size", "channels-first"],
)
@pytest.mark.parametrize("name", ["onnx", "dlib"])
def test_other_shapes_and_types_are_refused(request: pytest.FixtureRequest, name: str, chips: Rgb) -> None:
    """A mistake upstream would become a descriptor that means nothing."""
    with pytest.raises(FaceError, match="expected uint8"):
        request.getfixturevalue(f"{name}_engine").describe(chips)


def test_engines_are_chosen_by_name(model_path: Path) -> None:
    """A typing error in FACE_ENGINE would be answered with some engine."""
    assert load_engine("onnx", cache_dir=model_path.parent).name == "onnx"
    with pytest.raises(FaceError, match="onnx or dlib"):
        load_engine("openface", cache_dir=model_path.parent)


def test_a_damaged_model_is_refused(tmp_path: Path, model_path: Path) -> None:
    """The server would fail with a text about protocol buffers."""
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(model_path.read_bytes()[: 1 << 20])
    with pytest.raises(ModelError, match=r"broken\.onnx"):
        OnnxEngine(model=broken)

"""From dlib's file to the ONNX graph: everything read, nothing guessed, kept whole."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from facecore.converter import cached_model, convert, model_file
from facecore.dlib_file import read_network
from facecore.errors import ModelError


@pytest.fixture(scope="module")
def dat() -> bytes:
    return model_file().read_bytes()


def test_the_network_is_the_one_we_know(dat: bytes) -> None:
    """Descriptors of another network would be compared with templates of this one."""
    network = read_network(dat)
    assert network.means.tolist() == pytest.approx([122.782, 117.001, 104.298])
    assert len(network.blocks) == 14
    assert network.output.shape == (256, 128)


# Places in the file, each of another kind, with what damage there must be told as. Offsets are those of the v1 file.
@pytest.mark.parametrize(
    ("at", "value"),
    [(1, 7), (5, ord("x")), (34, 1), (290, 3), (292, ord("o")), (334, 9), (337, ord("t")), (345, 200), (19360, 8)],
    ids=["loss", "name", "version", "length", "input", "control-byte", "layer", "size", "trailer"],
)
def test_anything_unexpected_raises(dat: bytes, at: int, value: int) -> None:
    """A changed model file would be converted into a network that recognises nobody, silently."""
    assert dat[at] != value
    with pytest.raises(ModelError):
        read_network(dat[:at] + bytes([value]) + dat[at + 1 :])


@pytest.mark.parametrize("length", [0, 1, 100, 400, 20_000, 1_000_000, -1])
def test_a_file_cut_short_raises(dat: bytes, length: int) -> None:
    """A half-finished installation would be taken for a model."""
    with pytest.raises(ModelError):
        read_network(dat[:length])


def test_bytes_left_over_raise(dat: bytes) -> None:
    """A larger model of the same beginning would be read in part."""
    with pytest.raises(ModelError, match="left over"):
        read_network(dat + b"\0")


def test_numbers_that_are_not_finite_raise(dat: bytes) -> None:
    """One flipped bit in a weight would make every descriptor NaN."""
    weights = 400
    with pytest.raises(ModelError, match="not finite"):
        read_network(dat[:weights] + b"\xff\xff\xff\xff" * 2 + dat[weights + 8 :])


def test_the_same_file_gives_the_same_graph(model_path: Path, tmp_path: Path) -> None:
    """Two instances would hold models that differ, and their caches would never agree."""
    convert(model_file(), tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == model_path.read_bytes()


def test_a_conversion_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """A half-written model would be loaded at the next start."""
    bad = tmp_path / "bad.dat"
    bad.write_bytes(b"not a model")
    with pytest.raises(ModelError):
        convert(bad, tmp_path / "out.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.dat"]


def test_the_cache_is_used_and_repaired(tmp_path: Path, model_path: Path) -> None:
    """A damaged cache would stop the server, or make it use a damaged network."""
    copy = tmp_path / model_path.name
    copy.write_bytes(model_path.read_bytes())
    written = copy.stat().st_mtime_ns
    assert cached_model(tmp_path) == copy
    assert copy.stat().st_mtime_ns == written

    copy.write_bytes(model_path.read_bytes()[:-1])
    assert cached_model(tmp_path) == copy
    assert copy.read_bytes() == model_path.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == [copy.name]


def test_a_cache_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """The operator would see a crash of another program instead of the folder at fault."""
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises((ModelError, OSError), match="file"):
        cached_model(blocked)


def test_the_models_package_and_onnx_stay_unimported(model_path: Path) -> None:
    """The server would carry pkg_resources, dlib and onnx in memory for nothing, 200 MB of it."""
    script = (
        "import sys; from pathlib import Path; from facecore.engine import load_engine;"
        f"load_engine('onnx', cache_dir=Path({os.fspath(model_path.parent)!r}));"
        "print([m for m in ('onnx','dlib','face_recognition_models','pkg_resources','mediapipe','cv2')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"

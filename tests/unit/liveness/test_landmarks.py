"""Landmarks come from the real engine, quiet and alone in knowing MediaPipe."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from liveness.landmarks import FaceCounter, FaceMeshGraph, LandmarksError, StillFaceMesh

Rgb = npt.NDArray[np.uint8]


def test_a_face_is_478_points_in_pixels(astronaut: Rgb, reader: StillFaceMesh) -> None:
    """Every measure would be taken in the wrong place."""
    (mesh,) = reader.read(astronaut)
    assert mesh.points.shape == (478, 2)
    assert mesh.points.dtype == np.float32
    assert mesh.depth.shape == (478,)
    assert (mesh.width, mesh.height) == (512, 512)
    nose = mesh.points[1]
    assert 200 < nose[0] < 260
    assert 100 < nose[1] < 170


def test_landmarks_equal_the_packaged_solution(astronaut: Rgb, reader: StillFaceMesh) -> None:
    """Driving the graph directly would not be FaceMesh any more."""
    from mediapipe.python.solutions.face_mesh import FaceMesh as Packaged

    with Packaged(static_image_mode=True, refine_landmarks=True) as packaged:
        theirs = packaged.process(astronaut).multi_face_landmarks[0].landmark
    expected = np.array([(point.x * 512, point.y * 512, point.z * 512) for point in theirs])
    (mesh,) = reader.read(astronaut)
    assert np.abs(mesh.points - expected[:, :2]).max() < 0.01
    assert np.abs(mesh.depth - expected[:, 2]).max() < 0.01


def test_no_face_is_an_empty_answer(reader: StillFaceMesh, counter: FaceCounter) -> None:
    """An empty room would raise an error."""
    grey = np.full((240, 320, 3), 120, np.uint8)
    assert reader.read(grey) == ()
    assert counter.count(grey) == 0


def test_faces_are_counted(astronaut: Rgb, grace_hopper: Rgb, counter: FaceCounter) -> None:
    """A second person in the picture would go unnoticed."""
    assert counter.count(astronaut) == 1
    heads = [astronaut[0:260, 90:350], grace_hopper[20:280, 120:380]]
    assert counter.count(np.hstack(heads)) == 2


def test_reset_forgets_the_face(astronaut: Rgb, grace_hopper: Rgb) -> None:
    """The next person's stream would begin with the last one's face."""
    graph = FaceMeshGraph()
    first = graph.read(grace_hopper)[0].points
    for _ in range(3):
        graph.read(astronaut)
    graph.reset()
    assert np.abs(graph.read(grace_hopper)[0].points - first).max() < 0.01
    graph.close()
    graph.close()
    with pytest.raises(LandmarksError):
        graph.read(astronaut)


@pytest.mark.parametrize("shape", [(10, 10), (10, 10, 4), (0, 10, 3)])
def test_only_rgb_is_read(shape: tuple[int, ...], reader: StillFaceMesh) -> None:
    """A grey or transparent picture would be read as noise, an empty one end the process."""
    with pytest.raises(ValueError, match="uint8"):
        reader.read(np.zeros(shape, np.uint8))


def break_off(tool: FaceMeshGraph | StillFaceMesh | FaceCounter) -> None:
    """Sets its clock back, at which the native graph fails, and from then on at every picture."""
    tool._run._time_us = 0


@pytest.mark.parametrize("kind", [FaceMeshGraph, StillFaceMesh, FaceCounter])
def test_a_graph_that_failed_starts_anew(
    kind: type[FaceMeshGraph | StillFaceMesh | FaceCounter], astronaut: Rgb
) -> None:
    """One picture that the engine cannot take would end every check until the server is restarted."""

    def faces() -> int:
        return tool.count(astronaut) if isinstance(tool, FaceCounter) else len(tool.read(astronaut))

    with closing(kind()) as tool:
        assert faces() == 1
        break_off(tool)
        with pytest.raises(LandmarksError, match="failed"):
            faces()
        assert faces() == 1
        break_off(tool)
        with pytest.raises(LandmarksError, match="failed"):
            faces()  # and closing it now is no error
    with pytest.raises(LandmarksError, match="closed"):
        faces()


def test_one_reader_keeps_the_pictures_of_many_apart(astronaut: Rgb, grace_hopper: Rgb, reader: StillFaceMesh) -> None:
    """Two people who come at the same time would get each other's face."""
    pictures = [astronaut, grace_hopper]
    alone = [reader.read(picture)[0].points for picture in pictures]
    with ThreadPoolExecutor(4) as threads:
        turns = list(range(2)) * 20
        together = threads.map(lambda turn: reader.read(pictures[turn])[0].points, turns)
        assert all(np.array_equal(points, alone[turn]) for turn, points in zip(turns, together, strict=True))


QUIET = """
import sys
import numpy as np
import liveness.landmarks
assert not any(name.startswith("mediapipe") for name in sys.modules), "loaded on import"
graph = liveness.landmarks.FaceMeshGraph()
sys.stderr.write("a real message\\n")
graph.read(np.zeros((64, 64, 3), np.uint8))
graph.reset()
graph.read(np.zeros((64, 64, 3), np.uint8))
loaded = [name for name in ("matplotlib", "mediapipe.tasks", "mediapipe.python.solutions") if name in sys.modules]
assert not loaded, loaded
"""


def test_engine_is_lazy_lean_and_quiet() -> None:
    """Memory would grow by 50 MB, and every stream would litter the log; real messages must still come."""
    done = subprocess.run([sys.executable, "-c", QUIET], capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == "a real message\n"


def test_closed_graphs_give_their_memory_back() -> None:
    """Every crowd would leave 26 MB behind for each person in it, until the server is killed."""

    def resident_mib() -> int:
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) // 1024

    def open_and_close() -> None:
        graph = FaceMeshGraph()
        graph.read(np.zeros((240, 320, 3), np.uint8))
        graph.close()

    for _ in range(3):
        open_and_close()
    before = resident_mib()
    for _ in range(8):
        open_and_close()
    assert resident_mib() - before < 52, "8 graphs of 26 MB would be 208"


def test_a_reset_graph_reads_as_a_new_one(astronaut: Rgb, grace_hopper: Rgb) -> None:
    """What one person left in the graph would bend the reading of the next."""
    used, new = FaceMeshGraph(), FaceMeshGraph()
    for _ in range(3):
        used.read(grace_hopper)
    used.reset()
    for _ in range(5):
        (after_reset,), (fresh,) = used.read(astronaut), new.read(astronaut)
        assert np.array_equal(after_reset.points, fresh.points)
        assert np.array_equal(after_reset.depth, fresh.depth)
    used.close()
    new.close()

"""One face comparison against a stored template, beside the way face_recognition is used.

Ours: the bytes of a camera frame are decoded, FaceMesh reads the face (with detection, as for a first frame), the
chip is cut, described and compared with a descriptor that was kept. Theirs, as its README shows: load two files,
find the faces (HOG), encode both, compare. Same two pictures, same process, in turns.

To be fair: the dlib wheel has no BLAS. Linked with one, dlib computes a descriptor in about 16 ms instead of 75; its
detector, over half of its time here, would not change.
"""

import importlib.util
import io
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from facecore.alignment import aligned_chip
from facecore.distance import distance, is_match
from facecore.engine import load_engine
from facecore.photos import decode
from liveness.frames import decode_frame
from liveness.landmarks import StillFaceMesh

NAME = "comparison"

THRESHOLD = 0.5
BAR = 1 / 25
TURNS = 5
OUR_CALLS = 30
THEIR_CALLS = 2


def run() -> list[dict[str, Any]]:
    """The steps' times, both ways' CPU and wall times, and their ratios against the bar."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # face_recognition's packages warn about pkg_resources
        photo, frame = _pictures(Path(folder))
        ours, steps = _our_way(Path(folder), photo, frame)
        theirs = _their_way(photo, frame)
        # In turns, so that a neighbour's load on the machine falls on both.
        turns = [(_timed(ours, OUR_CALLS), _timed(theirs, THEIR_CALLS)) for _ in range(TURNS)]
        our_cpu_ms, our_wall_ms = (statistics.median(mine[kind] for mine, _ in turns) for kind in (0, 1))
        their_cpu_ms, their_wall_ms = (statistics.median(other[kind] for _, other in turns) for kind in (0, 1))
    results = [_row(f"ours: {what}", value, "ms") for what, value in steps.items()]
    results += [
        _row("ours: one comparison, CPU", our_cpu_ms, "ms"),
        _row("ours: one comparison, wall", our_wall_ms, "ms"),
        _row("face_recognition: one comparison, CPU", their_cpu_ms, "ms"),
        _row("face_recognition: one comparison, wall", their_wall_ms, "ms"),
        _row("ratio of CPU times", our_cpu_ms / their_cpu_ms, "ratio", BAR),
        _row("ratio of wall times", our_wall_ms / their_wall_ms, "ratio", BAR),
    ]
    return results


def _row(what: str, value: float, unit: str, bar: float | None = None) -> dict[str, Any]:
    met = None if bar is None else value <= bar
    return {"what": what, "value": value, "unit": unit, "bar": None if bar is None else f"<= {bar:g}", "met": met}


def _pictures(folder: Path) -> tuple[Path, Path]:
    """A portrait as a profile photo, and the same person as a frame of 480 x 640: turned a little and re-encoded."""
    spec = importlib.util.find_spec("matplotlib")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    photo = Path(spec.submodule_search_locations[0]) / "mpl-data" / "sample_data" / "grace_hopper.jpg"
    frame = folder / "frame.jpg"
    with Image.open(photo) as picture:
        picture.convert("RGB").rotate(3, Image.Resampling.BICUBIC).resize((480, 640)).save(frame, quality=85)
    return photo, frame


def _our_way(folder: Path, photo: Path, frame: Path) -> tuple[Callable[[], None], dict[str, float]]:
    """The comparison, and the median time of each of its steps."""
    engine = load_engine("onnx", cache_dir=folder)
    reader = StillFaceMesh()
    rgb = decode(photo.read_bytes())
    template = engine.describe(aligned_chip(rgb, reader.read(rgb)[0].points)[None])[0]
    data = frame.read_bytes()

    def compare() -> None:
        rgb = decode_frame(data)
        chip = aligned_chip(rgb, reader.read(rgb)[0].points)
        assert is_match(distance(template, engine.describe(chip[None])[0]), THRESHOLD)

    pixels = decode_frame(data)
    mesh = reader.read(pixels)[0]
    chip = aligned_chip(pixels, mesh.points)
    steps: dict[str, Callable[[], Any]] = {
        "decode": lambda: decode_frame(data),
        "landmarks": lambda: reader.read(pixels),
        "alignment": lambda: aligned_chip(pixels, mesh.points),
        "descriptor": lambda: engine.describe(chip[None]),
        "distance": lambda: distance(template, template),
    }
    return compare, {what: _timed(step, OUR_CALLS)[1] for what, step in steps.items()}


def _their_way(photo: Path, frame: Path) -> Callable[[], None]:
    import face_recognition

    paths = [io.BytesIO(path.read_bytes()) for path in (photo, frame)]

    def compare() -> None:
        encodings = []
        for path in paths:
            path.seek(0)
            encodings.append(face_recognition.face_encodings(face_recognition.load_image_file(path))[0])
        assert np.linalg.norm(encodings[0] - encodings[1]) <= THRESHOLD

    return compare


def _timed(work: Callable[[], Any], rounds: int) -> tuple[float, float]:
    """Median CPU and wall time of one call in ms; CPU counts all threads of the process."""
    work()
    cpu_ms, wall_ms = [], []
    for _ in range(rounds):
        cpu, wall = time.process_time(), time.perf_counter()
        work()
        cpu_ms.append(1000 * (time.process_time() - cpu))
        wall_ms.append(1000 * (time.perf_counter() - wall))
    return statistics.median(cpu_ms), statistics.median(wall_ms)

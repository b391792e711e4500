"""Pictures to face landmarks; the only module that knows MediaPipe.

The legacy FaceMesh graph is driven directly through the wheel's bindings: the Python "solutions" and "tasks"
packages cost 50 MB and 0.7 s at import and add nothing here (measured: 52 MB resident against 107 MB), and
a graph run by the thread that reads the picture takes 2.1 ms CPU per 320x240 frame, with one executor thread of its
own 2.25, with one per core 2.55 (medians of interleaved runs, two graphs at once).
"""

import contextlib
import importlib
import importlib.util
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from liveness.native_log import known_chatter_dropped

MESH_POINTS = 478  # 468 of the mesh and 5 for each iris
MOST_FACES = 2
"""Of a still picture. Two are enough to know that it shows several; each costs 3 ms."""

_FACE_MESH = """
executor { type: "ApplicationThreadExecutor" }
input_stream: "image"
input_side_packet: "num_faces"
input_side_packet: "use_prev_landmarks"
input_side_packet: "with_attention"
output_stream: "faces"
node {
  calculator: "FaceLandmarkFrontCpu"
  input_stream: "IMAGE:image"
  input_side_packet: "NUM_FACES:num_faces"
  input_side_packet: "USE_PREV_LANDMARKS:use_prev_landmarks"
  input_side_packet: "WITH_ATTENTION:with_attention"
  output_stream: "LANDMARKS:faces"
}
"""
_FACE_DETECTION = """
executor { type: "ApplicationThreadExecutor" }
input_stream: "image"
output_stream: "faces"
node {
  calculator: "FaceDetectionShortRangeCpu"
  input_stream: "IMAGE:image"
  output_stream: "DETECTIONS:faces"
}
"""
# A serialized NormalizedLandmark in its list: tag and length of the element, then x, y, z, each a tagged
# little-endian float. All three are always present, so a face is a fixed-stride array.
_WIRE = np.dtype([("head", "V2"), ("tx", "u1"), ("x", "<f4"), ("ty", "u1"), ("y", "<f4"), ("tz", "u1"), ("z", "<f4")])
# What the bindings make of the native status codes.
_NATIVE_FAULTS = (RuntimeError, ValueError, OSError)
_NO_FACE = np.zeros((64, 64, 3), np.uint8)
_FRAME_US = 33_333  # the graph only needs growing timestamps; this is the legacy solution's own step

Rgb = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]
_Native = Callable[[Any], Any]  # the bindings carry no types


class LandmarksError(Exception):
    """Raised when the landmark engine itself fails; never for a picture without a face."""


@dataclass(frozen=True, eq=False)
class FaceMesh:
    """One face in one picture.

    `points` are (478, 2) float32 pixels, x right and y down; `depth` is (478,) float32 in pixels of the
    same scale, smaller is nearer. The depth is the network's learned guess and never evidence.
    """

    points: Float32
    depth: Float32
    width: int
    height: int


class FaceMeshGraph:
    """A FaceMesh tracker for one stream; not thread-safe and never shared between streams."""

    def __init__(self) -> None:
        self._run = _GraphRun(_FACE_MESH, {"num_faces": 1, "use_prev_landmarks": True, "with_attention": True})

    def read(self, rgb: Rgb) -> tuple[FaceMesh, ...]:
        """Returns the face found in `rgb`, uint8 (H, W, 3); empty when there is none.

        Raises LandmarksError when the native graph fails; the next picture starts anew.
        """
        return _meshes(self._run, rgb)

    def reset(self) -> None:
        """Forgets the tracked face, as if newly built.

        All that a graph remembers is where the last face was, and a picture without one takes that place. Measured:
        the readings that follow are bit for bit those of a new graph, for 2 ms of CPU where a restart takes 13.
        """
        if self.read(_NO_FACE):
            self._run.restart()

    def close(self) -> None:
        """Frees the graph; further reads raise LandmarksError."""
        self._run.close()


class StillFaceMesh:
    """FaceMesh for pictures that have nothing to do with each other; thread-safe, one picture at a time.

    One serves the whole process: there is nothing to remember between two pictures, and a second graph costs 28 MB.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._run = _GraphRun(
            _FACE_MESH, {"num_faces": MOST_FACES, "use_prev_landmarks": False, "with_attention": True}
        )

    def read(self, rgb: Rgb) -> tuple[FaceMesh, ...]:
        """Returns at most two faces found in `rgb`, uint8 (H, W, 3); empty when there is none.

        Raises LandmarksError when the native graph fails; the next picture starts anew.
        """
        with self._lock:
            return _meshes(self._run, rgb)

    def close(self) -> None:
        """Frees the graph; further reads raise LandmarksError."""
        with self._lock:
            self._run.close()


class FaceCounter:
    """Counts faces with the short-range detector; thread-safe, about 1 ms, meant for twice a second.

    It sees faces from about an eighth of the picture's width up: a second person at the camera, not one far
    behind in the room.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._run = _GraphRun(_FACE_DETECTION, {})

    def count(self, rgb: Rgb) -> int:
        """Returns how many faces `rgb`, uint8 (H, W, 3), shows at the detector's own threshold of 0.5.

        Raises LandmarksError when the native graph fails; the next picture starts anew.
        """
        with self._lock:
            return self._run.size(rgb)

    def close(self) -> None:
        """Frees the detector."""
        with self._lock:
            self._run.close()


class _GraphRun:
    """One running native graph with an `image` input and a `faces` output; made anew when used after it failed."""

    def __init__(self, config: str, side: dict[str, bool | int]) -> None:
        self._native = _load_bindings()
        self._config = config
        self._side = side
        # What the graph last put out. The callback holds this list and nothing else: were it a method of ours, the
        # native graph would hold us and we it, unseen by the garbage collector, 26 MB each.
        self._output: list[Any] = []
        self._time_us = 0
        self._open = True
        self._begin()

    def serialized(self, rgb: Rgb) -> list[bytes]:
        packet = self._process(rgb)
        return [] if packet is None else list(self._native.serialized(packet))

    def size(self, rgb: Rgb) -> int:
        packet = self._process(rgb)
        return 0 if packet is None else int(self._native.size(packet))

    def restart(self) -> None:
        self._require_open()
        self._failed = True  # until it runs again
        with known_chatter_dropped():
            try:
                self._graph.close()
                self._start()
            except _NATIVE_FAULTS as error:
                raise LandmarksError(f"the landmark graph did not restart: {error}") from error

    def close(self) -> None:
        if self._open:
            self._open = False
            self._output.clear()
            with contextlib.suppress(*_NATIVE_FAULTS):  # one that has failed says so again
                self._graph.close()

    def _begin(self) -> None:
        self._failed = True  # until it runs
        with known_chatter_dropped():
            try:
                self._graph: Any = self._native.graph(self._config)
                self._graph.observe_output_stream("faces", _keeper(self._output), True)
                self._start()
            except _NATIVE_FAULTS as error:
                raise LandmarksError(f"the landmark graph did not start: {error}") from error

    def _start(self) -> None:
        self._fresh = True
        self._graph.start_run(
            {
                name: self._native.bool(value) if isinstance(value, bool) else self._native.int(value)
                for name, value in self._side.items()
            }
        )
        self._graph.wait_until_idle()  # start_run returns before the models are open
        self._failed = False

    def _process(self, rgb: Rgb) -> Any:
        self._require_open()
        # An empty picture would end the whole process where the graph follows a face.
        if rgb.ndim != 3 or rgb.shape[2] != 3 or not rgb.size or rgb.dtype != np.uint8:
            raise ValueError("a picture is uint8 of shape (height, width, 3) and not empty")
        if self._failed:
            self._begin()
        if self._fresh:  # the first frame loads the models, which is when they talk
            self._fresh = False
            with known_chatter_dropped():
                return self._step(rgb)
        return self._step(rgb)

    def _step(self, rgb: Rgb) -> Any:
        self._output.clear()
        self._time_us += _FRAME_US
        shared = rgb.view()
        shared.flags.writeable = False  # what cannot be written is shared with the graph instead of copied
        # Held here until the graph has done with it: a picture that is freed in native code has to wait for the GIL.
        picture = self._native.image(shared).at(self._time_us)
        try:
            self._graph.add_packet_to_input_stream("image", picture)
            self._graph.wait_until_idle()
        except _NATIVE_FAULTS as error:
            self._failed = True
            raise LandmarksError(f"the landmark graph failed: {error}") from error
        packet = self._output.pop() if self._output else None
        return None if packet is None or packet.is_empty() else packet

    def _require_open(self) -> None:
        if not self._open:
            raise LandmarksError("the landmark graph is closed")


def _keeper(output: list[Any]) -> Callable[[str, Any], None]:
    def keep(_stream: str, packet: Any) -> None:
        output[:] = [packet]

    return keep


def _meshes(run: _GraphRun, rgb: Rgb) -> tuple[FaceMesh, ...]:
    height, width = rgb.shape[:2]
    return tuple(_parse(face, width, height) for face in run.serialized(rgb))


def _parse(face: bytes, width: int, height: int) -> FaceMesh:
    if len(face) != MESH_POINTS * _WIRE.itemsize:
        raise LandmarksError(f"a face of {len(face)} bytes is not {MESH_POINTS} landmarks")
    wire = np.frombuffer(face, _WIRE)
    points = np.empty((MESH_POINTS, 2), np.float32)
    np.multiply(wire["x"], np.float32(width), out=points[:, 0])
    np.multiply(wire["y"], np.float32(height), out=points[:, 1])
    return FaceMesh(points=points, depth=wire["z"] * np.float32(width), width=width, height=height)


class _Bindings:
    """The handful of native calls in use, loaded on first need."""

    def __init__(self) -> None:
        root = _package_without_its_init("mediapipe")
        native = "mediapipe.python._framework_bindings"
        importlib.import_module("mediapipe.python")
        getter = importlib.import_module(f"{native}._packet_getter")
        creator = importlib.import_module("mediapipe.python.packet_creator")
        srgb = importlib.import_module(f"{native}.image_frame").ImageFormat.SRGB
        importlib.import_module(f"{native}.resource_util").set_resource_dir(str(root))
        graph = importlib.import_module(f"{native}.calculator_graph").CalculatorGraph
        self.graph: _Native = lambda config: graph(graph_config=config)
        self.image: _Native = lambda rgb: creator.create_image_frame(image_format=srgb, data=rgb)
        self.bool: _Native = creator.create_bool
        self.int: _Native = creator.create_int
        self.serialized: _Native = getter._get_serialized_proto_list
        self.size: _Native = getter._get_proto_vector_size


_bindings_lock = threading.Lock()


def _load_bindings() -> _Bindings:
    with _bindings_lock:
        return _Bindings()


def _package_without_its_init(name: str) -> Path:
    """Registers the package without running its __init__, which imports every solution and task.

    Returns the folder that holds it. `mediapipe.solutions` stays reachable for whoever asks later.
    """
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise LandmarksError(f"the package {name} is not installed")
    if name not in sys.modules:
        package = importlib.util.module_from_spec(spec)

        def late(attribute: str) -> ModuleType:
            if attribute != "solutions":
                raise AttributeError(f"module {name!r} has no attribute {attribute!r}")
            return importlib.import_module(f"{name}.python.solutions")

        package.__getattr__ = late  # type: ignore[method-assign]  # PEP 562
        sys.modules[name] = package
    return Path(spec.origin).parent.parent

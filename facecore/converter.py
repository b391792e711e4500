"""Turns dlib's face recognition file into an ONNX graph, and keeps the result in a cache.

The graph takes chips as they are cut, uint8 (n, 150, 150, 3) RGB, and answers float32 (n, 128). The affine
layers are folded into the convolutions before them; nothing else is changed, so descriptors equal dlib's to
about 1e-6 L2.
"""

import hashlib
import importlib.util
import os
import subprocess
import sys
import tempfile
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facecore.dlib_file import (
    CHIP_SIDE,
    DESCRIPTOR_LENGTH,
    Convolution,
    FaceNetwork,
    ResidualBlock,
    read_network,
)
from facecore.errors import ModelError

# Counted up whenever the graph built from the same file changes; a cached model of another version is not
# used.
CONVERTER_VERSION = 1

INPUT_NAME = "chips"
OUTPUT_NAME = "descriptors"

_MODELS_PACKAGE = "face_recognition_models"
_MODEL_FILE = "dlib_face_recognition_resnet_model_v1.dat"
# Opset 17 and IR 9 are read by every ONNX Runtime since 1.14 and hold all that this network needs.
_OPSET = 17
_IR_VERSION = 9
_CONVERSION_TIMEOUT_S = 120


def model_file() -> Path:
    """Where the face recognition weights lie, found without importing their package (it imports
    pkg_resources).
    """
    spec = importlib.util.find_spec(_MODELS_PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "models" / _MODEL_FILE
        if path.is_file():
            return path
    raise ModelError(f"the package {_MODELS_PACKAGE} with {_MODEL_FILE} is not installed")


def convert(dat_path: Path, onnx_path: Path) -> None:
    """Write the ONNX graph of dlib's file to `onnx_path`, whole or not at all; ModelError if the file is
    not dlib's.

    The same file gives the same bytes.
    """
    _write_atomically(onnx_path, _graph_of(read_network(dat_path.read_bytes())))


def cached_model(cache_dir: Path) -> Path:
    """The converted model in `cache_dir`; converted there first (about 2 s) if missing, outdated or damaged.

    The name carries the content hash of dlib's file, the converter's version and the content hash of the
    graph itself, so the file alone tells whether it is the right one and whole. Several processes may do
    this at once. The conversion runs in a process of its own: done in ours it would leave us 160 MB larger
    for good (measured). ModelError says what went wrong.
    """
    cached = _verified(cache_dir)
    if cached is not None:
        return cached
    cache_dir.mkdir(parents=True, exist_ok=True)
    project = Path(__file__).resolve().parent.parent
    command = [sys.executable, "-m", "facecore.converter", str(cache_dir.resolve())]
    try:
        # Our own interpreter and our own module; `cwd` is what lets it find this very facecore.
        done = subprocess.run(  # noqa: S603
            command, cwd=project, capture_output=True, text=True, timeout=_CONVERSION_TIMEOUT_S
        )
    except subprocess.TimeoutExpired as late:
        raise ModelError(f"converting the face model took over {_CONVERSION_TIMEOUT_S} s") from late
    cached = _verified(cache_dir)
    if done.returncode != 0 or cached is None:
        last_line = (done.stderr.strip().splitlines() or ["the converter left no file and no message"])[-1]
        raise ModelError(f"converting the face model in {cache_dir} failed: {last_line}")
    return cached


def convert_into(cache_dir: Path) -> Path:
    """Convert the installed model file into `cache_dir` in this process, under the name `cached_model`
    looks for.
    """
    graph = _graph_of(read_network(model_file().read_bytes()))
    path = cache_dir / f"{_stem()}{_hash_of(graph)}.onnx"
    _write_atomically(path, graph)
    return path


@cache
def _stem() -> str:
    """Read once: the installed file does not change under a running process."""
    return f"dlib-resnet-{hashlib.sha256(model_file().read_bytes()).hexdigest()[:16]}-v{CONVERTER_VERSION}-"


def _verified(cache_dir: Path) -> Path | None:
    """The model in `cache_dir` that was made from the installed file and is whole; damaged ones are removed."""
    stem = _stem()
    for path in sorted(cache_dir.glob(f"{stem}*.onnx")):
        if path.stem == stem + _hash_on_disk(path, _stamp(path)):
            return path
        path.unlink(missing_ok=True)
    return None


@lru_cache(maxsize=8)
def _hash_on_disk(path: Path, _stamp: tuple[int, ...]) -> str:
    """Of a file that was written when its stamp says; not read again for the same process while it stays the same."""
    return _hash_of(path.read_bytes())


def _stamp(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _hash_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]


def _write_atomically(path: Path, data: bytes) -> None:
    """A reader, or a crash, sees the whole file or none."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _graph_of(network: FaceNetwork) -> bytes:
    graph = _Graph()
    x = graph.add("Cast", [INPUT_NAME], to=graph.float_type)
    x = graph.add("Sub", [x, graph.constant(network.means)])
    x = graph.add("Mul", [x, graph.constant(np.array(1 / 256, dtype=np.float32))])
    x = graph.add("Transpose", [x], perm=[0, 3, 1, 2])
    x = graph.add("Relu", [graph.convolution(x, network.stem)])
    x = graph.add("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2])

    side = _side_after(_side_after(CHIP_SIDE, network.stem.weights.shape[2], 2), 3, 2)
    channels = network.stem.weights.shape[0]
    for block in network.blocks:
        x, channels, side = _add_block(graph, x, block, channels, side)

    x = graph.add("ReduceMean", [x], axes=[2, 3], keepdims=0)
    graph.add("MatMul", [x, graph.constant(network.output)], result=OUTPUT_NAME)
    return graph.serialised()


def _side_after(side: int, window: int, stride: int) -> int:
    return (side - window) // stride + 1


def _add_block(graph: "_Graph", x: str, block: ResidualBlock, channels_in: int, side_in: int) -> tuple[str, int, int]:
    """Append one residual block; returns its output, channels and side.

    dlib adds tensors of different sizes by padding the smaller with zeros behind its own values, in
    channels and in space: the shortcut of a down-block has fewer channels, and on odd sides one pixel more
    than the convolutions.
    """
    body = graph.add("Relu", [graph.convolution(x, block.first)])
    body = graph.convolution(body, block.second)
    if not block.is_down:
        return graph.add("Relu", [graph.add("Add", [body, x])]), channels_in, side_in

    channels = block.second.weights.shape[0]
    shortcut = graph.add("AveragePool", [x], kernel_shape=[2, 2], strides=[2, 2])
    body_side, shortcut_side = _side_after(side_in, 3, 2), _side_after(side_in, 2, 2)
    side = max(body_side, shortcut_side)
    body = graph.padded(body, channels=0, side=side - body_side)
    shortcut = graph.padded(shortcut, channels=channels - channels_in, side=side - shortcut_side)
    return graph.add("Relu", [graph.add("Add", [body, shortcut])]), channels, side


class _Graph:
    """Collects ONNX nodes and constants, each under a name of its own."""

    def __init__(self) -> None:
        # Imported here because only a conversion needs it: it costs the process 13 MB and 0.15 s.
        import onnx

        self._onnx = onnx
        self.float_type: int = onnx.TensorProto.FLOAT
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def constant(self, values: NDArray[Any]) -> str:
        name = f"c{len(self._constants)}"
        self._constants.append(self._onnx.numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def add(self, kind: str, inputs: list[str], *, result: str | None = None, **attributes: Any) -> str:
        name = result or f"n{len(self._nodes)}"
        self._nodes.append(self._onnx.helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def convolution(self, x: str, layer: Convolution) -> str:
        """A convolution with its affine layer folded in, computed in float64 so that folding rounds only
        once.
        """
        gamma = layer.gamma.astype(np.float64)
        weights = (layer.weights * gamma[:, None, None, None]).astype(np.float32)
        bias = (layer.bias * gamma + layer.beta).astype(np.float32)
        return self.add(
            "Conv",
            [x, self.constant(weights), self.constant(bias)],
            kernel_shape=list(weights.shape[2:]),
            strides=[layer.stride] * 2,
            pads=[layer.padding] * 4,
        )

    def padded(self, x: str, *, channels: int, side: int) -> str:
        """Zeros behind the last channel, row and column; `x` itself where there is nothing to add."""
        if channels == 0 and side == 0:
            return x
        behind = np.array([0, 0, 0, 0, 0, channels, side, side], dtype=np.int64)
        return self.add("Pad", [x, self.constant(behind)], mode="constant")

    def serialised(self) -> bytes:
        """The checked model as bytes, the same for the same content."""
        helper, types = self._onnx.helper, self._onnx.TensorProto
        graph = helper.make_graph(
            self._nodes,
            "dlib_face_recognition_resnet_v1",
            [helper.make_tensor_value_info(INPUT_NAME, types.UINT8, ["n", CHIP_SIDE, CHIP_SIDE, 3])],
            [helper.make_tensor_value_info(OUTPUT_NAME, types.FLOAT, ["n", DESCRIPTOR_LENGTH])],
            self._constants,
        )
        model = helper.make_model(
            graph,
            producer_name="bonafide-facecore",
            producer_version=str(CONVERTER_VERSION),
            opset_imports=[helper.make_opsetid("", _OPSET)],
            ir_version=_IR_VERSION,
        )
        self._onnx.checker.check_model(model, full_check=True)
        serialised: bytes = model.SerializeToString(deterministic=True)
        return serialised


if __name__ == "__main__":
    convert_into(Path(sys.argv[1]))

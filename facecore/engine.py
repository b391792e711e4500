"""Two engines over the same weights: ONNX Runtime, and dlib as the reference. Both turn chips into
descriptors.
"""

import os
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from facecore.converter import INPUT_NAME, OUTPUT_NAME, cached_model, model_file
from facecore.dlib_file import CHIP_SIDE, DESCRIPTOR_LENGTH
from facecore.errors import FaceError, ModelError

Chips = NDArray[np.uint8]
Descriptors = NDArray[np.float32]

# A chip takes 3.8 ms alone, 3.3 ms in twos, 3.2 in fours and 3.1 in sixteens, while the process grows for good by 7, 9,
# 18 and 69 MB (measured).
_BATCH = 2


class DescriptorEngine(Protocol):
    """Chips as `facecore.alignment` cuts them, in; descriptors out; safe to call from several threads."""

    @property
    def name(self) -> str: ...

    def describe(self, chips: Chips) -> Descriptors:
        """Descriptors, float32 (n, 128), of chips, uint8 (n, 150, 150, 3) RGB.

        Raises FaceError for another shape or type, and for an answer that is not finite.
        """
        ...


class OnnxEngine:
    """dlib's network in ONNX Runtime: exact float32 on the CPU, with the GIL released while it computes."""

    name = "onnx"

    def __init__(self, *, model: Path, threads: int = 1) -> None:
        # Imported here: it costs 20 MB and half a second, which `bonafide migrate` need not pay.
        #
        # Set before the import, for the C library: since 1.31 ONNX Runtime sends usage data to its maker and keeps a
        # device id in the home folder unless told not to; its own disable_telemetry_events() comes too late for that.
        os.putenv("ORT_DISABLE_TELEMETRY", "1")
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Without the arena memory goes back after a burst; the speed is the same (4.0 to 4.4 ms, within
        # noise).
        options.enable_cpu_mem_arena = False
        # Idle threads must sleep: spinning ones would take a core away from the landmarks.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        except Exception as fault:  # ONNX Runtime raises a family of exceptions without a common public base
            raise ModelError(f"ONNX Runtime cannot load {model.name}: {fault}") from fault

    def describe(self, chips: Chips) -> Descriptors:
        _check_chips(chips)
        parts = [
            self._session.run([OUTPUT_NAME], {INPUT_NAME: np.ascontiguousarray(chips[at : at + _BATCH])})[0]
            for at in range(0, len(chips), _BATCH)
        ]
        return _checked(parts, len(chips))


class DlibEngine:
    """dlib itself (FACE_ENGINE=dlib): the reference; about 20 times slower, and it holds the GIL
    throughout.
    """

    name = "dlib"

    def __init__(self) -> None:
        import dlib

        self._model: Any = dlib.face_recognition_model_v1(str(model_file()))

    def describe(self, chips: Chips) -> Descriptors:
        _check_chips(chips)
        parts = [
            np.asarray(self._model.compute_face_descriptor(np.ascontiguousarray(chip)), dtype=np.float32)[None]
            for chip in chips
        ]
        return _checked(parts, len(chips))


def load_engine(name: str, *, cache_dir: Path, threads: int = 1) -> DescriptorEngine:
    """The engine of that name, ready: "onnx" (the model is converted into `cache_dir` at first use) or
    "dlib".

    Raises FaceError for another name, ModelError when the weights are missing or not what they should be.
    """
    if name == OnnxEngine.name:
        return OnnxEngine(model=cached_model(cache_dir), threads=threads)
    if name == DlibEngine.name:
        return DlibEngine()
    raise FaceError(f"unknown face engine {name!r}; choose onnx or dlib")


def _check_chips(chips: Chips) -> None:
    if chips.dtype != np.uint8 or chips.ndim != 4 or chips.shape[1:] != (CHIP_SIDE, CHIP_SIDE, 3):
        raise FaceError(f"chips are {chips.dtype} {chips.shape}, expected uint8 (n, {CHIP_SIDE}, {CHIP_SIDE}, 3)")


def _checked(parts: list[Descriptors], count: int) -> Descriptors:
    descriptors = np.concatenate(parts) if parts else np.zeros((0, DESCRIPTOR_LENGTH), np.float32)
    if descriptors.shape != (count, DESCRIPTOR_LENGTH) or not np.isfinite(descriptors).all():
        raise FaceError("the face network gave an answer that is no descriptor")
    return descriptors

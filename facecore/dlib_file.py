"""A strict reader of dlib's face recognition network file.

dlib writes a network from its output to its input and back: first one version number per layer, output
first, then the input layer, then every layer's details, input first. There is no index and no length to
skip by, so the reader has to know the network it expects; whatever differs from it raises `ModelError`, and
so does a byte left over.

Source: dlib's `serialize` functions (dlib/serialize.h, dlib/dnn/core.h, dlib/dnn/layers.h) and the network of
dlib's examples/dnn_face_recognition_ex.cpp.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facecore.errors import ModelError

Floats = NDArray[np.float32]

CHIP_SIDE = 150
DESCRIPTOR_LENGTH = 128

# The stages after the stem: channels, whether the stage begins with a down-block, and how many plain blocks
# follow.
STAGES: tuple[tuple[int, bool, int], ...] = (
    (32, False, 3),
    (64, True, 3),
    (128, True, 2),
    (256, True, 2),
    (256, True, 0),
)

_ADD_LAYER_VERSION = 2
_INNERMOST_LAYER_VERSION = 3
_TAG_VERSION = 1
_LOSS_VERSION = 1
_TENSOR_VERSION = 2
_ALIAS_VERSION = 1
_CONVOLUTION_MODE = 0  # dlib::CONV_MODE: one gamma and beta per channel
_NO_BIAS = 1  # dlib::FC_NO_BIAS


@dataclass(frozen=True, eq=False, kw_only=True)
class Convolution:
    """A convolution with the affine layer behind it, as the file has them: weights (out, in, rows,
    columns).
    """

    weights: Floats
    bias: Floats
    gamma: Floats
    beta: Floats
    stride: int
    padding: int


@dataclass(frozen=True, eq=False, kw_only=True)
class ResidualBlock:
    """Two 3x3 convolutions beside a shortcut; a down-block's shortcut is a 2x2 average pool."""

    first: Convolution
    second: Convolution
    is_down: bool


@dataclass(frozen=True, eq=False, kw_only=True)
class FaceNetwork:
    """All the file says: channel means (RGB, 0-255), the stem, the blocks, the output (inputs, 128)."""

    means: Floats
    stem: Convolution
    blocks: tuple[ResidualBlock, ...]
    output: Floats


def read_network(data: bytes) -> FaceNetwork:
    """Read the whole of `dlib_face_recognition_resnet_model_v1.dat`; ModelError on anything unexpected."""
    cursor = _Cursor(data)
    cursor.expect_integer(_LOSS_VERSION, "loss layer version")
    cursor.expect_name("loss_metric_2")
    cursor.number("loss margin")
    cursor.number("loss distance threshold")
    for version in reversed(list(_header_versions())):
        cursor.expect_integer(version, "layer version")

    means = _read_input(cursor)
    stem = _read_convolution(
        cursor, channels_in=3, channels_out=32, side=7, stride=2, padding=0, closes_first_layer=True
    )
    _read_plain(cursor, "relu_")
    _read_pool(cursor, "max_pool_2", side=3, stride=2)

    blocks = []
    channels_in = 32
    for channels, begins_down, plain in STAGES:
        for is_down in [True] * begins_down + [False] * plain:
            blocks.append(_read_block(cursor, channels_in, channels, is_down))
            channels_in = channels

    _read_pool(cursor, "avg_pool_2", side=0, stride=1)
    output = _read_output(cursor, channels_in)
    cursor.expect_end()
    return FaceNetwork(means=means, stem=stem, blocks=tuple(blocks), output=output)


class _Cursor:
    """Reads dlib's primitives one after the other; every fault names the byte it was met at."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def fault(self, what: str) -> ModelError:
        return ModelError(f"not the dlib face recognition model: {what} at byte {self._at}")

    def take(self, count: int, what: str) -> bytes:
        end = self._at + count
        if count < 0 or end > len(self._data):
            raise self.fault(f"file ends inside {what}")
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def integer(self, what: str) -> int:
        """One control byte (bit 7 sign, low 4 bits the byte count), then the bytes, little-endian."""
        control = self.take(1, what)[0]
        count = control & 0x0F
        if control & 0x70 or not 1 <= count <= 8:
            raise self.fault(f"control byte {control:#04x} in {what}")
        value = int.from_bytes(self.take(count, what), "little")
        return -value if control & 0x80 else value

    def number(self, what: str) -> float:
        """A mantissa and an exponent of two; dlib spells infinity and NaN with exponents this file may not
        have.
        """
        mantissa = self.integer(what)
        exponent = self.integer(what)
        if not -1100 < exponent < 1100:
            raise self.fault(f"{what} is not finite")
        return float(mantissa * 2.0**exponent)

    def expect_integer(self, expected: int, what: str) -> None:
        value = self.integer(what)
        if value != expected:
            raise self.fault(f"{what} is {value}, expected {expected},")

    def expect_name(self, expected: str) -> None:
        length = self.integer("name length")
        if length != len(expected):
            raise self.fault(f"a name of {length} letters, expected {expected!r},")
        name = self.take(length, "name")
        if name != expected.encode():
            raise self.fault(f"layer {name!r}, expected {expected!r},")

    def expect_integers(self, what: str, *expected: int) -> None:
        for value in expected:
            self.expect_integer(value, what)

    def flag(self, what: str) -> None:
        if self.take(1, what) not in (b"0", b"1"):
            raise self.fault(f"{what} is neither true nor false")

    def tensor(self, what: str, *shape: int) -> Floats:
        """A tensor of exactly this shape: version, four sizes, raw little-endian float32."""
        self.expect_integer(_TENSOR_VERSION, f"{what} tensor version")
        self.expect_integers(f"{what} size", *shape, *[1] * (4 - len(shape)))
        values = np.frombuffer(self.take(4 * math.prod(shape), what), dtype="<f4").astype(np.float32)
        if not np.isfinite(values).all():
            raise self.fault(f"{what} holds numbers that are not finite")
        return values.reshape(shape)

    def empty_tensor(self, what: str) -> None:
        self.expect_integers(what, _TENSOR_VERSION, 0, 0, 0, 0)

    def alias(self, what: str, *shape: int) -> None:
        self.expect_integers(f"{what} shape", _ALIAS_VERSION, *shape)

    def expect_end(self) -> None:
        if self._at != len(self._data):
            raise self.fault(f"{len(self._data) - self._at} bytes left over")


def _header_versions() -> Iterator[int]:
    """The version every layer starts with, from the input to the output."""
    yield _INNERMOST_LAYER_VERSION  # stem convolution
    yield from [_ADD_LAYER_VERSION] * 3  # affine, relu, max pool
    for _, begins_down, plain in STAGES:
        for is_down in [True] * begins_down + [False] * plain:
            yield _TAG_VERSION
            yield from [_ADD_LAYER_VERSION] * 5  # convolution, affine, relu, convolution, affine
            if is_down:
                yield from [_TAG_VERSION, _TAG_VERSION, _ADD_LAYER_VERSION]  # tag, skip, average pool
            yield from [_ADD_LAYER_VERSION] * 2  # add, relu
    yield from [_ADD_LAYER_VERSION] * 2  # global average, output


def _read_layer_end(cursor: _Cursor) -> None:
    """What closes every layer: three training flags and three tensors, empty in a finished network."""
    for flag in ("set-up flag", "stale-gradient flag", "output-disabled flag"):
        cursor.flag(flag)
    for tensor in ("input gradient", "cached output", "parameter gradient"):
        cursor.empty_tensor(tensor)


def _read_input(cursor: _Cursor) -> Floats:
    cursor.expect_name("input_rgb_image_sized")
    means = [cursor.number(f"{channel} mean") for channel in ("red", "green", "blue")]
    if not all(0 <= mean <= 255 for mean in means):
        raise cursor.fault("a channel mean outside 0-255")
    cursor.expect_integers("input side", CHIP_SIDE, CHIP_SIDE)
    return np.array(means, dtype=np.float32)


def _read_convolution(
    cursor: _Cursor,
    *,
    channels_in: int,
    channels_out: int,
    side: int,
    stride: int,
    padding: int,
    closes_first_layer: bool = False,
) -> Convolution:
    """A convolution and the affine layer behind it."""
    shape = (channels_out, channels_in, side, side)
    count = channels_out * channels_in * side * side
    cursor.expect_name("con_4")
    parameters = cursor.tensor("convolution parameters", count + channels_out)
    cursor.expect_integers("convolution", channels_out, side, side, stride, stride, padding, padding)
    cursor.alias("filters", *shape)
    cursor.alias("biases", 1, channels_out, 1, 1)
    for multiplier in ("learning rate", "weight decay", "bias learning rate", "bias weight decay"):
        cursor.number(multiplier)
    _read_layer_end(cursor)
    if closes_first_layer:
        cursor.expect_integer(1, "sample expansion factor")

    cursor.expect_name("affine_")
    scaling = cursor.tensor("affine parameters", 2 * channels_out)
    cursor.alias("gamma", 1, channels_out, 1, 1)
    cursor.alias("beta", 1, channels_out, 1, 1)
    cursor.expect_integer(_CONVOLUTION_MODE, "affine mode")
    _read_layer_end(cursor)
    return Convolution(
        weights=parameters[:count].reshape(shape),
        bias=parameters[count:],
        gamma=scaling[:channels_out],
        beta=scaling[channels_out:],
        stride=stride,
        padding=padding,
    )


def _read_plain(cursor: _Cursor, name: str) -> None:
    cursor.expect_name(name)
    _read_layer_end(cursor)


def _read_pool(cursor: _Cursor, name: str, *, side: int, stride: int) -> None:
    cursor.expect_name(name)
    cursor.expect_integers(name, side, side, stride, stride, 0, 0)
    _read_layer_end(cursor)


def _read_block(cursor: _Cursor, channels_in: int, channels: int, is_down: bool) -> ResidualBlock:
    first = _read_convolution(
        cursor,
        channels_in=channels_in,
        channels_out=channels,
        side=3,
        stride=2 if is_down else 1,
        padding=0 if is_down else 1,
    )
    _read_plain(cursor, "relu_")
    second = _read_convolution(cursor, channels_in=channels, channels_out=channels, side=3, stride=1, padding=1)
    if is_down:
        _read_pool(cursor, "avg_pool_2", side=2, stride=2)
    _read_plain(cursor, "add_prev_")
    _read_plain(cursor, "relu_")
    return ResidualBlock(first=first, second=second, is_down=is_down)


def _read_output(cursor: _Cursor, channels_in: int) -> Floats:
    cursor.expect_name("fc_2")
    cursor.expect_integers("output layer", DESCRIPTOR_LENGTH, channels_in)
    # A layer without bias keeps its (inputs, outputs) matrix as `inputs` samples of `outputs` values.
    weights = cursor.tensor("output parameters", channels_in, DESCRIPTOR_LENGTH)
    cursor.alias("output weights", channels_in, DESCRIPTOR_LENGTH, 1, 1)
    cursor.alias("output bias", 0, 0, 0, 0)
    cursor.expect_integer(_NO_BIAS, "output bias mode")
    for multiplier in ("learning rate", "weight decay", "bias learning rate", "bias weight decay"):
        cursor.number(multiplier)
    _read_layer_end(cursor)
    return weights

"""How far apart two face descriptors are, and when that counts as one person."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facecore.dlib_file import DESCRIPTOR_LENGTH
from facecore.errors import FaceError

Descriptor = NDArray[np.float32]


def check_descriptor(descriptor: Descriptor) -> None:
    """Raises FaceError unless it is (128,) and all finite, so that a fault can never pass for a match."""
    _check_shape(descriptor)
    _check_finite(descriptor)


def stack_descriptors(descriptors: Sequence[Descriptor]) -> Descriptor:
    """All of them as one array, (n, 128); raises FaceError as `check_descriptor` does for any of them."""
    for descriptor in descriptors:
        _check_shape(descriptor)
    stacked = np.stack(descriptors)
    _check_finite(stacked)
    return stacked


def distance(a: Descriptor, b: Descriptor) -> float:
    """Euclidean distance of two descriptors, each (128,): 0 is the same picture, strangers lie near 0.8.

    Raises FaceError as `check_descriptor` does.
    """
    check_descriptor(a)
    check_descriptor(b)
    return float(np.linalg.norm(a.astype(np.float64) - b.astype(np.float64)))


def is_match(apart: float, threshold: float) -> bool:
    """Whether two faces this far apart count as one person: at the threshold they do, as in
    face_recognition.
    """
    if not (np.isfinite(apart) and apart >= 0):
        raise FaceError(f"{apart} is not a distance")
    return apart <= threshold


def _check_shape(descriptor: Descriptor) -> None:
    if descriptor.shape != (DESCRIPTOR_LENGTH,):
        raise FaceError(f"a descriptor has shape {descriptor.shape}, expected ({DESCRIPTOR_LENGTH},)")


def _check_finite(descriptors: Descriptor) -> None:
    if not np.isfinite(descriptors).all():
        raise FaceError("a descriptor holds values that are not finite")

"""A face descriptor as bytes, for keeping; encrypting them is the keeper's duty."""

import numpy as np

from facecore.distance import Descriptor
from facecore.dlib_file import DESCRIPTOR_LENGTH
from facecore.errors import FaceError

KIND = 1
"""Says which network and which alignment made a template: descriptors of different alignments lie 0.1 apart (measured),
so a template of another kind must be computed anew, never compared."""
_MARK = b"BF1" + bytes((KIND,))
TEMPLATE_LENGTH = len(_MARK) + 4 * DESCRIPTOR_LENGTH


def pack(descriptor: Descriptor) -> bytes:
    """The descriptor, (128,) float32, as 516 bytes; FaceError for another shape or a value that is not
    finite.
    """
    if descriptor.shape != (DESCRIPTOR_LENGTH,) or not np.isfinite(descriptor).all():
        raise FaceError("not a face descriptor")
    return _MARK + descriptor.astype("<f4").tobytes()


def unpack(template: bytes) -> Descriptor:
    """The descriptor of a packed template; FaceError if the bytes are none, or of another kind than ours."""
    if len(template) != TEMPLATE_LENGTH or not template.startswith(_MARK):
        raise FaceError("not a face template of this version; compute it from the photo again")
    descriptor = np.frombuffer(template, dtype="<f4", offset=len(_MARK)).astype(np.float32)
    if not np.isfinite(descriptor).all():
        raise FaceError("a face template holds values that are not finite")
    return descriptor

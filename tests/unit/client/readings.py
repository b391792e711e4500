"""What the tests read from a face, by the definitions in the literature and not by our own detector's code."""

import numpy as np

from liveness.landmarks import FaceMesh

RIGHT_EYE, LEFT_EYE = (33, 160, 158, 133, 153, 144), (263, 387, 385, 362, 380, 373)


def eye_aspect_ratio(face: FaceMesh) -> float:
    """Mean of both eyes (Soukupova and Cech 2016)."""
    return (_one_eye(face, RIGHT_EYE) + _one_eye(face, LEFT_EYE)) / 2


def mouth_opening(face: FaceMesh) -> float:
    """Gap between the lips over the mouth's width; open is over 0.45."""
    return _apart(face, 13, 14) / _apart(face, 61, 291)


def mouth_width(face: FaceMesh) -> float:
    """Mouth width over the distance of the outer eye corners."""
    return _apart(face, 61, 291) / _apart(face, 33, 263)


def nose_offset(face: FaceMesh) -> float:
    """How far the nose tip lies to the picture's right of the eyes' middle, in eye distances."""
    middle = (face.points[33, 0] + face.points[263, 0]) / 2
    return float(face.points[1, 0] - middle) / _apart(face, 33, 263)


def nose_height(face: FaceMesh) -> float:
    """How far down from forehead to chin the nose tip lies, 0 to 1; smaller when looking up."""
    top, chin = face.points[10, 1], face.points[152, 1]
    return float((face.points[1, 1] - top) / (chin - top))


def _one_eye(face: FaceMesh, eye: tuple[int, ...]) -> float:
    outer, up_outer, up_inner, inner, down_inner, down_outer = eye
    tall = _apart(face, up_outer, down_outer) + _apart(face, up_inner, down_inner)
    return tall / (2 * _apart(face, outer, inner))


def _apart(face: FaceMesh, a: int, b: int) -> float:
    return float(np.linalg.norm(face.points[a] - face.points[b]))

"""What is wrong with a photo for comparing its face, in findings a person can act on; nothing is refused
here.

The thresholds were set on twelve portraits (ten labelled ones, and the two that the tests use), each made
smaller, softer, darker and brighter step by step while watching how far its descriptor moves from the
untouched one. Two good photos of one person lie about 0.4 apart and 0.5 is the threshold; a fault that
alone moves a face by 0.2 is told.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from facecore.alignment import aligned_chip

Pixels = NDArray[np.uint8]

MIN_EYE_DISTANCE_PX = 30
"""Between the outer corners of the eyes. At 60 px a descriptor moves by 0.04-0.11, at 40 by 0.08-0.17, at
30 by
0.13-0.21, at 20 by 0.21-0.32."""

MIN_BRIGHTNESS = 40
"""Mean grey (0-255) of the face. Portraits have 99-175. Darkened to 43-60 they move by 0.11-0.24, to 30-43 by
0.15-0.25, to 18-25 by 0.21-0.32."""

MAX_WHITE_SHARE = 0.3
"""Share of the face's pixels with all colours at 250 or more. Portraits have under 0.02. At 0.2 descriptors
have moved
by about 0.2, at 0.4 by 0.3-0.4. The mean grey says less: 218 moved one face by 0.15 and another by 0.29."""
_WHITE = 250

MIN_SHARPNESS = 25
"""Variance of the Laplacian inside the 150-pixel chip. Portraits have 101 and more. Blurred by a hundredth
of the eye
distance they have 54-279 and move by 0.06-0.12, by two hundredths 18-51 and 0.16-0.26, by three 10-20 and
0.23-0.36."""

MAX_NOSE_OFFSET = 0.25
"""How far the nose tip lies from the middle between the eyes, along their line, in eye distances. Labelled
photos
reach 0.20 and their pairs still match (0.36-0.41); what lies beyond has not been seen to match."""

# The chip's middle: the face without hair and background.
_INNER = slice(25, 125)
_RIGHT_EYE, _LEFT_EYE, _NOSE_TIP = 33, 263, 1


class PhotoFinding(StrEnum):
    """One thing about a photo that makes comparing its face impossible or uncertain."""

    NO_FACE = "NO_FACE"
    SEVERAL_FACES = "SEVERAL_FACES"
    FACE_TOO_SMALL = "FACE_TOO_SMALL"
    TOO_DARK = "TOO_DARK"
    TOO_BRIGHT = "TOO_BRIGHT"
    BLURRED = "BLURRED"
    NOT_FRONTAL = "NOT_FRONTAL"


class FacePoints(Protocol):
    """One face as the landmark engine gives it: FaceMesh points, (468 or more, 2) float32 in pixels."""

    @property
    def points(self) -> NDArray[np.float32]: ...


def photo_findings(rgb: Pixels, faces: Sequence[FacePoints]) -> tuple[PhotoFinding, ...]:
    """The findings about a picture, uint8 (height, width, 3), and the faces found in it; none means a good
    photo.

    NO_FACE and SEVERAL_FACES stand alone. Raises FaceError for pictures and points `aligned_chip` refuses.
    """
    if not faces:
        return (PhotoFinding.NO_FACE,)
    if len(faces) > 1:
        return (PhotoFinding.SEVERAL_FACES,)
    points = faces[0].points.astype(np.float64)
    eyes = points[_LEFT_EYE] - points[_RIGHT_EYE]
    eye_distance = float(np.hypot(*eyes))
    chip = aligned_chip(rgb, points)[_INNER, _INNER]
    grey = chip @ np.array([0.299, 0.587, 0.114])

    findings = []
    if eye_distance < MIN_EYE_DISTANCE_PX:
        findings.append(PhotoFinding.FACE_TOO_SMALL)
    if grey.mean() < MIN_BRIGHTNESS:
        findings.append(PhotoFinding.TOO_DARK)
    elif (chip >= _WHITE).all(axis=2).mean() > MAX_WHITE_SHARE:
        findings.append(PhotoFinding.TOO_BRIGHT)
    # A small or dark face has little contrast left to measure sharpness by, and its own finding already.
    if not findings and _sharpness(grey) < MIN_SHARPNESS:
        findings.append(PhotoFinding.BLURRED)
    middle = (points[_LEFT_EYE] + points[_RIGHT_EYE]) / 2
    if abs((points[_NOSE_TIP] - middle) @ eyes) / max(eye_distance, 1e-6) ** 2 > MAX_NOSE_OFFSET:
        findings.append(PhotoFinding.NOT_FRONTAL)
    return tuple(findings)


def _sharpness(grey: NDArray[np.float64]) -> float:
    """Variance of the Laplacian, after Pech-Pacheco et al. (2000)."""
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * grey[1:-1, 1:-1]
    return float(laplacian.var())

"""What one frame says about a face: angles, eyes, mouth, place and light. Pure functions of one FaceMesh."""

from dataclasses import dataclass
from math import asin, atan2, degrees, hypot, sqrt

import cv2
import numpy as np
import numpy.typing as npt

from liveness.landmarks import FaceMesh

# Indices of the FaceMesh topology; "right" and "left" are the subject's own.
FOREHEAD, CHIN = 10, 152
RIGHT_EYE_OUTER, RIGHT_EYE_INNER, LEFT_EYE_INNER, LEFT_EYE_OUTER = 33, 133, 362, 263
RIGHT_CHEEK, LEFT_CHEEK = 234, 454
NOSE_BASE, NOSE_BRIDGE = 2, 168
_USED = np.array(
    [
        *(FOREHEAD, CHIN, RIGHT_EYE_OUTER, RIGHT_EYE_INNER, LEFT_EYE_INNER, LEFT_EYE_OUTER),
        *(RIGHT_CHEEK, LEFT_CHEEK, NOSE_BASE, NOSE_BRIDGE),
        *(160, 144, 158, 153, 385, 380, 387, 373),  # upper and lower lids, two pairs for each eye
        *(13, 14, 61, 291),  # inner lips above and below, mouth corners
    ]
)
_SMALL_SHIFT = 2  # brightness reads every 2nd pixel of a small face, more of a large one


@dataclass(frozen=True, slots=True)
class Measures:
    """One face in numbers; angles in degrees, positive yaw to the subject's own left, positive pitch up.

    `ear` is the eye-aspect ratio (mean of both eyes; Soukupova & Cech 2016 with two lid pairs), `lids` the
    lid gap over the forehead-to-nose height, which tilting a sheet of paper cannot change. `mouth` is the lip
    gap over the mouth width, `mouth_width` that width over the eye distance, `mouth_corners` how far the
    corners stand below the nose in eye distances. `size` is sqrt(width x height) of the oval in pixels,
    `share` the same over the picture's short side; `x`, `y` are the nose bridge in shares of the picture.
    """

    yaw: float
    pitch: float
    roll: float
    ear: float
    lids: float
    mouth: float
    mouth_width: float
    mouth_corners: float
    size: float
    share: float
    x: float
    y: float
    px: float
    py: float
    inside: bool


@dataclass(frozen=True, slots=True)
class Light:
    """Mean luma of the face, 0 to 255, and the sharpness of its patch when somebody asked for it."""

    brightness: float
    sharpness: float | None = None


def measure(mesh: FaceMesh, *, mirrored: bool = False) -> Measures:
    """Reads `mesh`; `mirrored` says that the picture is flipped left to right, as in a selfie preview.

    The angles come from the frame that the outer eye corners and forehead to chin span in the mesh's own
    space (lab.md: it follows true turns well); everything else from 2-D points. About 40 us.
    """
    used = mesh.points[_USED].tolist()
    depth = mesh.depth[_USED[:6]].tolist()
    forehead, chin, right_outer, right_inner, left_inner, left_outer = used[:6]
    right_cheek, left_cheek, nose_base, bridge = used[6:10]

    # Across the eyes, and down the face; their cross product looks into the head.
    ax, ay, az = left_outer[0] - right_outer[0], left_outer[1] - right_outer[1], depth[5] - depth[2]
    dx, dy, dz = chin[0] - forehead[0], chin[1] - forehead[1], depth[1] - depth[0]
    nx, ny, nz = ay * dz - az * dy, az * dx - ax * dz, ax * dy - ay * dx
    length = sqrt(nx * nx + ny * ny + nz * nz) or 1.0
    yaw = degrees(atan2(-nx, nz))
    pitch = degrees(asin(max(-1.0, min(1.0, ny / length))))
    roll = degrees(atan2(ay, ax))

    eyes = hypot(ax, ay) or 1.0
    height = hypot(dx, dy) or 1.0
    width = _gap(right_cheek, left_cheek) or 1.0
    upper = _gap(forehead, nose_base) or 1.0
    right_lids = (_gap(used[10], used[11]) + _gap(used[12], used[13])) / 2
    left_lids = (_gap(used[14], used[15]) + _gap(used[16], used[17])) / 2
    right_eye = _gap(right_outer, right_inner) or 1.0
    left_eye = _gap(left_inner, left_outer) or 1.0

    lip_up, lip_low, right_corner, left_corner = used[18:22]
    mouth_width = _gap(right_corner, left_corner) or 1.0
    down_x, down_y = -ay / eyes, ax / eyes
    corners = (
        (right_corner[0] + left_corner[0]) / 2 * down_x
        + (right_corner[1] + left_corner[1]) / 2 * down_y
        - nose_base[0] * down_x
        - nose_base[1] * down_y
    )
    size = sqrt(width * height)
    columns = np.ascontiguousarray(mesh.points[:468].T)  # six times as fast to search as pairs
    low_x, low_y = columns.min(1).tolist()
    high_x, high_y = columns.max(1).tolist()
    sign = -1.0 if mirrored else 1.0
    return Measures(
        yaw=sign * yaw,
        pitch=pitch,
        roll=sign * roll,
        ear=(right_lids / right_eye + left_lids / left_eye) / 2,
        lids=(right_lids + left_lids) / 2 / upper,
        mouth=_gap(lip_up, lip_low) / mouth_width,
        mouth_width=mouth_width / eyes,
        mouth_corners=corners / eyes,
        size=size,
        share=size / min(mesh.width, mesh.height),
        x=bridge[0] / mesh.width,
        y=bridge[1] / mesh.height,
        px=bridge[0],
        py=bridge[1],
        inside=low_x >= 0 and low_y >= 0 and high_x <= mesh.width and high_y <= mesh.height,
    )


def brightness(rgb: npt.NDArray[np.uint8], mesh: FaceMesh) -> float:
    """Returns the mean luma of the face's box, 0 to 255, from a sparse grid of its pixels."""
    points = mesh.points
    right, left = int(points[RIGHT_CHEEK, 0]), int(points[LEFT_CHEEK, 0])
    top, bottom = int(points[FOREHEAD, 1]), int(points[CHIN, 1])
    low, high = min(left, right), max(left, right)
    step = max(_SMALL_SHIFT, (high - low) // 32)
    box = rgb[max(top, 0) : max(bottom, 1) : step, max(low, 0) : max(high, 1) : step]
    if box.size == 0:
        return 0.0
    red, green, blue, _ = cv2.mean(box)
    return float(0.299 * red + 0.587 * green + 0.114 * blue)


def _gap(a: list[float], b: list[float]) -> float:
    return hypot(a[0] - b[0], a[1] - b[1])

"""Renders a printed photo in front of a camera: tilted about any axis, moved, bent."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Rgb = npt.NDArray[np.uint8]
WIDTH, HEIGHT = 480, 480
FOCAL = 520.0  # a 50 degree webcam


@dataclass(frozen=True)
class Pose:
    """How the sheet is held: axis in the sheet's own plane and tilt about it, then roll; all degrees.

    `bend` is the arc, in degrees, that the sheet's width spans when curled round a vertical cylinder
    (negative: hollow towards the camera); `distance` is in sheet heights.
    """

    axis_deg: float = 0.0
    tilt_deg: float = 0.0
    roll_deg: float = 0.0
    shift_x: float = 0.0
    shift_y: float = 0.0
    distance: float = 1.0
    bend_deg: float = 0.0


def rotation(axis: npt.NDArray[np.float64], degrees: float) -> npt.NDArray[np.float64]:
    """Rodrigues' rotation matrix."""
    matrix, _ = cv2.Rodrigues(axis / np.linalg.norm(axis) * np.radians(degrees))
    return matrix


def render(photo: Rgb, pose: Pose) -> Rgb:
    """The camera's picture of the sheet on a grey wall, by casting each pixel's ray onto the sheet."""
    height, width = photo.shape[:2]
    aspect = width / height
    axis = np.array([np.cos(np.radians(pose.axis_deg)), np.sin(np.radians(pose.axis_deg)), 0.0])
    turn = rotation(axis, pose.tilt_deg) @ rotation(np.array([0.0, 0.0, 1.0]), pose.roll_deg)
    centre = np.array([pose.shift_x, pose.shift_y, pose.distance])
    us, vs = np.meshgrid((np.arange(WIDTH) - WIDTH / 2) / FOCAL, (np.arange(HEIGHT) - HEIGHT / 2) / FOCAL)
    rays = np.stack([us, vs, np.ones_like(us)], -1) @ turn  # into the sheet's own axes
    eye = -centre @ turn
    if abs(pose.bend_deg) < 1e-6:
        reach = -eye[2] / rays[..., 2]
        x, y = eye[0] + reach * rays[..., 0], eye[1] + reach * rays[..., 1]
        arc = x
    else:
        radius = aspect / np.radians(pose.bend_deg)  # signed: centre of the cylinder at z = radius
        a = rays[..., 0] ** 2 + rays[..., 2] ** 2
        b = eye[0] * rays[..., 0] + (eye[2] - radius) * rays[..., 2]
        c = eye[0] ** 2 + (eye[2] - radius) ** 2 - radius**2
        root = np.sqrt(np.maximum(b * b - a * c, 0.0))
        reach = (-b - np.sign(radius) * root) / a
        x = eye[0] + reach * rays[..., 0]
        y = eye[1] + reach * rays[..., 1]
        z = eye[2] + reach * rays[..., 2]
        arc = np.where(b * b >= a * c, radius * np.arctan2(x / radius, 1 - z / radius), 9.0)
    map_x = ((arc / aspect + 0.5) * width).astype(np.float32)
    map_y = ((y + 0.5) * height).astype(np.float32)
    return cv2.remap(photo, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(120, 120, 120))


def crop_to_face(photo: Rgb, points: npt.NDArray[np.float32], *, margin: float = 1.1) -> Rgb:
    """The photo cut around the face, as an attacker would print it, at most 700 pixels high."""
    low, high = points.min(0), points.max(0)
    centre, side = (low + high) / 2, float((high - low).max()) * (0.5 + margin / 2)
    x0, y0 = np.maximum(np.round(centre - side), 0).astype(int)
    x1, y1 = np.round(centre + side).astype(int)
    cut = photo[y0:y1, x0:x1]
    scale = min(1.0, 700 / cut.shape[0])
    return np.ascontiguousarray(cv2.resize(cut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))

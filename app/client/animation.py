"""One photo made to answer prompts: turned in depth, eyes closed, mouth opened, smiling.

What this shows: software can animate a single photo so that FaceMesh reads a true head turn, a blink and a smile,
so landmarks alone do not prove life. It stands in for a person in tests and demonstrations, and it is a real attack
(ISO/IEC 30107-3 calls it an injected presentation): an operator must know that the check stops paper, screens and
replayed video, not a determined animator who controls the camera feed.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from app.client.errors import SourceError
from app.client.eyelids import LEVELS, Picture, lid_levels
from app.client.mesh import (
    CHIN,
    FOREHEAD,
    LEFT_EAR,
    LOWER_LIP,
    RIGHT_EAR,
    UPPER_LIP,
    Floats,
    Head,
    build_head,
    head_angles,
)
from liveness.landmarks import FaceMesh, StillFaceMesh

FACE_SHARE = 0.38  # face width over picture width: whole head in view, large enough for every check
FAR = 4.5  # distance from camera to face in face widths: about 60 cm
# FaceMesh's depth is a little flat: as it is, a plane explains up to 54 % of a turned portrait's pixels (the judge
# lets 42 % pass, real heads have at most 52 %), times 1.35 up to 42 %, times 1.5 up to 36 %.
DEPTH_SCALE = 1.4
TEXTURE_SCALE = 1.5  # the photo is kept a little finer than the frames, so that a turn does not blur it
MAX_STRAIGHTENING_DEG = 15.0  # a photo taken from further aside is not turned straight, only less aside
SILHOUETTE_BLUR = 0.008  # of the picture width
NOISE_SIGMA = 2.0  # grey levels; an ordinary webcam in room light
THROAT, TONGUE = (38.0, 16.0, 18.0), (104.0, 46.0, 48.0)


class AnimationError(SourceError):
    """Raised when a photo cannot be animated: it shows no face, several, or one too small."""


@dataclass(frozen=True)
class Pose:
    """What the person does: angles in degrees from straight ahead, gestures from 0 (rest) to 1 (full).

    Yaw is positive towards the person's own left (the picture's right edge), pitch is positive upwards.
    """

    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    eyes_closed: float = 0.0
    mouth_open: float = 0.0
    smile: float = 0.0

    def towards(self, other: "Pose", share: float) -> "Pose":
        """The pose that lies `share` (0 to 1) of the way to `other`."""
        return Pose(*(a + (b - a) * share for a, b in zip(self.values(), other.values(), strict=True)))

    def values(self) -> tuple[float, ...]:
        """The six numbers in the order of the fields."""
        return (self.yaw_deg, self.pitch_deg, self.roll_deg, self.eyes_closed, self.mouth_open, self.smile)


class PhotoAnimator:
    """Renders frames of the person in `photo_rgb` (uint8, H x W x 3) in any pose; the same seed gives the same frames.

    `reader` reads the photo once, here. Raises AnimationError when the photo does not show one usable face.
    """

    def __init__(
        self,
        photo_rgb: Picture,
        reader: StillFaceMesh,
        *,
        size: tuple[int, int] = (320, 240),
        seed: int = 0,
        quality: int = 85,
    ) -> None:
        faces = reader.read(photo_rgb)
        if len(faces) != 1:
            raise AnimationError("no face was found in the photo" if not faces else "several faces are in the photo")
        self.size = size
        self._quality = quality
        self._softness = SILHOUETTE_BLUR * size[0]
        self._margin = round(0.06 * size[0])
        crop, straight = _framing(faces[0], size)
        points, depth = _cropped(faces[0], crop)
        self._head = build_head(points, depth, size=size, margin=self._margin)
        self._straight = straight
        picture = _texture(photo_rgb, crop, size=size, margin=self._margin)
        self._levels = lid_levels(picture, (points + self._margin) * np.float32(TEXTURE_SCALE))
        self._lifted = _lift(self._head, size)
        self._source = (self._head.vertices[:, :2] + self._margin) * np.float32(TEXTURE_SCALE)
        grid = np.mgrid[0 : size[1], 0 : size[0]].astype(np.float32)
        self._grid_y, self._grid_x = np.ascontiguousarray(grid[0]), np.ascontiguousarray(grid[1])
        self._random = np.random.default_rng(seed)
        noise = self._random.normal(128.0, NOISE_SIGMA, (size[1] + 64, size[0] + 64, 3))
        self._noise = noise.round().clip(0, 255).astype(np.uint8)

    def render(self, pose: Pose, *, shift: tuple[float, float] = (0.0, 0.0)) -> Picture:
        """The frame (H, W, 3) for `pose`, the whole picture moved by `shift` pixels, with fresh sensor noise."""
        solid = self._posed(pose)
        flat = _project(solid, self._head.width, self.size)
        flat += np.array(shift, np.float32)
        owner = self._paint_owners(flat, solid)
        frame = self._sample(owner, flat, self._levels[round(min(max(pose.eyes_closed, 0.0), 1.0) * (LEVELS - 1))])
        if pose.mouth_open > 0.02:
            self._darken_mouth(frame, flat, pose.mouth_open)
        top, left = self._random.integers(0, 64, 2)
        noise = self._noise[top : top + self.size[1], left : left + self.size[0]]
        return np.asarray(cv2.addWeighted(frame, 1.0, noise, 1.0, -128.0), np.uint8)

    def jpeg(self, pose: Pose, *, shift: tuple[float, float] = (0.0, 0.0)) -> bytes:
        """The frame for `pose` as a JPEG."""
        return encode(self.render(pose, shift=shift), quality=self._quality)

    def _posed(self, pose: Pose) -> Floats:
        """Vertices (n, 3) in the pose, in pixels about the picture's own axes."""
        head = self._head
        gestures = head.gestures
        solid = self._lifted + gestures.rest + gestures.open * pose.mouth_open + gestures.smile * pose.smile
        turn = _rotation(pose.yaw_deg + self._straight[0], pose.pitch_deg + self._straight[1], pose.roll_deg)
        spun = (solid - head.pivot) @ turn.T + head.pivot
        posed: Floats = (solid + (spun - solid) * head.follows[:, None]).astype(np.float32)
        return posed

    def _paint_owners(self, flat: Floats, solid: Floats) -> NDArray[np.int32]:
        """Which triangle each pixel shows, the near ones painted over the far ones; `len(triangles)` is none."""
        triangles = self._head.triangles
        corners = flat[triangles]
        a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        facing = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0] > 0.1
        order = np.argsort(-solid[triangles, 2].mean(axis=1))
        order = order[facing[order]]
        fixed = (corners * 16).round().astype(np.int32)
        owner = np.full((self.size[1], self.size[0]), len(triangles), np.int32)
        for index in order.tolist():
            cv2.fillConvexPoly(owner, fixed[index], index, cv2.LINE_8, 4)
        return owner

    def _sample(self, owner: NDArray[np.int32], flat: Floats, texture: Picture) -> Picture:
        """Looks each pixel up in the texture through its triangle's affine map."""
        maps = self._maps(flat)
        which = owner.ravel()
        taken = [np.take(maps[k], which).reshape(owner.shape) for k in range(6)]
        x, y = self._grid_x, self._grid_y
        map_x = taken[0] * x + taken[1] * y + taken[2]
        map_y = taken[3] * x + taken[4] * y + taken[5]
        # A blurred map softens the silhouette, where thin triangles would show as teeth.
        map_x = cv2.GaussianBlur(map_x, (0, 0), self._softness)
        map_y = cv2.GaussianBlur(map_y, (0, 0), self._softness)
        return np.asarray(cv2.remap(texture, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)

    def _maps(self, flat: Floats) -> Floats:
        """Affine maps from frame pixels to texture pixels, (6, triangles + 1); the last leaves a pixel in place."""
        to, back = flat[self._head.triangles].astype(np.float64), self._source[self._head.triangles]
        a, b = to[:, 1] - to[:, 0], to[:, 2] - to[:, 0]
        area = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
        area = np.where(np.abs(area) < 1e-6, 1e-6, area)
        u, v = back[:, 1] - back[:, 0], back[:, 2] - back[:, 0]
        rows = []
        for axis in range(2):
            across = (u[:, axis] * b[:, 1] - v[:, axis] * a[:, 1]) / area
            down = (v[:, axis] * a[:, 0] - u[:, axis] * b[:, 0]) / area
            rows += [across, down, back[:, 0, axis] - across * to[:, 0, 0] - down * to[:, 0, 1]]
        still = np.array([1, 0, self._margin, 0, 1, self._margin]) * TEXTURE_SCALE
        maps: Floats = np.concatenate([np.stack(rows), still[:, None]], axis=1).astype(np.float32)
        return maps

    def _darken_mouth(self, frame: Picture, flat: Floats, opening: float) -> None:
        """Paints the inside of an open mouth; a photo of closed lips has none."""
        inside = np.concatenate([flat[list(UPPER_LIP[-1])], flat[list(LOWER_LIP[-1])][-2:0:-1]])
        left, top = np.maximum(inside.min(axis=0).astype(int) - 3, 0)
        right, bottom = inside.max(axis=0).astype(int) + 4
        window = frame[top:bottom, left:right]
        if window.size == 0:
            return
        mask = np.zeros(window.shape[:2], np.float32)
        outline = ((inside - np.array([left, top], np.float32)) * 16).round().astype(np.int32)
        cv2.fillPoly(mask, [outline], (min(1.0, 2.5 * opening),), cv2.LINE_AA, 4)
        cover = cv2.GaussianBlur(mask, (0, 0), 0.7)[..., None]
        depth = np.linspace(0.0, 1.0, window.shape[0], dtype=np.float32)[:, None, None]
        shade = np.array(THROAT) + (np.array(TONGUE) - np.array(THROAT)) * depth**2
        window[:] = (window + (shade - window) * cover).round().astype(np.uint8)


def encode(picture: Picture, *, quality: int = 85) -> bytes:
    """The picture (H, W, 3) as a baseline JPEG."""
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(picture), quality, "RGB", "420"))


def _framing(face: FaceMesh, size: tuple[int, int]) -> tuple[Floats, tuple[float, float]]:
    """The similarity (2,3) that levels and centres the head in the frame, and the turn that makes it look ahead."""
    yaw, pitch, roll = head_angles(face)
    points = face.points
    width = float(np.linalg.norm(points[LEFT_EAR] - points[RIGHT_EAR]))
    if width < 40:
        raise AnimationError(f"the face in the photo is only {width:.0f} pixels wide; it takes 40")
    scale = FACE_SHARE * size[0] / width
    angle = np.radians(-roll)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = (points[FOREHEAD] + points[CHIN]) / 2
    # Hair and hat take more room above than the neck below.
    centre = np.array([size[0] / 2, size[1] * 0.53])
    crop = np.concatenate([turn, (centre - turn @ middle)[:, None]], axis=1).astype(np.float32)
    limit = MAX_STRAIGHTENING_DEG
    # A frontal face reads a few degrees downwards, because the forehead point lies behind the chin.
    return crop, (0.5 * float(np.clip(-yaw, -limit, limit)), 0.5 * float(np.clip(-6.0 - pitch, -limit, limit)))


def _cropped(face: FaceMesh, crop: Floats) -> tuple[Floats, Floats]:
    scale = float(np.hypot(crop[0, 0], crop[1, 0]))
    points: Floats = (face.points @ crop[:, :2].T + crop[:, 2]).astype(np.float32)
    return points, (face.depth * scale * DEPTH_SCALE).astype(np.float32)


def _texture(photo: Picture, crop: Floats, *, size: tuple[int, int], margin: int) -> Picture:
    """The part of the photo that the frames show, with a margin, at TEXTURE_SCALE; edges are continued, blurred."""
    scale = float(np.hypot(crop[0, 0], crop[1, 0])) * TEXTURE_SCALE
    shrink = min(1.0, 2.0 * scale)
    if shrink < 1.0:  # shrink with averaging first: a plain warp would alias
        photo = np.asarray(cv2.resize(photo, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA), np.uint8)
    warp = crop.astype(np.float64) * TEXTURE_SCALE
    warp[:, 2] += margin * TEXTURE_SCALE
    warp[:, :2] /= shrink
    wide = (round((size[0] + 2 * margin) * TEXTURE_SCALE), round((size[1] + 2 * margin) * TEXTURE_SCALE))
    picture = cv2.warpAffine(photo, warp, wide, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    known = cv2.warpAffine(np.ones(photo.shape[:2], np.float32), warp, wide, flags=cv2.INTER_LINEAR)
    known = cv2.GaussianBlur(cv2.erode(known, np.ones((9, 9))), (0, 0), 3)[..., None]
    beyond = cv2.GaussianBlur(picture, (0, 0), 9)
    texture: Picture = (beyond + (picture.astype(np.float32) - beyond) * known).round().astype(np.uint8)
    return texture


def _lift(head: Head, size: tuple[int, int]) -> Floats:
    """Vertices placed in space so that they project onto the photo they came from."""
    lifted = head.vertices.copy()
    far = FAR * head.width
    centre = np.array(size, np.float32) / 2
    lifted[:, :2] = centre + (lifted[:, :2] - centre) * ((far + lifted[:, 2]) / far)[:, None]
    return lifted


def _project(solid: Floats, width: float, size: tuple[int, int]) -> Floats:
    centre = np.array(size, np.float32) / 2
    far = FAR * width
    flat: Floats = (centre + (solid[:, :2] - centre) * (far / (far + solid[:, 2]))[:, None]).astype(np.float32)
    return flat


def _rotation(yaw_deg: float, pitch_deg: float, roll_deg: float) -> Floats:
    yaw, pitch, roll = np.radians([yaw_deg, pitch_deg, roll_deg])
    about_y = np.array([[np.cos(yaw), 0, -np.sin(yaw)], [0, 1, 0], [np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]])
    about_z = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    rotation: Floats = (about_z @ about_y @ about_x).astype(np.float32)
    return rotation

"""Is the turned face explained by a plane? Three looks at two frames of one face, 2-D points and pixels only.

A flat photo's motion between two pictures is exactly a homography; a head's is not, because the nose stands
out and the cheeks fall back. Landmarks alone cannot tell the two apart at every tilt: FaceMesh draws a face's
shape into a squeezed photo and leaves residuals up to 5 % (measured), as much as a real turn. The pixels can:
after the best homography the picture of a plane matches nearly everywhere, that of a head in patches.
Landmarks' depth is never used here.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from liveness.landmarks import FaceMesh
from liveness.policy import Policy

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

PATCH = 80  # pixels; 64 is no faster and separates worse, 112 takes 8 ms instead of 3.5 and separates no better
_FACE_IN_PATCH = 0.62

# Points that neither mouth, jaw nor brows move.
RIGID = np.array(
    [
        *(10, 338, 297, 332, 284, 251, 109, 67, 103, 54, 21, 151, 9, 8, 108, 337, 69, 299, 104, 333),  # forehead
        *(168, 6, 197, 195, 5, 4, 1, 19, 94, 2, 98, 327, 64, 294, 48, 278),  # nose
        *(33, 133, 362, 263),  # eye corners
        *(127, 356, 234, 454, 116, 345, 117, 346, 118, 347, 123, 352, 50, 280),  # temples and cheekbones
    ]
)
# Points that the network finds by the picture's own features; they start the pixel alignment.
_FEATURES = np.array(
    [
        *(33, 133, 362, 263, 145, 374, 159, 386, 168, 6, 197, 195, 5, 4, 1, 2, 98, 327, 64, 294),
        *(61, 291, 0, 17, 107, 336, 105, 334, 70, 300, 234, 454, 10, 152),
    ]
)
_OVAL = np.array(
    [
        *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
        *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
    ]
)
_ECC_STEPS = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 1e-4)
_EXPLAINED = 0.9  # local correlation at which two patches show the same thing


@dataclass(frozen=True, eq=False)
class FaceView:
    """One face cut out upright at a fixed size, with its landmarks there; `size` is of the face in it."""

    patch: npt.NDArray[np.uint8]  # (PATCH, PATCH) grey
    points: Float32  # (478, 2) patch pixels
    sharpness: float

    @classmethod
    def of(cls, rgb: npt.NDArray[np.uint8], mesh: FaceMesh) -> "FaceView":
        """Cuts the face of `mesh` out of `rgb`; about 0.15 ms at 320x240."""
        points = mesh.points
        across, along = points[263] - points[33], points[152] - points[10]
        wide = points[454] - points[234]
        size = float(np.sqrt(np.hypot(*wide) * np.hypot(*along))) or 1.0
        scale = PATCH * _FACE_IN_PATCH / size
        angle = float(np.arctan2(across[1], across[0]))
        cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
        turn = np.array([[cos, sin], [-sin, cos]])
        centre = (points[10] + points[152]) / 2
        shift = np.array([PATCH / 2, PATCH / 2]) - turn @ centre
        picture, offset = _grey_box(rgb, points, mesh)
        if scale < 0.8:  # shrink without aliasing; a small kernel, this runs on every frame before neutral
            taps = 2 * round(1 / scale) + 1
            picture = np.asarray(cv2.GaussianBlur(picture, (taps, taps), 0.5 / scale), np.uint8)
        matrix = np.column_stack([turn, shift + turn @ offset])
        patch = np.asarray(
            cv2.warpAffine(picture, matrix, (PATCH, PATCH), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
            np.uint8,
        )
        return cls(
            patch=patch,
            points=(points @ turn.T + shift).astype(np.float32),
            sharpness=_sharpness(patch),
        )


@dataclass(frozen=True, slots=True)
class TurnEvidence:
    """How well a plane explains a turned frame.

    `residual_pct`: what the best homography leaves on the rigid points, % of face size. `squeeze`: the ratio
    of the axes of the affine part. `plane_share`: the share of the face whose pixels a plane's motion
    explains. `sharpness_of_neutral`: the turned frame's sharpness over the neutral one's.
    """

    residual_pct: float
    squeeze: float
    plane_share: float
    sharpness_of_neutral: float

    def is_solid(self, policy: Policy) -> bool:
        """Whether the turn cannot be that of a plane; every look has to agree."""
        return (
            self.residual_pct >= policy.min_residual_pct
            and self.squeeze <= policy.max_squeeze
            and self.plane_share <= policy.max_plane_share
            and policy.min_sharpness_of_neutral <= self.sharpness_of_neutral <= 1 / policy.min_sharpness_of_neutral
        )

    def in_words(self) -> str:
        """The figures for an operator."""
        return (
            f"a plane leaves {self.residual_pct:.1f} % on the landmarks, explains {self.plane_share:.0%} of the "
            f"pixels, squeeze {self.squeeze:.2f}, sharpness {self.sharpness_of_neutral:.2f} of neutral"
        )


def examine_turn(neutral: FaceView, turned: FaceView, policy: Policy) -> TurnEvidence:
    """Compares a turned view with the neutral one; 7 ms for a head, 4 for a plane."""
    residual, squeeze = plane_residual(neutral.points, turned.points)
    return TurnEvidence(
        residual_pct=residual,
        squeeze=squeeze,
        plane_share=plane_share(neutral, turned, enough=policy.max_plane_share),
        sharpness_of_neutral=turned.sharpness / max(neutral.sharpness, 1e-6),
    )


def plane_residual(neutral: Float32, turned: Float32) -> tuple[float, float]:
    """Returns the homography residual in % of face size, and the squeeze, of (478, 2) points in any scale."""
    a, b = _centred(neutral[RIGID]), _centred(turned[RIGID])
    homography = _homography(a, b)
    mapped = np.column_stack([a, np.ones(len(a))]) @ homography.T
    left = mapped[:, :2] / mapped[:, 2:] - b
    # `b` is in units of its own spread; back to the turned picture's scale.
    spread = float(np.sqrt(((turned[RIGID] - turned[RIGID].mean(0)) ** 2).sum(1).mean() / 2))
    wide = np.hypot(*(turned[454] - turned[234]))
    along = np.hypot(*(turned[152] - turned[10]))
    size = float(np.sqrt(wide * along)) or 1.0
    residual = float(np.sqrt((left**2).sum(1).mean())) * spread / size * 100
    affine = np.linalg.lstsq(a, b, rcond=None)[0]
    major, minor = np.linalg.svd(affine, compute_uv=False).tolist()
    return residual, major / max(minor, 1e-6)


def plane_share(neutral: FaceView, turned: FaceView, *, enough: float) -> float:
    """Returns the share of the face, 0 to 1, whose pixels the best homography explains.

    The alignment starts at the landmarks' homography and is refined on the pixels (ECC, Evangelidis &
    Psarakis 2008). A refinement may stop at a poor place, so a second start is tried unless the first explains
    more than `enough`: trying more can only make a plane easier to see.
    """
    best = _explained(neutral, turned, _projective_start(neutral.points, turned.points))
    if best > enough:
        return best
    return max(best, _explained(neutral, turned, _affine_start(neutral.points, turned.points)))


def _affine_start(neutral: Float32, turned: Float32) -> Float32:
    """From the eyes, nose and mouth alone, which the network finds even in a squeezed photo."""
    inner = _FEATURES[:30]
    a = np.column_stack([neutral[inner], np.ones(len(inner), np.float32)])
    affine = np.linalg.lstsq(a, turned[inner], rcond=None)[0].T
    return np.vstack([affine, [0.0, 0.0, 1.0]]).astype(np.float32)


def _projective_start(neutral: Float32, turned: Float32) -> Float32:
    a, b = neutral[_FEATURES], turned[_FEATURES]
    ta, tb = _normaliser(a), _normaliser(b)
    homography = np.linalg.inv(tb) @ _homography(_centred(a), _centred(b)) @ ta
    return np.asarray(homography / homography[2, 2], np.float32)


def _explained(neutral: FaceView, turned: FaceView, start: Float32) -> float:
    everywhere = np.full((PATCH, PATCH), 255, np.uint8)
    try:
        _, homography = cv2.findTransformECC(
            neutral.patch, turned.patch, start, cv2.MOTION_HOMOGRAPHY, _ECC_STEPS, everywhere, 5
        )
    except cv2.error:  # it raises when the pictures do not correlate at all, as two views of a head may not
        return 0.0
    back = cv2.warpPerspective(
        turned.patch,
        homography,
        (PATCH, PATCH),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    mask = np.zeros((PATCH, PATCH), np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(neutral.points[_OVAL].astype(np.int32)), (255,))
    inside = np.asarray(cv2.erode(mask, np.ones((3, 3), np.uint8))) > 0
    if not inside.any():
        return 0.0
    a, b = _band(neutral.patch), _band(np.asarray(back, np.uint8))
    weight = inside.astype(np.float32)
    local = _local(a * b, weight) / np.sqrt(_local(a * a, weight) * _local(b * b, weight) + 1e-3)
    return float((local[inside] > _EXPLAINED).mean())


def _band(patch: npt.NDArray[np.uint8]) -> Float32:
    """Features without shading: lighting changes as a sheet turns, lines do not."""
    value = patch.astype(np.float32)
    return np.asarray(cv2.GaussianBlur(value, (0, 0), 0.7) - cv2.GaussianBlur(value, (0, 0), 4.3), np.float32)


def _local(value: Float32, weight: Float32) -> Float32:
    return np.asarray(cv2.boxFilter(value * weight, -1, (16, 16), normalize=False), np.float32)


def _sharpness(patch: npt.NDArray[np.uint8]) -> float:
    middle = patch[PATCH // 5 : -PATCH // 5, PATCH // 5 : -PATCH // 5]
    _, edges = cv2.meanStdDev(cv2.Laplacian(middle, cv2.CV_32F))
    _, tones = cv2.meanStdDev(middle)
    return float(edges[0, 0] / max(tones[0, 0], 4.0))


def _grey_box(rgb: npt.NDArray[np.uint8], points: Float32, mesh: FaceMesh) -> tuple[npt.NDArray[np.uint8], Float64]:
    """The face's surroundings in grey and where they begin, so that a large picture costs no more."""
    low, high = points.min(0), points.max(0)
    margin = float((high - low).max()) * 0.35
    x0, y0 = max(int(low[0] - margin), 0), max(int(low[1] - margin), 0)
    x1, y1 = min(int(high[0] + margin) + 1, mesh.width), min(int(high[1] + margin) + 1, mesh.height)
    if x1 - x0 < 2 or y1 - y0 < 2:
        return np.zeros((2, 2), np.uint8), np.zeros(2)
    box = np.ascontiguousarray(rgb[y0:y1, x0:x1])
    return np.asarray(cv2.cvtColor(box, cv2.COLOR_RGB2GRAY), np.uint8), np.array([x0, y0], np.float64)


def _normaliser(points: Float32) -> Float64:
    centre = points.mean(0).astype(np.float64)
    scale = 1 / (float(np.sqrt(((points - centre) ** 2).sum(1).mean() / 2)) or 1.0)
    return np.array([[scale, 0, -scale * centre[0]], [0, scale, -scale * centre[1]], [0, 0, 1]])


def _centred(points: Float32) -> Float64:
    """Hartley's normalisation: mean at the origin, mean square distance 2."""
    moved = points.astype(np.float64) - points.mean(0)
    return np.asarray(moved / (np.sqrt((moved**2).sum(1).mean() / 2) or 1.0), np.float64)


def _homography(a: Float64, b: Float64) -> Float64:
    """Direct linear transform from normalised `a` to `b`, least squares by the normal equations."""
    count = len(a)
    x = np.column_stack([a, np.ones(count)])
    zero = np.zeros((count, 3))
    rows = np.vstack([np.hstack([x, zero, -b[:, :1] * a]), np.hstack([zero, x, -b[:, 1:] * a])])
    right = np.concatenate([b[:, 0], b[:, 1]])
    normal = rows.T @ rows + 1e-9 * np.eye(8)
    return np.append(np.linalg.solve(normal, rows.T @ right), 1.0).reshape(3, 3)

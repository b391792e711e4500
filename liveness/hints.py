"""From a frame's measures to the one thing the person should change first."""

from liveness.effects import HintCode
from liveness.measures import Light, Measures
from liveness.policy import Policy


def obstacle(face: Measures | None, faces: int, light: Light, policy: Policy, *, seeking: bool) -> HintCode | None:
    """Returns why this frame cannot be judged, or None.

    While `seeking` the neutral pose the limits are strict (that frame is compared with the profile photo);
    later they are loose, so that a gesture at the edge is not interrupted by hints.
    """
    if face is None or faces == 0:
        return HintCode.NO_FACE
    if faces > 1:
        return HintCode.MULTIPLE_FACES
    if light.brightness < policy.min_brightness:
        return HintCode.TOO_DARK
    if light.brightness > policy.max_brightness:
        return HintCode.TOO_BRIGHT
    smallest, largest = policy.min_face_share_later, policy.max_face_share_later
    if seeking:
        smallest, largest = policy.min_face_share, policy.max_face_share
    if face.share < smallest:
        return HintCode.MOVE_CLOSER
    if face.share > largest:
        return HintCode.MOVE_BACK
    if not face.inside:
        return HintCode.CENTER_FACE
    if seeking and max(abs(face.x - 0.5), abs(face.y - 0.5)) > policy.max_off_centre:
        return HintCode.CENTER_FACE
    if seeking and light.sharpness is not None and light.sharpness < policy.min_sharpness:
        return HintCode.BLURRED
    return None

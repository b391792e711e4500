"""Judging a browser's claim: a still, and one small frame for each step of its challenge.

The page watched the camera itself; the server sees nothing but these pictures. They can show that somebody has a
picture of each gesture that was asked, of a face that is turned like a solid head and not like a flat sheet of paper,
within minutes of the challenge. They cannot show that the pictures come from a camera, were taken now, or belong to
one movement: a program that animates a photo makes them, and so does a stock of pictures of the victim; times are the
page's word. The stream, which sees every frame, proves more. So this judgement may only deny, and the caller still
compares the faces of all pictures with each other and with the profile photo.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from types import MappingProxyType
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from liveness.challenge import CHALLENGE_LIFE_S
from liveness.landmarks import FaceCounter, FaceMesh, StillFaceMesh
from liveness.measures import Measures, brightness, measure
from liveness.parallax import FaceView, examine_turn
from liveness.policy import DEFAULT_POLICY, Policy
from liveness.steps import LivenessStep

Rgb = npt.NDArray[np.uint8]
EvidenceError = Literal["CHALLENGE_FAILED", "NO_FACE", "MULTIPLE_FACES", "LOW_QUALITY"]

NEUTRAL_ROLE: Final = "neutral"

_TURNS: Final = MappingProxyType(
    {
        LivenessStep.LOOK_LEFT: ("yaw", 1.0, "to the person's own left"),
        LivenessStep.LOOK_RIGHT: ("yaw", -1.0, "to the person's own right"),
        LivenessStep.LOOK_UP: ("pitch", 1.0, "up"),
        LivenessStep.LOOK_DOWN: ("pitch", -1.0, "down"),
    }
)


@dataclass(frozen=True, kw_only=True, eq=False)
class ClaimedFrame:
    """The frame that a browser offers for one step: uint8 (H, W, 3), not mirrored, and its time of capture.

    `captured_at_ms` counts from the moment the page had the challenge.
    """

    step: LivenessStep
    rgb: Rgb
    captured_at_ms: int


@dataclass(frozen=True, kw_only=True, eq=False)
class EvidenceVerdict:
    """Whether the claim holds, else one word of VerificationError and every reason found, for the operator's log.

    `key_faces` maps "neutral" and "step:0", "step:1", … to picture and mesh, complete when the claim passed.
    """

    passed: bool
    error: EvidenceError | None = None
    reasons: tuple[str, ...] = ()
    key_faces: Mapping[str, tuple[Rgb, FaceMesh]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _Seen:
    role: str
    rgb: Rgb
    mesh: FaceMesh
    measures: Measures
    view: FaceView


def judge_evidence(
    *,
    steps: Sequence[LivenessStep],
    still: Rgb,
    frames: Sequence[ClaimedFrame],
    reader: StillFaceMesh,
    counter: FaceCounter,
    life_ms: int = 1000 * CHALLENGE_LIFE_S,
    policy: Policy = DEFAULT_POLICY,
) -> EvidenceVerdict:
    """Judge `frames` and `still`, uint8 (H, W, 3), as the answer to the challenge's `steps`.

    `life_ms` is the time that has really passed since the challenge was issued, where the caller knows it. About 20 ms
    a picture; nothing is read if the claim's form is wrong already. Raises LandmarksError when the landmark engine
    fails.
    """
    faults = list(_faults_of_form(steps, frames, life_ms, policy))
    if faults:
        return EvidenceVerdict(passed=False, error="CHALLENGE_FAILED", reasons=tuple(faults))
    pictures = {NEUTRAL_ROLE: still} | {_role(number): claimed.rgb for number, claimed in enumerate(frames)}
    seen: list[_Seen] = []
    missing, crowded = [], []
    for role, rgb in pictures.items():
        meshes = reader.read(rgb)
        if not meshes:
            missing.append(f"{role}: there is no face in the picture")
        elif len(meshes) > 1 or counter.count(rgb) > 1:
            crowded.append(f"{role}: there is more than one face in the picture")
        else:
            seen.append(_Seen(role, rgb, meshes[0], measure(meshes[0]), FaceView.of(rgb, meshes[0])))
    if crowded:
        return EvidenceVerdict(passed=False, error="MULTIPLE_FACES", reasons=(*crowded, *missing))
    if missing:
        return EvidenceVerdict(passed=False, error="NO_FACE", reasons=tuple(missing))
    key_faces = {one.role: (one.rgb, one.mesh) for one in seen}
    neutral, shown = seen[0], seen[1:]
    faults = [*_faults_of_still(neutral, policy), *(fault for one in shown for fault in _faults_of_light(one, policy))]
    if faults:
        return EvidenceVerdict(passed=False, error="LOW_QUALITY", reasons=tuple(faults), key_faces=key_faces)
    faults = [f for step, one in zip(steps, shown, strict=True) for f in _faults_of_step(step, neutral, one, policy)]
    faults += [
        f"{a.role} and {b.role} are one picture"
        for a, b in combinations(seen, 2)
        if is_same_picture(a.view, b.view, policy)
    ]
    if faults:
        return EvidenceVerdict(passed=False, error="CHALLENGE_FAILED", reasons=tuple(faults), key_faces=key_faces)
    return EvidenceVerdict(passed=True, key_faces=key_faces)


def _role(number: int) -> str:
    return f"step:{number}"


def _faults_of_form(
    steps: Sequence[LivenessStep], frames: Sequence[ClaimedFrame], life_ms: int, policy: Policy
) -> Iterator[str]:
    if not steps:
        yield "the challenge asks for nothing"
    shown = [claimed.step for claimed in frames]
    if shown != list(steps):
        yield f"the challenge asks for {', '.join(steps)}; the claim shows {', '.join(shown) or 'nothing'}"
        return
    times = [claimed.captured_at_ms for claimed in frames]
    # Nobody sees a prompt, understands it and has completed the gesture in less; between two steps likewise.
    for number, (before, at) in enumerate(pairwise([0, *times])):
        if at - before < policy.min_response_ms:
            what = "its prompt" if number == 0 else "the step before"
            yield f"{_role(number)}: shown {at - before} ms after {what}, faster than a person reacts"
    if times and times[-1] > life_ms:
        yield f"{_role(len(times) - 1)}: said to be captured {times[-1]} ms into a challenge that is {life_ms} ms old"


def _faults_of_still(neutral: _Seen, policy: Policy) -> Iterator[str]:
    m = neutral.measures
    if abs(m.yaw) > policy.neutral_max_yaw or not policy.neutral_min_pitch <= m.pitch <= policy.neutral_max_pitch:
        yield f"neutral: the head is turned, yaw {m.yaw:.0f}°, pitch {m.pitch:.0f}°; it must look into the camera"
    if abs(m.roll) > policy.neutral_max_roll:
        yield f"neutral: the head is tilted by {m.roll:.0f}°"
    if m.mouth > policy.neutral_max_mouth:
        yield f"neutral: the mouth is open, {m.mouth:.2f}"
    if not policy.min_face_share <= m.share <= policy.max_face_share:
        yield f"neutral: the face fills {m.share:.0%} of the picture, {policy.min_face_share:.0%} or more is needed"
    yield from _faults_of_light(neutral, policy)


def _faults_of_light(one: _Seen, policy: Policy) -> Iterator[str]:
    luma = brightness(one.rgb, one.mesh)
    if not policy.min_brightness <= luma <= policy.max_brightness:
        yield f"{one.role}: the face is too {'dark' if luma < policy.min_brightness else 'bright'}, {luma:.0f}"
    if one.view.sharpness < policy.min_sharpness:
        yield f"{one.role}: the face is blurred, {one.view.sharpness:.2f}"
    if not policy.min_face_share_later <= one.measures.share <= policy.max_face_share_later:
        yield f"{one.role}: the face fills {one.measures.share:.0%} of the picture"
    if not one.measures.inside:
        yield f"{one.role}: the face is cut off by the picture's edge"


def _faults_of_step(step: LivenessStep, neutral: _Seen, shown: _Seen, policy: Policy) -> Iterator[str]:
    """The same limits as the stream's gestures have, applied to one frame."""
    rest, now = neutral.measures, shown.measures
    if step in _TURNS:
        yield from _faults_of_turn(step, neutral, shown, policy)
        return
    yaw, pitch = now.yaw - rest.yaw, now.pitch - rest.pitch
    if step is LivenessStep.BLINK:
        # Turning or tilting narrows the eyes as well. (The mouth's steps move the chin, which reads as pitch.)
        if abs(yaw) >= policy.turn_full or abs(pitch) >= policy.tilt_full:
            yield f"{shown.role}: the head is turned during BLINK, by {yaw:.0f}° and {pitch:.0f}°"
        # Lids against the upper face as well: tilting a sheet of paper lowers the eye-aspect ratio alone.
        eyes, lids = now.ear / max(rest.ear, 1e-6), now.lids / max(rest.lids, 1e-6)
        if max(eyes, lids) > policy.blink_closed:
            yield f"{shown.role}: the eyes are {max(eyes, lids):.0%} as open as in the still"
    elif step is LivenessStep.OPEN_MOUTH:
        needed = max(policy.mouth_open, rest.mouth + policy.mouth_open_above_neutral)
        if now.mouth < needed:
            yield f"{shown.role}: the mouth is open by {now.mouth:.2f}, {needed:.2f} is needed"
    elif step is LivenessStep.SMILE:
        if abs(yaw) > policy.smile_max_yaw:
            yield f"{shown.role}: the head is turned during SMILE, by {yaw:.0f}°"
        wider, up = now.mouth_width / max(rest.mouth_width, 1e-6), rest.mouth_corners - now.mouth_corners
        if wider < policy.smile_wider or up < policy.smile_corners_up:
            yield f"{shown.role}: the mouth is {wider:.2f} times as wide as in the still, its corners {up:.2f} higher"


def _faults_of_turn(step: LivenessStep, neutral: _Seen, shown: _Seen, policy: Policy) -> Iterator[str]:
    axis, sign, where = _TURNS[step]
    yaw = shown.measures.yaw - neutral.measures.yaw
    pitch = shown.measures.pitch - neutral.measures.pitch
    if axis == "yaw":
        needed = max(policy.turn_full, policy.turn_full_absolute + sign * -neutral.measures.yaw)
        turned, aside = sign * yaw, abs(pitch)
    else:
        needed, turned, aside = policy.tilt_full, sign * pitch, abs(yaw)
    if turned < needed or aside > turned:
        yield (
            f"{shown.role}: the head is turned {turned:.1f}° {where} and {aside:.1f}° otherwise; "
            f"{needed:.1f}° {where} is needed"
        )
        return  # the examination below only means something for a turned head
    evidence = examine_turn(neutral.view, shown.view, policy)
    # Two frames of one camera are about equally sharp; a defocused still would hide that a plane explains both.
    if evidence.sharpness_of_neutral > 1 / policy.min_sharpness_of_neutral:
        yield f"{shown.role}: the still is blurred beside it, {evidence.sharpness_of_neutral:.1f} times less sharp"
    elif not evidence.is_solid(policy):
        yield f"{shown.role}: turned like a flat picture: {evidence.in_words()}"


def is_same_picture(a: FaceView, b: FaceView, policy: Policy = DEFAULT_POLICY) -> bool:
    """Whether two views are copies of one picture, mostly also after a new JPEG, a shift or another brightness.

    Whoever changes a picture more than that has made another one; this only stops the plain copy.
    """
    moved = float(np.sqrt(((a.points - b.points) ** 2).sum(axis=1).mean()))
    if moved > policy.same_picture_moved_px:
        return False
    return float(np.corrcoef(a.patch.ravel(), b.patch.ravel())[0, 1]) > policy.same_picture_correlation

"""One photo, animated, and read back by the real FaceMesh."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import simplejpeg

from app.client.animation import AnimationError, PhotoAnimator, Pose
from app.client.opening import animator_of, read_photo
from app.client.performance import REACHES, posed
from liveness.landmarks import FaceMesh, StillFaceMesh
from liveness.steps import LivenessStep
from tests.unit.client.readings import eye_aspect_ratio, mouth_opening, mouth_width, nose_height, nose_offset

ReadFace = Callable[[Any], FaceMesh]


def shown(animator: PhotoAnimator, step: LivenessStep | None, read_face: ReadFace) -> FaceMesh:
    """The face as the server sees it: through a JPEG."""
    return read_face(simplejpeg.decode_jpeg(animator.jpeg(posed(step, 1.0))))


def test_closing_the_eyes_halves_the_eye_aspect_ratio(animator: PhotoAnimator, read_face: ReadFace) -> None:
    """Without it: the demonstration photo cannot blink, and no test plays a BLINK step."""
    opened = eye_aspect_ratio(shown(animator, None, read_face))
    closed = eye_aspect_ratio(shown(animator, LivenessStep.BLINK, read_face))
    assert closed < 0.5 * opened


def test_an_open_mouth_is_read_as_open_and_a_resting_one_as_closed(
    animator: PhotoAnimator, read_face: ReadFace
) -> None:
    """Without it: OPEN_MOUTH is never passed, or passed by a photo that shows teeth."""
    assert mouth_opening(shown(animator, None, read_face)) < 0.15
    assert mouth_opening(shown(animator, LivenessStep.OPEN_MOUTH, read_face)) > 0.45


def test_a_smile_widens_the_mouth(animator: PhotoAnimator, read_face: ReadFace) -> None:
    """Without it: SMILE is never passed, above all by people whose photo smiles already."""
    rest = mouth_width(shown(animator, None, read_face))
    assert mouth_width(shown(animator, LivenessStep.SMILE, read_face)) > 1.12 * rest


def test_looking_left_moves_the_nose_to_the_pictures_right_edge(animator: PhotoAnimator, read_face: ReadFace) -> None:
    """Without it: left and right are swapped between the client and every server."""
    rest = nose_offset(shown(animator, None, read_face))
    assert nose_offset(shown(animator, LivenessStep.LOOK_LEFT, read_face)) > rest + 0.15
    assert nose_offset(shown(animator, LivenessStep.LOOK_RIGHT, read_face)) < rest - 0.15


def test_looking_up_and_down_moves_the_nose(animator: PhotoAnimator, read_face: ReadFace) -> None:
    """Without it: LOOK_UP and LOOK_DOWN are swapped or do nothing."""
    rest = nose_height(shown(animator, None, read_face))
    assert nose_height(shown(animator, LivenessStep.LOOK_UP, read_face)) < rest - 0.03
    assert nose_height(shown(animator, LivenessStep.LOOK_DOWN, read_face)) > rest + 0.03


def test_the_rest_pose_is_frontal_and_well_framed(animator: PhotoAnimator, read_face: ReadFace) -> None:
    """Without it: the server answers MOVE_CLOSER or CENTER_FACE for ever."""
    face = shown(animator, None, read_face)
    assert (face.width, face.height) == (320, 240)
    assert 0.33 < np.linalg.norm(face.points[454] - face.points[234]) / face.width < 0.45
    assert abs(face.points[:468, 0].mean() / face.width - 0.5) < 0.06
    assert face.points[:, 1].min() > 0
    assert face.points[:, 1].max() < face.height
    assert abs(nose_offset(face)) < 0.08


def test_no_two_frames_are_the_same_and_a_seed_repeats_them(portrait: Path) -> None:
    """Without it: the stream looks frozen to the server, and a failing test cannot be repeated."""
    photo = read_photo(portrait)
    first, again = animator_of(photo, seed=7), animator_of(photo, seed=7)
    frames = [first.jpeg(Pose()) for _ in range(20)]
    assert len(set(frames)) == 20
    assert [again.jpeg(Pose()) for _ in range(20)] == frames


def test_a_frame_takes_at_most_ten_milliseconds(animator: PhotoAnimator) -> None:
    """Without it: twenty animated clients do not fit on two cores beside the server."""
    took = []
    for index in range(30):
        began = time.thread_time()
        animator.jpeg(Pose(yaw_deg=index, mouth_open=0.5))
        took.append(time.thread_time() - began)
    assert sorted(took)[15] <= 0.010


def test_other_sizes_are_drawn_too(astronaut_path: Path, reader: StillFaceMesh, read_face: ReadFace) -> None:
    """Without it: only one camera can be played."""
    animator = PhotoAnimator(read_photo(astronaut_path), reader, size=(480, 360))
    face = read_face(animator.render(REACHES[LivenessStep.OPEN_MOUTH]))
    assert (face.width, face.height) == (480, 360)
    assert mouth_opening(face) > 0.45


def test_a_picture_without_one_usable_face_is_refused_in_words(astronaut_path: Path, reader: StillFaceMesh) -> None:
    """Without it: the person gets a stack trace for a photo of their cat."""
    photo = read_photo(astronaut_path)
    with pytest.raises(AnimationError, match="no face"):
        animator_of(np.full((240, 320, 3), 127, np.uint8))
    with pytest.raises(AnimationError, match="several faces"):
        animator_of(np.ascontiguousarray(np.hstack([photo[:, 100:400]] * 2)))
    small = np.asarray(cv2.resize(photo, (200, 200), interpolation=cv2.INTER_AREA), np.uint8)
    with pytest.raises(AnimationError, match="takes 40"):
        PhotoAnimator(small, reader)


@pytest.mark.parametrize("name", ["p1_a.jpg", "p2_a.jpg", "p3_a.jpg", "p4_a.jpg", "p5_a.png", "p6_a.png"])
def test_further_portraits_can_be_animated(shared_data: Path, name: str, read_face: ReadFace) -> None:
    """Without it: the client works for two photos only."""
    animator = animator_of(read_photo(shared_data / "faces" / name))
    rest = shown(animator, None, read_face)
    assert eye_aspect_ratio(shown(animator, LivenessStep.BLINK, read_face)) < 0.5 * eye_aspect_ratio(rest)
    assert mouth_opening(shown(animator, LivenessStep.OPEN_MOUTH, read_face)) > 0.45
    assert mouth_width(shown(animator, LivenessStep.SMILE, read_face)) > 1.12 * mouth_width(rest)
    assert nose_offset(shown(animator, LivenessStep.LOOK_LEFT, read_face)) > nose_offset(rest) + 0.15
    assert nose_offset(shown(animator, LivenessStep.LOOK_RIGHT, read_face)) < nose_offset(rest) - 0.15

"""A recorded clip judged exactly as the stream judges frames, by the clip's own time."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from app.verification.key_faces import NEUTRAL, KeyFaces, person_verdict
from app.verification.model import Descriptor, Rgb, VerificationError
from facecore.distance import distance, is_match
from facecore.engine import DescriptorEngine
from liveness.attempt import Attempt, TracePoint
from liveness.effects import StepPassed, Verdict
from liveness.landmarks import FaceCounter, FaceMeshGraph
from liveness.steps import LivenessStep

MAX_SIDE = 640
"""The reference client sends no larger frames either; the landmark network uses fewer pixels still."""

LEAST_FPS, MOST_FPS = 1.0, 240.0
PROGRESS_EVERY_FRAMES = 150


class ClipError(Exception):
    """Raised when a file is not a video that can be judged."""


def clip_frames(video: Path, *, fps: float | None = None) -> Generator[tuple[int, Rgb], None, None]:
    """The frames of a clip with their own times in ms, at most `fps` of them a second, none longer than MAX_SIDE.

    Raises ClipError for what is not a video of at least two frames.
    """
    capture = cv2.VideoCapture(str(video))
    try:
        rate = capture.get(cv2.CAP_PROP_FPS)
        if not capture.isOpened() or not LEAST_FPS <= rate <= MOST_FPS:
            raise ClipError(f"{video} is not a video that can be read")
        number, shown, last_ms = 0, 0, -1
        while capture.grab():
            # Clips of telephones have no steady rate: their own time stamps count, where they make sense.
            stamp = round(capture.get(cv2.CAP_PROP_POS_MSEC))
            t_ms = stamp if stamp > last_ms else max(last_ms + 1, round(1000 * number / rate))
            number, last_ms = number + 1, t_ms
            if fps is not None and t_ms * fps < 1000 * shown:
                continue
            found, bgr = capture.retrieve()
            if not found:
                break
            shown = int(t_ms * fps / 1000) + 1 if fps is not None else 0
            yield t_ms, _fitted(bgr)
        if number < 2:
            raise ClipError(f"{video} is not a video: it has {number or 'no'} frame{'s' if number != 1 else ''}")
    finally:
        capture.release()


def _fitted(bgr: Any) -> Rgb:
    scale = min(1.0, MAX_SIDE / max(bgr.shape[:2]))
    if scale < 1.0:
        bgr = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def judge_clip(
    video: Path,
    steps: Sequence[LivenessStep],
    *,
    fps: float | None = None,
    mirrored: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> tuple[Verdict, tuple[TracePoint, ...], KeyFaces]:
    """The liveness verdict on a clip, with what was measured and the faces that it rests on; raises ClipError.

    `say` hears a line for each passed step, and now and then one that says how far a long clip is.
    """
    faces = KeyFaces()
    graph, counter = FaceMeshGraph(), FaceCounter()
    try:
        attempt = Attempt(
            steps=steps,
            graph=graph,
            counter=counter,
            on_key_frame=lambda key: faces.keep(key.role, key.rgb, key.mesh),
            mirrored=mirrored,
            trace=True,
        )
        frames = clip_frames(video, fps=fps)
        t_ms = 0
        for number, (t_ms, rgb) in enumerate(frames):
            effects = attempt.judge(rgb, seq=number, captured_ms=t_ms, received_ms=t_ms)
            for effect in effects:
                if isinstance(effect, StepPassed):
                    say(f"{t_ms / 1000:7.2f} s  {effect.step} passed")
            if attempt.verdict is not None:
                break
            if number % PROGRESS_EVERY_FRAMES == PROGRESS_EVERY_FRAMES - 1:
                say(f"{t_ms / 1000:7.2f} s  {number + 1} frames judged, waiting for {attempt.step}")
        frames.close()
        attempt.stop(t_ms)
        assert attempt.verdict is not None
        return attempt.verdict, attempt.trace, faces
    finally:
        graph.close()
        counter.close()


def with_identity(
    verdict: Verdict, faces: KeyFaces, *, engine: DescriptorEngine, photo: Descriptor | None, threshold: float
) -> tuple[Verdict, float | None]:
    """The verdict after the faces were compared with each other and with `photo`, and the distance to it.

    As on the stream, identity can only deny what liveness granted.
    """
    if NEUTRAL not in faces.chips or not (verdict.passed or photo is not None):
        return verdict, None
    roles = sorted(faces.chips, key=lambda role: role != NEUTRAL)
    person = person_verdict(roles, engine.describe(np.stack([faces.chips[role] for role in roles])))
    apart = None if photo is None else distance(person.neutral, photo)
    if verdict.passed and not person.same_person:
        worst = max(person.distances, key=lambda role: person.distances[role])
        why = f"FACES_DIFFER: the face at {worst} is another than the first ({person.distances[worst]:.2f} apart)"
        return replace(verdict, passed=False, error=VerificationError.CHALLENGE_FAILED, reasons=(why,)), apart
    if verdict.passed and apart is not None and not is_match(apart, threshold):
        why = f"FACE_MISMATCH: the face is not the photo's ({apart:.2f} apart, a match is {threshold:g} or less)"
        return replace(verdict, passed=False, error=VerificationError.FACE_MISMATCH, reasons=(why,)), apart
    return verdict, apart


def signals(trace: Sequence[TracePoint]) -> dict[str, float | int | None]:
    """What was measured over the attempt, in few numbers; None where no face was seen."""
    faces = [point for point in trace if point.yaw is not None]

    def over(pick: Any, name: str) -> float | None:
        values = [value for point in faces if (value := getattr(point, name)) is not None]
        return round(pick(values), 3) if values else None

    gaps = [b.t_ms - a.t_ms for a, b in pairwise(trace)]
    return {
        "frames": len(trace),
        "frames_with_face": len(faces),
        "duration_ms": round(trace[-1].t_ms - trace[0].t_ms) if trace else 0,
        "fps": round(1000 * len(gaps) / sum(gaps), 2) if sum(gaps) > 0 else None,
        "neutral_yaw_deg": over(lambda values: values[-1], "neutral_yaw"),
        "neutral_pitch_deg": over(lambda values: values[-1], "neutral_pitch"),
        "yaw_min_deg": over(min, "yaw"),
        "yaw_max_deg": over(max, "yaw"),
        "pitch_min_deg": over(min, "pitch"),
        "pitch_max_deg": over(max, "pitch"),
        "ear_open": over(lambda values: values[-1], "open_ear"),
        "ear_min": over(min, "ear"),
        "mouth_max": over(max, "mouth"),
        "smile_max": over(max, "smile"),
        "brightness_mean": over(lambda values: sum(values) / len(values), "brightness"),
    }

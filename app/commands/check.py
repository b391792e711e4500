"""Judge a recorded clip exactly as the liveness stream would, frame by frame by the clip's own time.

  bonafide check clip.mp4 --steps LOOK_LEFT,BLINK
  bonafide check clip.mp4 --steps LOOK_LEFT,SMILE --photo face.jpg --report attempt.svg

The key frames must show one person, and with --photo the person of that photo. With --report the whole attempt is
drawn over time, with the reason of the verdict on top. Exit code 0: passed; 1: failed; 2: the input is unusable.
"""

import argparse
import json
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.settings import Settings, SettingsError
from app.verification.clip import LEAST_FPS, MOST_FPS, ClipError, judge_clip, signals, with_identity
from app.verification.photo_faces import PhotoFaces
from facecore.alignment import aligned_chip
from facecore.distance import Descriptor
from facecore.engine import DescriptorEngine, load_engine
from facecore.errors import FaceError
from facecore.photos import MAX_PHOTO_BYTES, PhotoError, decode
from liveness.attempt import TracePoint
from liveness.effects import Verdict
from liveness.landmarks import LandmarksError, StillFaceMesh
from liveness.report import draw_report
from liveness.steps import LivenessStep


class Unusable(Exception):
    """Raised when an input cannot be judged; its text says which one, and what is wrong with it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("video", metavar="VIDEO", type=Path, help="a recorded clip")
    parser.add_argument(
        "--steps", required=True, metavar="STEP,…", help=f"what was asked, in order: {', '.join(LivenessStep)}"
    )
    parser.add_argument("--photo", metavar="FACE.jpg", type=Path, help="compare the face with this photo as well")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.add_argument("--report", metavar="OUT.svg", type=Path, help="draw the attempt over time")
    parser.add_argument("--fps", metavar="N", type=float, help="thin the clip to N frames a second, as a slow device")
    parser.add_argument("--mirrored", action="store_true", help="the clip is a mirror image, as selfie views are")


def run(options: argparse.Namespace) -> int:
    """Judges the clip and prints the verdict; gives back the exit code."""
    try:
        result = _check(options)
    except (Unusable, ClipError, FaceError, LandmarksError) as error:
        print(f"bonafide check: {error}", file=sys.stderr)
        return 2
    print(json.dumps(result.as_json(), allow_nan=False) if options.json else result.in_words())
    return 0 if result.verdict.passed else 1


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """What one clip came to; `distance` is None without a photo or without a neutral face."""

    verdict: Verdict
    trace: tuple[TracePoint, ...]
    distance: float | None
    threshold: float

    def as_json(self) -> dict[str, Any]:
        """The object of `--json` (contract, section 1)."""
        return {
            "passed": self.verdict.passed,
            "error": self.verdict.error,
            "steps": [{"step": o.step, "passed": o.passed, "at_ms": o.at_ms} for o in self.verdict.steps],
            "signals": signals(self.trace),
            "distance": None if self.distance is None else round(self.distance, 6),
            "reasons": list(self.verdict.reasons),
        }

    def in_words(self) -> str:
        """The same for a person."""
        verdict = self.verdict
        lines = ["passed" if verdict.passed else f"failed: {verdict.error}"]
        for outcome in verdict.steps:
            when = "never prompted" if outcome.at_ms is None else f"{outcome.at_ms / 1000:.2f} s"
            lines.append(f"  {outcome.step:<10}  {'passed' if outcome.passed else 'failed'}  {when}")
        return "\n".join([*lines, *(f"  {reason}" for reason in verdict.reasons), *(f"  {n}" for n in self.notes())])

    def notes(self) -> list[str]:
        """What the comparison with the photo said."""
        if self.distance is None:
            return []
        return [f"distance to the photo {self.distance:.3f}; a match is {self.threshold:g} or less"]


def _check(options: argparse.Namespace) -> CheckResult:
    steps = parse_steps(options.steps)
    if options.fps is not None and not LEAST_FPS <= options.fps <= MOST_FPS:
        raise Unusable(f"--fps: {options.fps:g} is not between {LEAST_FPS:g} and {MOST_FPS:g}")
    if not options.video.is_file():
        raise Unusable(f"there is no file {options.video}")
    # All that can be wrong is found before the minutes of work that a long clip takes.
    _check_writable(options.report)
    try:
        settings = Settings.from_process()
    except SettingsError as error:
        raise Unusable(f"settings: {error}") from error
    engine = load_engine(settings.face_engine, cache_dir=settings.data_dir / "models")
    photo = None if options.photo is None else describe_photo(options.photo, engine)
    verdict, trace, faces = judge_clip(options.video, steps, fps=options.fps, mirrored=options.mirrored, say=_say)
    verdict, apart = with_identity(verdict, faces, engine=engine, photo=photo, threshold=settings.face_threshold)
    result = CheckResult(verdict=verdict, trace=trace, distance=apart, threshold=settings.face_threshold)
    if options.report is not None:
        svg = draw_report(trace, verdict, title=options.video.name, notes=result.notes())
        try:
            options.report.write_text(svg, encoding="utf-8")
        except OSError as error:
            raise Unusable(f"--report: {options.report} cannot be written: {error.strerror}") from error
    return result


def _check_writable(report: Path | None) -> None:
    if report is None:
        return
    is_new = not report.exists()
    try:
        with report.open("a", encoding="utf-8"):
            pass
        if is_new:
            report.unlink()
    except OSError as error:
        raise Unusable(f"--report: {report} cannot be written: {error.strerror}") from error


def describe_photo(path: Path, engine: DescriptorEngine) -> Descriptor:
    """The descriptor of the one face in a photo file; raises Unusable for any other file."""
    try:
        with path.open("rb") as file:
            rgb = decode(file.read(MAX_PHOTO_BYTES + 1))
    except OSError as error:
        raise Unusable(f"--photo: {path} cannot be read: {error.strerror}") from error
    except PhotoError as error:
        raise Unusable(f"--photo: {path}: {error}") from error
    with closing(StillFaceMesh()) as reader:
        meshes = PhotoFaces(reader).find(rgb)
    if len(meshes) != 1:
        raise Unusable(f"--photo: {path} shows {'several faces' if meshes else 'no face'}; one is needed")
    descriptor: Descriptor = engine.describe(aligned_chip(rgb, meshes[0].points)[None])[0]
    return descriptor


def parse_steps(text: str) -> tuple[LivenessStep, ...]:
    """The steps of a comma list; raises Unusable naming the wrong one and all that exist."""
    steps = []
    for name in text.split(","):
        try:
            steps.append(LivenessStep(name.strip().upper()))
        except ValueError:
            raise Unusable(f"--steps: {name.strip()!r} is no step; use {', '.join(LivenessStep)}") from None
    return tuple(steps)


def _say(line: str) -> None:
    print(line, file=sys.stderr)

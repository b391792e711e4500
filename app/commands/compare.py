"""Compare the faces of two photos, or of a list of labelled pairs.

  bonafide compare A.jpg B.jpg
  bonafide compare --pairs pairs.csv --root photos --json

Prints the distance of two faces and whether they match at the threshold in use (FACE_THRESHOLD). With --pairs, a
CSV file with the columns file_x,file_y,Decision (Yes: the same person, No: another), it prints the false match rate
and the false non-match rate at the threshold and over a sweep of thresholds. If a photo shows several faces, its
largest is compared.

Exit code for two photos: 0 they match, 1 they do not, 2 the input is unusable. For pairs: 0 done, 2 unusable.
"""

import argparse
import csv
import json
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.settings import Settings, SettingsError
from app.verification.photo_faces import PhotoFaces
from facecore.alignment import aligned_chip
from facecore.distance import Descriptor, distance, is_match
from facecore.engine import DescriptorEngine, load_engine
from facecore.error_rates import SWEEP, error_rates
from facecore.errors import FaceError
from facecore.photos import PhotoError, decode
from liveness.landmarks import LandmarksError, StillFaceMesh

# Files of the operator's own: the limits of uploads do not apply, only what one process can hold.
MAX_FILE_BYTES = 50_000_000
MAX_FILE_PIXELS = 80_000_000

COLUMNS = ("file_x", "file_y", "Decision")
DECISIONS = {"yes": True, "no": False}
PROGRESS_EVERY = 25


class Unusable(Exception):
    """Raised when an input cannot be compared; its text says which one and why."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("photos", metavar="PHOTO", nargs="*", type=Path, help="the two photos: JPEG, PNG or WebP")
    parser.add_argument("--pairs", metavar="FILE.csv", type=Path, help="labelled pairs: file_x,file_y,Decision")
    parser.add_argument("--root", metavar="DIR", type=Path, help="where the photos of --pairs lie (default: beside it)")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.add_argument(
        "--threshold", metavar="D", type=_threshold, help="largest distance that is a match (default: FACE_THRESHOLD)"
    )
    parser.add_argument("--engine", choices=("onnx", "dlib"), help="what computes descriptors (default: FACE_ENGINE)")


def run(options: argparse.Namespace) -> int:
    """Compares, prints the result; gives back the exit code."""
    try:
        if options.pairs is not None:
            return _run_pairs(options)
        return _run_two(options)
    except (Unusable, FaceError, LandmarksError) as error:
        print(f"bonafide compare: {error}", file=sys.stderr)
        return 2


def _threshold(text: str) -> float:
    value = float(text)
    if not 0 < value < 2:
        raise argparse.ArgumentTypeError("must lie between 0 and 2")
    return value


def _run_two(options: argparse.Namespace) -> int:
    if len(options.photos) != 2:
        raise Unusable("give two photos, or --pairs FILE.csv")
    if options.root is not None:
        raise Unusable("--root goes with --pairs")
    with _describer(options) as (describer, threshold):
        first, second = (describer.describe(path) for path in options.photos)
    apart = distance(first, second)
    match = is_match(apart, threshold)
    if options.json:
        print(json.dumps({"match": match, "distance": round(apart, 6)}))
    else:
        verdict = "match" if match else "no match"
        print(f"{verdict}: distance {apart:.4f}, threshold {threshold:g}")
    return 0 if match else 1


def _run_pairs(options: argparse.Namespace) -> int:
    if options.photos:
        raise Unusable("give either two photos or --pairs, not both")
    pairs = read_pairs(options.pairs, options.root or options.pairs.parent)
    with _describer(options) as (describer, threshold):
        result = _rates(pairs, describer, threshold)
    if options.json:
        print(json.dumps(result))
    else:
        print(_in_words(result))
    return 0


@dataclass(frozen=True)
class Pair:
    """Two photos and whether they show one person."""

    first: Path
    second: Path
    is_same: bool


def read_pairs(path: Path, root: Path) -> list[Pair]:
    """The labelled pairs of a CSV file, their photos below `root`; raises Unusable naming the line at fault."""
    if not root.is_dir():
        raise Unusable(f"{root} is not a folder")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable(f"{path} cannot be read as text: {_reason(error)}") from error
    pairs = []
    try:
        rows = csv.DictReader(text.splitlines(), strict=True)
        if not set(COLUMNS) <= set(rows.fieldnames or ()):
            raise Unusable(f"{path} must begin with the columns {','.join(COLUMNS)}")
        for row in rows:
            first, second, decision = (str(row[column] or "").strip() for column in COLUMNS)
            is_same = DECISIONS.get(decision.lower())
            if not first or not second or is_same is None:
                raise Unusable(f"{path}, line {rows.line_num}: needs two files and Yes or No")
            pairs.append(Pair(root / first, root / second, is_same))
    except csv.Error as error:
        raise Unusable(f"{path}: {error}") from error
    if not pairs:
        raise Unusable(f"{path} lists no pair")
    return pairs


@dataclass(eq=False)
class Describer:
    """Photo files to descriptors; each file is read once, and one that cannot be used is remembered too."""

    engine: DescriptorEngine
    photo_faces: PhotoFaces
    known: dict[Path, Descriptor | Unusable] = field(default_factory=dict)

    def describe(self, path: Path) -> Descriptor:
        """The descriptor, (128,), of the largest face; raises Unusable."""
        if path not in self.known:
            try:
                self.known[path] = self._read(path)
            except Unusable as error:
                self.known[path] = error
        known = self.known[path]
        if isinstance(known, Unusable):
            raise known
        return known

    def _read(self, path: Path) -> Descriptor:
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                raise Unusable(f"{path} has over {MAX_FILE_BYTES / 1e6:.0f} MB")
            data = path.read_bytes()
        except OSError as error:
            raise Unusable(f"{path} cannot be read: {_reason(error)}") from error
        try:
            rgb = decode(data, max_bytes=MAX_FILE_BYTES, max_pixels=MAX_FILE_PIXELS)
        except PhotoError as error:
            raise Unusable(f"{path}: {error}") from error
        face = self.photo_faces.best(rgb)
        if face is None:
            raise Unusable(f"{path}: no face was found")
        descriptor: Descriptor = self.engine.describe(aligned_chip(rgb, face.points)[None])[0]
        return descriptor


@contextmanager
def _describer(options: argparse.Namespace) -> Iterator[tuple[Describer, float]]:
    """The engine and threshold that the options and the settings ask for."""
    try:
        settings = Settings.from_process()
    except SettingsError as error:
        raise Unusable(f"the settings are wrong: {error}") from error
    engine = load_engine(options.engine or settings.face_engine, cache_dir=settings.data_dir / "models")
    with closing(StillFaceMesh()) as reader:
        yield Describer(engine, PhotoFaces(reader)), options.threshold or settings.face_threshold


def _rates(pairs: list[Pair], describer: Describer, threshold: float) -> dict[str, Any]:
    """The JSON result of a pair set; says on standard error how far it is and what it could not use."""
    distances: dict[bool, list[float]] = {True: [], False: []}
    faults: dict[str, None] = {}
    unusable = 0
    for index, pair in enumerate(pairs, start=1):
        try:
            apart = distance(describer.describe(pair.first), describer.describe(pair.second))
            distances[pair.is_same].append(apart)
        except Unusable as error:
            faults[str(error)] = None
            unusable += 1
        if index % PROGRESS_EVERY == 0 and len(pairs) > PROGRESS_EVERY:
            print(f"{index} of {len(pairs)} pairs", file=sys.stderr)
    for fault in faults:
        print(f"unusable: {fault}", file=sys.stderr)
    same, different = distances[True], distances[False]
    if not same and not different:
        raise Unusable(f"none of the {len(pairs)} pairs can be used")
    at = error_rates(same=same, different=different, threshold=threshold)
    sweep = (error_rates(same=same, different=different, threshold=each) for each in SWEEP)
    return {
        "fmr": at.fmr,
        "fnmr": at.fnmr,
        "threshold": threshold,
        "same": len(same),
        "different": len(different),
        "unusable": unusable,
        "sweep": [{"threshold": each.threshold, "fmr": each.fmr, "fnmr": each.fnmr} for each in sweep],
    }


def _in_words(result: dict[str, Any]) -> str:
    lines = [
        f"{result['same']} pairs of one person, {result['different']} of two, {result['unusable']} unusable",
        f"threshold {result['threshold']:g}: FMR {_percent(result['fmr'])}, FNMR {_percent(result['fnmr'])}",
        "",
        "threshold      FMR     FNMR",
    ]
    lines += [
        f"     {each['threshold']:.2f} {_percent(each['fmr']):>8} {_percent(each['fnmr']):>8}"
        for each in result["sweep"]
    ]
    return "\n".join(lines)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f} %"


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)

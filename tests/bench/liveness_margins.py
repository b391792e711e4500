"""The figures behind liveness/policy.py: how far people and photos are from each threshold.

`python -m tests.bench --child liveness_margins` prints them all, `make bench` the two counts that matter most. Needs
the labelled recordings and portraits that stand beside the project on some machines; takes about a minute.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from liveness.hints import obstacle
from liveness.landmarks import FaceMeshGraph, StillFaceMesh
from liveness.measures import Light, Measures, brightness, measure
from liveness.neutral import NeutralSeeker
from liveness.parallax import FaceView, TurnEvidence, examine_turn
from liveness.policy import DEFAULT_POLICY as POLICY
from tests.unit.liveness.flat_photo import Pose, crop_to_face, render
from tests.unit.liveness.recordings import Rgb, read_clip, read_rgb

NAME = "liveness_margins"
DATA = Path(__file__).parents[3] / "shared" / "data"
POSES = 150
EXAMINED_PER_PHOTO = 300


def shown(label: str, values: list[float]) -> None:
    least, low, middle, high, most = np.percentile(values, [0, 5, 50, 95, 100])
    print(f"  {label:28} min {least:6.2f}  5% {low:6.2f}  median {middle:6.2f}  95% {high:6.2f}  max {most:6.2f}")


def turned(neutral: Measures, face: Measures) -> bool:
    """Whether the angles alone would call this a full turn."""
    yaw = face.yaw - neutral.yaw
    sideways = abs(yaw) >= POLICY.turn_full and np.sign(yaw) * face.yaw >= POLICY.turn_full_absolute
    return bool(sideways or abs(face.pitch - neutral.pitch) >= POLICY.tilt_full)


def report(found: list[TurnEvidence]) -> None:
    if not found:
        return
    shown("residual, % of face", [evidence.residual_pct for evidence in found])
    shown("squeeze", [evidence.squeeze for evidence in found])
    shown("share a plane explains", [evidence.plane_share for evidence in found])
    solid = sum(evidence.is_solid(POLICY) for evidence in found)
    print(f"  taken for a head: {solid} of {len(found)}")


def people(folder: Path) -> None:
    for path in sorted(folder.glob("*.mp4")):
        graph = FaceMeshGraph()
        faces, views, lights = [], [], []
        for _, rgb in read_clip(path):
            meshes = graph.read(rgb)
            if meshes:
                view = FaceView.of(rgb, meshes[0])
                faces.append(measure(meshes[0]))
                views.append(view)
                lights.append(Light(brightness(rgb, meshes[0]), view.sharpness))
        graph.close()
        print(path.name)
        shown("yaw", [face.yaw for face in faces])
        shown("pitch", [face.pitch for face in faces])
        shown("face share", [face.share for face in faces])
        shown("brightness", [light.brightness for light in lights])
        shown("sharpness", [light.sharpness or 0.0 for light in lights])
        start = next(i for i, face in enumerate(faces) if abs(face.yaw) < 5)
        report(
            [
                examine_turn(views[start], view, POLICY)
                for face, view in zip(faces, views, strict=True)
                if turned(faces[start], face)
            ]
        )


def poses(count: int, bent: bool) -> list[Pose]:
    rng = np.random.default_rng(3)
    made = []
    for number in range(count):
        tilt = rng.uniform(-12, 12) if number % 4 == 0 else rng.uniform(20, 45) * rng.choice([-1, 1])
        made.append(
            Pose(
                axis_deg=float(rng.choice([0.0, 90.0, rng.uniform(0, 180)])),
                tilt_deg=float(tilt),
                roll_deg=float(rng.uniform(-15, 15)),
                shift_x=float(rng.uniform(-0.2, 0.2)),
                shift_y=float(rng.uniform(-0.15, 0.15)),
                distance=float(rng.uniform(0.95, 1.7)),
                bend_deg=float(rng.uniform(-60, 60)) if bent else 0.0,
            )
        )
    return made


def photos(folder: Path, *, bent: bool) -> tuple[int, int]:
    """How many of the examined turned pairs were taken for a head, and how many were examined."""
    reader = StillFaceMesh()
    seeker = NeutralSeeker(policy=POLICY)
    everything: list[TurnEvidence] = []
    counts: Counter[str] = Counter()
    for path in sorted(folder.iterdir()):
        photo = read_rgb(path)
        if max(photo.shape) > 1600:
            photo = np.ascontiguousarray(photo[:: max(photo.shape) // 1600 + 1, :: max(photo.shape) // 1600 + 1])
        meshes = reader.read(photo)
        if not meshes:
            continue
        sheet: Rgb = crop_to_face(photo, meshes[0].points)
        seen: list[tuple[Measures, FaceView, bool]] = []
        for pose in poses(POSES, bent):
            picture = render(sheet, pose)
            read = reader.read(picture)
            if not read:
                continue
            face, view = measure(read[0]), FaceView.of(picture, read[0])
            light = Light(brightness(picture, read[0]), view.sharpness)
            if obstacle(face, 1, light, POLICY, seeking=False) is None:
                neutral = obstacle(face, 1, light, POLICY, seeking=True) is None and seeker.looks_ahead(face)
                seen.append((face, view, neutral))
        found: list[TurnEvidence] = []
        for face, view, neutral in seen:
            for other, turned_view, _ in seen:
                counts["pairs"] += neutral
                if neutral and turned(face, other):
                    counts["turned by the angles"] += 1
                    if len(found) < EXAMINED_PER_PHOTO:
                        found.append(examine_turn(view, turned_view, POLICY))
        print(f"  {path.name}: {sum(e.is_solid(POLICY) for e in found)} of {len(found)}", flush=True)
        everything += found
    print("bent photos" if bent else "flat photos", dict(counts))
    report(everything)
    return sum(evidence.is_solid(POLICY) for evidence in everything), len(everything)


def run() -> list[dict[str, Any]]:
    """Printed photos against the shipped policy; no rows where the labelled faces are not beside the project."""
    if not (DATA / "faces").is_dir():
        return []
    people(DATA / "clips")
    flat, of_flat = photos(DATA / "faces", bent=False)
    bent, of_bent = photos(DATA / "faces", bent=True)
    return [
        {
            "what": f"flat printed photos taken for a head that turned, of {of_flat:,} turned pairs",
            "value": flat,
            "unit": "",
            "bar": "= 0",
            "met": flat == 0,
        },
        {"what": f"bent printed photos taken for one, of {of_bent:,}", "value": bent, "unit": ""},
    ]

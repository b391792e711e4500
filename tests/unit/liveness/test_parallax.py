"""A head is not a plane: photos never complete a head turn, heads do."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from liveness.landmarks import FaceMesh, StillFaceMesh
from liveness.measures import Light, brightness, measure
from liveness.parallax import FaceView, examine_turn, plane_residual
from liveness.policy import DEFAULT_POLICY as POLICY
from liveness.session import Examine, FrameRead, Keep, Session, State, TurnExamined
from liveness.steps import LivenessStep
from tests.unit.liveness.face_model import FULL, FaceModel, Look, Paper, Player
from tests.unit.liveness.flat_photo import Pose, crop_to_face, render

Rgb = npt.NDArray[np.uint8]
TURNS = [step for step in LivenessStep if step.is_head_turn]


@pytest.mark.parametrize("step", TURNS)
def test_flat_points_never_complete_a_turn(model: FaceModel, other_model: FaceModel, step: LivenessStep) -> None:
    """A printed photo would pass, if the landmark depth were believed: here it lies as a true turn would."""
    for head in (model, other_model):
        for axis in range(0, 180, 15):
            player = Player(head, [step])
            for number in range(10):
                player.show(number * 100.0, head.mesh(Look(), paper=Paper()))
            assert player.session.state is State.AWAITING_GESTURE
            tilts = [*range(0, 46, 5), *range(45, -46, -5), *range(-45, 1, 5)]
            for number, tilt in enumerate(tilts):
                look = replace(
                    FULL[step], scale=1 + 0.005 * number, shift=(0.002 * number, -0.001 * number), roll=0.2 * number
                )
                player.show(1000.0 + number * 100, head.mesh(look, paper=Paper(axis=axis, tilt=tilt)))
            assert player.examined
            assert player.session.index == 0
            assert max(evidence.residual_pct for evidence in player.examined) < 0.1


@pytest.mark.parametrize("degrees", [13, 18, 23])
@pytest.mark.parametrize("step", TURNS)
def test_turned_points_of_a_head_leave_a_residual(
    model: FaceModel, other_model: FaceModel, step: LivenessStep, degrees: int
) -> None:
    """A real person's turn would be taken for a photo's."""
    full = FULL[step]
    sign = np.sign(full.yaw + full.pitch)
    look = Look(yaw=sign * degrees * (full.yaw != 0), pitch=sign * degrees * (full.pitch != 0))
    for head in (model, other_model):
        residual, squeeze = plane_residual(head.mesh(Look()).points, head.mesh(look).points)
        assert residual > POLICY.min_residual_pct
        assert squeeze < POLICY.max_squeeze


def test_residual_of_any_plane_is_zero() -> None:
    """The measure itself would be wrong."""
    rng = np.random.default_rng(1)
    for _ in range(200):
        points = rng.uniform(100, 400, (478, 2))
        homography = np.eye(3) + rng.uniform(-1, 1, (3, 3)) * [[0.3, 0.3, 40], [0.3, 0.3, 40], [5e-4, 5e-4, 0]]
        mapped = np.column_stack([points, np.ones(478)]) @ homography.T
        flat = mapped[:, :2] / mapped[:, 2:]
        residual, _ = plane_residual(points.astype(np.float32), flat.astype(np.float32))
        assert residual < 0.05


def _poses(count: int, seed: int) -> Iterator[Pose]:
    rng = np.random.default_rng(seed)
    for number in range(count):
        yield Pose(
            axis_deg=float(rng.choice([0.0, 90.0, rng.uniform(0, 180)])),
            tilt_deg=float(rng.uniform(-12, 12) if number % 3 == 0 else rng.choice([-1, 1]) * rng.uniform(20, 45)),
            roll_deg=float(rng.uniform(-12, 12)),
            shift_x=float(rng.uniform(-0.12, 0.12)),
            shift_y=float(rng.uniform(-0.1, 0.1)),
            distance=float(rng.uniform(1.0, 1.5)),
        )


@pytest.mark.parametrize("photo_name", ["astronaut", "grace_hopper"])
def test_real_photo_of_a_face_never_turns(
    photo_name: str, reader: StillFaceMesh, request: pytest.FixtureRequest
) -> None:
    """A printed photo, moved and tilted up to 45 degrees, would earn the badge.

    Every picture is tried as the neutral frame for every other one, which is more than an attacker can do.
    """
    photo: Rgb = request.getfixturevalue(photo_name)
    sheet = crop_to_face(photo, reader.read(photo)[0].points)
    views = []
    for pose in _poses(60, seed=7):
        picture = render(sheet, pose)
        meshes = reader.read(picture)
        if meshes:
            views.append((measure(meshes[0]), FaceView.of(picture, meshes[0])))
    assert len(views) > 50
    tried = 0
    for face, view in views:
        if abs(face.yaw) > POLICY.neutral_max_yaw:
            continue
        for other, turned in views:
            if max(abs(other.yaw - face.yaw), abs(other.pitch - face.pitch)) < POLICY.tilt_full:
                continue
            tried += 1
            evidence = examine_turn(view, turned, POLICY)
            assert not evidence.is_solid(POLICY), (face, other, evidence)
    assert tried > 20


def test_a_moved_photo_passes_no_gate_on_its_way(astronaut: Rgb, reader: StillFaceMesh) -> None:
    """The gates might hold one by one and yet let a whole attempt through."""
    sheet = crop_to_face(astronaut, reader.read(astronaut)[0].points)
    pictures: list[tuple[Rgb, FaceMesh]] = []
    for axis in (0, 45, 90, 135):
        for tilt in (0, 0, 0, 0, 0, 0, 15, 30, 45, 45, 30, 0, -15, -30, -45, -45, -30, 0):
            picture = render(sheet, Pose(axis_deg=axis, tilt_deg=tilt, shift_x=0.001 * tilt))
            meshes = reader.read(picture)
            if meshes:
                pictures.append((picture, meshes[0]))
    for step in TURNS:
        player = PictureDriver(step)
        for number, (picture, mesh) in enumerate(pictures):
            player.show(number * 100.0, picture, mesh)
        assert player.neutral is not None
        assert player.index == 0


class PictureDriver:
    """A session fed with real pictures whose landmarks were read before, all three looks in force."""

    def __init__(self, step: LivenessStep) -> None:
        self._session = Session(steps=[step], policy=POLICY, started_ms=0.0)
        self.neutral: FaceView | None = None
        self._seq = 0

    @property
    def index(self) -> int:
        return self._session.index

    def show(self, t_ms: float, picture: Rgb, mesh: FaceMesh) -> None:
        self._seq += 1
        view = FaceView.of(picture, mesh)
        light = Light(brightness(picture, mesh), view.sharpness)
        effects = self._session.receive(FrameRead(self._seq, t_ms, t_ms, measure(mesh), 1, light))
        while effects:
            effect = effects.pop(0)
            if isinstance(effect, Keep) and effect.role == "neutral":
                self.neutral = view
            elif isinstance(effect, Examine):
                assert self.neutral is not None
                evidence = examine_turn(self.neutral, view, POLICY)
                effects += self._session.receive(TurnExamined(self._seq, t_ms, t_ms, evidence))

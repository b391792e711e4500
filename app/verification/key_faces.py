"""The faces of one attempt: is it one person from the first frame to the last?

Each key frame is cut to its aligned chip at once and the frame is let go; descriptors are computed together at the
end. One person throughout means that every step's face is close to the neutral one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from app.verification.model import Descriptor, Rgb
from facecore.alignment import aligned_chip
from facecore.distance import distance
from facecore.pool import FacePool
from liveness.landmarks import FaceMesh

NEUTRAL = "neutral"

SAME_PERSON_MAX = 0.6
"""Step frames against the neutral one: dlib's published tolerance, looser than FACE_THRESHOLD because a turned,
laughing or eyes-shut face lies further from its own neutral than two frontal photos of one person do.

Measured on the five labelled clips: a person's own step faces lie 0.12 to 0.44 from their neutral (animated photos up
to 0.52: at 0.5 three of five animated attempts were refused); other people's lie 0.44 to 0.99 away, two of ten pairs of
people below 0.6. So a look-alike who steps in can pass this test; continuity in liveness.session is the other one."""


@dataclass(frozen=True, eq=False)
class PersonVerdict:
    """Whether one person gave all key frames, and that person's neutral descriptor."""

    same_person: bool
    neutral: Descriptor
    distances: Mapping[str, float]


@dataclass(eq=False)
class KeyFaces:
    """Collects the aligned chips of one attempt; holds no frame."""

    chips: dict[str, Rgb] = field(default_factory=dict)

    def keep(self, role: str, rgb: Rgb, mesh: FaceMesh) -> None:
        """Cuts the chip of `role` ("neutral", "step:0", …), replacing an earlier one of the same role."""
        self.chips[role] = aligned_chip(rgb, mesh.points)

    async def judge(self, pool: FacePool) -> PersonVerdict:
        """Describes all chips in one job; raises FaceBusy or FaceTimeout from the pool."""
        roles = sorted(self.chips, key=lambda role: role != NEUTRAL)
        return person_verdict(roles, await pool.describe(np.stack([self.chips[role] for role in roles])))


def person_verdict(roles: list[str], descriptors: Descriptor) -> PersonVerdict:
    """Compares each role's descriptor, (n, 128), with the neutral one, which comes first."""
    neutral = descriptors[0]
    distances = {role: distance(neutral, each) for role, each in zip(roles[1:], descriptors[1:], strict=True)}
    return PersonVerdict(all(d <= SAME_PERSON_MAX for d in distances.values()), neutral, distances)

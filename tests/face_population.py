"""Made-up face descriptors that are shaped like real ones, for galleries larger than any set of faces we have.

The shape comes from 97 small real faces (LFW) that scikit-image ships: how their descriptors spread over the 128
numbers. Those pictures are grey and 25 pixels wide, so their descriptors lie nearer to each other than photos' do; the
spread is therefore widened until strangers are as far apart as they are between full photos.
"""

from contextlib import closing
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from app.verification.photo_faces import PhotoFaces
from facecore.alignment import aligned_chip
from facecore.engine import DescriptorEngine
from liveness.landmarks import StillFaceMesh
from tests.conftest import shipped

Floats = npt.NDArray[np.float64]
Descriptors = npt.NDArray[np.float32]

STRANGERS_APART = 0.80
"""Mean distance of two people: between the photos that we have it is 0.70 to 0.96, 0.84 in the mean; large sets say
about 0.8, which makes the harder gallery."""
VIEWS_APART = 0.35
"""Mean distance of two pictures of one person: 0.36 to 0.41 between photos of different days, 0.12 to 0.44 in clips."""
FACES = 100
_NOISE = VIEWS_APART / STRANGERS_APART
_SIDE = 300
_ROOM = 60


def pair_distances(descriptors: Descriptors) -> Floats:
    """How far apart the two of each pair are, (n (n - 1) / 2,)."""
    exact = descriptors.astype(np.float64)
    first, second = np.triu_indices(len(exact), 1)
    apart: Floats = np.linalg.norm(exact[first] - exact[second], axis=1)
    return apart


def lfw_descriptors(engine: DescriptorEngine) -> Descriptors:
    """The descriptors, (n, 128), of the shipped LFW faces that the landmark network finds: 97 of 100."""
    faces = np.load(shipped("skimage", "data", "lfw_subset.npy"))[:FACES]
    with closing(StillFaceMesh()) as reader:
        photo_faces = PhotoFaces(reader)
        chips = []
        for face in faces:
            large = cv2.resize(np.uint8(face * 255), (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC)
            grey = cv2.copyMakeBorder(large, _ROOM, _ROOM, _ROOM, _ROOM, cv2.BORDER_REPLICATE)
            rgb = cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)
            found = photo_faces.best(rgb)
            if found is not None:
                chips.append(aligned_chip(rgb, found.points))
    return engine.describe(np.stack(chips))


@dataclass(frozen=True, eq=False)
class Population:
    """A normal distribution of faces.

    A picture of a face is off in the same directions in which people differ, which is the worst case: nothing tells a
    bad picture from another person.
    """

    mean: Floats
    spread: Floats
    """(128, 128): its product with standard normal numbers lies about the mean like pictures of people do."""

    @classmethod
    def like(cls, real: Descriptors) -> "Population":
        """Shaped like the real descriptors, (n, 128), and `STRANGERS_APART` in the mean.

        The directions are those of the real spread. How much lies in each falls off like exp(-i / τ), so fast that
        distances vary as much as those of the real pairs: between normal numbers the squared distance has a squared
        coefficient of variation of 2 tr Σ² / (tr Σ)², and for this fall the latter is 1 / 2τ. The real sample's own
        shares would not do: of 97 faces they overrate the first and say nothing of the last 32.

        What bears the fall out is how much of one half of a sample lies outside the span of the other: 21.0 % of the
        real faces, 20.8 % of these; an even tail leaves 38 %, and makes a gallery far harder to index than faces are.
        """
        length = real.shape[1]
        squared = pair_distances(real) ** 2
        tau = squared.mean() ** 2 / squared.var()
        _, vectors = np.linalg.eigh(np.cov(real.astype(np.float64), rowvar=False))
        spread = vectors[:, ::-1] * np.exp(-np.arange(length) / tau / 2)
        apart = np.linalg.norm(np.random.default_rng(0).standard_normal((100_000, length)) @ spread.T, axis=1).mean()
        return cls(mean=real.mean(axis=0, dtype=np.float64), spread=spread * (STRANGERS_APART / np.sqrt(2) / apart))

    def people(self, count: int, draw: np.random.Generator) -> Floats:
        """`count` faces, (count, 128), as no picture shows them."""
        return self.mean + np.sqrt(1 - _NOISE**2) * self._drawn(count, draw)

    def pictures(self, faces: Floats, draw: np.random.Generator) -> Descriptors:
        """The descriptor of one picture of each of the faces, (n, 128)."""
        return (faces + _NOISE * self._drawn(len(faces), draw)).astype(np.float32)

    def _drawn(self, count: int, draw: np.random.Generator) -> Floats:
        drawn: Floats = draw.standard_normal((count, len(self.mean))) @ self.spread.T
        return drawn

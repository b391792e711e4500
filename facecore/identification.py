"""Who among many a face belongs to, if it can be said: the exact decision over candidates that an index found."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

import numpy as np

from facecore.distance import Descriptor, check_descriptor, stack_descriptors
from facecore.errors import FaceError

P = TypeVar("P", bound=Hashable)


class Doubt(StrEnum):
    """Why it cannot be said who somebody is."""

    BETWEEN_PEOPLE = "BETWEEN_PEOPLE"  # another person lies almost as near: twins, or one person's second account
    UNCERTAIN = "UNCERTAIN"  # the nearest is too far to be found in a gallery, too near to be a stranger


@dataclass(frozen=True)
class Match(Generic[P]):
    """It is this person."""

    person: P
    distance: float


@dataclass(frozen=True)
class NoMatch:
    """It is nobody in the gallery."""


@dataclass(frozen=True)
class Ambiguous(Generic[P]):
    """It cannot be said; `people` are those it may be, the nearest first, `distance` is that of the nearest.

    Whoever gets this neither signs anybody in nor makes an account: it may be somebody known on a bad day.
    """

    people: tuple[P, ...]
    distance: float
    doubt: Doubt


def identify(
    probe: Descriptor,
    candidates: Iterable[tuple[P, Descriptor]],
    *,
    threshold: float,
    margin: float,
    doubt_up_to: float,
) -> Match[P] | NoMatch | Ambiguous[P]:
    """The person whose nearest template lies at most `threshold` from `probe`, with nobody else less than `margin`
    farther; nobody when the nearest lies beyond `doubt_up_to`, the threshold of a comparison of two.

    `candidates` are (person, descriptor), several for a person. A person is as far away as their nearest template:
    templates are of different days, and a day unlike today (glasses, a beard, bad light) says nothing against the days
    that are like it, as a mean would have it. The price is that five templates have five chances to look like a
    stranger, which is why `bonafide calibrate` measures people, not templates.

    Equal distances are never decided, whatever the margin. Raises FaceError for thresholds that make no sense and for a
    descriptor that is none (another shape, a value that is not finite), so that a fault can never pass for a match.
    """
    if not 0 < threshold <= doubt_up_to < np.inf or not 0 <= margin < np.inf:
        raise FaceError(f"cannot search by threshold {threshold}, margin {margin} and doubt up to {doubt_up_to}")
    check_descriptor(probe)
    owners, descriptors = [], []
    for person, descriptor in candidates:
        owners.append(person)
        descriptors.append(descriptor)
    if not owners:
        return NoMatch()
    apart = np.linalg.norm(stack_descriptors(descriptors).astype(np.float64) - probe.astype(np.float64), axis=1)
    nearest: dict[P, float] = {}
    for person, far in zip(owners, apart.tolist(), strict=True):
        nearest[person] = min(far, nearest.get(person, np.inf))
    people = sorted(nearest, key=nearest.__getitem__)
    best = nearest[people[0]]
    if best > doubt_up_to:
        return NoMatch()
    if best > threshold:
        return Ambiguous(people=(people[0],), distance=best, doubt=Doubt.UNCERTAIN)
    alike = tuple(person for person in people if nearest[person] - best < margin or nearest[person] == best)
    if len(alike) > 1:
        return Ambiguous(people=alike, distance=best, doubt=Doubt.BETWEEN_PEOPLE)
    return Match(person=people[0], distance=best)

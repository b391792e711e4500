"""How often a gallery's own people are taken for each other or not for themselves, and which thresholds that allows."""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from uuid import UUID

import numpy as np
import numpy.typing as npt

from app.faces.model import Views
from facecore.confidence import Counted

SWEEP = tuple(round(0.20 + 0.02 * step, 2) for step in range(21))
"""0.20 to 0.60: below lie pictures of one moment, above dlib's own threshold strangers pass for one another."""
GALLERIES = (1_000, 100_000, 1_000_000)
"""The sizes that are looked ahead to."""
_ROWS_AT_ONCE = 256
_MOST_PEOPLE = 10**12

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class DoubleAccount:
    """Two accounts that may be one person's."""

    first: UUID
    second: UUID
    distance: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Distances:
    """What was measured; of the pairs of two people only the near ones are kept, `near`."""

    same: Floats
    near: Floats
    people: int
    doubles: tuple[DoubleAccount, ...]

    @property
    def different(self) -> int:
        """How many pairs of two people there are."""
        return math.comb(self.people, 2)

    def fmr(self, threshold: float) -> Counted:
        """Pairs of people that a comparison at the threshold takes for one."""
        return Counted(int(np.count_nonzero(self.near <= threshold)), self.different)

    def fnmr(self, threshold: float) -> Counted:
        """Pairs of one person's days that it takes for two people."""
        return Counted(int(np.count_nonzero(self.same > threshold)), len(self.same))


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """The largest threshold that keeps the target, or None; and how many people, no two alike, could prove one."""

    threshold: float | None
    people_needed: int


def measure(views: Views, *, alike: float) -> Distances:
    """All pairs: each two people once, each two days of one person once.

    The newest template of the earlier person is held against the other's nearest, as a search does it: five templates
    have five chances to look like a stranger. Accounts at most `alike` apart are told of by name, the nearest first.
    """
    starts = views.starts
    exact = views.descriptors.astype(np.float64)
    squares = np.einsum("ij,ij->i", exact, exact)
    newest = np.array([*starts[1:], len(exact)], dtype=int) - 1
    near, doubles = [np.empty(0)], []
    for at in range(0, len(starts) - 1, _ROWS_AT_ONCE):
        rows = newest[at : at + _ROWS_AT_ONCE]
        # The second form of |a - b|² is off by 1e-15 at most, a distance of 3e-8.
        squared = squares[rows, None] + squares - 2 * exact[rows] @ exact.T
        apart = np.sqrt(np.maximum(np.minimum.reduceat(squared, starts, axis=1), 0))
        first, second = np.nonzero(apart <= max(SWEEP[-1], alike))
        is_later = second > first + at
        first, second = first[is_later], second[is_later]
        near.append(apart[first, second])
        doubles += [
            DoubleAccount(
                first=views.owners[starts[at + i]], second=views.owners[starts[j]], distance=float(apart[i, j])
            )
            for i, j in zip(first, second, strict=True)
            if apart[i, j] <= alike
        ]
    return Distances(
        same=_same(views, starts, exact),
        near=np.concatenate(near),
        people=len(starts),
        doubles=tuple(sorted(doubles, key=lambda double: double.distance)),
    )


def false_matches_per_search(rate: float, people: int) -> float:
    """How often a search of so many people finds somebody for a stranger, at this false match rate for each."""
    return -math.expm1(people * math.log1p(-rate)) if rate < 1 else 1.0


def suggest_for_comparison(distances: Distances, *, target: float) -> Suggestion:
    """The largest threshold at which one comparison takes a stranger for somebody at most in the share `target`."""
    return _suggest(distances, target=target, at_most=SWEEP[-1], searched=lambda _: 1)


def suggest_for_search(distances: Distances, *, people: int, target: float, at_most: float) -> Suggestion:
    """The same for one search of a gallery of so many people; not above the threshold of a comparison, `at_most`."""
    return _suggest(distances, target=target, at_most=at_most, searched=lambda measured: max(people, measured))


def _suggest(distances: Distances, *, target: float, at_most: float, searched: Callable[[int], int]) -> Suggestion:
    """What counts is the upper end of the interval: no error in a few pairs is no proof.

    `searched` says how many people a search goes through when so many are measured: whoever is measured is there.
    """

    def keeps(counted: Counted, measured: int) -> bool:
        return false_matches_per_search(counted.at_most, searched(measured)) <= target

    kept = [each for each in SWEEP if each <= at_most and keeps(distances.fmr(each), distances.people)]
    needed = bisect_left(
        range(_MOST_PEOPLE), True, lo=2, key=lambda measured: keeps(Counted(0, math.comb(measured, 2)), measured)
    )
    return Suggestion(threshold=max(kept, default=None), people_needed=needed)


def _same(views: Views, starts: Sequence[int], exact: Floats) -> Floats:
    apart = [
        float(np.linalg.norm(exact[one] - exact[other]))
        for begin, end in pairwise([*starts, len(exact)])
        for one in range(begin, end)
        for other in range(one + 1, end)
        if views.days[one] != views.days[other]
    ]
    return np.array(apart, dtype=np.float64)

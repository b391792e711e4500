"""What a gallery says about thresholds: every pair counted once, and nothing promised that it does not prove."""

from datetime import date, timedelta
from uuid import UUID

import numpy as np
import pytest

from app.faces.calibration import (
    SWEEP,
    Distances,
    false_matches_per_search,
    measure,
    suggest_for_comparison,
    suggest_for_search,
)
from app.faces.model import Views


def views(*templates: tuple[int, int, float]) -> Views:
    """Templates as (person, day, place on a line)."""
    descriptors = np.zeros((len(templates), 128), np.float32)
    descriptors[:, 0] = [place for _, _, place in templates]
    return Views(
        owners=[UUID(int=person) for person, _, _ in templates],
        days=[date(2026, 1, 1) + timedelta(days=day) for _, day, _ in templates],
        descriptors=descriptors,
    )


def distances(*, same: int = 0, near: tuple[float, ...] = (), people: int = 0) -> Distances:
    return Distances(same=np.full(same, 0.3), near=np.array(near), people=people, doubles=())


def test_each_two_people_are_one_pair_and_each_two_days_another() -> None:
    """Somebody with five templates would count ten times as much as others, and one day as a proof."""
    seen = measure(views((1, 0, 0.0), (1, 0, 0.1), (1, 1, 0.25), (2, 0, 0.5), (3, 0, 0.9), (3, 5, 2.0)), alike=0.3)
    assert sorted(seen.same) == pytest.approx([0.15, 0.25, 1.1]), "two templates of one day are no pair"
    assert seen.different == 3
    assert sorted(seen.near) == pytest.approx([0.25, 0.4]), "1 and 3 lie too far apart to be kept"
    assert [(double.first.int, double.second.int) for double in seen.doubles] == [(1, 2)]
    assert seen.doubles[0].distance == pytest.approx(0.25)


def test_a_threshold_counts_what_lies_at_it() -> None:
    """The report would differ from what the server decides."""
    seen = Distances(same=np.array([0.4, 0.5]), near=np.array([0.4, 0.5]), people=5, doubles=())
    assert (seen.fmr(0.4).errors, seen.fmr(0.4).trials) == (1, 10)
    assert (seen.fnmr(0.4).errors, seen.fnmr(0.4).trials) == (1, 2)


def test_all_pairs_agree_with_counting_one_by_one() -> None:
    """Rows measured in blocks could miss the pairs between two blocks."""
    draw = np.random.default_rng(3)
    people = np.repeat(np.arange(700), draw.integers(1, 4, 700))
    found = Views(
        owners=[UUID(int=int(person)) for person in people],
        days=[date(2026, 1, 1) + timedelta(days=int(day)) for day in draw.integers(0, 3, len(people))],
        descriptors=(draw.normal(size=(len(people), 128)) * 0.04).astype(np.float32),
    )
    seen = measure(found, alike=0.55)
    exact = found.descriptors.astype(np.float64)
    newest = {int(person): exact[at] for at, person in enumerate(people)}
    expected = []
    for person in range(700):
        apart = np.linalg.norm(exact - newest[person], axis=1)
        nearest = np.array([apart[people == other].min() for other in range(person + 1, 700)])
        expected += nearest[nearest <= SWEEP[-1]].tolist()
    assert sorted(seen.near) == pytest.approx(sorted(expected))
    assert len(seen.doubles) == sum(apart <= 0.55 for apart in expected) > 0
    assert [double.distance for double in seen.doubles] == sorted(double.distance for double in seen.doubles)


@pytest.mark.parametrize("templates", [(), ((1, 0, 0.0),)])
def test_a_gallery_of_nobody_or_one_has_no_rates(templates: tuple[tuple[int, int, float], ...]) -> None:
    """A new operator would meet a stack trace, or a report of no errors."""
    seen = measure(views(*templates), alike=0.4)
    assert (seen.fmr(0.4).rate, seen.fnmr(0.4).rate) == (None, None)
    assert suggest_for_comparison(seen, target=0.001).threshold is None


def test_the_arithmetic_of_a_search() -> None:
    """The README's 39 % for a thousand people would be another number here; tiny rates would round to nothing."""
    assert false_matches_per_search(5e-4, 1000) == pytest.approx(0.3935, abs=1e-4)
    assert false_matches_per_search(1e-12, 10**6) == pytest.approx(1e-6, rel=1e-5)
    assert false_matches_per_search(0.0, 10**6) == 0
    assert false_matches_per_search(1.0, 1) == 1


def test_few_pairs_suggest_nothing() -> None:
    """Ten people without an error would be taken for proof of one error in a thousand."""
    few = suggest_for_comparison(distances(people=10), target=0.001)
    assert few.threshold is None
    assert few.people_needed == 87
    assert suggest_for_comparison(distances(people=87), target=0.001).threshold == SWEEP[-1]
    assert suggest_for_comparison(distances(people=86), target=0.001).threshold is None


def test_what_it_takes_to_know_a_search_grows_with_the_gallery() -> None:
    """An operator would wait for so many people, and be told to wait for more."""
    needed = suggest_for_search(distances(people=50), people=50, target=0.001, at_most=0.5).people_needed
    assert needed == 7376
    for people, threshold in ((needed, 0.5), (needed - 1, None)):
        proved = suggest_for_search(distances(people=people), people=people, target=0.001, at_most=0.5)
        assert proved.threshold == threshold
    sampled = suggest_for_search(distances(people=10_000), people=10**6, target=0.001, at_most=0.5)
    assert sampled.threshold is None
    assert 80_000 < sampled.people_needed < 90_000, "of a million, so many must be measured"


def test_a_search_is_held_to_the_whole_gallery() -> None:
    """A threshold that is right for two people would let strangers in among a thousand."""
    seen = distances(near=(0.35, 0.45, 0.45, 0.55, 0.55, 0.55), people=1415)
    assert suggest_for_comparison(seen, target=1e-5).threshold == 0.54
    assert suggest_for_search(seen, people=1415, target=0.009, at_most=0.6).threshold == 0.44
    assert suggest_for_search(seen, people=1415, target=0.009, at_most=0.3).threshold == 0.3

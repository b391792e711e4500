"""What a count of errors proves: exact intervals, held against known values and their own definition."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facecore.confidence import Counted, clopper_pearson
from facecore.errors import FaceError


@pytest.mark.parametrize(
    ("errors", "trials", "low", "high"),
    [
        (5, 100, 0.01643188, 0.11283491),  # R: binom.test(5, 100)
        (1, 10, 0.002528579, 0.4450161),
        (9, 10, 0.5549839, 0.9974714),
        (0, 10, 0.0, 0.3084971),
        (10, 10, 0.6915029, 1.0),
        (0, 300, 0.0, 0.01222097),
    ],
)
def test_known_intervals(errors: int, trials: int, low: float, high: float) -> None:
    """Published error rates would promise more than was measured."""
    assert clopper_pearson(errors, trials) == (pytest.approx(low, rel=1e-5), pytest.approx(high, rel=1e-5))


@given(st.integers(1, 400).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials))))
def test_the_ends_are_where_the_count_becomes_as_rare_as_promised(case: tuple[int, int]) -> None:
    """Some count would get an interval that is too narrow, and an operator a threshold that is too wide."""
    errors, trials = case

    def at_most(count: int, rate: float) -> float:
        return math.fsum(math.comb(trials, k) * rate**k * (1 - rate) ** (trials - k) for k in range(count + 1))

    low, high = clopper_pearson(errors, trials)
    if errors < trials:
        assert at_most(errors, high) == pytest.approx(0.025, rel=1e-6)
    if errors > 0:
        assert 1 - at_most(errors - 1, low) == pytest.approx(0.025, rel=1e-6)


@pytest.mark.parametrize("trials", [10**4, 5 * 10**7, 10**10])
@pytest.mark.parametrize("errors", [0, 1, 400])
def test_large_counts_stay_exact(errors: int, trials: int) -> None:
    """A gallery's millions of pairs would give an interval of rounding errors, or take minutes."""
    low, high = clopper_pearson(errors, trials)
    assert low < max(errors, 1) / trials < high
    if errors == 0:
        assert high == pytest.approx(-math.expm1(math.log(0.025) / trials), rel=1e-6)
    if errors == 400:
        assert (high - low) * trials == pytest.approx(2 * 1.96 * math.sqrt(400), rel=0.05)


def test_nothing_tried_proves_nothing() -> None:
    """An empty gallery would look flawless."""
    assert clopper_pearson(0, 0) == (0.0, 1.0)
    assert (Counted(0, 0).rate, Counted(0, 0).at_least, Counted(0, 0).at_most) == (None, 0.0, 1.0)


@pytest.mark.parametrize(("errors", "trials"), [(-1, 10), (11, 10), (0, -1)])
def test_counts_that_are_none_are_refused(errors: int, trials: int) -> None:
    """A fault elsewhere would come out as a rate."""
    with pytest.raises(FaceError):
        clopper_pearson(errors, trials)

"""Who a face belongs to among many: found, nobody, or refused because it cannot be said."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facecore.distance import Descriptor
from facecore.errors import FaceError
from facecore.identification import Ambiguous, Doubt, Match, NoMatch, identify

PROBE = np.full(128, 0.05, np.float32)


def at(apart: float, axis: int = 0) -> Descriptor:
    """A descriptor that lies `apart` from the probe."""
    descriptor = PROBE.copy()
    descriptor[axis] += np.float32(apart)
    return descriptor


def decide(
    *candidates: tuple[str, float], threshold: float = 0.4, margin: float = 0.05, doubt_up_to: float = 0.5
) -> Match[str] | NoMatch | Ambiguous[str]:
    return identify(
        PROBE,
        [(person, at(apart, axis)) for axis, (person, apart) in enumerate(candidates)],
        threshold=threshold,
        margin=margin,
        doubt_up_to=doubt_up_to,
    )


def test_the_one_person_near_enough_is_found() -> None:
    """Nobody could sign in with their face."""
    found = decide(("ada", 0.3), ("grace", 0.8))
    assert found == Match("ada", pytest.approx(0.3, abs=1e-6))


def test_an_empty_gallery_holds_nobody() -> None:
    """The first person ever would be refused, or crash the search."""
    assert decide() == NoMatch()


def test_a_stranger_is_nobody() -> None:
    """A new person would get somebody's account."""
    assert decide(("ada", 0.7), ("grace", 0.51)) == NoMatch()


def test_the_search_threshold_itself_still_matches() -> None:
    """The README's «at most» would be wrong by one case."""
    nothing, quarter = np.zeros(128, np.float32), np.zeros(128, np.float32)
    quarter[0] = 0.25
    assert identify(nothing, [("ada", quarter)], threshold=0.25, margin=0.05, doubt_up_to=0.5) == Match("ada", 0.25)


@pytest.mark.parametrize("apart", [0.41, 0.45, 0.499])
def test_between_the_two_thresholds_nothing_is_said(apart: float) -> None:
    """Somebody known on a bad day would get a second account, or the account of whoever looks a little like them."""
    found = decide(("ada", apart), ("grace", 0.9))
    assert found == Ambiguous(people=("ada",), distance=pytest.approx(apart, abs=1e-6), doubt=Doubt.UNCERTAIN)


def test_twins_are_refused() -> None:
    """One twin would sign in as the other."""
    found = decide(("ada", 0.2), ("grace", 0.2), ("linus", 0.9))
    assert isinstance(found, Ambiguous)
    assert (set(found.people), found.doubt) == ({"ada", "grace"}, Doubt.BETWEEN_PEOPLE)


@pytest.mark.parametrize("margin", [0.0, 0.05])
def test_one_template_in_two_accounts_is_refused_even_without_a_margin(margin: float) -> None:
    """With FACE_SEARCH_MARGIN=0 the order of rows would decide who somebody is."""
    same = at(0.2)
    found = identify(PROBE, [("ada", same), ("grace", same)], threshold=0.4, margin=margin, doubt_up_to=0.5)
    assert isinstance(found, Ambiguous)
    assert set(found.people) == {"ada", "grace"}


@pytest.mark.parametrize(("second", "kind"), [(0.24, Ambiguous), (0.26, Match)])
def test_the_margin_separates_people(second: float, kind: type) -> None:
    """A look-alike a hair farther than the owner would not count."""
    assert isinstance(decide(("ada", 0.2), ("grace", second)), kind)


def test_a_near_stranger_beyond_the_search_threshold_still_casts_doubt() -> None:
    """At the edge of the threshold a coin would decide between two people."""
    assert isinstance(decide(("ada", 0.39), ("grace", 0.42)), Ambiguous)


def test_a_persons_own_other_templates_are_no_rivals() -> None:
    """Whoever enrolled on five days would be ambiguous with themselves."""
    own = [("ada", 0.2 + 0.01 * day) for day in range(5)]
    assert decide(*own, ("grace", 0.3)) == Match("ada", pytest.approx(0.2, abs=1e-6))
    assert isinstance(decide(*own, ("grace", 0.23)), Ambiguous)


def test_the_nearest_template_counts_not_the_mean() -> None:
    """A person with one photo with glasses and one without would be found with neither."""
    assert decide(("ada", 0.2), ("ada", 0.9)) == Match("ada", pytest.approx(0.2, abs=1e-6))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_no_number_is_refused(value: float) -> None:
    """Comparing with NaN is false either way: a fault could pass for a match, or for a stranger."""
    broken = at(0.1)
    broken[7] = value
    for probe, candidates in ((broken, []), (broken, [("ada", at(0.1))]), (PROBE, [("ada", broken)])):
        with pytest.raises(FaceError, match="finite"):
            identify(probe, candidates, threshold=0.4, margin=0.05, doubt_up_to=0.5)


@pytest.mark.parametrize("shape", [(127,), (129,), (0,), (1, 128), (128, 1)])
def test_another_length_is_refused(shape: tuple[int, ...]) -> None:
    """numpy would stretch a wrong vector and give some distance."""
    wrong = np.zeros(shape, np.float32)
    for probe, candidates in ((wrong, []), (PROBE, [("ada", wrong)])):
        with pytest.raises(FaceError, match="shape"):
            identify(probe, candidates, threshold=0.4, margin=0.05, doubt_up_to=0.5)


@pytest.mark.parametrize(
    "thresholds",
    [
        {"threshold": 0.6, "doubt_up_to": 0.5},
        {"threshold": 0.0},
        {"threshold": np.nan},
        {"doubt_up_to": np.nan},
        {"doubt_up_to": np.inf},
        {"margin": -0.01},
        {"margin": np.nan},
    ],
)
def test_thresholds_that_make_no_sense_are_refused(thresholds: dict[str, float]) -> None:
    """A search looser than a comparison, or one that compares with NaN, would let strangers in silently."""
    with pytest.raises(FaceError, match="cannot search"):
        decide(("ada", 0.3), **thresholds)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 1.25)), max_size=8),
    st.floats(0, 0.2),
)
def test_a_match_is_always_near_and_alone(candidates: list[tuple[str, float]], margin: float) -> None:
    """Some odd constellation would sign a stranger in, whatever the order in which the database answers."""
    found = decide(*candidates, margin=margin)
    again = decide(*candidates, margin=margin)
    assert found == again
    if isinstance(found, Match):
        others = [apart for person, apart in candidates if person != found.person]
        assert found.distance <= 0.4
        assert all(apart > found.distance - 1e-6 and apart >= found.distance + margin - 1e-6 for apart in others)
    if isinstance(found, NoMatch):
        assert all(apart > 0.5 - 1e-6 for _, apart in candidates)

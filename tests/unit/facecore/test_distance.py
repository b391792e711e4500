"""Distances, verdicts, templates and error rates."""

import numpy as np
import pytest

from facecore.distance import distance, is_match
from facecore.error_rates import SWEEP, error_rates
from facecore.errors import FaceError
from facecore.template import TEMPLATE_LENGTH, pack, unpack


def descriptor(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.06, 128).astype(np.float32)


def test_distance_is_euclidean() -> None:
    """The threshold would mean something else than dlib's."""
    a, b = descriptor(1), descriptor(2)
    assert distance(a, b) == pytest.approx(float(np.sqrt(((a - b) ** 2).sum())), abs=1e-6)
    assert distance(a, a) == 0
    assert distance(a, b) == distance(b, a)


@pytest.mark.parametrize(
    "other",
    [np.full(128, np.nan, np.float32), np.full(128, np.inf, np.float32), np.zeros(127, np.float32),
     np.zeros((1, 128), np.float32)],
    ids=["nan", "inf", "short", "batch"],
)  # fmt: skip
def test_nonsense_never_matches(other: np.ndarray) -> None:
    """A fault in one descriptor would pass for a match, or for a stranger."""
    with pytest.raises(FaceError):
        distance(descriptor(1), other)
    with pytest.raises(FaceError):
        distance(other, descriptor(1))


@pytest.mark.parametrize("apart", [float("nan"), float("inf"), -0.1])
def test_what_is_no_distance_has_no_verdict(apart: float) -> None:
    """A NaN compares as neither and would fall to one side by accident."""
    with pytest.raises(FaceError):
        is_match(apart, 0.5)


def test_the_threshold_itself_matches() -> None:
    """A person exactly at the threshold would be judged otherwise than by face_recognition."""
    assert is_match(0.5, 0.5)
    assert not is_match(np.nextafter(0.5, 1), 0.5)


def test_templates_come_back_as_they_were() -> None:
    """The stored face would drift from the photo."""
    assert len(pack(descriptor(3))) == TEMPLATE_LENGTH
    assert (unpack(pack(descriptor(3))) == descriptor(3)).all()


@pytest.mark.parametrize(
    "template",
    [b"", pack(descriptor(1))[:-1], b"NOPE" + pack(descriptor(1))[4:], pack(descriptor(1))[:4] + b"\xff" * 512],
    ids=["empty", "short", "kind", "nan"],
)
def test_other_bytes_are_no_template(template: bytes) -> None:
    """A template of another network or a damaged one would be compared as if it were a face."""
    with pytest.raises(FaceError):
        unpack(template)


def test_a_descriptor_that_is_none_is_not_kept() -> None:
    """Somebody's profile photo would be stored with a face nobody can match."""
    with pytest.raises(FaceError):
        pack(np.full(128, np.nan, np.float32))
    with pytest.raises(FaceError):
        pack(np.zeros(64, np.float32))


def test_error_rates_count_what_they_say() -> None:
    """The operator would choose a threshold by wrong numbers."""
    same, different = [0.2, 0.4, 0.5, 0.7], [0.45, 0.6, 0.8, 0.9, 1.0]
    at = error_rates(same=same, different=different, threshold=0.5)
    assert (at.fmr, at.fnmr) == (1 / 5, 1 / 4)
    none = error_rates(same=[], different=[], threshold=0.5)
    assert (none.fmr, none.fnmr) == (None, None)
    rates = [error_rates(same=same, different=different, threshold=each) for each in SWEEP]
    assert SWEEP[0] == 0.3
    assert SWEEP[-1] == 0.8
    assert [each.fmr for each in rates] == sorted(each.fmr or 0 for each in rates)
    assert [each.fnmr for each in rates] == sorted((each.fnmr or 0 for each in rates), reverse=True)

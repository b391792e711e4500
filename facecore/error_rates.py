"""How often a threshold errs on labelled pairs: false match rate and false non-match rate (ISO/IEC 19795-1)."""

from collections.abc import Sequence
from dataclasses import dataclass

from facecore.distance import is_match

SWEEP = tuple(round(0.30 + 0.02 * step, 2) for step in range(26))
"""0.30 to 0.80: below lie pictures taken minutes apart, above lie strangers."""


@dataclass(frozen=True, kw_only=True)
class ErrorRates:
    """The rates at one threshold; None where no pair of that kind was given."""

    threshold: float
    fmr: float | None
    fnmr: float | None


def error_rates(*, same: Sequence[float], different: Sequence[float], threshold: float) -> ErrorRates:
    """The share of `different` distances that match and of `same` distances that do not."""
    false_matches = sum(is_match(apart, threshold) for apart in different)
    missed = sum(not is_match(apart, threshold) for apart in same)
    return ErrorRates(
        threshold=threshold,
        fmr=false_matches / len(different) if different else None,
        fnmr=missed / len(same) if same else None,
    )

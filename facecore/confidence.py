"""What a count of errors proves about the true rate: the exact interval of Clopper and Pearson (1934)."""

import math
from dataclasses import dataclass

from facecore.errors import FaceError

CONFIDENCE = 0.95
_HALVINGS = 200
_TERMS = 100_000
_SMALLEST = 1e-300


@dataclass(frozen=True)
class Counted:
    """`errors` out of `trials`; no rate is known without a trial."""

    errors: int
    trials: int

    @property
    def rate(self) -> float | None:
        """The share that was counted."""
        return self.errors / self.trials if self.trials else None

    @property
    def at_least(self) -> float:
        """The lower end of the 95 % interval; 0 without a trial."""
        return clopper_pearson(self.errors, self.trials)[0]

    @property
    def at_most(self) -> float:
        """The upper end of the 95 % interval; 1 without a trial."""
        return clopper_pearson(self.errors, self.trials)[1]


def clopper_pearson(errors: int, trials: int, *, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The rates that `errors` of `trials` independent tries cannot rule out, two-sided; (0, 1) without any.

    It never promises too much, whatever the true rate, down to no error at all: 0 of n proves at most about 3.7 / n.
    Raises FaceError for counts that are none.
    """
    if not 0 <= errors <= trials or not 0 < confidence < 1:
        raise FaceError(f"{errors} of {trials} is no share, or {confidence} no confidence")
    tail = (1 - confidence) / 2
    low = _quantile(tail, errors, trials - errors + 1) if errors else 0.0
    high = _quantile(1 - tail, errors + 1, trials - errors) if errors < trials else 1.0
    return low, high


def _quantile(share: float, a: float, b: float) -> float:
    """Where the beta distribution of `a` and `b` reaches `share`, by halving on a logarithmic scale."""
    low, high = _SMALLEST, 1.0
    for _ in range(_HALVINGS):
        # The geometric mean: rates are small, and a small one must be as exact as a large one.
        middle = math.sqrt(low) * math.sqrt(high)
        if _beta_share(middle, a, b) < share:
            low = middle
        else:
            high = middle
        if high <= low * (1 + 1e-13):
            break
    return high


def _beta_share(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function, by Lentz's continued fraction (Numerical Recipes, 6.4)."""
    if x >= 1:
        return 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta_share(1 - x, b, a)
    scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    c, d = 1.0, 1 / _away_from_zero(1 - (a + b) * x / (a + 1))
    fraction = d
    for m in range(1, _TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _away_from_zero(1 + term * d)
            c = _away_from_zero(1 + term / c)
            fraction *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return math.exp(scale) * fraction / a


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _SMALLEST else _SMALLEST

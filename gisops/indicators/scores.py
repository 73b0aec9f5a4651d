"""What is made of counts: rates with the interval they may lie in, points, composite scores, grades. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from gisops.indicators.definitions import Form, Grade, Score, Term

# The normal deviate of 95 %.
_Z = 1.959963984540054
# Below so many the number is told, and that it is of few.
FEW = 30


@dataclass(frozen=True, slots=True)
class Value:
    """What an indicator came to. A count is ``n``; a rate ``k`` of ``n``, between ``low`` and ``high``; a duration
    ``mean``, ``median``, ``p90`` of ``n``. What there was nothing to make of is None.
    """

    form: Form
    n: int
    k: int | None = None
    low: float | None = None
    high: float | None = None
    mean: float | None = None
    median: float | None = None
    p90: float | None = None

    @property
    def number(self) -> float | None:
        """The one number of it: the count, the rate between 0 and 1, the mean."""
        if self.form == "rate":
            return None if self.k is None or not self.n else self.k / self.n
        return self.mean if self.form == "duration" else float(self.n)

    @property
    def few(self) -> bool:
        """Whether a rate or a duration is of so few that it may be chance."""
        return self.form != "count" and self.n < FEW


def wilson(k: int, n: int) -> tuple[float, float] | None:
    """Between what a rate of ``k`` out of ``n`` lies with 95 %, by Wilson's score interval; None of nothing."""
    if n == 0:
        return None
    p, z2 = k / n, _Z * _Z
    middle, spread = p + z2 / (2 * n), _Z * sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    scale = 1 + z2 / n
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def rate(k: int, n: int) -> Value:
    """A rate with its interval."""
    between = wilson(k, n)
    return Value("rate", n, k) if between is None else Value("rate", n, k, *between)


def points(term: Term, value: Value | None) -> float | None:
    """What a number is worth, 0 to 100; None where there was nothing to count."""
    if value is None:
        return None
    if term.bands:
        return float(next((worth for limit, worth in term.bands if value.n <= limit), term.above))
    if value.k is None or value.n == 0:
        return None
    share = value.k / value.n
    return 100 * (1 - share if term.complement else share)


@dataclass(frozen=True, slots=True)
class Scored:
    """A score of 100 (None where no rate of it had anything to count), its grade, the points of each term, and the
    terms that were left out: what they weigh is shared among the others.
    """

    score: float | None
    grade: str | None
    points: Mapping[str, float | None]
    left_out: tuple[str, ...]


def scored(score: Score, values: Mapping[str, Value], grades: Sequence[Grade]) -> Scored:
    """Make a score of what was counted for one organisation, person or region."""
    worth = {term.indicator: points(term, values.get(term.indicator)) for term in score.terms}
    told = [(term, worth[term.indicator]) for term in score.terms]
    weight = sum(term.weight for term, got in told if got is not None)
    left_out = tuple(term.indicator for term, got in told if got is None)
    # A score that only says how many there were says nothing.
    if not any(got is not None and not term.bands for term, got in told):
        return Scored(None, None, worth, left_out)
    total = sum(term.weight * got for term, got in told if got is not None) / weight
    return Scored(total, grade(total, grades), worth, left_out)


def grade(total: float, grades: Sequence[Grade]) -> str:
    """The grade of a score."""
    return next(g.grade for g in grades if total >= g.least)

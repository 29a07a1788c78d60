"""The tests that compare what is recent with a reference, in numpy alone.

Shares (errors, refusals, broken answers) are watched by a CUSUM, upwards: only more of them is a drift; the p-value
that is shown is Fisher's, in its mid-p form. Amounts (duration, cost, length) are turned into normal scores of their
rank in the reference, so that no heavy tail counts for more than its rank, and their means are compared (van der
Waerden's test). Sketches of texts (sketches.py) are compared by the squared distance of their means, whose distribution
under no change is a weighted sum of chi-squares: its scale and degrees of freedom are read off the reference's
covariance (Satterthwaite), its tail by Wilson and Hilferty.

What is not independent in time (sessions, an outage, an hour's rhythm) varies between blocks of the reference more
than chance says. What it varies more is part of every test's variance, so a rhythm that the reference has seen does not
alarm. Many comparisons are made at each look: their p-values become q-values by Benjamini and Hochberg.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float32]
Floats = npt.NDArray[Any]

# Of the reference, to see how far it varies between stretches of time.
SHORT_BLOCK, LONG_BLOCK = 25, 100
FEWEST_BLOCKS = 4
ALLOWED = 1.5
WHOLE = 100
FEWEST_FOR_RHYTHM, RIDGE = 150, 5.0
_GRID = np.linspace(0.0002, 0.9998, 2499)
_SCORES = np.array([NormalDist().inv_cdf(one) for one in _GRID])


@dataclass(frozen=True, slots=True)
class Compared:
    """What a test says: its one-sided p-value (two-sided where both directions count), how large the change is (in
    the signal's own terms), both sides' figures and how many observations they have."""

    p: float
    effect: float
    before: float
    after: float
    n_before: int
    n_after: int


def upper_tail(z: float) -> float:
    """P(Z >= z) of a standard normal."""
    return 0.5 * math.erfc(z / math.sqrt(2.0))


def scores(values: Array, reference: Array) -> Array:
    """Normal scores of values by their rank in the sorted reference: standard normal where nothing has changed."""
    low = np.searchsorted(reference, values, "left")
    high = np.searchsorted(reference, values, "right")
    rank = ((low + high) / 2 + 0.5) / (len(reference) + 1)
    made: Array = np.interp(rank, _GRID, _SCORES)
    return made


def blocks(values: Floats, size: int) -> Floats:
    """Means of consecutive blocks, the oldest rest left out: (n,) into (n // size,), (n, d) alike."""
    whole = len(values) // size * size
    made: Floats = values[len(values) - whole :].reshape(-1, size, *values.shape[1:]).mean(axis=1)
    return made


@dataclass(frozen=True, slots=True)
class Unrest:
    """How much more a window's mean varies than that of independent values: `factor` times the variance of the mean
    (sessions, bursts), and `more` however long the window (rhythms)."""

    factor: float = 1.0
    more: float = 0.0


def unrest(values: Floats, variance: float, dimensions: float = 1.0) -> Unrest:
    """What a reference shows of it. Few blocks vary by chance, too, so two standard errors are allowed for."""
    factor = _beyond(values, variance / SHORT_BLOCK, SHORT_BLOCK, dimensions)
    longer = _beyond(values, factor * variance / LONG_BLOCK, LONG_BLOCK, dimensions)
    return Unrest(factor, (longer - 1) * factor * variance / LONG_BLOCK)


def _beyond(values: Floats, chance: float, size: int, dimensions: float) -> float:
    means = blocks(values, size)
    if len(means) < FEWEST_BLOCKS or chance <= 0:
        return 1.0
    observed = float(((means - means.mean(axis=0)) ** 2).sum()) / (len(means) - 1)
    return max(1.0, observed / chance / (1 + ALLOWED * math.sqrt(2 / (len(means) - 1) / dimensions)))


@dataclass(frozen=True, slots=True)
class Rise:
    """A share that may have risen: `height` of the evidence (a log-likelihood ratio), and `length`, how many of the
    newest it is about."""

    height: float
    length: int
    compared: Compared


@dataclass(frozen=True, slots=True)
class Shares:
    """Zeros and ones of a reference: how many, how many ones, and how restless."""

    count: int
    ones: float
    unrest: Unrest

    @property
    def share(self) -> float:
        """How many of them are ones."""
        return self.ones / self.count

    def inflation(self, window: int) -> float:
        """By how much counts vary more than those of independent ones; at least 1."""
        variance = self.share * (1 - self.share)
        return self.unrest.factor + self.unrest.more * window / variance if variance else 1.0


def shares_of(reference: Array) -> Shares:
    """Of zeros and ones, at least one of them."""
    share = float(reference.mean())
    return Shares(len(reference), float(reference.sum()), unrest(reference, share * (1 - share)))


def rise(reference: Shares, later: Array, *, by: float, doubt: float) -> Rise:
    """Of zeros and ones: Page's CUSUM over what came after the reference, of a share that is `by` higher than the
    reference's (taken `doubt` standard errors higher than seen). Rare events are told soonest by it: no window of fixed
    length is as quick at the same rate of false alarms. The effect is the difference of the shares since it began."""
    share = (reference.ones + 1) / (reference.count + 2)
    share = min(share + doubt * math.sqrt(share * (1 - share) / reference.count), 0.98)
    higher = min(share + by, 0.99)
    steps = np.where(later > 0, math.log(higher / share), math.log((1 - higher) / (1 - share)))
    summed = np.concatenate(([0.0], np.cumsum(steps)))
    start = int(np.argmin(summed))
    height = float(summed[-1] - summed[start]) / reference.inflation(WHOLE)
    return Rise(height, len(later) - start, compare_shares(reference, later[start:]))


def compare_shares(reference: Shares, recent: Array) -> Compared:
    """Fisher's test of whether there are more ones; the effect is the difference of the shares."""
    n1, x1 = len(recent), float(recent.sum())
    before, after = reference.share, x1 / n1 if n1 else 0.0
    p = fisher(round(x1), n1, round(reference.ones), reference.count) if after > before else 1.0
    return Compared(p, after - before, before, after, reference.count, n1)


def fisher(x1: int, n1: int, x0: int, n0: int) -> float:
    """The mid-p value of x1 or more of n1, where x0 of n0 have it: hypergeometric."""
    total, having = n0 + n1, x0 + x1
    if x1 <= max(0, having - n0):
        return 1.0
    term = math.exp(_choose(having, x1) + _choose(total - having, n1 - x1) - _choose(total, n1))
    tail = term / 2
    for k in range(x1, min(having, n1)):
        term *= (having - k) * (n1 - k) / ((k + 1) * (total - having - n1 + k + 1))
        tail += term
        if term < tail * 1e-9:
            break
    return min(1.0, tail)


def _choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


@dataclass(frozen=True, slots=True)
class Amounts:
    """Logarithms of a reference: sorted; their mean; what their normal scores are like; what lies beyond `edge`, where
    the slowest tenth begins; and their ninety-fifth percentile."""

    ranked: Array
    mean: float
    centre: float
    spread: float
    unrest: Unrest
    edge: float
    beyond: Shares
    high: float


def amounts_of(reference: Array) -> Amounts:
    """Of logarithms in the order of their times."""
    ranked = np.sort(reference)
    old = scores(reference, ranked)
    spread = float(old.var(ddof=1)) or 1.0
    edge, high = (float(one) for one in np.quantile(ranked, (0.9, 0.95)))
    beyond = shares_of((reference > edge).astype(np.float64))
    mean, centre = float(reference.mean()), float(old.mean())
    return Amounts(ranked, mean, centre, spread, unrest(old, spread), edge, beyond, high)


def compare_amounts(reference: Amounts, recent: Array, *, both: bool) -> Compared:
    """Of logarithms; the effect is the ratio of the geometric means, `both` directions count or only growth."""
    new = scores(recent, reference.ranked)
    n0, n1 = len(reference.ranked), len(new)
    # The recent side may be wider: its own spread counts where it is.
    own = max(reference.spread, float(new.var(ddof=1)) if n1 > 1 else 0.0)
    chance = reference.spread / n0 + own / n1
    z = (float(new.mean()) - reference.centre) / math.sqrt(reference.unrest.factor * chance + reference.unrest.more)
    p = 2 * upper_tail(abs(z)) if both else upper_tail(z)
    after = float(recent.mean())
    return Compared(min(1.0, p), exp(after - reference.mean), exp(reference.mean), exp(after), n0, n1)


def compare_tails(reference: Amounts, recent: Array) -> Compared:
    """Of logarithms: whether more are beyond the reference's ninetieth percentile; the effect is the ratio of the
    ninety-fifth percentiles."""
    n0, n1 = len(reference.ranked), len(recent)
    x0, x1, inflated = reference.beyond.ones, float((recent > reference.edge).sum()), reference.beyond.inflation(n1)
    p = fisher(round(x1 / inflated), round(n1 / inflated), round(x0 / inflated), round(n0 / inflated))
    after = float(np.quantile(recent, 0.95))
    return Compared(p, exp(after - reference.high), exp(reference.high), exp(after), n0, n1)


def exp(value: float) -> float:
    """Without overflow."""
    return math.exp(max(-300.0, min(300.0, value)))


@dataclass(frozen=True, slots=True)
class Spread:
    """What the sketches of a reference are like: their mean, their total variance, how many dimensions that is worth,
    and how restless they are."""

    mean: Array
    total: float
    dimensions: float
    unrest: Unrest
    count: int


def spread_of(reference: Matrix) -> Spread:
    """Of (n, d) sketches, n >= 2."""
    mean = reference.mean(axis=0, dtype=np.float64)
    total, dimensions = _shape(reference)
    restless = unrest(reference, total, dimensions)
    if restless.factor > 1 or restless.more > 0:
        # What varies together in time are fewer directions than all.
        dimensions = min(dimensions, _shape(blocks(reference, SHORT_BLOCK))[1])
    return Spread(mean, total, dimensions, restless, len(reference))


def _shape(values: Floats) -> tuple[float, float]:
    """The total variance, and how many dimensions it is worth: (tr S)^2 / tr S^2, without what few rows add to it."""
    centred = values - values.mean(axis=0)
    rows = len(values) - 1
    covariance = centred.T @ centred / rows
    total = max(float(np.trace(covariance)), 1e-9)
    squares = float((covariance**2).sum()) - total**2 / rows
    return total, max(1.0, min(values.shape[1], total**2 / max(squares, total**2 / values.shape[1])))


def compare_sketches(reference: Spread, recent: Matrix) -> Compared:
    """The effect is how far the mean has moved (squared, less what chance moves it) in units of the total variance."""
    n1 = len(recent)
    distance = float(((recent.mean(axis=0, dtype=np.float64) - reference.mean) ** 2).sum())
    chance = reference.unrest.factor * reference.total * (1 / n1 + 1 / reference.count) + reference.unrest.more
    third = 2 / (9 * reference.dimensions)
    z = ((distance / chance) ** (1 / 3) - (1 - third)) / math.sqrt(third)
    effect = max(0.0, distance - chance) / reference.total
    return Compared(upper_tail(z), effect, 0.0, math.sqrt(distance), reference.count, n1)


def waves(days: Array) -> Matrix:
    """The day's rhythm as waves of 24 and 12 hours: (n,) days into (n, 4)."""
    angle = 2 * np.pi * days
    made: Matrix = np.stack([np.cos(angle), np.sin(angle), np.cos(2 * angle), np.sin(2 * angle)], axis=1)
    return made


def rhythm(values: Array, days: Array) -> Array | None:
    """The weights of the waves in a reference's values, without its outliers; None where there are too few."""
    there = ~np.isnan(values)
    if there.sum() < FEWEST_FOR_RHYTHM:
        return None
    low, high = np.quantile(values[there], (0.02, 0.98))
    clipped = np.clip(values[there], low, high)
    shape = waves(days[there])
    centred = shape - shape.mean(axis=0)
    found: Array = np.linalg.solve(centred.T @ centred + RIDGE * np.eye(4), centred.T @ (clipped - clipped.mean()))
    return found


def q_values(p_values: Sequence[float]) -> list[float]:
    """Benjamini and Hochberg: the share of false ones among all that are at least as small, 0–1."""
    order = sorted(range(len(p_values)), key=lambda at: -p_values[at])
    made, least = [1.0] * len(p_values), 1.0
    for rank, at in enumerate(order):
        least = min(least, p_values[at] * len(p_values) / (len(p_values) - rank))
        made[at] = least
    return made


def change_point(values: Array) -> int:
    """Where a change of the mean began: the index at which the sum of what differs from the whole mean is farthest
    from zero (CUSUM)."""
    summed = np.cumsum(values - values.mean())
    return int(np.argmax(np.abs(summed[:-1]))) + 1 if len(values) > 1 else 0

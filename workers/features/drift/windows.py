"""A feature's traces in time order, and what is recent among them against what came before.

Every 25 traces is a look. At each the last 50, 100 and 200 traces are compared with a reference: up to 1,000 traces
before the last 200, at least 100. It moves on with time, in steps of 100, so a slow tide is no drift; while a drift is
open it ends where that began, and once that is resolved it begins there. Shares (errors, refusals, broken answers) have
no window: what came after the reference is watched for where they rise.

A signal stands out at a look if its q-value over all comparisons of that look (signals by windows) is at most 0.005 -
of shares, if the evidence is as high as RISES says - and its effect is at least the smallest that matters (LEAST). It
counts when it stands out at two looks in a row (a share at once, if it began to rise 25 traces ago or more), and what
came just before the change differs from what followed by as much: a rhythm or a tide is no drift. Amounts are looked at
without the rhythm of the day, as far as the reference has seen a day; before it has, they must differ by twice as much.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import numpy as np

from models import DriftSignal
from workers.features.drift import statistics
from workers.features.drift.statistics import Amounts, Array, Compared, Matrix, Shares, Spread

STEP = 25
HOLDS = 2
WINDOWS = (50, 100, 200)
LONGEST_REFERENCE, SHORTEST_REFERENCE = 1_000, 100
REFERENCE_STEP = 100
LONGEST_RISE = 500
# Of a shorter reference nobody knows how far its texts vary, so the shortest window says nothing of them.
LONG_ENOUGH = 400
# Days that a reference must span to know the day's rhythm.
WHOLE_DAY = 1.2
# Of a signal that not every trace has: a window or a reference with fewer says nothing.
FEWEST_RECENT, FEWEST_REFERENCE = 25, 50
Q = 0.005
# What came just before must differ by so much of what matters, at this level.
NEAR, NEAR_P = 0.75, 0.01

SHARES = (DriftSignal.ERROR_RATE, DriftSignal.REFUSAL_RATE, DriftSignal.SCHEMA_VALIDITY)
AMOUNTS = (DriftSignal.LATENCY, DriftSignal.COST, DriftSignal.OUTPUT_LENGTH)
SKETCHES = (DriftSignal.INPUT_MEANING, DriftSignal.OUTPUT_MEANING)
# More points of a share; the ratio of amounts; of sketches, the part of their variance.
LEAST = {
    DriftSignal.ERROR_RATE: 0.02,
    DriftSignal.REFUSAL_RATE: 0.03,
    DriftSignal.SCHEMA_VALIDITY: 0.02,
    DriftSignal.LATENCY: 1.2,
    DriftSignal.COST: 1.15,
    DriftSignal.OUTPUT_LENGTH: 1.2,
    DriftSignal.INPUT_MEANING: 0.05,
    DriftSignal.OUTPUT_MEANING: 0.06,
}
# By how much a share is thought to rise, how much the reference is doubted (standard errors), and how high the evidence
# must be. By simulation about one of 100 windows of 100 stationary traces alarms, all signals together.
RISES = {
    DriftSignal.ERROR_RATE: (0.05, 0.5, 4.5),
    DriftSignal.REFUSAL_RATE: (0.06, 1.0, 5.0),
    DriftSignal.SCHEMA_VALIDITY: (0.06, 1.0, 5.5),
}
# Shorter answers may be as wrong as longer ones; what is faster or cheaper is no risk.
BOTH = frozenset({DriftSignal.OUTPUT_LENGTH})


@dataclass(slots=True)
class Series:
    """A feature's traces in the order of their times, one row each. Shares are zeros and ones, amounts logarithms,
    missing ones NaN; rows of `sketches` are NaN where there is no text."""

    ids: list[UUID]
    at: list[datetime]
    values: dict[DriftSignal, Array]
    sketches: dict[DriftSignal, Matrix]
    days: Array = field(init=False)

    def __post_init__(self) -> None:
        self.days = np.array([one.timestamp() / 86_400 for one in self.at])

    def __len__(self) -> int:
        return len(self.ids)


Rhythms = dict[DriftSignal, Array | None]


class Seen(NamedTuple):
    """What a signal's most telling window says at a look: whether that is certain enough, and `tail` where it is the
    slowest traces that tell."""

    compared: Compared
    q: float
    window: int
    certain: bool
    tail: bool = False
    much: float = 1.0


@dataclass(slots=True)
class Reference:
    """What a stretch of the series is like, worked out once for some looks."""

    start: int
    end: int
    known: dict[DriftSignal, Shares | Amounts | Spread | None] = field(default_factory=dict)
    rhythms: Rhythms = field(default_factory=dict)
    young: bool = False


def reference(
    series: Series, end: int, *, first: int = 0, until: int | None = None, rhythms: Rhythms | None = None
) -> Reference | None:
    """What the looks at `end` compare with: traces from `first` on, and none from `until` on; None if they are too few.
    `rhythms` are those of the day, if they are known from elsewhere."""
    stop = max(end - WINDOWS[-1], first + SHORTEST_REFERENCE)
    stop -= (stop - first) % REFERENCE_STEP
    stop = min(stop, end - WINDOWS[0], len(series) if until is None else until)
    start = max(first, stop - LONGEST_REFERENCE)
    if stop - start < SHORTEST_REFERENCE:
        return None
    span = float(series.days[stop - 1] - series.days[start])
    known = dict(rhythms or {})
    return Reference(start, stop, rhythms=known, young=span < WHOLE_DAY and not known)


def look(series: Series, end: int, against: Reference) -> dict[DriftSignal, Seen]:
    """What each signal says of the traces before `end`: of its windows the one with the smallest p-value."""
    made: list[tuple[DriftSignal, Compared, int, bool, bool | None]] = []
    for signal in SHARES:
        found = _rise(series, signal, end, against)
        if found:
            made.append((signal, found.compared, found.length, False, found.height >= RISES[signal][2]))
    for window in WINDOWS:
        if end - window < against.end:
            break
        short = window == WINDOWS[0] and against.end - against.start < LONG_ENOUGH
        for signal in AMOUNTS if short else AMOUNTS + SKETCHES:
            tests = compared(series, signal, end - window, end, against)
            made += [(signal, one, window, bool(tail), None) for tail, one in enumerate(tests)]
    seen: dict[DriftSignal, Seen] = {}
    q_values = statistics.q_values([test.p for _, test, *_ in made])
    for (signal, test, window, tail, certain), q in zip(made, q_values, strict=True):
        much = 2.0 if against.young and signal in AMOUNTS else 1.0
        one = Seen(test, q, window, q <= Q if certain is None else certain, tail, much)
        if signal not in seen or _rank(signal, one) < _rank(signal, seen[signal]):
            seen[signal] = one
    return seen


def stands_out(signal: DriftSignal, seen: Seen) -> bool:
    """Whether it is certain enough, and large enough to matter."""
    return seen.certain and is_large(signal, seen.compared.effect, seen.much)


def holds(signal: DriftSignal, seen: Seen) -> int:
    """At how many looks in a row it must stand out to count."""
    return 1 if signal in SHARES and seen.window >= STEP else HOLDS


def is_large(signal: DriftSignal, effect: float, part: float = 1.0) -> bool:
    """Whether an effect is at least that part of the smallest that matters."""
    least = LEAST[signal]
    if signal in AMOUNTS:
        grown = effect >= least**part
        return grown or (signal in BOTH and 0 < effect <= least**-part)
    return effect >= least * part


def _rank(signal: DriftSignal, seen: Seen) -> tuple[bool, float]:
    return not is_large(signal, seen.compared.effect), seen.compared.p


def _known(series: Series, signal: DriftSignal, against: Reference) -> Shares | Amounts | Spread | None:
    """What the reference is like in a signal; None where it says too little."""
    if signal not in against.known:
        against.known[signal] = _measured(series, signal, against)
    return against.known[signal]


def _measured(series: Series, signal: DriftSignal, against: Reference) -> Shares | Amounts | Spread | None:
    if signal in SKETCHES:
        texts = _there(series.sketches[signal][against.start : against.end])
        return statistics.spread_of(texts) if len(texts) >= FEWEST_REFERENCE else None
    values = _present(steady(series, signal, against.start, against.end, against))
    if len(values) < FEWEST_REFERENCE:
        return None
    return statistics.shares_of(values) if signal in SHARES else statistics.amounts_of(values)


def steady(series: Series, signal: DriftSignal, start: int, end: int, against: Reference) -> Array:
    """The values of a stretch; amounts without the day's rhythm, if the reference knows it."""
    values = series.values[signal][start:end]
    if signal not in AMOUNTS or against.young:
        return values
    if signal not in against.rhythms:
        old = series.values[signal][against.start : against.end]
        against.rhythms[signal] = statistics.rhythm(old, series.days[against.start : against.end])
    found = against.rhythms[signal]
    return values if found is None else values - statistics.waves(series.days[start:end]) @ found


def _present(values: Array) -> Array:
    return values[~np.isnan(values)]


def _rise(series: Series, signal: DriftSignal, end: int, against: Reference) -> statistics.Rise | None:
    old = _known(series, signal, against)
    new = _present(series.values[signal][max(against.end, end - LONGEST_RISE) : end])
    if not isinstance(old, Shares) or len(new) < FEWEST_RECENT:
        return None
    by, doubt, _ = RISES[signal]
    return statistics.rise(old, new, by=by, doubt=doubt)


def compared(series: Series, signal: DriftSignal, start: int, end: int, against: Reference) -> list[Compared]:
    """A stretch of a signal against the reference, by each of its tests (of durations the second is of the slowest);
    none where there is too little."""
    old = _known(series, signal, against)
    if isinstance(old, Spread):
        texts = _there(series.sketches[signal][start:end])
        return [statistics.compare_sketches(old, texts)] if len(texts) >= FEWEST_RECENT else []
    if old is None:
        return []
    new = _present(steady(series, signal, start, end, against))
    if len(new) < FEWEST_RECENT:
        return []
    if isinstance(old, Shares):
        return [statistics.compare_shares(old, new)]
    made = [statistics.compare_amounts(old, new, both=signal in BOTH)]
    return [*made, statistics.compare_tails(old, new)] if signal == DriftSignal.LATENCY else made


def _there(sketches: Matrix) -> Matrix:
    return sketches[~np.isnan(sketches[:, 0])]


def began(series: Series, signal: DriftSignal, end: int, seen: Seen, against: Reference) -> int:
    """The index at which a signal began to be different: in the reference's last hundreds, or after it."""
    start = max(against.start, min(end - 2 * seen.window, against.end - WINDOWS[-1]))
    values = _line(series, signal, start, end, seen, against)
    gaps = np.isnan(values)
    if gaps.all():
        return start
    # What is missing says nothing: the mean of the rest.
    values[gaps] = values[~gaps].mean()
    return start + statistics.change_point(values)


def is_abrupt(series: Series, signal: DriftSignal, end: int, seen: Seen, against: Reference) -> bool:
    """Whether what came just before the change differs from what followed, too."""
    at = min(began(series, signal, end, seen, against), end - FEWEST_RECENT)
    near = Reference(max(against.start, at - WINDOWS[-1]), at, rhythms=against.rhythms, young=against.young)
    if near.end - near.start < FEWEST_REFERENCE:
        return True
    found = compared(series, signal, at, end, near)
    one = found[-1] if seen.tail else found[0] if found else None
    certain = one is not None and (signal in SHARES or one.p < NEAR_P)
    return certain and is_large(signal, one.effect if one else 0.0, NEAR * seen.much)


def _line(series: Series, signal: DriftSignal, start: int, end: int, seen: Seen, against: Reference) -> Array:
    """A signal as one number a trace, which is larger or smaller where it has changed."""
    old = _known(series, signal, against)
    if isinstance(old, Spread):
        return _along(series.sketches[signal], start, end, seen.window, old)
    values = steady(series, signal, start, end, against).copy()
    if isinstance(old, Amounts):
        beyond = np.where(np.isnan(values), np.nan, values > old.edge)
        return beyond if seen.tail else statistics.scores(values, old.ranked)
    return values


def _along(sketches: Matrix, start: int, end: int, window: int, spread: Spread) -> Array:
    """How far each sketch lies in the direction in which their mean has moved."""
    new = _there(sketches[end - window : end]).mean(axis=0)
    along: Array = (sketches[start:end] - spread.mean) @ (new - spread.mean)
    return along


def steps(start: int, end: int) -> Sequence[int]:
    """The looks after `start`, which were all made, up to `end`."""
    return range(start + STEP, end + 1, STEP)

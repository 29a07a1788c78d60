"""What a trace adds to the metrics over time, and how that is taken back.

A trace counts once, in the hour in which it began, and each of its observations in the hour in which that one began;
both in the row of their series (models/trace_metrics.py: TraceSeries) for that hour and for that day. Tokens and costs
are those of the usage that counts (adding_up.py). What a trace has added is kept with it as text, so that a roll-up can
take back exactly that before it adds what the trace has become, and whoever deletes a trace can take it back for good.

Beside the series apart, all traces and all observations have rows, too, by their status alone: the last three bits of a
series' id say to which of these it belongs, so they follow from the others (metric_rows.py) and are no part of what is
kept with a trace.

A project and day has at most MOST_NAMES series, and then some that have `(other)` for a name; beyond MOST_SERIES all
but kind and status is `(other)`. Which ones came too late depends on the order in which they came.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

from infra import json
from models import ObservationStatus
from workers.traces.adding_up import Sum
from workers.traces.base import Outline
from workers.traces.durations import bucket_of

TRACES, OBSERVATIONS = "traces", "observations"
ALL = {TRACES: "all traces", OBSERVATIONS: "all observations"}
OTHER = "(other)"
HOUR = timedelta(hours=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FREE = Decimal(0)
_KINDS = [(of, status.value) for of in ALL.values() for status in ObservationStatus]
_APART = {every: of for of, every in ALL.items()}
_BITS = 7


class Key(NamedTuple):
    """What a series is known by; `feature_id` in hex."""

    of: str
    feature_id: str | None
    name: str | None
    status: str
    service: str | None
    release: str | None
    environment: str | None
    models: tuple[str, ...]
    kind: str | None = None
    operation: str | None = None
    provider: str | None = None

    def without_name(self) -> "Key":
        """The series that takes it in when a day has too many names."""
        return self._replace(name=OTHER)

    def without_all(self) -> "Key":
        """The series that takes it in when a day has too many of everything."""
        others = dict.fromkeys(("name", "service", "release", "environment", "operation", "provider"), OTHER)
        return self._replace(feature_id=None, models=(), **others)


def series_of(key: Key) -> int:
    """The id of the series: 61 bits of a digest, signed, and the three that say of what, and with what status."""
    if key.of in ALL.values():
        return _KINDS.index((key.of, key.status))
    digest = hashlib.blake2b(json.dump_bytes(list(key)), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True) & ~_BITS | _KINDS.index((ALL[key.of], key.status))


def all_of(series: int) -> int:
    """The series of all traces, or observations, of that status."""
    return series & _BITS


def of_what(series: int) -> str:
    """What the series is of (models/trace_metrics.py: TraceSeries.of)."""
    of = _KINDS[all_of(series)][0]
    return of if series == all_of(series) else _APART[of]


# What the series of all are known by.
KEYS_OF_ALL = [Key(of, None, None, status, None, None, None, ()) for of, status in _KINDS]


class Figures:
    """What is added up; `buckets` are those of durations.py, and their counts the count. Most have nothing else, so
    the rest is the class's own until it is set."""

    input_tokens = 0
    output_tokens = 0
    cost = _FREE
    priced = 0
    unpriced = 0

    def __init__(self, buckets: dict[int, int]) -> None:
        self.buckets = buckets

    def use(self, input_tokens: int, output_tokens: int, cost: Decimal, priced: int, unpriced: int) -> None:
        """Adds calls of models."""
        self.input_tokens += input_tokens
        self.output_tokens += output_tokens
        self.cost += cost
        self.priced += priced
        self.unpriced += unpriced

    @property
    def count(self) -> int:
        """How many traces, or observations."""
        return sum(self.buckets.values())

    def add(self, other: "Figures", times: int = 1) -> None:
        """Adds the other's, or with -1 takes them away."""
        mine = self.buckets
        for bucket, count in other.buckets.items():
            mine[bucket] = mine.get(bucket, 0) + times * count
        if other.is_used():
            self.use(
                times * other.input_tokens,
                times * other.output_tokens,
                times * other.cost,
                times * other.priced,
                times * other.unpriced,
            )

    def is_used(self) -> bool:
        """Whether there is anything but durations."""
        return bool(self.priced or self.unpriced or self.input_tokens or self.output_tokens or self.cost)

    def is_nothing(self) -> bool:
        """Whether adding it changes nothing."""
        return not self.is_used() and not any(self.buckets.values())


# In which series and which hour (since 1970) what is added.
Parts = dict[tuple[int, int], Figures]


def hour_of(moment: datetime) -> int:
    """Whole hours since 1970."""
    return (moment - EPOCH) // HOUR


# Where an outline has what an observation is counted apart by.
_said = itemgetter(slice(Outline._fields.index("name"), Outline._fields.index("trace")))
Said = tuple[Any, ...]


class Known:
    """The series of one step; most of its traces are in the same."""

    def __init__(self) -> None:
        self.keys: dict[int, Key] = {}
        self._of_traces: dict[Said, int] = {}
        self._of_observations: dict[str | None, dict[Said, int]] = {}

    def of_trace(self, *said: Any) -> int:
        """The series of a trace: what a key has from `feature_id` to `models`."""
        found = self._of_traces.get(said)
        if found is None:
            found = self._of_traces[said] = self._new(Key(TRACES, *said))
        return found

    def of_observations(self, feature_id: str | None) -> dict[Said, int]:
        """The series of a feature's observations that are known so far."""
        return self._of_observations.setdefault(feature_id, {})

    def new_observation(self, feature_id: str | None, said: Said) -> int:
        """One more of them."""
        name, status, service, release, environment, model, *rest = said
        models = () if model is None else (model,)
        key = Key(OBSERVATIONS, feature_id, name, status, service, release, environment, models, *rest)
        found = self._of_observations[feature_id][said] = self._new(key)
        return found

    def _new(self, key: Key) -> int:
        found = series_of(key)
        self.keys[found] = key
        return found


def parts_of(found: Sum, name: str, feature_id: UUID | None, known: Known) -> Parts:
    """What a trace of that name and feature adds; the keys of its series are left in `known`."""
    feature = feature_id.hex if feature_id else None
    hour = hour_of(found.started_at)
    of_trace = known.of_trace(
        feature, name, found.status, found.service, found.release, found.environment, tuple(found.models)
    )
    parts: Parts = {(of_trace, hour): _of_trace(found)}
    there = known.of_observations(feature)
    # Few traces last into another hour.
    next_hour = EPOCH + HOUR * (hour + 1)
    for index, one in enumerate(found.ordered):
        said: Said = _said(one)
        series = there.get(said) or known.new_observation(feature, said)
        place = (series, hour if one.started_at < next_hour else hour_of(one.started_at))
        bucket = bucket_of(one.duration_us)
        figures = parts.get(place)
        if figures is None:
            figures = parts[place] = Figures({bucket: 1})
        else:
            figures.buckets[bucket] = figures.buckets.get(bucket, 0) + 1
        if index in found.counted:
            known_price = one.cost is not None
            figures.use(one.input_tokens or 0, one.output_tokens or 0, one.cost or _FREE, known_price, not known_price)
    return parts


def _of_trace(found: Sum) -> Figures:
    figures = Figures({bucket_of(found.duration_us): 1})
    if found.counted:
        figures.use(found.input_tokens, found.output_tokens, found.cost or _FREE, found.priced, found.unpriced)
    return figures


@dataclass(slots=True)
class Contribution:
    """What a trace has added. `texts` are the digests of the observations that its preview was made of."""

    texts: list[int | None] = field(default_factory=list)
    parts: Parts = field(default_factory=dict)


def written(found: Contribution) -> str:
    """A contribution as text: JSON, first `texts`, then `[series, hour, buckets]` for each part, and where there was
    any use, tokens, counts of calls and cost behind it. A bucket stands alone, or as `[bucket, count]`."""
    rows: list[list[Any]] = [found.texts]
    for (series, hour), figures in found.parts.items():
        buckets = [bucket if count == 1 else [bucket, count] for bucket, count in figures.buckets.items()]
        row: list[Any] = [series, hour, buckets]
        if figures.priced or figures.unpriced:
            row += [figures.input_tokens, figures.output_tokens, figures.priced, figures.unpriced, str(figures.cost)]
        rows.append(row)
    return json.dumps(rows)


def read(text: str | None) -> Contribution:
    """The contribution that was written so; None is nothing."""
    found = Contribution()
    if text is None:
        return found
    found.texts, *rows = json.loads(text)
    for series, hour, buckets, *used in rows:
        figures = found.parts[series, hour] = Figures(_counts(buckets))
        if used:
            taken, made, priced, unpriced, cost = used
            figures.use(taken, made, Decimal(cost), priced, unpriced)
    return found


def _counts(buckets: Sequence[Any]) -> dict[int, int]:
    return dict((one, 1) if isinstance(one, int) else one for one in buckets)


def moved(parts: Parts, elsewhere: Mapping[tuple[int, int], int]) -> Parts:
    """The parts, with other series for those that `elsewhere` names by day and series."""
    found: Parts = {}
    for (series, hour), figures in parts.items():
        place = (elsewhere.get((hour // 24, series), series), hour)
        found.setdefault(place, Figures({})).add(figures)
    return found


class Changes:
    """What many traces of a project add and take back."""

    def __init__(self) -> None:
        self.found: Parts = {}

    def add(self, parts: Parts, times: int = 1) -> None:
        """Adds the parts, or with -1 takes them back."""
        for place, figures in parts.items():
            total = self.found.get(place)
            if total is None:
                total = self.found[place] = Figures({})
            total.add(figures, times)

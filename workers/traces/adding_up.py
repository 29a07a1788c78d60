"""What a trace's observations add up to. The same observations give the same, in whatever order they came.

Its root is the observation without a parent; of several the one that began first. While none is there, it is the first
whose parent is not, and in a circle of parents the first of all. Name and operation are the root's; session, user,
release, environment and service are the root's too, or those of the first observation that has any.

A trace has failed (`error`) if its root has. Instrumentations often leave a root `unset` below which something failed
for good; so it has failed too if the root is unset and what ended last right below it is in error. Errors that were
followed by something else do not fail a trace; `errors` counts them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from operator import attrgetter

from models import ObservationKind, ObservationStatus
from workers.traces.base import Outline
from workers.traces.mapping.usage import counts, has_usage

_MICROSECOND = timedelta(microseconds=1)
_ERROR, _UNSET = ObservationStatus.ERROR.value, ObservationStatus.UNSET.value
_GENERATION = ObservationKind.GENERATION.value
_MOST_MODELS = 50


@dataclass(slots=True)
class Sum:
    """A trace's columns, as its observations say. `ordered` are they by their beginning, and `counted` the indexes of
    those whose usage counts; `repeats` are the digests of those whose usage does not. Of the calls that count, `priced`
    have a known price and `unpriced` have none; `cost` is None where none has. `first` and `last` are its generations.
    """

    ordered: list[Outline]
    counted: set[int]
    root: Outline
    started_at: datetime
    duration_us: int
    status: str
    service: str | None
    session_id: str | None
    user_id: str | None
    release: str | None
    environment: str | None
    models: list[str]
    generations: int
    errors: int
    input_tokens: int = 0
    output_tokens: int = 0
    cost: Decimal | None = None
    priced: int = 0
    unpriced: int = 0
    repeats: list[int] | None = None
    first: Outline | None = None
    last: Outline | None = None

    @property
    def observations(self) -> int:
        """How many there are."""
        return len(self.ordered)


def add_up(observations: Sequence[Outline]) -> Sum:
    """Adds up at least one observation of one trace."""
    ordered = sorted(observations, key=_PLACE)
    root = _root(ordered)
    began, duration_us, errors = ordered[0].started_at, 0, 0
    models: set[str] = set()
    calls: list[Outline] = []
    for one in ordered:
        duration_us = max(duration_us, (one.started_at - began) // _MICROSECOND + one.duration_us)
        if one.status == _ERROR:
            errors += 1
        if one.model is not None:
            models.add(one.model)
        if one.kind == _GENERATION:
            calls.append(one)
    found = Sum(
        ordered,
        counts(ordered),
        root,
        started_at=began,
        duration_us=duration_us,
        status=_status(ordered, root, errors),
        service=_said(root, ordered, "service"),
        session_id=_said(root, ordered, "session_id"),
        user_id=_said(root, ordered, "user_id"),
        release=_said(root, ordered, "release"),
        environment=_said(root, ordered, "environment"),
        models=sorted(models)[:_MOST_MODELS],
        generations=len(calls),
        errors=errors,
        first=calls[0] if calls else None,
        last=calls[-1] if calls else None,
    )
    if found.counted:
        _use(found)
    return found


_PLACE = attrgetter("started_at", "span_id", "digest")


def _root(ordered: list[Outline]) -> Outline:
    for one in ordered:
        if one.parent_id is None:
            return one
    there = {one.span_id for one in ordered}
    return next((one for one in ordered if one.parent_id not in there), ordered[0])


def _said(root: Outline, ordered: list[Outline], name: str) -> str | None:
    own: str | None = getattr(root, name)
    if own is not None:
        return own
    for one in ordered:
        said: str | None = getattr(one, name)
        if said is not None:
            return said
    return None


def _status(ordered: list[Outline], root: Outline, errors: int) -> str:
    if root.status != _UNSET or not errors:
        return root.status
    below = [
        ((one.started_at - ordered[0].started_at) // _MICROSECOND + one.duration_us, index)
        for index, one in enumerate(ordered)
        if one.parent_id == root.span_id and one is not root
    ]
    return _ERROR if below and ordered[max(below)[1]].status == _ERROR else _UNSET


def _use(found: Sum) -> None:
    for index in sorted(found.counted):
        one = found.ordered[index]
        found.input_tokens += one.input_tokens or 0
        found.output_tokens += one.output_tokens or 0
        if one.cost is None:
            found.unpriced += 1
        else:
            found.priced += 1
            found.cost = one.cost + (found.cost or 0)
    repeats = [one.digest for index, one in enumerate(found.ordered) if index not in found.counted and has_usage(one)]
    found.repeats = repeats or None

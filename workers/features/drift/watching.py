"""Looks at a feature's traces as they come, and files what stands out.

A signal that changed at about the time at which a drift began that is open (its beginning and the drift's are at most
150 traces apart) is part of that drift; it may change its cause, if the signal explains more. Others are a drift of
their own, together with what stands out at the same look. Such a drift ends by itself once none of its signals has been
different for four looks.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy.orm import Session

from infra.clock import rfc3339
from models import DriftSignal, Feature, FeatureDrift, FeatureWatch, RootCause
from workers.features.drift import causes, opening, reading, resolving, telling, windows
from workers.features.drift.opening import Noted
from workers.features.drift.windows import Reference, Rhythms, Seen, Series

Json = dict[str, Any]

CALM_LOOKS, CALM, CALM_P = 4, 0.5, 0.05
NEAR = 150
MOST_TRACES = 5
RHYTHM_AGE = timedelta(days=1)
EVER = datetime(1, 1, 1, tzinfo=UTC)
PROMPTS = frozenset({DriftSignal.PROMPT.value, DriftSignal.MODEL.value})


@dataclass(slots=True)
class Look:
    """One look: the traces before `end`, what it compares with, and what each signal says."""

    end: int
    against: Reference
    seen: dict[DriftSignal, Seen]


class Watch:
    """A feature that is looked at in one transaction; the caller has locked it."""

    def __init__(self, session: Session, feature: Feature, noted: Noted, *, loose: bool) -> None:
        self._session, self._feature, self._noted, self._loose = session, feature, noted, loose
        self._row = _row(session, feature)
        self._drifts = opening.open_of(session, feature)
        self._series = Series([], [], {}, {})
        self._kept: Reference | None = None
        self._ended = False

    def through(self) -> bool:
        """Looks at what is new, a thousand traces at most; whether there may be more."""
        row, feature_id = self._row, self._feature.id
        seen = (row.seen_at or EVER, row.seen_id or reading.NOBODY)
        new = reading.read_new(self._session, feature_id, seen)
        steps = len(new) // windows.STEP * windows.STEP
        if not steps:
            return False
        since = row.reference_from or EVER
        old = reading.read_old(self._session, feature_id, seen, since, self._until())
        self._take([*old, *new[:steps]])
        rhythms = self._rhythms(new[steps - 1].at)
        already = len(self._series) - sum(not self._is_excluded(one.at) for one in new[:steps])
        row.seen_at, row.seen_id = new[steps - 1].at, new[steps - 1].trace_id
        for end in windows.steps(already, len(self._series)):
            self._look(end, rhythms)
            if self._ended:
                # What recovered is no part of the series any more: on with another one.
                row.seen_at, row.seen_id = self._series.at[end - 1], self._series.ids[end - 1]
                break
        self._session.flush()
        return self._ended or len(new) == reading.MOST_AT_ONCE

    def _take(self, rows: Sequence[Any]) -> None:
        self._series = reading.series_of(rows, self._excluded())

    def _excluded(self) -> list[tuple[datetime, datetime]]:
        return [(datetime.fromisoformat(start), datetime.fromisoformat(end)) for start, end in self._row.excluded]

    def _is_excluded(self, at: datetime) -> bool:
        return any(start <= at < end for start, end in self._excluded())

    def _until(self) -> datetime | None:
        """Where the reference ends: before the first drift that is open, if there was anything before it."""
        known = (one.since for one in self._drifts if one.root_cause != RootCause.NO_PREVIOUS_DATA)
        return min(known, default=None)

    def _look(self, end: int, rhythms: Rhythms) -> None:
        until = self._until()
        stop = None if until is None else bisect_left(self._series.at, until)
        against = self._reference(end, stop, rhythms)
        if against is None:
            return
        look = Look(end, against, windows.look(self._series, end, against))
        self._recover(look)
        fired = [] if self._ended else self._fired(look)
        if fired:
            self._file(look, fired)

    def _reference(self, end: int, stop: int | None, rhythms: Rhythms) -> Reference | None:
        first = 0
        if stop is not None and stop < windows.SHORTEST_REFERENCE:
            # Too little came before it to compare with.
            first, stop = stop, None
        made = windows.reference(self._series, end, first=first, until=stop, rhythms=rhythms)
        known = self._kept
        if made is None or known is None or (known.start, known.end) != (made.start, made.end):
            self._kept = made
        return self._kept

    def _fired(self, look: Look) -> list[DriftSignal]:
        """Signals that have stood out for long enough, and are in no open drift yet."""
        held = {signal for one in self._drifts for signal in _signals(one)}
        streaks, fired = dict[str, Any](), []
        for signal, seen in look.seen.items():
            if not windows.stands_out(signal, seen):
                continue
            streaks[signal.value] = min(windows.HOLDS, self._row.streaks.get(signal.value, 0) + 1)
            if signal.value in held or streaks[signal.value] < windows.holds(signal, seen):
                continue
            if windows.is_abrupt(self._series, signal, look.end, seen, look.against):
                fired.append(signal)
        self._row.streaks = {**streaks, "calm": self._row.streaks.get("calm", {})}
        return fired

    def _file(self, look: Look, fired: list[DriftSignal]) -> None:
        began = {one: windows.began(self._series, one, look.end, look.seen[one], look.against) for one in fired}
        for drift in self._drifts:
            place = bisect_left(self._series.at, drift.since)
            near = [one for one in fired if abs(began[one] - place) <= NEAR]
            if near:
                self._join(drift, look, near, began)
                fired = [one for one in fired if one not in near]
        if fired:
            self._open(look, fired, began)

    def _figures(self, look: Look, signals: Sequence[DriftSignal], began: dict[DriftSignal, int]) -> Json:
        return {
            one.value: telling.figures(one, look.seen[one], rfc3339(self._series.at[began[one]])) for one in signals
        }

    def _join(self, drift: FeatureDrift, look: Look, signals: list[DriftSignal], began: dict[DriftSignal, int]) -> None:
        opening.join(self._session, drift, self._figures(look, signals, began))
        self._noted.add(drift)
        if drift.signal in PROMPTS:
            return
        known = [DriftSignal(one) for one in _signals(drift)]
        cause = causes.of_signals(known, look.seen, loose=self._loose)
        if cause.root_cause != drift.root_cause and causes.explains_more(cause, drift.root_cause):
            drift.signal, drift.root_cause = cause.signal.value, cause.root_cause.value
            drift.summary = telling.of_signal(cause.signal, look.seen[cause.signal])
            drift.confidence = cause.confidence
            opening.put_at_risk(self._session, self._feature, drift, new=False)
        elif cause.root_cause == drift.root_cause:
            drift.confidence = max(drift.confidence, cause.confidence)

    def _open(self, look: Look, signals: list[DriftSignal], began: dict[DriftSignal, int]) -> None:
        cause = causes.of_signals(signals, look.seen, loose=self._loose)
        at = began[cause.signal]
        figures = self._figures(look, signals, began)
        own = figures[cause.signal.value]
        names = ("measure", "n_before", "n_after")
        drift = opening.new_drift(
            self._feature,
            cause,
            call_site=None,
            since=self._series.at[at],
            before={"measure": own[names[0]], "value": own["before"], "n": own[names[1]]},
            after={"measure": own[names[0]], "value": own["after"], "n": own[names[2]]},
            diff=None,
            summary=telling.of_signal(cause.signal, look.seen[cause.signal]),
            evidence={
                "changed": [],
                "trace_ids": {"before": self._examples(at, -1), "after": self._examples(at, 1)},
                "signals": figures,
                "inputs": self._inputs(look),
            },
        )
        opening.put_at_risk(self._session, self._feature, drift, new=True)
        self._drifts.append(drift)
        self._noted.add(drift)

    def _inputs(self, look: Look) -> Json | None:
        """What the inputs did meanwhile."""
        seen = look.seen.get(DriftSignal.INPUT_MEANING)
        if seen is None:
            return None
        return telling.figures(DriftSignal.INPUT_MEANING, seen, rfc3339(self._series.at[look.end - seen.window]))

    def _examples(self, at: int, way: int) -> list[str]:
        found = self._series.ids[max(0, at - MOST_TRACES) : at] if way < 0 else self._series.ids[at : at + MOST_TRACES]
        return telling.trace_ids([one.hex for one in found])

    def _recover(self, look: Look) -> None:
        """Ends drifts whose signals have been as they were for some looks."""
        calm = dict(self._row.streaks.get("calm", {}))
        for drift in [*self._drifts]:
            if drift.signal in PROMPTS or look.end - bisect_left(self._series.at, drift.since) < 2 * windows.WINDOWS[1]:
                continue
            still = [one for one in _signals(drift) if not self._is_calm(look, DriftSignal(one))]
            calm[drift.id.hex] = 0 if still else calm.get(drift.id.hex, 0) + 1
            if calm[drift.id.hex] >= CALM_LOOKS:
                del calm[drift.id.hex]
                self._end(drift, look)
        self._row.streaks = {**self._row.streaks, "calm": calm}

    def _is_calm(self, look: Look, signal: DriftSignal) -> bool:
        """Whether the last hundred are as the reference is."""
        found = windows.compared(self._series, signal, look.end - windows.WINDOWS[1], look.end, look.against)
        return all(not windows.is_large(signal, one.effect, CALM) or one.p > CALM_P for one in found)

    def _end(self, drift: FeatureDrift, look: Look) -> None:
        until = self._series.at[look.end - windows.WINDOWS[1]]
        self._drifts.remove(drift)
        self._ended = True
        resolving.resolve(self._session, drift, {"by": "recovered", "until": rfc3339(until)})

    def _rhythms(self, now: datetime) -> Rhythms:
        """The day's rhythm, worked out anew when it is a day old."""
        kept = self._row.rhythms
        if not kept or abs(now - datetime.fromisoformat(kept["at"])) > RHYTHM_AGE:
            found = reading.read_rhythms(self._session, self._feature.id, self._row.reference_from or EVER, now)
            said = {one.value: None if waves is None else waves.tolist() for one, waves in found.items()}
            kept = self._row.rhythms = {"at": rfc3339(now), "waves": said}
        return {DriftSignal(one): None if waves is None else np.array(waves) for one, waves in kept["waves"].items()}


def _row(session: Session, feature: Feature) -> FeatureWatch:
    query = FeatureWatch.in_project(feature.project_id).where(FeatureWatch.feature_id == feature.id)
    row = session.scalars(query.with_for_update().execution_options(populate_existing=True)).first()
    if row is None:
        row = FeatureWatch(feature_id=feature.id, project_id=feature.project_id, excluded=[], streaks={}, rhythms={})
        session.add(row)
        session.flush()
    return row


def _signals(drift: FeatureDrift) -> set[str]:
    """What an open drift is about."""
    return {drift.signal, *drift.evidence.get("signals", {})} - PROMPTS


def waiting(session: Session, feature_ids: Sequence[UUID]) -> list[UUID]:
    """The features that have enough for a look."""
    return reading.waiting(session, feature_ids)

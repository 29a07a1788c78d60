"""Facts of a feature as a series to look at: what its reference needs, what is recent, and what was not looked at."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import text
from sqlalchemy.orm import Session

from models import DriftSignal
from workers.features.drift import sketches, statistics
from workers.features.drift.statistics import Array
from workers.features.drift.windows import AMOUNTS, LONGEST_REFERENCE, LONGEST_RISE, STEP, Rhythms, Series

COLUMNS = "trace_id, at, duration_ms, failed, cost, output_chars, refused, valid, parsed, goal, said, session"
MOST_AT_ONCE = 1_000
BEFORE = LONGEST_RISE + STEP
# An answer is expected to be JSON where so many were.
JSON_SHARE = 0.9
# Traces of a session so near to each other are of one mind.
SESSION_SPAN = 200
RHYTHM_DAYS, RHYTHM_TRACES = 7, 1_500
PLENTY = 300

NEW = text(f"""
SELECT {COLUMNS} FROM feature_facts WHERE feature_id = :feature_id
  AND (at, trace_id) > (CAST(:seen_at AS timestamptz), CAST(:seen_id AS uuid)) ORDER BY at, trace_id LIMIT :most
""")
# Backwards from a place, for references and windows.
OLD = text(f"""
SELECT {COLUMNS} FROM feature_facts WHERE feature_id = :feature_id
  AND (at, trace_id) <= (CAST(:seen_at AS timestamptz), CAST(:seen_id AS uuid)) AND at >= :since
ORDER BY at DESC, trace_id DESC LIMIT :most
""")
WAITING = text("""
SELECT f.feature_id FROM unnest(CAST(:feature_ids AS uuid[])) AS f(feature_id)
LEFT JOIN feature_watches w ON w.feature_id = f.feature_id
WHERE (SELECT count(*) FROM (
  SELECT 1 FROM feature_facts x WHERE x.feature_id = f.feature_id AND (x.at, x.trace_id)
    > (coalesce(w.seen_at, '-infinity'), coalesce(w.seen_id, '00000000-0000-0000-0000-000000000000')) LIMIT :step) y)
  >= :step ORDER BY f.feature_id
""")
COUNT = text("SELECT count(*) FROM feature_facts WHERE feature_id = :feature_id AND at >= :since AND at < :until")
# Some thousand of some days: the hash of a trace's id says which.
SAMPLE = text("""
SELECT at, duration_ms, cost, output_chars FROM feature_facts
WHERE feature_id = :feature_id AND at >= :since AND at < :until AND uuid_hash(trace_id) % :each = 0
""")
NOBODY = UUID(int=0)


def waiting(session: Session, feature_ids: Sequence[UUID]) -> list[UUID]:
    """The features that have enough traces for a look."""
    asked = {"feature_ids": sorted(feature_ids), "step": STEP}
    return [*session.execute(WAITING, asked).scalars()] if feature_ids else []


def read_new(session: Session, feature_id: UUID, seen: tuple[datetime, UUID]) -> list[Any]:
    """Rows that were not looked at, the oldest first."""
    asked = {"feature_id": feature_id, "seen_at": seen[0], "seen_id": seen[1], "most": MOST_AT_ONCE}
    return [*session.execute(NEW, asked)]


def read_old(
    session: Session, feature_id: UUID, seen: tuple[datetime, UUID], since: datetime, until: datetime | None
) -> list[Any]:
    """Rows that were, as far as they are needed: the newest, and where the reference has to end before `until`, those
    before that."""
    asked = {"feature_id": feature_id, "since": since}
    most = BEFORE if until is not None else BEFORE + LONGEST_REFERENCE + STEP
    rows = [*session.execute(OLD, {**asked, "seen_at": seen[0], "seen_id": seen[1], "most": most})]
    if until is not None:
        known = {one.trace_id for one in rows}
        place = {"seen_at": until, "seen_id": NOBODY, "most": LONGEST_REFERENCE}
        rows += [one for one in session.execute(OLD, {**asked, **place}) if one.trace_id not in known]
    return sorted(rows, key=lambda one: (one.at, one.trace_id))


def series_of(rows: Sequence[Any], excluded: Sequence[tuple[datetime, datetime]] = ()) -> Series:
    """The series of rows in their order, without what lies in those spans."""
    kept = [one for one in rows if not any(start <= one.at < end for start, end in excluded)]
    values = {
        DriftSignal.ERROR_RATE: _array([one.failed for one in kept]),
        DriftSignal.REFUSAL_RATE: _array([one.refused for one in kept]),
        DriftSignal.SCHEMA_VALIDITY: _broken(kept),
        **_amounts(kept),
    }
    # One's words in a row are alike: of a session the first counts.
    fresh = _first_of_session(kept)
    texts = {
        DriftSignal.INPUT_MEANING: _matrix([one.goal if new else None for one, new in zip(kept, fresh, strict=True)]),
        DriftSignal.OUTPUT_MEANING: _matrix([one.said if new else None for one, new in zip(kept, fresh, strict=True)]),
    }
    return Series([one.trace_id for one in kept], [one.at for one in kept], values, texts)


def _array(values: Sequence[float | bool | None]) -> Array:
    return np.array([np.nan if one is None else float(one) for one in values], np.float64)


def _amounts(rows: Sequence[Any]) -> dict[DriftSignal, Array]:
    found = {
        DriftSignal.LATENCY: [one.duration_ms for one in rows],
        DriftSignal.COST: [one.cost for one in rows],
        DriftSignal.OUTPUT_LENGTH: [one.output_chars for one in rows],
    }
    return {signal: _logarithms(_array(values)) for signal, values in found.items()}


def _logarithms(values: Array) -> Array:
    values[~(values > 0)] = np.nan
    made: Array = np.log(values)
    return made


def _broken(rows: Sequence[Any]) -> Array:
    """Whether answers are not as their schema says; without one, whether they are no JSON where nearly all were."""
    judged = [one.valid for one in rows]
    if all(one is None for one in judged):
        parsed = [one.parsed for one in rows if one.parsed is not None]
        early = parsed[: max(PLENTY, len(parsed) // 2)]
        if not early or sum(early) < JSON_SHARE * len(early):
            return np.full(len(rows), np.nan)
        judged = [one.parsed for one in rows]
    return _array([None if one is None else not one for one in judged])


def _first_of_session(rows: Sequence[Any]) -> list[bool]:
    last: dict[int, int] = {}
    fresh = []
    for at, one in enumerate(rows):
        before = None if one.session is None else last.get(one.session)
        fresh.append(before is None or at - before > SESSION_SPAN)
        if fresh[-1] and one.session is not None:
            last[one.session] = at
    return fresh


def _matrix(kept: Sequence[bytes | None]) -> sketches.Matrix:
    made = np.full((len(kept), sketches.DIMENSIONS), np.nan, np.float32)
    there = [at for at, one in enumerate(kept) if one is not None]
    if there:
        made[there] = sketches.read([bytes(kept[at] or b"") for at in there])
    return made


def read_rhythms(session: Session, feature_id: UUID, since: datetime, until: datetime) -> Rhythms:
    """The day's rhythm of a feature's amounts, of a sample of its last week."""
    span = {"feature_id": feature_id, "since": max(since, until - timedelta(days=RHYTHM_DAYS)), "until": until}
    count = int(session.execute(COUNT, span).scalar_one())
    rows = [*session.execute(SAMPLE, {**span, "each": max(1, count // RHYTHM_TRACES)})]
    if not rows:
        return {}
    days = np.array([one.at.timestamp() / 86_400 for one in rows])
    if days.max() - days.min() < 1:
        return {}
    found = _amounts(rows)
    return {signal: statistics.rhythm(found[signal], days) for signal in AMOUNTS}

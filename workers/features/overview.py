"""All features of a project in figures: what the metrics say of their traces in some time, and in as long a time
before; what is at risk, and how well they are tested."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import isnan
from typing import Any
from uuid import UUID

from sqlalchemy import func, text
from sqlalchemy.orm import Session

from infra.clock import now
from infra.errors import InvalidParameter
from models import DriftState, Feature, FeatureDrift, FeatureState, Verdict
from workers.features.queries import tests_of
from workers.traces.contributions import TRACES
from workers.traces.durations import percentiles

Json = dict[str, Any]

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
USUAL = timedelta(days=7)
LONGEST = timedelta(days=400)
# Longer ones are added up by the day.
BY_THE_HOUR = timedelta(days=31)

FIGURES = text("""
SELECT s.feature_id, m.at >= :since AS now, sum(m.count) AS traces,
  coalesce(sum(m.count) FILTER (WHERE s.status = 'error'), 0) AS errors, sum(m.input_tokens) AS input_tokens,
  sum(m.output_tokens) AS output_tokens, sum(m.cost) AS cost, sum(m.priced) AS priced, sum(m.unpriced) AS unpriced,
  string_agg(m.durations, '') FILTER (WHERE m.at >= :since) AS durations
FROM trace_metrics m JOIN trace_series s ON s.project_id = m.project_id AND s.id = m.series
WHERE m.project_id = :project_id AND m.hours = :hours AND m.at >= :before AND m.at < :until AND s.of = :of
GROUP BY 1, 2
""")
LAST_VERDICTS = text("""
SELECT c.feature_id, r.verdict, count(*) AS cases, max(r.finished_at) AS finished_at
FROM test_cases c LEFT JOIN LATERAL (
  SELECT coalesce(override ->> 'verdict', verdict) AS verdict, finished_at FROM test_case_results
  WHERE case_id = c.id AND project_id = c.project_id ORDER BY run_id DESC LIMIT 1) r ON true
WHERE c.project_id = :project_id AND c.feature_id IS NOT NULL AND c.deleted_at IS NULL AND c.state = 'approved'
GROUP BY 1, 2
""")


@dataclass(slots=True)
class Figures:
    """What some traces add up to."""

    traces: int = 0
    errors: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: Decimal = Decimal(0)
    priced: int = 0
    unpriced: int = 0
    durations: bytes = b""
    before: int = 0

    def add(self, row: Any) -> None:
        """Adds a row of FIGURES."""
        if not row.now:
            self.before += int(row.traces)
            return
        for name in ("traces", "errors", "input_tokens", "output_tokens", "priced", "unpriced"):
            setattr(self, name, getattr(self, name) + int(getattr(row, name)))
        self.cost += row.cost
        self.durations += bytes(row.durations or b"")


def overview(session: Session, project_id: UUID, wanted: Json) -> Json:
    """What OverviewOut reads; `wanted` is what OverviewQuery loads. Times are widened to whole hours or, for more than
    a month, days. Raises InvalidParameter."""
    since, until, hours = _times(wanted)
    features = {one.id: one for one in session.scalars(Feature.in_project(project_id))}
    found = _figures(session, project_id, features, since, until, hours)
    total = sum(one.traces for one in found.values())
    lasting = [one for one in features.values() if one.state not in (FeatureState.MERGED, FeatureState.DISMISSED)]
    lasting.sort(key=lambda one: (-found[one.id].traces, one.id))
    shown = lasting[: wanted["limit"]]
    return {
        "since": since,
        "until": until,
        "traces": total,
        "at_risk": sum(one.at_risk for one in lasting),
        "unassigned": _share(total - sum(found[one.id].traces for one in lasting), total),
        "features": _rows(session, project_id, shown, found, total),
        "has_more": len(lasting) > len(shown),
    }


def _times(wanted: Json) -> tuple[datetime, datetime, int]:
    until = wanted.get("until") or now()
    try:
        since = wanted.get("since") or until - USUAL
        if since >= until:
            raise _refused("since", "Must be before `until`.")
        if until - since > LONGEST:
            raise _refused("since", f"Must be at most {LONGEST.days} days before `until`.")
        step = HOUR if until - since <= BY_THE_HOUR else DAY
        since, until = _floor(since, step), _ceiling(until, step)
        _ = since - (until - since)  # the time before, with which it is compared
    except OverflowError:
        raise _refused("until", "Lies too far off.") from None
    return since, until, int(step / HOUR)


def _refused(name: str, detail: str) -> InvalidParameter:
    return InvalidParameter(detail, errors=[{"pointer": f"/{name}", "detail": detail}])


def _floor(moment: datetime, step: timedelta) -> datetime:
    day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day + (moment - day) // step * step


def _ceiling(moment: datetime, step: timedelta) -> datetime:
    floor = _floor(moment, step)
    return floor if floor == moment else floor + step


def _figures(
    session: Session, project_id: UUID, features: dict[UUID, Feature], since: datetime, until: datetime, hours: int
) -> defaultdict[UUID | None, Figures]:
    """By feature; traces of a merged one, until they have gone over, are the other's already, and those of one that is
    gone nobody's."""
    asked = {
        "project_id": project_id,
        "hours": hours,
        "before": since - (until - since),
        "since": since,
        "until": until,
        "of": TRACES,
    }
    found: defaultdict[UUID | None, Figures] = defaultdict(Figures)
    for row in session.execute(FIGURES, asked):
        feature = features.get(row.feature_id)
        found[None if feature is None else feature.merged_into or feature.id].add(row)
    return found


def _rows(
    session: Session, project_id: UUID, features: Sequence[Feature], found: dict[UUID | None, Figures], total: int
) -> list[Json]:
    feature_ids = [one.id for one in features]
    tests, verdicts = tests_of(session, project_id, feature_ids), _verdicts(session, project_id)
    drifts = _open_drifts(session, project_id)
    latencies = percentiles([found[one].durations for one in feature_ids], [0.5, 0.95]).tolist()
    return [
        {
            **_figures_of(found[one.id], total),
            "feature_id": one.id,
            **{name: getattr(one, name) for name in ("key", "name", "state", "enabled", "at_risk", "last_seen_at")},
            "open_drifts": drifts.get(one.id, 0),
            "p50_ms": _number(p50),
            "p95_ms": _number(p95),
            "tests": {"approved": 0, "drafts": 0, **tests.get(one.id, {}), **verdicts[one.id]},
        }
        for one, (p50, p95) in zip(features, latencies, strict=True)
    ]


def _figures_of(found: Figures, total: int) -> Json:
    return {
        **_share(found.traces, total),
        "cost_usd": None if found.unpriced and not found.priced else found.cost,
        "input_tokens": found.input_tokens,
        "output_tokens": found.output_tokens,
        "error_share": round(found.errors / found.traces, 4) if found.traces else None,
        "trend": round(found.traces / found.before - 1, 4) if found.before else None,
    }


def _share(traces: int, total: int) -> Json:
    return {"traces": traces, "share": round(traces / total, 4) if total else None}


def _verdicts(session: Session, project_id: UUID) -> defaultdict[UUID, Json]:
    """How the approved cases of features ended when they last ran."""
    nothing = {"passed": 0, "failed": 0, "never_run": 0, "last_run_at": None}
    found: defaultdict[UUID, Json] = defaultdict(nothing.copy)
    for row in session.execute(LAST_VERDICTS, {"project_id": project_id}):
        said = found[row.feature_id]
        if row.finished_at is not None:
            said["last_run_at"] = max(row.finished_at, said["last_run_at"] or row.finished_at)
        bad = row.verdict in (Verdict.FAILED, Verdict.ERRORED, Verdict.FLAKY)
        name = "passed" if row.verdict == Verdict.PASSED else "failed" if bad else "never_run"
        said[name] += row.cases
    return found


def _open_drifts(session: Session, project_id: UUID) -> dict[UUID, int]:
    opened = FeatureDrift.in_project(project_id).where(FeatureDrift.state == DriftState.OPEN.value)
    counted = opened.with_only_columns(FeatureDrift.feature_id, func.count().label("drifts")).group_by(
        FeatureDrift.feature_id
    )
    return {row.feature_id: row.drifts for row in session.execute(counted)}


def _number(value: float) -> float | None:
    """NaN, of no traces, is none."""
    return None if isnan(value) else round(value, 3)

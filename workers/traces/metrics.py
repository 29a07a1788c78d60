"""Metrics over time: counts, errors, durations, tokens, costs, grouped by anything.

What is asked by the dimensions that metrics are kept of (models/trace_metrics.py: TraceSeries) is answered from the
rows of hours and days, however many traces there are (kept_metrics.py). All else, and minutes, is counted from traces
and observations themselves (counted_metrics.py), for a time that has not too many of them; a longer one is refused.
Both are in UTC, and answer in whole intervals.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from infra import ids
from infra.clock import now, rfc3339
from infra.errors import InvalidParameter, TimeTooLong
from models import Feature
from schemas.trace_metrics import ATTRIBUTE, COUNTED, OF_BOTH, OF_OBSERVATIONS
from workers.features import following
from workers.traces import counted_metrics, kept_metrics
from workers.traces.asking import SHARES, Figures, Group, Question
from workers.traces.contributions import OBSERVATIONS

Json = dict[str, Any]

MOST_POINTS = 20_000
HOURS_UP_TO = timedelta(days=7)
USUAL = timedelta(days=1)
STEPS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1),
         "week": timedelta(days=7), "month": timedelta(days=28)}  # fmt: skip


def report(session: Session, project_id: UUID, wanted: Json) -> Json:
    """What TraceMetricsOut shows; `wanted` is what TraceMetricsQuery loads. Raises InvalidParameter, TimeTooLong."""
    question = _question(session, project_id, wanted)
    counted = question.interval == "minute" or not _are_kept((*question.by, *question.only))
    answer = (counted_metrics if counted else kept_metrics).answer(session, question)
    return {
        "of": question.of,
        "begin": question.begin,
        "end": question.end,
        "interval": question.interval,
        "group_by": list(question.by),
        "data": [_shown(one, question.by, wanted["measure"]) for one in answer.groups],
        "has_more": answer.has_more,
    }


def _are_kept(names: Sequence[str]) -> bool:
    return all(name in OF_BOTH or name in OF_OBSERVATIONS for name in names)


def _question(session: Session, project_id: UUID, wanted: Json) -> Question:
    only = {name: wanted[name] for name in (*OF_BOTH, *OF_OBSERVATIONS, *COUNTED) if name in wanted}
    if "feature_id" in only:
        only["feature_id"] = following.ids_of(session, project_id, only["feature_id"])
    if wanted["of"] != OBSERVATIONS:
        _refuse_of_observations(wanted["group_by"], only)
    begin, end, interval = _time(wanted)
    limit = wanted["limit"] if wanted["group_by"] else 1
    if interval != "all" and (end - begin) / STEPS[interval] * limit > MOST_POINTS:
        raise TimeTooLong(
            f"That would be more than {MOST_POINTS:,} points; ask for less time, fewer groups or a longer interval.",
            errors=[{"pointer": "/interval", "detail": "Is too short for so much time and so many groups."}],
        )
    percentiles = any(one in SHARES for one in wanted["measure"])
    return Question(project_id, wanted["of"], begin, end, interval, wanted["group_by"], only, limit, percentiles)


def _refuse_of_observations(by: Sequence[str], only: Mapping[str, Any]) -> None:
    wrong = [("group_by", name) for name in by if name in OF_OBSERVATIONS or name.startswith(ATTRIBUTE)]
    wrong += [(name, name) for name in only if name in OF_OBSERVATIONS]
    if wrong:
        errors = [
            {"pointer": f"/{place}", "detail": f"Traces have no {name}; ask with of=observations."}
            for place, name in wrong
        ]
        raise InvalidParameter("A query parameter has a value that cannot be used; `errors` names it.", errors=errors)


def _time(wanted: Json) -> tuple[datetime, datetime, str]:
    end = wanted.get("end") or now()
    try:
        begin = wanted.get("begin") or end - USUAL
        if begin >= end:
            detail = "Must be before `to`."
            raise InvalidParameter(detail, errors=[{"pointer": "/from", "detail": detail}])
        interval = wanted.get("interval") or ("hour" if end - begin <= HOURS_UP_TO else "day")
        return _floor(begin, interval), _ceiling(end, interval), interval
    except OverflowError:
        detail = "Lies too far off."
        raise InvalidParameter(detail, errors=[{"pointer": "/to", "detail": detail}]) from None


def _floor(moment: datetime, interval: str) -> datetime:
    if interval == "minute":
        return moment.replace(second=0, microsecond=0)
    moment = moment.replace(minute=0, second=0, microsecond=0)
    if interval in ("hour", "all"):
        return moment
    moment = moment.replace(hour=0)
    if interval == "week":
        return moment - timedelta(days=moment.weekday())
    return moment.replace(day=1) if interval == "month" else moment


def _ceiling(moment: datetime, interval: str) -> datetime:
    floor = _floor(moment, interval)
    if floor == moment:
        return floor
    if interval == "month":
        return _floor(floor + timedelta(days=31), "month")
    return floor + STEPS["hour" if interval == "all" else interval]


def _shown(group: Group, by: Sequence[str], measures: Sequence[str]) -> Json:
    values = zip(by, group.key, strict=True)
    return {
        "group": {name: _public(name, value) for name, value in values},
        "totals": _measured(group.totals, measures),
        "points": [{"at": rfc3339(one.at), **_measured(one, measures)} for one in group.points if one.at is not None],
    }


def _public(name: str, value: str | None) -> str | None:
    return ids.show(Feature.prefix, UUID(value)) if name == "feature_id" and value is not None else value


def _measured(one: Figures, measures: Sequence[str]) -> Json:
    p50, p95, p99 = one.milliseconds
    known = {
        "count": one.count,
        "errors": one.errors,
        "error_rate": round(one.errors / one.count, 6) if one.count else 0.0,
        "p50_ms": p50,
        "p95_ms": p95,
        "p99_ms": p99,
        "input_tokens": one.input_tokens,
        "output_tokens": one.output_tokens,
        "cost_usd": f"{one.cost.normalize():f}" if one.priced else None,
        "unpriced": one.unpriced,
    }
    return {name: known[name] for name in measures}

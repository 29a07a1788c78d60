"""Metrics from the rows that the roll-up keeps (models/trace_metrics.py)."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import json
from infra.errors import TimeTooLong
from workers.traces.asking import SHARES, Answer, Figures, Group, Question
from workers.traces.contributions import ALL
from workers.traces.durations import percentiles, together

Json = dict[str, Any]

DAY = 24
# Rows of hours that are read at most, by what the days have.
MOST_ROWS = 2_000_000
# What is added up does not go through files.
MEMORY = text("SELECT set_config('work_mem', '64MB', true)")

# Each stretch has its bounds in the statement, by which PostgreSQL knows how few rows that are.
_STRETCH = """
SELECT * FROM trace_metrics
WHERE project_id = :project_id AND "of" = :of AND hours = {hours} AND at >= :first_{place} AND at < :past_{place}
"""
_ROWS = "FROM ({stretches}) m JOIN chosen c ON c.id = m.series"
TOP = """
WITH chosen AS MATERIALIZED (
  SELECT s.id, CAST(ARRAY[{key}] AS text[]) AS key FROM trace_series s {models} WHERE {conditions})
SELECT c.key, sum(m.count) AS count {rows} GROUP BY c.key ORDER BY count DESC, c.key LIMIT :at_most
"""
FIGURES = """
WITH chosen AS MATERIALIZED (
  SELECT s.id, s.status, g.place FROM trace_series s {models}
  JOIN json_to_recordset(:groups) AS g(place int, key text[]) ON g.key = CAST(ARRAY[{key}] AS text[])
  WHERE {conditions})
SELECT c.place, {at} AS at, CAST(sum(m.count) AS bigint) AS count,
  CAST(coalesce(sum(m.count) FILTER (WHERE c.status = 'error'), 0) AS bigint) AS errors,
  CAST(sum(m.input_tokens) AS bigint) AS input_tokens, CAST(sum(m.output_tokens) AS bigint) AS output_tokens,
  sum(m.cost) AS cost, CAST(sum(m.priced) AS bigint) AS priced, CAST(sum(m.unpriced) AS bigint) AS unpriced,
  {durations} AS durations
{rows} GROUP BY 1, 2
"""
DAYS = text("""
SELECT count(*) FROM (
  SELECT FROM trace_metrics
  WHERE project_id = :project_id AND "of" = :of AND hours = 24 AND at >= :begin AND at < :end LIMIT :at_most
) days
""")
SUM = """
WITH chosen AS MATERIALIZED (SELECT s.id FROM trace_series s WHERE {conditions})
SELECT CAST(coalesce(sum(m.count), 0) AS bigint) {rows}
"""
_AT = {"hour": "m.at", "day": "m.at", "week": "date_trunc('week', m.at, 'UTC')",
       "month": "date_trunc('month', m.at, 'UTC')", "all": "CAST(:begin AS timestamptz)"}  # fmt: skip


def answer(session: Session, question: Question) -> Answer:
    """Answers what is asked by the dimensions that metrics are kept of. Raises TimeTooLong."""
    session.execute(MEMORY)
    parts, asked = _parts(question)
    _refuse_too_much(session, question, asked["of"])
    keys, has_more = _top(session, question)
    durations = "string_agg(m.durations, '')" if question.percentiles else "CAST('' AS bytea)"
    groups = json.dumps([{"place": place, "key": key} for place, key in enumerate(keys)])
    statement = FIGURES.format(**parts, at=_AT[question.interval], durations=durations)
    rows = session.execute(text(statement), {**asked, "groups": groups, "begin": question.begin}).all()
    return Answer(_groups(keys, sorted(rows, key=lambda row: row.at)), has_more)


def count(session: Session, question: Question) -> int:
    """How many there are in that time with these values of dimensions that metrics are kept of, to the hour."""
    parts, asked = _parts(question)
    return int(session.scalar(text(SUM.format(conditions=parts["conditions"], rows=parts["rows"])), asked) or 0)


def _parts(question: Question) -> tuple[dict[str, str], Json]:
    """What the statements are made of, and their values."""
    conditions = ["s.project_id = :project_id", 's."of" = :of']
    for name in question.only:
        if name == "model":
            conditions.append("s.models @> ARRAY[:only_model]")
        elif name == "feature_id":
            conditions.append("s.feature_id = ANY(CAST(:only_feature_id AS uuid[]))")
        else:
            conditions.append(f"s.{name} = :only_{name}")
    # A series without models is one without a model.
    models = "LEFT JOIN LATERAL unnest(s.models) AS model ON true" if "model" in question.by else ""
    asked: Json = {f"only_{name}": value for name, value in question.only.items()}
    stretches = []
    for place, (hours, first, past) in enumerate(_stretches(question)):
        stretches.append(_STRETCH.format(hours=hours, place=place))
        asked |= {f"first_{place}": first, f"past_{place}": past}
    parts = {
        "key": ", ".join(_column(name) for name in question.by),
        "models": models,
        "conditions": " AND ".join(conditions),
        "rows": _ROWS.format(stretches=" UNION ALL ".join(stretches)),
    }
    # The rows of all know no more than the status.
    of = ALL[question.of] if {*question.by, *question.only} <= {"status"} else question.of
    return parts, {"project_id": question.project_id, "of": of, **asked}


def _column(name: str) -> str:
    return "model" if name == "model" else f"CAST(s.{name} AS text)"


def _stretches(question: Question) -> list[tuple[int, datetime, datetime]]:
    """Which rows: of hours, or of days; of days as far as whole ones are asked for, and of hours around them."""
    begin, end = question.begin.replace(minute=0), question.end
    if question.interval != "all":
        return [(1 if question.interval == "hour" else DAY, begin, end)]
    last = end.replace(hour=0, minute=0)
    first = begin.replace(hour=0, minute=0)
    first = first if first == begin else first + timedelta(days=1)
    if first >= last:
        return [(1, begin, end)]
    every = [(1, begin, first), (DAY, first, last), (1, last, end)]
    return [one for one in every if one[1] < one[2]]


def _refuse_too_much(session: Session, question: Question, of: str) -> None:
    for hours, first, past in _stretches(question):
        at_most = MOST_ROWS // (DAY // hours)
        asked = {"project_id": question.project_id, "of": of, "begin": first, "end": past, "at_most": at_most + 1}
        if past - first > timedelta(days=1) and (session.scalar(DAYS, asked) or 0) > at_most:
            raise TimeTooLong(
                "The time has too many combinations of what is counted apart; ask for less of it"
                + (", or by day." if question.interval == "hour" else "."),
                errors=[{"pointer": "/from", "detail": "Lies too far back."}],
            )


def _top(session: Session, question: Question) -> tuple[list[list[str | None]], bool]:
    """The groups with the highest counts; for these, days need not be taken apart."""
    if not question.by:
        return [[]], False
    parts, asked = _parts(replace(question, interval="all"))
    found = session.execute(text(TOP.format(**parts)), {**asked, "at_most": question.limit + 1}).all()
    return [row.key for row in found[: question.limit]], len(found) > question.limit


def _groups(keys: Sequence[list[str | None]], rows: Iterable[Any]) -> list[Group]:
    groups = [Group(key) for key in keys]
    histograms: list[list[bytes]] = [[] for _ in keys]
    for row in rows:
        point = Figures(row.at, *row[2:9])
        groups[row.place].points.append(point)
        groups[row.place].totals.add(point)
        histograms[row.place].append(bytes(row.durations))
    every = [figures for group in groups for figures in (*group.points, group.totals)]
    wanted = [one for some in histograms for one in (*some, together(b"".join(some)))]
    found = percentiles(wanted, list(SHARES.values()))
    for figures, values in zip(every, found.round(3).tolist(), strict=True):
        figures.milliseconds = [None if math.isnan(one) else one for one in values]
    return [group for group in groups if group.points or not group.key]

"""Metrics counted from traces and observations themselves, where none are kept: by users, sessions, tags, attributes,
and by the minute.

The time may have so many of them at most, by what metrics are kept of; a longer one is refused at once. Of observations
those are counted whose traces began in that time. Percentiles are exact.
"""

from dataclasses import replace
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import json
from infra.errors import BadInput, TimeTooLong
from infra.settings import settings
from schemas.trace_metrics import ATTRIBUTE, OF_BOTH, OF_OBSERVATIONS
from workers.traces import kept_metrics
from workers.traces.asking import SHARES, Answer, Figures, Group, Question
from workers.traces.contributions import OBSERVATIONS

Json = dict[str, Any]

MOST = {"traces": 300_000, "observations": 200_000}
MOST_WITH_ATTRIBUTES = 50_000
LONGEST = 200

_OF_TRACE = ("feature_id", "user_id", "session_id", "tag")
_TRACES = """
SELECT {key} AS key, {at} AS at, t.status, t.duration_ms, t.input_tokens, t.output_tokens, t.cost,
  CASE WHEN t.cost IS NULL THEN 0 ELSE 1 END AS priced, t.unpriced
FROM traces t {apart}
WHERE t.project_id = :project_id AND t.started_at >= :begin AND t.started_at < :end AND t.rolled_up_at IS NOT NULL
  AND {conditions}
"""
# Usage that repeats that of others is not counted; OFFSET 0 keeps it one lookup a trace, in the partitions it is in.
_OBSERVATIONS = """
SELECT {key} AS key, {at} AS at, o.status, CAST(o.duration_us AS float8) / 1000 AS duration_ms,
  CASE WHEN o.counts THEN o.input_tokens END AS input_tokens,
  CASE WHEN o.counts THEN o.output_tokens END AS output_tokens, CASE WHEN o.counts THEN o.cost END AS cost,
  CASE WHEN o.counts AND o.cost IS NOT NULL THEN 1 ELSE 0 END AS priced,
  CASE WHEN o.counts AND o.cost IS NULL AND (o.input_tokens > 0 OR o.output_tokens > 0) THEN 1 ELSE 0 END AS unpriced
FROM traces t {apart} CROSS JOIN LATERAL (
  SELECT o.*, t.repeats IS NULL OR o.digest <> ALL(t.repeats) AS counts FROM observations o
  WHERE o.project_id = t.project_id AND o.trace_id = t.id
    AND o.started_at BETWEEN coalesce(t.began_from, '-infinity') AND coalesce(t.began_until, 'infinity')
    AND o.started_at < :end OFFSET 0) o
WHERE t.project_id = :project_id AND t.started_at >= :begin AND t.started_at < :end AND t.rolled_up_at IS NOT NULL
  AND {conditions}
"""
STATEMENT = """
WITH found AS MATERIALIZED ({found}), top AS (
  SELECT key, count(*) AS members FROM found GROUP BY key ORDER BY members DESC, key LIMIT :at_most
)
SELECT f.key, GROUPING(f.at) = 1 AS whole, f.at, t.members, count(*) AS count,
  count(*) FILTER (WHERE f.status = 'error') AS errors,
  CAST(coalesce(sum(f.input_tokens), 0) AS bigint) AS input_tokens,
  CAST(coalesce(sum(f.output_tokens), 0) AS bigint) AS output_tokens, coalesce(sum(f.cost), 0) AS cost,
  sum(f.priced) AS priced, sum(f.unpriced) AS unpriced, {percentiles} AS milliseconds
FROM found f JOIN top t ON t.key = f.key
GROUP BY GROUPING SETS ((f.key, t.members, f.at), (f.key, t.members)) ORDER BY t.members DESC, f.key, whole, f.at
"""
PERCENTILES = "percentile_disc(CAST(:shares AS float8[])) WITHIN GROUP (ORDER BY f.duration_ms)"
NO_PERCENTILES = "CAST(ARRAY[NULL, NULL, NULL] AS float8[])"


def answer(session: Session, question: Question) -> Answer:
    """Counts. Raises TimeTooLong, and BadInput for observations that are kept elsewhere."""
    _refuse_too_much(session, question)
    session.execute(kept_metrics.MEMORY)
    source = _OBSERVATIONS if question.of == OBSERVATIONS else _TRACES
    key = f"CAST(ARRAY[{', '.join(_value(question, name) for name in question.by)}] AS text[])"
    found = source.format(key=key, at=_at(question), apart=_apart(question), conditions=_conditions(question))
    wanted = PERCENTILES if question.percentiles else NO_PERCENTILES
    rows = session.execute(text(STATEMENT.format(found=found, percentiles=wanted)), _asked(question)).all()
    groups: dict[tuple[str | None, ...], Group] = {}
    for row in rows:
        group = groups.setdefault(tuple(row.key), Group(row.key))
        figures = Figures(None if row.whole else row.at, *row[4:11])
        figures.milliseconds = [None if one is None else round(one, 3) for one in row.milliseconds]
        if row.whole:
            group.totals = figures
        else:
            group.points.append(figures)
    shown = list(groups.values())[: question.limit] or ([] if question.by else [Group([])])
    return Answer(shown, len(groups) > question.limit)


def _refuse_too_much(session: Session, question: Question) -> None:
    attributes = any(name.startswith(ATTRIBUTE) for name in question.by)
    if question.of == OBSERVATIONS and settings().trace_store != "postgres":
        raise BadInput("Observations are kept in ClickHouse, so they cannot be counted like that; ask there.")
    most = MOST_WITH_ATTRIBUTES if attributes else MOST[question.of]
    kept = {name: value for name, value in question.only.items() if name in (*OF_BOTH, *OF_OBSERVATIONS)}
    there = kept_metrics.count(session, replace(question, interval="all", by=(), only=kept))
    if there > most:
        raise TimeTooLong(
            f"The time has {there:,} {question.of}; by what is asked, {most:,} can be counted. Ask for less time.",
            errors=[{"pointer": "/from", "detail": "Lies too far back."}],
        )


def _asked(question: Question) -> Json:
    asked: Json = {
        "project_id": question.project_id,
        "begin": question.begin,
        "end": question.end,
        "at_most": question.limit + 1,
    }
    asked |= {f"only_{name}": value for name, value in question.only.items()}
    asked |= {f"by_{place}": name.removeprefix(ATTRIBUTE) for place, name in enumerate(question.by)
              if name.startswith(ATTRIBUTE)}  # fmt: skip
    if question.interval != "all":
        asked["interval"] = question.interval
    if question.percentiles:
        asked["shares"] = json.dumps(list(SHARES.values())).replace("[", "{").replace("]", "}")
    return asked


def _column(question: Question, name: str) -> str:
    row = "o" if question.of == OBSERVATIONS and name not in _OF_TRACE else "t"
    return f"{row}.{name}"


def _value(question: Question, name: str) -> str:
    """What it is grouped by, as text."""
    if name.startswith(ATTRIBUTE):
        return f"left(o.attributes ->> CAST(:by_{list(question.by).index(name)} AS text), {LONGEST})"
    if name == "tag" or (name == "model" and question.of != OBSERVATIONS):
        return f"each_{name}"
    return f"CAST({_column(question, name)} AS text)"


def _at(question: Question) -> str:
    if question.interval == "all":
        return "CAST(:begin AS timestamptz)"
    return f"date_trunc(:interval, {_column(question, 'started_at')}, 'UTC')"


def _apart(question: Question) -> str:
    """What a trace has several of: it is in the group of each."""
    several = [name for name in question.by if name == "tag" or (name == "model" and question.of != OBSERVATIONS)]
    return " ".join(f"LEFT JOIN LATERAL unnest(t.{name}s) AS each_{name} ON true" for name in several)


def _conditions(question: Question) -> str:
    found = ["true"]
    for name in question.only:
        if name == "feature_id":
            found.append("t.feature_id = ANY(CAST(:only_feature_id AS uuid[]))")
        elif name == "tag" or (name == "model" and question.of != OBSERVATIONS):
            found.append(f"t.{name}s @> ARRAY[:only_{name}]")
        else:
            found.append(f"{_column(question, name)} = :only_{name}")
    return " AND ".join(found)

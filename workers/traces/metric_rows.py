"""The rows of a project's metrics: series found or made, figures added. Only for whoever holds the project's lock
(rolling_up.py)."""

from collections.abc import Iterable
from itertools import product
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import json
from infra.clock import now
from workers.traces.contributions import KEYS_OF_ALL, Changes, Figures, Key, Parts, all_of, of_what, series_of
from workers.traces.durations import packed, unpacked

Json = dict[str, Any]

# Series that a day has before names are given up, and before everything is.
MOST_NAMES = 3_000
MOST_SERIES = 4_000
HOURS_A_DAY, SECONDS_A_DAY = 24, 86_400
LEVELS = (1, HOURS_A_DAY)

THERE = text("""
SELECT r.day, r.series FROM json_to_recordset(:rows) AS r("of" text, day int, series bigint)
JOIN trace_metrics m ON m.project_id = :project_id AND m."of" = r."of" AND m.hours = 24
  AND m.at = to_timestamp(r.day * 86400.0) AND m.series = r.series
""")
COUNTED = text("""
SELECT r.day, (
  SELECT count(*) FROM trace_metrics m
  WHERE m.project_id = :project_id AND m."of" IN ('traces', 'observations') AND m.hours = 24
    AND m.at = to_timestamp(r.day * 86400.0)
) AS there FROM json_to_recordset(:rows) AS r(day int)
""")
SERIES = text("""
INSERT INTO trace_series (project_id, seen_at, id, "of", feature_id, name, status, service, release, environment,
  models, kind, operation, provider)
SELECT :project_id, now(), r.* FROM json_to_recordset(:rows) AS r(id bigint, "of" text, feature_id uuid, name text,
  status text, service text, release text, environment text, models text[], kind text, operation text, provider text)
ON CONFLICT (project_id, id) DO UPDATE SET seen_at = EXCLUDED.seen_at
WHERE trace_series.seen_at < EXCLUDED.seen_at - interval '1 day'
""")
READ = text("""
SELECT m.hours, r.at, m.series, m.input_tokens, m.output_tokens, m.cost, m.priced, m.unpriced, m.durations
FROM json_to_recordset(:rows) AS r("of" text, hours smallint, at int, series bigint)
JOIN trace_metrics m ON m.project_id = :project_id AND m."of" = r."of" AND m.hours = r.hours
  AND m.at = to_timestamp(r.at * 3600.0) AND m.series = r.series
""")
WRITE = text("""
INSERT INTO trace_metrics (project_id, "of", hours, at, series, count, input_tokens, output_tokens, cost, priced,
  unpriced, durations)
SELECT :project_id, r."of", r.hours, to_timestamp(r.at * 3600.0), r.series, r.count, r.input_tokens, r.output_tokens,
  r.cost, r.priced, r.unpriced, decode(r.durations, 'hex')
FROM json_to_recordset(:rows) AS r("of" text, hours smallint, at int, series bigint, count bigint,
  input_tokens bigint, output_tokens bigint, cost numeric, priced bigint, unpriced bigint, durations text)
ON CONFLICT (project_id, "of", hours, at, series) DO UPDATE SET count = EXCLUDED.count,
  input_tokens = EXCLUDED.input_tokens, output_tokens = EXCLUDED.output_tokens, cost = EXCLUDED.cost,
  priced = EXCLUDED.priced, unpriced = EXCLUDED.unpriced, durations = EXCLUDED.durations
""")
DELETE = text("""
DELETE FROM trace_metrics m
USING json_to_recordset(:rows) AS r("of" text, hours smallint, at int, series bigint)
WHERE m.project_id = :project_id AND m."of" = r."of" AND m.hours = r.hours AND m.at = to_timestamp(r.at * 3600.0)
  AND m.series = r.series
""")

# A day and a series.
Place = tuple[int, int]


def redirected(
    session: Session, project_id: UUID, contributed: Iterable[Parts], known: dict[int, Key]
) -> dict[Place, int]:
    """Makes the series that these parts are in, whose keys are `known`. Returns, by day and series, those for which a
    day has no room any more, with the series that takes them in."""
    asked = {(hour // HOURS_A_DAY, series) for series, hour in set[tuple[int, int]]().union(*contributed)}
    if not asked:
        return {}
    rows = json.dumps([{"of": of_what(series), "day": day, "series": series} for day, series in asked])
    there = {(row.day, row.series) for row in session.execute(THERE, {"project_id": project_id, "rows": rows})}
    new = sorted(asked - there)
    others = _without_room(session, project_id, new, known) if new else {}
    # Those of today were made with the day's first row; of what comes late it is remembered that it came.
    yesterday = now().timestamp() // SECONDS_A_DAY - 1
    made = {*new, *(place for place in asked if place[0] < yesterday)}
    if made:
        keys = {known[place[1]] for place in made if place not in others} | {*others.values(), *KEYS_OF_ALL}
        given = [{"id": series_of(key), **key._asdict()} for key in sorted(keys, key=series_of)]
        session.execute(SERIES, {"project_id": project_id, "rows": json.dump_for_postgres(given)})
    return {place: series_of(key) for place, key in others.items()}


def _without_room(session: Session, project_id: UUID, new: list[Place], known: dict[int, Key]) -> dict[Place, Key]:
    rows = json.dumps([{"day": day} for day in {day for day, _ in new}])
    found = session.execute(COUNTED, {"project_id": project_id, "rows": rows})
    counts: dict[int, int] = {row.day: row.there for row in found}
    others = {}
    for day, series in new:
        key, count = known[series], counts[day]
        counts[day] = count + 1
        if count >= MOST_NAMES:
            others[day, series] = key.without_name() if count < MOST_SERIES else key.without_all()
    return others


def apply(session: Session, project_id: UUID, changes: Changes) -> None:
    """Adds the changes to the rows of hours and of days, of their series and of all. A row that comes to nothing
    goes."""
    wanted: dict[tuple[int, int, int], Figures] = {}
    for (series, hour), figures in changes.found.items():
        for hours, one in product(LEVELS, (series, all_of(series))):
            wanted.setdefault((hours, hour // hours * hours, one), Figures({})).add(figures)
    changed = {place: figures for place, figures in wanted.items() if not figures.is_nothing()}
    if not changed:
        return
    places = json.dumps([_place(*place) for place in changed])
    for row in session.execute(READ, {"project_id": project_id, "rows": places}):
        before = Figures(unpacked(bytes(row.durations)))
        before.use(row.input_tokens, row.output_tokens, row.cost, row.priced, row.unpriced)
        changed[row.hours, row.at, row.series].add(before)
    gone = [_place(*place) for place, figures in changed.items() if figures.count <= 0]
    rows = [_place(*place) | _columns(figures) for place, figures in changed.items() if figures.count > 0]
    if rows:
        session.execute(WRITE, {"project_id": project_id, "rows": json.dumps(rows)})
    if gone:
        session.execute(DELETE, {"project_id": project_id, "rows": json.dumps(gone)})


def _place(hours: int, at: int, series: int) -> Json:
    return {"of": of_what(series), "hours": hours, "at": at, "series": series}


def _columns(figures: Figures) -> Json:
    return {
        "count": figures.count,
        "input_tokens": figures.input_tokens,
        "output_tokens": figures.output_tokens,
        "cost": str(figures.cost),
        "priced": figures.priced,
        "unpriced": figures.unpriced,
        "durations": packed(figures.buckets).hex(),
    }

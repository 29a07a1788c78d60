"""Traces by the million, straight into the tables: observations, what they add up to, sessions and metrics, as the
product's receiver and roll-up would leave them (bench_trace_reads.py compares a part).

Of each trace: a root, an agent below it, two calls of models and a tool below that, three queries of a database. 24
names, 20 features, 4 services, 2 environments, a release every three days; three of a hundred spans fail, one model in
four has no known price. Sessions have five traces, users fifty.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import Connection, Engine

from workers.traces.durations import GROWTH

OF_A_TRACE = 8
# They are made when the rows are there.
DROPPED = ("ix_traces_words", "ix_traces_facets", "ix_traces_session", "ix_traces_feature", "ix_traces_unassigned",
           "ix_traces_to_roll_up", "ix_traces_to_analyse")  # fmt: skip
DEFINITION = "SELECT indexdef FROM pg_indexes WHERE indexname = :name"
WORDS = ["order", "refund", "ticket", "invoice", "account", "charge", "delivery", "address", "password", "login",
         "export", "report", "summary", "plan", "price", "coupon", "return", "warranty", "battery", "screen",
         "keyboard", "printer", "network", "travel", "hotel", "flight", "booking", "seat"]  # fmt: skip

FEATURES = """
INSERT INTO features (id, created_at, updated_at, project_id, key, name, named_by, state, enabled, at_risk, traces,
  evidence)
SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(f + 1), 12, '0'))::uuid, now(), now(), :project, 'feature-' || f,
  'Feature ' || f, 'rule', 'detected', true, false, 0, '{}' FROM generate_series(0, 19) f
"""
TRACES = """
CREATE TEMP TABLE t ON COMMIT DROP AS
SELECT n, gen_random_uuid() AS id, :day + random() * interval '24 hours' AS at,
  (power(random(), 2) * 20)::int % 20 AS f, (:first + n) / 5 AS s, (:first + n) / 50 AS u,
  random() < 0.9 AS prod, 'v' || :release AS release, exp(6 + random() * 2 + random()) * 1000 AS us,
  w.list[1 + (random() * 27)::int % 28] AS one, w.list[1 + (random() * 27)::int % 28] AS other
FROM generate_series(1, :count) n, (SELECT CAST(:words AS text[]) AS list) w
"""
SPANS = """
CREATE TEMP TABLE o ON COMMIT DROP AS
SELECT t.n, t.id, k, t.at + k * interval '20 ms' AS at, t.f, t.s, t.u, t.prod, t.release, t.one, t.other,
  (CASE WHEN k = 0 THEN t.us ELSE t.us * random() * 0.6 END)::bigint AS us,
  (ARRAY['span', 'agent', 'generation', 'generation', 'tool', 'span', 'span', 'span'])[k + 1] AS kind,
  CASE k WHEN 0 THEN 'POST /feature/' || t.f WHEN 1 THEN 'agent ' || t.f % 3 WHEN 2 THEN 'chat' WHEN 3 THEN 'chat'
    WHEN 4 THEN 'lookup' ELSE 'SELECT' END AS name,
  CASE WHEN random() < 0.03 THEN 'error' ELSE 'unset' END AS status,
  CASE WHEN k IN (2, 3) THEN (ARRAY['gpt-4o', 'gpt-4o-mini', 'claude-sonnet-4', 'house-7b'])[1 + (t.f + k) % 4] END
    AS model, (200 + random() * 2000)::int AS taken, (20 + random() * 400)::int AS made,
  (random() * 9e18)::bigint AS digest
FROM t, generate_series(0, 7) k
"""
OBSERVATIONS = """
INSERT INTO observations (project_id, trace_id, span_id, digest, started_at, duration_us, received_at, parent_id, kind,
  span_kind, status, name, service, operation, provider, model, session_id, user_id, release, environment, input_tokens,
  output_tokens, cost, mapping_version, attributes)
SELECT :project, id, k + 1, digest, at, us, at + interval '2 s',
  CASE WHEN k = 0 THEN NULL WHEN k IN (1, 5, 6, 7) THEN 1 ELSE 2 END, kind, 1, status, name, 'service-' || f % 4,
  CASE WHEN k IN (2, 3) THEN 'chat' WHEN k = 4 THEN 'execute_tool' WHEN k > 4 THEN 'SELECT' END,
  CASE WHEN k IN (2, 3) THEN CASE WHEN model LIKE 'claude%' THEN 'anthropic' ELSE 'openai' END END, model, 's' || s,
  'u' || u, release, CASE WHEN prod THEN 'prod' ELSE 'staging' END, CASE WHEN k IN (2, 3) THEN taken END,
  CASE WHEN k IN (2, 3) THEN made END,
  CASE WHEN k IN (2, 3) AND model <> 'house-7b' THEN (taken * 25 + made * 100)::numeric / 10000000 END, 1,
  CASE WHEN k IN (2, 3) THEN jsonb_build_object('gen_ai.operation.name', 'chat', 'gen_ai.request.model', model,
    'gen_ai.request.temperature', f % 3, 'gen_ai.input.messages', '[{"role": "user", "parts": [{"type": "text", '
    || '"content": "' || repeat('about the ' || one || ' of ' || n || ' ', 30) || '"}]}]', 'gen_ai.output.messages',
    '[{"role": "assistant", "parts": [{"type": "text", "content": "' || repeat('it is ' || other || ' ', 25) || '"}]}]')
  WHEN k = 4 THEN jsonb_build_object('gen_ai.tool.name', 'lookup', 'gen_ai.tool.call.result', repeat(other || ' ', 20))
  ELSE jsonb_build_object('code.function', name, 'thread.id', n % 50) END
FROM o ORDER BY at
"""
SUMS = """
INSERT INTO traces (project_id, id, first_received_at, received_at, revision, rolled_up, analysed, began_from,
  began_until, started_at, duration_ms, name, status, service, session_id, user_id, release, environment, models, tags,
  observations, generations, errors, input_tokens, output_tokens, cost, unpriced, input, output, feature_id,
  assigned_by, confidence, rolled_up_at, contribution, words)
SELECT :project, id, min(at), min(at) + interval '2 s', 1, 1, 1, min(at), max(at), min(at),
  max(us + k * 20000) / 1000.0, 'POST /feature/' || f, min(status) FILTER (WHERE k = 0), 'service-' || f % 4, 's' || s,
  'u' || u, release, CASE WHEN prod THEN 'prod' ELSE 'staging' END,
  array_agg(DISTINCT model ORDER BY model) FILTER (WHERE model IS NOT NULL), ARRAY['team-' || f % 5], 8, 2,
  count(*) FILTER (WHERE status = 'error'), sum(taken) FILTER (WHERE k IN (2, 3)),
  sum(made) FILTER (WHERE k IN (2, 3)),
  sum((taken * 25 + made * 100)::numeric / 10000000) FILTER (WHERE k IN (2, 3) AND model <> 'house-7b'),
  count(*) FILTER (WHERE model = 'house-7b'), 'about the ' || one || ' of ' || n, 'it is ' || other,
  ('00000000-0000-7000-8000-' || lpad(to_hex(f + 1), 12, '0'))::uuid, 'structure', 0.9, min(at), '[[]]',
  to_tsvector('simple', 'POST /feature/' || f || ' about the ' || one || ' of ' || n || ' it is ' || other)
FROM o GROUP BY id, n, f, s, u, prod, release, one, other
"""
# A series may have any id; here it is another digest than the product's.
COUNTED = f"""
CREATE TEMP TABLE c ON COMMIT DROP AS
SELECT *, date_trunc('hour', at, 'UTC') AS hour,
  CASE WHEN us <= 0 THEN 0 ELSE 1 + ceil(ln(us::float8) / ln({GROWTH}::float8))::bigint END AS bucket FROM (
  SELECT 'observations' AS "of", feature_id, o.name, o.status, t.service, t.release, t.environment,
    CASE WHEN o.model IS NULL THEN '{{}}' ELSE ARRAY[o.model] END AS models, o.kind, o.operation, o.provider,
    o.started_at AS at, o.duration_us AS us, coalesce(o.input_tokens, 0) AS taken, coalesce(o.output_tokens, 0) AS made,
    coalesce(o.cost, 0) AS cost, (o.cost IS NOT NULL)::int AS priced, (o.model = 'house-7b')::int AS unpriced
  FROM traces t JOIN observations o ON o.project_id = t.project_id AND o.trace_id = t.id
    AND o.started_at >= :day AND o.started_at < :day + interval '2 days'
  WHERE t.project_id = :project AND t.started_at >= :day AND t.started_at < :day + interval '1 day'
  UNION ALL
  SELECT 'traces', feature_id, name, status, service, release, environment, models, NULL, NULL, NULL, started_at,
    (duration_ms * 1000)::bigint, input_tokens, output_tokens, coalesce(cost, 0), (2 - unpriced), unpriced
  FROM traces WHERE project_id = :project AND started_at >= :day AND started_at < :day + interval '1 day') every
"""
_KEY = '"of", feature_id, name, status, service, release, environment, models, kind, operation, provider'
SERIES = f"""
INSERT INTO trace_series (project_id, id, {_KEY}, seen_at)
SELECT :project, hashtextextended(concat_ws('|', {_KEY}), 0), {_KEY}, now() FROM c GROUP BY {_KEY}
UNION ALL
SELECT :project, 3 * o + s, (ARRAY['all traces', 'all observations'])[o + 1], NULL, NULL,
  (ARRAY['unset', 'ok', 'error'])[s + 1], NULL, NULL, NULL, '{{}}', NULL, NULL, NULL, now()
FROM generate_series(0, 1) o, generate_series(0, 2) s
ON CONFLICT DO NOTHING
"""
APART = f"hashtextextended(concat_ws('|', {_KEY}), 0)"
ALL = """(CASE "of" WHEN 'traces' THEN 0 ELSE 3 END + array_position(ARRAY['unset', 'ok', 'error'], status) - 1)"""
METRICS = """
INSERT INTO trace_metrics (project_id, "of", hours, at, series, count, input_tokens, output_tokens, cost, priced,
  unpriced, durations)
SELECT :project, {of} "of", {hours}, at, series, sum(count), sum(taken), sum(made), sum(cost), sum(priced),
  sum(unpriced), string_agg(substring(int8send(bucket << 21 | count) FROM 5), '')
FROM (
  SELECT "of", {series} AS series, {at} AS at, bucket, count(*) AS count,
    sum(taken) AS taken, sum(made) AS made, sum(cost) AS cost, coalesce(sum(priced), 0) AS priced,
    coalesce(sum(unpriced), 0) AS unpriced
  FROM c GROUP BY 1, 2, 3, 4) buckets
GROUP BY "of", at, series
ON CONFLICT (project_id, "of", hours, at, series) DO UPDATE SET count = trace_metrics.count + EXCLUDED.count,
  input_tokens = trace_metrics.input_tokens + EXCLUDED.input_tokens,
  output_tokens = trace_metrics.output_tokens + EXCLUDED.output_tokens, cost = trace_metrics.cost + EXCLUDED.cost,
  priced = trace_metrics.priced + EXCLUDED.priced, unpriced = trace_metrics.unpriced + EXCLUDED.unpriced,
  durations = trace_metrics.durations || EXCLUDED.durations
"""
SESSIONS = """
INSERT INTO trace_sessions (project_id, id, first_seen_at, last_seen_at, user_id, environment, traces, observations,
  errors, input_tokens, output_tokens, cost, priced, unpriced)
SELECT project_id, session_id, min(started_at), max(started_at + duration_ms * interval '1 ms'), max(user_id),
  max(environment), count(*), sum(observations), count(*) FILTER (WHERE status = 'error'), sum(input_tokens),
  sum(output_tokens), coalesce(sum(cost), 0), count(cost), sum(unpriced)
FROM traces WHERE project_id = :project GROUP BY 1, 2
"""


def fill(engine: Engine, project: UUID, today: datetime, days: int, a_day: int) -> Iterator[int]:
    """So many traces for each of so many days before midnight of `today`; tells how many are there by and by."""
    midnight = today.replace(hour=0, minute=0, second=0, microsecond=0)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        kept = [connection.scalar(text(DEFINITION), {"name": name}) for name in DROPPED]
        for name in DROPPED:
            connection.execute(text(f"DROP INDEX IF EXISTS {name}"))
    with engine.begin() as connection:
        connection.execute(text(FEATURES), {"project": project})
    for number in range(days):
        with engine.begin() as connection:
            _fill_day(connection, project, midnight - timedelta(days=days - number), number, a_day)
        yield (number + 1) * a_day
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("SET maintenance_work_mem = '512MB'"))
        for definition in filter(None, kept):
            connection.execute(text(definition))
        connection.execute(text(SESSIONS), {"project": project})
        connection.execute(text("VACUUM ANALYZE"))


def _fill_day(connection: Connection, project: UUID, day: datetime, number: int, a_day: int) -> None:
    asked = {"project": project, "day": day, "first": number * a_day, "count": a_day, "release": number // 3,
             "words": WORDS}  # fmt: skip
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    connection.execute(text("SET LOCAL work_mem = '128MB'"))
    levels = ((1, "hour"), (24, "date_trunc('day', hour, 'UTC')"))
    metrics = [METRICS.format(hours=hours, at=at, series=one, of=of) for hours, at in levels
               for one, of in ((APART, ""), (ALL, "'all ' ||"))]  # fmt: skip
    statements = (TRACES, SPANS, OBSERVATIONS, SUMS, COUNTED, SERIES, *metrics)
    for statement in statements:
        connection.execute(text(statement), asked)
        if statement is SUMS:
            connection.execute(text("ANALYZE traces"))

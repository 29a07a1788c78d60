"""Rows by the million: jobs with their events as months of use would leave them, and jobs that wait."""

import contextlib

import psycopg2

from tests.bench.servers import Servers

AT_ONCE = 100_000
OTHERS = 20


def _made(until: str, span: str) -> str:
    """Jobs n of `total`, spread evenly over `span`, with UUIDv7s, so that ids and times agree as they do in use."""
    return f"""
  SELECT n, moment, (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || '7'
    || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15))::uuid AS id
  FROM (SELECT n, now() - interval '{until}' - (1 - n::float8 / {{total}}) * interval '{span}' AS moment
    FROM generate_series({{first}}, {{last}}) AS n) times"""


PROJECTS = f"""
INSERT INTO projects (id, name, created_at) SELECT md5('project ' || n)::uuid, 'other', now()
FROM generate_series(1, {OTHERS}) AS n ON CONFLICT DO NOTHING"""

# Six of ten are the big project's, which makes no images. Of a hundred jobs three failed, one was cancelled and one
# expired; one in five has labels: a customer of a thousand, and one of two plans.
FINISHED = f"""
WITH made AS ({_made("1 hour", "28 days")}), jobs_made AS (
  INSERT INTO jobs (id, project_id, kind, queue, status, priority, payload, result, usage, metadata, attempt,
    max_attempts, event_sequence, dead_letter, request_id, created_at, started_at, finished_at)
  SELECT id, CASE WHEN n % 10 < 6 THEN '{{project}}'::uuid ELSE md5('project ' || n % {OTHERS} + 1)::uuid END,
    CASE n % 10 WHEN 4 THEN 'embedding' WHEN 9 THEN 'image' ELSE 'completion' END, 'completions',
    CASE n % 100 WHEN 0 THEN 'cancelled' WHEN 1 THEN 'expired' WHEN 2 THEN 'failed' WHEN 3 THEN 'failed'
      WHEN 4 THEN 'failed' ELSE 'succeeded' END, 5,
    jsonb_build_object('model', 'sandbox', 'messages', jsonb_build_array(jsonb_build_object('role', 'user', 'content',
      'Question ' || n || ' of somebody who wants to know'))),
    jsonb_build_object('message', jsonb_build_object('role', 'assistant', 'content', repeat('Answer ' || n || '. ', 8)),
      'finish_reason', 'stop', 'model', 'sandbox', 'provider', 'sandbox'),
    '{{{{"calls": 1, "cost_usd": "0", "input_tokens": 12, "output_tokens": 40}}}}',
    CASE WHEN n % 5 = 0 THEN jsonb_build_object('customer', 'c' || n % 1000, 'plan',
      CASE WHEN n % 10 = 0 THEN 'free' ELSE 'pro' END) ELSE '{{{{}}}}' END,
    1, 3, 3, n % 100 IN (2, 3, 4), 'req_' || n, moment, moment, moment + interval '2 seconds'
  FROM made RETURNING id, project_id, status, created_at
)
INSERT INTO job_events (job_id, sequence, id, project_id, type, data, created_at)
SELECT j.id, e.sequence, gen_random_uuid(), j.project_id, 'job.' || coalesce(e.type, j.status),
  jsonb_build_object('job_id', j.id, 'kind', 'completion', 'status', coalesce(e.type, j.status), 'attempt', 1),
  j.created_at
FROM jobs_made j CROSS JOIN (VALUES (1, 'queued'), (2, 'started'), (3, NULL)) AS e(sequence, type)"""

# All of them younger than what has finished.
QUEUED = f"""
WITH made AS ({_made("1 second", "50 minutes")}), jobs_made AS (
  INSERT INTO jobs (id, project_id, kind, queue, status, priority, payload, metadata, attempt, max_attempts,
    event_sequence, dead_letter, created_at)
  SELECT id, CASE WHEN n % 10 < 6 THEN '{{project}}'::uuid ELSE md5('project ' || n % {OTHERS} + 1)::uuid END,
    'completion', 'completions', 'queued', n % 10, '{{{{"model": "sandbox/instant", "messages": []}}}}', '{{{{}}}}', 0,
    3, 1, false, moment
  FROM made RETURNING id, project_id, queue, priority, created_at
), events AS (
  INSERT INTO job_events (job_id, sequence, id, project_id, type, data, created_at)
  SELECT id, 1, gen_random_uuid(), project_id, 'job.queued', '{{{{}}}}', created_at FROM jobs_made
)
INSERT INTO outbox (job_id, project_id, queue, priority, attempt, ready, available_at, created_at)
SELECT id, project_id, queue, priority, 0, true, created_at, created_at FROM jobs_made"""


INDEXES = """
SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS made FROM pg_index i
WHERE i.indrelid::regclass::text IN ('jobs', 'job_events') AND NOT i.indisprimary"""


def add(servers: Servers, statement: str, project: str, total: int) -> None:
    """Adds `total` jobs by that statement, `project` being the big one; of many, the indexes are built at the end."""
    with contextlib.closing(psycopg2.connect(servers.database_url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(PROJECTS)
        cursor.execute(INDEXES)
        away = cursor.fetchall() if total > AT_ONCE else []
        for name, _ in away:
            cursor.execute(f"DROP INDEX {name}")
        for first in range(1, total + 1, AT_ONCE):
            last = min(total, first + AT_ONCE - 1)
            cursor.execute(statement.format(project=project, total=total, first=first, last=last))
        cursor.execute("SET maintenance_work_mem = '1GB'")
        for _, made in away:
            cursor.execute(made)
        # What autovacuum would have done by now.
        cursor.execute("VACUUM (ANALYZE) jobs, job_events, outbox, projects")

"""Who runs next: fair shares across projects, priorities inside one, limits on what runs at the same time.

The algorithm is a weighted lottery over max-min shares. Each free place is a ticket; project p, of weight w with r jobs
running, draws for its k-th ticket the rank (r + k - 1 + E) / w, where E is exponential with mean 1, and the lowest
ranks win. While jobs are long, r decides: places go to whoever has the smallest share, in proportion to the weights.
While they are short and r stays near 0, E decides: a project wins with the probability w / Σw, so nobody waits for
ever. Inside a project the best priority goes first, then the oldest.

Nothing of it is stored: who runs what is counted in the jobs table, in the transaction that claims. So no counter can
drift, none is lost with Redis, and none is rebuilt. A project with a limit (`max_running`) is claimed from by one
worker at a time (an advisory lock until the commit; others go on with other projects), so the limit is exact.

A job with a concurrency key enters the queue unready. `admit` makes as many of a key's jobs ready as it has places,
under a lock of the key, at the end of every transaction that added or ended one. Ready and running jobs together never
exceed the limit.

Complexity of a claim of n jobs with P projects waiting: P index lookups for who waits, P short range counts, n·P
tickets (n alone where one project waits), and n rows locked; independent of how many jobs wait, but for those of a
closed lane that stand before the others in their project. Of an admission: two counts and one range read a key.
"""

from collections.abc import Collection, Iterable
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import event, text
from sqlalchemy.orm import Session

from infra import broker, db

Key = tuple[UUID, str]

# Two statements in one message, because each sees what was committed before it began: the first finds who waits and
# locks the projects that have a limit, the second counts under those locks. A setting of this transaction carries the
# list between them.
WAITING_PROJECTS = """
SELECT set_config('switchyard.waiting', coalesce(jsonb_agg(to_jsonb(w))::text, '[]'), true) FROM (
  WITH RECURSIVE waiting(queue, project_id) AS (
    SELECT q.queue, (SELECT o.project_id FROM outbox o WHERE o.queue = q.queue AND o.ready
      ORDER BY o.project_id LIMIT 1)
    FROM unnest(CAST(:queues AS text[])) AS q(queue)
    UNION ALL
    SELECT w.queue, (SELECT o.project_id FROM outbox o WHERE o.queue = w.queue AND o.ready
      AND o.project_id > w.project_id ORDER BY o.project_id LIMIT 1)
    FROM waiting w WHERE w.project_id IS NOT NULL
  )
  SELECT w.queue, w.project_id, coalesce(p.weight, 1) AS weight, coalesce(p.max_running, :max_running) AS max_running
  FROM waiting w LEFT JOIN projects p ON p.id = w.project_id
  WHERE w.project_id IS NOT NULL AND CASE WHEN coalesce(p.max_running, :max_running) IS NULL THEN true
    ELSE pg_try_advisory_xact_lock(hashtextextended('max_running ' || w.project_id, 0)) END
) w;
"""

_MAY_RUN = "o.ready AND (o.lane IS NULL OR o.lane <> ALL(CAST(:closed_lanes AS text[])))"

# The head of the claim: `picked` are the ids of the chosen entries, locked. Its limit cuts nothing, and the order of
# `head` is nobody's wish: they tell the planner how few rows there are, or it would read the whole tables.
PICKED = f"""
waiting AS (
  SELECT * FROM jsonb_to_recordset(CAST(current_setting('switchyard.waiting') AS jsonb))
    AS w(queue text, project_id uuid, weight float8, max_running int)
), shares AS MATERIALIZED (
  SELECT p.project_id, p.weight, p.max_running,
    CASE WHEN p.projects > 1 OR p.max_running IS NOT NULL THEN
      (SELECT count(*) FROM jobs r WHERE r.project_id = p.project_id AND r.status = 'running') ELSE 0 END AS running,
    CASE WHEN p.projects > 1 THEN (SELECT count(*) FROM (
      SELECT FROM waiting w CROSS JOIN LATERAL (
        SELECT FROM outbox o WHERE o.queue = w.queue AND o.project_id = w.project_id AND {_MAY_RUN}
        ORDER BY o.priority DESC, o.job_id LIMIT :limit) head
      WHERE w.project_id = p.project_id LIMIT :limit) ready) ELSE :limit END AS ready
  FROM (SELECT project_id, min(weight) AS weight, min(max_running) AS max_running, count(*) OVER () AS projects
    FROM waiting GROUP BY project_id) p
), tickets AS (
  SELECT s.project_id, (s.running + k - 1 - ln(1 - random())) / s.weight AS rank
  FROM shares s CROSS JOIN LATERAL
    generate_series(1, least(s.ready, coalesce(s.max_running - s.running, s.ready))) AS k
  ORDER BY rank LIMIT :limit
), places AS (
  SELECT project_id, count(*) AS won FROM tickets GROUP BY project_id
), picked AS (
  SELECT c.job_id FROM places p CROSS JOIN LATERAL (
    SELECT mine.job_id FROM waiting w CROSS JOIN LATERAL (
      SELECT o.job_id, o.priority FROM outbox o
      WHERE o.queue = w.queue AND o.project_id = w.project_id AND {_MAY_RUN}
      ORDER BY o.priority DESC, o.job_id LIMIT p.won FOR UPDATE SKIP LOCKED) mine
    WHERE w.project_id = p.project_id ORDER BY mine.priority DESC, mine.job_id LIMIT p.won) c
  LIMIT :limit
)"""

LOCK_KEYS = text("""
SELECT pg_advisory_xact_lock(k) FROM (
  SELECT DISTINCT hashtextextended('concurrency ' || project_id || ' ' || key, 0) AS k
  FROM unnest(CAST(:projects AS uuid[]), CAST(:keys AS text[])) AS t(project_id, key) ORDER BY k) sorted
""")

# The chosen are found once and for all (MATERIALIZED): in a subquery of the UPDATE a plan may look for them again for
# every row, pass over those that it has updated, and so let in more than there are places.
ADMIT = text("""
WITH chosen AS MATERIALIZED (
  SELECT chosen.job_id FROM (
    SELECT DISTINCT project_id, key FROM unnest(CAST(:projects AS uuid[]), CAST(:keys AS text[])) AS t(project_id, key)
  ) k CROSS JOIN LATERAL (
    SELECT (SELECT count(*) FROM jobs r
        WHERE r.project_id = k.project_id AND r.status = 'running' AND r.concurrency_key = k.key)
      + (SELECT count(*) FROM outbox o WHERE o.project_id = k.project_id AND o.concurrency_key = k.key AND o.ready) AS n
  ) used CROSS JOIN LATERAL (
    SELECT o.concurrency_limit AS most FROM outbox o
    WHERE o.project_id = k.project_id AND o.concurrency_key = k.key AND NOT o.ready AND o.available_at IS NULL
    ORDER BY o.priority DESC, o.job_id LIMIT 1
  ) next CROSS JOIN LATERAL (
    SELECT first.job_id, first.concurrency_limit,
      row_number() OVER (ORDER BY first.priority DESC, first.job_id) AS place
    FROM (SELECT o.job_id, o.priority, o.concurrency_limit FROM outbox o
      WHERE o.project_id = k.project_id AND o.concurrency_key = k.key AND NOT o.ready AND o.available_at IS NULL
      ORDER BY o.priority DESC, o.job_id LIMIT greatest(0, next.most - used.n) FOR UPDATE SKIP LOCKED) first
  ) chosen WHERE used.n + chosen.place <= chosen.concurrency_limit
)
UPDATE outbox o SET ready = true FROM chosen WHERE o.job_id = chosen.job_id RETURNING o.queue, o.job_id
""")

# Keys under which jobs wait although none runs or may run: whoever was to let the next one in was interrupted.
FORGOTTEN = text("""
WITH RECURSIVE k AS (
  (SELECT project_id, concurrency_key FROM outbox WHERE concurrency_key IS NOT NULL ORDER BY 1, 2 LIMIT 1)
  UNION ALL
  SELECT following.* FROM k CROSS JOIN LATERAL (
    SELECT o.project_id, o.concurrency_key FROM outbox o WHERE o.concurrency_key IS NOT NULL
      AND (o.project_id, o.concurrency_key) > (k.project_id, k.concurrency_key) ORDER BY 1, 2 LIMIT 1) following
)
SELECT project_id, concurrency_key FROM k
WHERE NOT EXISTS (SELECT FROM outbox o
    WHERE o.project_id = k.project_id AND o.concurrency_key = k.concurrency_key AND o.ready)
  AND NOT EXISTS (SELECT FROM jobs r
    WHERE r.project_id = k.project_id AND r.concurrency_key = k.concurrency_key AND r.status = 'running') LIMIT 100
""")

# Entries whose time has come become ready; those with a key become candidates for its places.
RELEASE = text("""
WITH due AS MATERIALIZED (
  SELECT job_id FROM outbox WHERE NOT ready AND available_at <= now()
  ORDER BY available_at LIMIT :batch FOR UPDATE SKIP LOCKED
)
UPDATE outbox o SET ready = (o.concurrency_key IS NULL),
  available_at = CASE WHEN o.concurrency_key IS NULL THEN o.available_at END
FROM due WHERE o.job_id = due.job_id
RETURNING o.queue, o.job_id, o.project_id, o.concurrency_key
""")


def picking(*, limit: int, closed_lanes: Collection[str], max_running: int | None) -> dict[str, Any]:
    """The parameters of WAITING_PROJECTS and PICKED beside the queues."""
    return {"limit": limit, "closed_lanes": list(closed_lanes), "max_running": max_running}


def admit_later(session: Session, keys: Iterable[Key]) -> None:
    """Has the free places of these keys given away when the transaction commits: once, and locked in one order, so that
    no two transactions wait for each other's keys."""
    session.info.setdefault("admit", set()).update(keys)


@event.listens_for(Session, "before_commit")
def _admit(session: Session) -> None:
    if session.in_nested_transaction():
        return
    for queue, job_id in admit(session, session.info.pop("admit", ())):
        announce_after_commit(session, queue, job_id)


def admit(session: Session, keys: Iterable[Key]) -> list[tuple[str, UUID]]:
    """Gives the free places of these keys to their next jobs; returns (queue, job id) of those that became ready."""
    wanted = sorted(set(keys))
    if not wanted:
        return []
    parameters = {"projects": [str(project) for project, _ in wanted], "keys": [key for _, key in wanted]}
    session.execute(LOCK_KEYS, parameters)
    return [(row.queue, row.job_id) for row in session.execute(ADMIT, parameters)]


def admit_forgotten(session: Session) -> None:
    """Lets in the next jobs of keys that nothing would let in any more."""
    admit_later(session, [(row.project_id, row.concurrency_key) for row in session.execute(FORGOTTEN)])


def release_due(session: Session, batch: int) -> int:
    """Lets into the queue what waited for its time; returns how many."""
    rows = session.execute(RELEASE, {"batch": batch}).all()
    for row in rows:
        if row.concurrency_key is None:
            announce_after_commit(session, row.queue, row.job_id)
    admit_later(session, [(row.project_id, row.concurrency_key) for row in rows if row.concurrency_key is not None])
    return len(rows)


def announce_after_commit(session: Session, queue: str, job_id: UUID) -> None:
    """Hints to the workers as soon as the transaction that let the job into the queue is committed."""
    db.after_commit(session, partial(broker.announce, queue, job_id))

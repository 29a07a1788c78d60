"""What would become of a job: everything is checked as for a submission, nothing is stored.

The start is estimated from the places that the job has to wait for: in the workers, under its project's limit and under
its concurrency key. Each counts at most ten thousand rows, so the answer costs the same however much waits.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra.clock import now, rfc3339
from infra.errors import CostLimitExceeded, QueueFull
from infra.settings import settings
from models import Job, JobStatus
from schemas.dry_run import ACCEPTED, WOULD_BE_REFUSED, WOULD_WAIT
from schemas.stats import Reason
from workers import projects
from workers.jobs import bounds, presence
from workers.jobs.submit import Wish, find_kind, prepare
from workers.kinds.base import Estimate
from workers.providers import pace

Json = dict[str, Any]

COUNTED_AT_MOST = 10_000
LAST_RUNS = 200

# `turns` is how many jobs of all projects go while one of this project's does. Jobs that ended lately were created just
# before those that are next.
FIGURES = text("""
WITH RECURSIVE mine AS (
  SELECT o.priority, o.job_id FROM outbox o WHERE o.queue = :queue AND o.project_id = :project_id AND o.ready
  AND o.priority >= :priority ORDER BY o.priority DESC, o.job_id LIMIT :most
), waiting(project_id, number) AS (
  SELECT (SELECT o.project_id FROM outbox o WHERE o.queue = :queue AND o.ready ORDER BY o.project_id LIMIT 1), 1
  UNION ALL
  SELECT (SELECT o.project_id FROM outbox o WHERE o.queue = :queue AND o.ready AND o.project_id > w.project_id
    ORDER BY o.project_id LIMIT 1), w.number + 1
  FROM waiting w WHERE w.project_id IS NOT NULL AND w.number < 1000
), keyed AS (
  SELECT o.ready, o.priority, o.available_at FROM outbox o
  WHERE o.project_id = :project_id AND o.concurrency_key = :key LIMIT :most
)
SELECT (SELECT count(*) FROM mine) AS ahead,
  (SELECT count(*) FROM (SELECT FROM outbox o WHERE o.queue = :queue AND o.ready LIMIT :most) r) AS ready,
  (SELECT coalesce(sum(p.weight), 0) FROM waiting w JOIN projects p ON p.id = w.project_id
    WHERE w.project_id <> :project_id)::float8
    / (SELECT p.weight FROM projects p WHERE p.id = :project_id) + 1 AS turns,
  (SELECT count(*) FROM (SELECT FROM jobs j WHERE j.status = 'running' AND j.queue = :queue LIMIT :most) r) AS running,
  (SELECT count(*) FROM (SELECT FROM jobs j WHERE j.status = 'running' AND j.project_id = :project_id LIMIT :most) r)
    AS running_of_project,
  (SELECT count(*) FROM jobs j WHERE j.status = 'running' AND j.project_id = :project_id AND j.concurrency_key = :key)
    + (SELECT count(*) FROM keyed k WHERE k.ready) AS busy_of_key,
  (SELECT count(*) FROM keyed k WHERE NOT k.ready AND k.available_at IS NULL AND k.priority >= :priority)
    AS ahead_of_key,
  (SELECT avg(extract(epoch FROM j.finished_at - j.started_at))::float8 FROM (
    SELECT started_at, finished_at FROM (
      SELECT started_at, finished_at FROM jobs WHERE project_id = :project_id AND kind = :kind
      AND id < coalesce((SELECT job_id FROM mine LIMIT 1), 'ffffffff-ffff-ffff-ffff-ffffffffffff')
      ORDER BY id DESC LIMIT :most) before_it
    WHERE finished_at IS NOT NULL LIMIT :last) j) AS run_seconds
""")


@dataclass(frozen=True, slots=True)
class Line:
    """What a job waits for: `busy` of `places` are taken, and `ahead` others come first."""

    code: str
    detail: str
    places: int = 0
    busy: int = 0
    ahead: float = 0

    def seconds(self, run_seconds: float | None) -> float | None:
        """Until its turn, if every job takes that long; None where nobody knows."""
        missing = self.ahead + 1 - max(0, self.places - self.busy)
        if self.places and missing <= 0:
            return 0.0
        return missing * run_seconds / self.places if self.places and run_seconds is not None else None


def dry_run(session: Session, *, kind: str, payload: Json, project_id: UUID, wish: Wish) -> Json:
    """What DryRunOut reads; raises what a submission would, but for QueueFull, which is a verdict here."""
    job = prepare(session, kind=kind, payload=payload, project_id=project_id, wish=wish)
    found = find_kind(kind)
    estimate = found.estimate(payload) if found.estimate is not None else None
    figures = _figures(session, job)
    crews = presence.crews([job.queue])
    workers = None if crews is None else len(crews[job.queue].alive)
    reasons, starts_in = _start(session, job, figures, workers)
    verdict = WOULD_WAIT if reasons else ACCEPTED
    reasons += _in_vain(job, starts_in, estimate)
    try:
        bounds.look_for_room(session, project_id)
    except QueueFull as error:
        verdict, reasons = WOULD_BE_REFUSED, [_reason(error.code, error.detail), *reasons]
    return {
        "kind": job.kind,
        "queue": job.queue,
        "tokens": {"input": estimate and estimate.input_tokens, "output_max": estimate and estimate.output_tokens_max},
        "cost_usd": {"low": estimate and estimate.cost_low, "high": estimate and estimate.cost_high},
        "queue_estimate": {"ahead": figures.ahead, "starts_in_seconds": starts_in, "workers": workers},
        "limits": {"verdict": verdict, "reasons": reasons},
        "assumptions": [*(estimate.assumptions if estimate else []), *_assumptions(job, figures, workers)],
    }


def _start(session: Session, job: Job, figures: Any, workers: int | None) -> tuple[list[Json], float | None]:
    """Why it would not start at once, and in how many seconds it would; None where nobody knows."""
    lines = [(line, line.seconds(figures.run_seconds)) for line in _lines(session, job, figures, workers)]
    waits = [(_reason(line.code, line.detail), seconds) for line, seconds in lines if seconds != 0]
    waits += _appointments(job)
    known = [seconds for _, seconds in waits if seconds is not None]
    starts_in = round(max(known, default=0.0), 1) if len(known) == len(waits) else None
    return [reason for reason, _ in waits], starts_in


def _figures(session: Session, job: Job) -> Any:
    parameters = {
        "queue": job.queue,
        "project_id": job.project_id,
        "priority": job.priority,
        "kind": job.kind,
        "key": job.concurrency_key,
        "most": COUNTED_AT_MOST,
        "last": LAST_RUNS,
    }
    return session.execute(FIGURES, parameters).one()


def _lines(session: Session, job: Job, figures: Any, workers: int | None) -> Iterator[Line]:
    """Everything the job has to wait for a place of."""
    if workers:
        places = max(figures.running, workers * settings().worker_capacity)
        turns = min(figures.ready, figures.ahead * figures.turns)
        detail = f"All places of the workers are taken, and {figures.ahead} jobs of the project go first."
        yield Line(Reason.WORKERS_BUSY, detail, places, figures.running, turns)
    elif workers is None:
        yield Line(Reason.WORKERS_UNKNOWN, "Redis does not answer, so it is not known who would run it.")
    else:
        yield Line(Reason.NO_WORKER, f"No worker listens to the queue {job.queue!r}; start one for it.")
    limit = projects.policy(session, job.project_id).max_running
    if limit is not None:
        detail = f"The project has {figures.running_of_project} jobs running and its max_running is {limit}."
        yield Line(Reason.PROJECT_CONCURRENCY, detail, limit, figures.running_of_project, figures.ahead)
    if job.concurrency_key is not None:
        limit = job.concurrency_limit or 1
        detail = f"{figures.busy_of_key} jobs with its concurrency_key run or are about to; {limit} may."
        yield Line(Reason.CONCURRENCY_KEY, detail, limit, figures.busy_of_key, figures.ahead_of_key)


def _appointments(job: Job) -> Iterator[tuple[Json, float]]:
    """What will only happen at a certain time, and the seconds until then."""
    if job.status == JobStatus.SCHEDULED and job.run_at is not None:
        yield _reason(Reason.SCHEDULE, f"It would wait for its run_at, {rfc3339(job.run_at)}."), _until(job.run_at)
    open_again = pace.closed().get(job.lane) if job.lane else None
    if open_again is not None:
        detail = f"The provider's rate limit leaves no room for {job.lane} until {rfc3339(open_again)}."
        yield _reason(Reason.PROVIDER_RATE_LIMIT, detail), _until(open_again)


def _until(moment: datetime) -> float:
    return max(0.0, (moment - now()).total_seconds())


def _in_vain(job: Job, starts_in: float | None, estimate: Estimate | None) -> Iterator[Json]:
    """Why it would be accepted and still not get far."""
    if job.deadline_at is not None and starts_in is not None and starts_in >= _until(job.deadline_at):
        yield _reason("deadline", "It would expire before it starts; give it a longer deadline_s.")
    lowest = estimate.cost_low if estimate else None
    if job.max_cost is not None and lowest is not None and job.max_cost < lowest:
        yield _reason(CostLimitExceeded.code, f"Even the shortest answer costs more than {job.max_cost:f} US dollars.")


def _assumptions(job: Job, figures: Any, workers: int | None) -> Iterator[str]:
    if workers:
        yield f"A worker runs {settings().worker_capacity} jobs at a time, and other projects take their fair share."
    if figures.run_seconds is not None:
        yield f"A job takes {figures.run_seconds:.2g} seconds, as this project's last {job.kind} jobs did."


def _reason(code: str, detail: str) -> Json:
    return {"code": code, "detail": detail}

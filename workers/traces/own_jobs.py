"""Traces of our own jobs: with TRACE_JOBS into each job's project, with OTLP_EXPORT_ENDPOINT out to a collector.

Whoever ends a job only notes its id after the commit; one thread a process then reads what is kept of the jobs that
ended, groups of them at a time, and writes their spans as any program's that are received. A database that is away
makes it wait; what then comes to be too much is dropped, counted and logged, and costs no job anything. A program that
submits with a `traceparent` finds the job in its own trace. The analysis of traces is not traced: its traces would
have to be analysed.
"""

import threading
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import db, metrics
from infra.errors import Unavailable
from infra.process import PerProcess
from infra.settings import settings
from schemas.event import FINAL_EVENTS
from workers.jobs.happened import Happened
from workers.traces import own_spans
from workers.traces.base import Span

AT_ONCE = 200
WAITING_AT_MOST = 100_000
GATHER_SECONDS = 0.2
PAUSE_SECONDS = (1.0, 30.0)

# Traces of what analyses traces would never come to an end.
UNTRACED = ("feature.analyze",)

JOBS = text("""
SELECT id, project_id, kind, status, payload, result, error, metadata AS labels, attempt, created_at, finished_at,
  request_id, traceparent, store
FROM jobs WHERE id = ANY(CAST(:ids AS uuid[])) AND finished_at IS NOT NULL AND kind <> ALL(CAST(:untraced AS text[]))
""")
EVENTS = text("""
SELECT job_id, type, data, created_at FROM job_events
WHERE job_id = ANY(CAST(:ids AS uuid[])) AND type <> 'job.progress' ORDER BY job_id, sequence
""")
CALLS = text("""
SELECT job_id, attempt, call, provider, model, input_tokens, output_tokens, cached_tokens, reasoning_tokens, cost_usd,
  latency_ms, first_token_ms, provider_request_id, estimated
FROM usage WHERE job_id = ANY(CAST(:ids AS uuid[])) ORDER BY job_id, attempt, call
""")

_came_with: ContextVar[str | None] = ContextVar("traceparent", default=None)

log = structlog.get_logger(__name__)


def on() -> bool:
    """Whether jobs are traced at all."""
    return settings().trace_jobs or settings().otlp_export_endpoint is not None


def come_with(traceparent: str | None) -> None:
    """Says under which span of its caller's the request at hand is; None: under none that is told."""
    _came_with.set(traceparent if own_spans.parent_of(traceparent) is not None else None)


def traceparent() -> str | None:
    """That span, for the job that the request submits."""
    return _came_with.get()


def after(session: Session, happened: Sequence[Happened]) -> None:
    """Has the jobs among these that ended traced, once the session has committed."""
    ended = [one.job_id for one in happened if one.type in FINAL_EVENTS and one.type.startswith("job.")]
    if ended:
        db.after_commit(session, lambda: tracer().put(ended))


class Tracer:
    """The jobs of this process that ended and are not traced yet, and the thread that traces them."""

    def __init__(self) -> None:
        self.dropped = 0
        self._ended: deque[UUID] = deque()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        threading.Thread(target=self._run, name="own-traces", daemon=True).start()

    def put(self, job_ids: Sequence[UUID]) -> None:
        """Returns at once; with far too many waiting the newest are dropped."""
        with self._lock:
            room = max(0, WAITING_AT_MOST - len(self._ended))
            self._ended.extend(job_ids[:room])
            self._idle.clear()
        self._wake.set()
        if room < len(job_ids):
            self._drop(len(job_ids) - room, "too many are waiting")

    def flush(self, seconds: float) -> bool:
        """Waits until all is written that was put before; False if that takes longer."""
        return self._idle.wait(seconds)

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            # Jobs end in groups; so are they read.
            time.sleep(GATHER_SECONDS)
            while self._ended:
                self._trace([self._ended.popleft() for _ in range(min(AT_ONCE, len(self._ended)))])
            with self._lock:
                if not self._ended:
                    self._idle.set()

    def _trace(self, job_ids: list[UUID]) -> None:
        pause, longest = PAUSE_SECONDS
        while True:
            try:
                trace(job_ids)
                return
            except Exception as error:
                if not (db.is_passing(error) or isinstance(error, Unavailable)):
                    log.exception("own_traces.failed", jobs=len(job_ids))
                    self._drop(len(job_ids), "an error")
                    return
                log.warning("own_traces.store_unreachable", waiting=len(self._ended) + len(job_ids))
            time.sleep(pause)
            pause = min(longest, pause * 2)

    def _drop(self, count: int, reason: str) -> None:
        self.dropped += count
        metrics.traces_dropped.labels("jobs").inc(count)
        log.warning("own_traces.dropped", count=count, reason=reason)


tracer = PerProcess(Tracer)


def flush(seconds: float) -> None:
    """For a process that is about to end: waits until all jobs that ended are traced and their traces sent, but no
    longer than that."""
    if not on():
        return
    give_up_at = time.monotonic() + seconds
    done = tracer().flush(seconds)
    if settings().otlp_export_endpoint is not None:
        from workers.traces.otlp_out import exporter  # as in `trace`

        done = exporter().flush(max(0.0, give_up_at - time.monotonic())) and done
    if not done:
        log.warning("own_traces.left", seconds=seconds)


def trace(job_ids: Sequence[UUID]) -> None:
    """Writes the traces of those of these jobs that have ended, a transaction for each project's."""
    by_project = read(job_ids)
    if settings().trace_jobs:
        from workers.traces.receiving import keep, prepare  # the jobs' own modules are below it

        for project_id, spans in by_project.items():
            ready = prepare(spans)
            with db.transaction() as session:
                keep(session, project_id, ready)
    if settings().otlp_export_endpoint is not None:
        from workers.traces.otlp_out import exporter  # an HTTP client and protobuf, which only this needs

        exporter().put([span for spans in by_project.values() for span in spans])


def read(job_ids: Sequence[UUID]) -> dict[UUID, list[Span]]:
    """The spans of those of these jobs that have ended, by their projects."""
    wanted = {"ids": [str(one) for one in job_ids]}
    with db.transaction() as session:
        jobs = session.execute(JOBS, {**wanted, "untraced": list(UNTRACED)}).all()
        events = _by_job(session.execute(EVENTS, wanted).all()) if jobs else {}
        calls = _by_job(session.execute(CALLS, wanted).all()) if jobs else {}
    found: defaultdict[UUID, list[Span]] = defaultdict(list)
    for job in jobs:
        found[job.project_id] += own_spans.spans_of(job, events.get(job.id, []), calls.get(job.id, []))
    return dict(found)


def _by_job(rows: Sequence[Any]) -> dict[UUID, list[Any]]:
    found: defaultdict[UUID, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.job_id].append(row)
    return dict(found)

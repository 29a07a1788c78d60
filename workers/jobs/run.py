"""Running jobs: one event loop a worker process holds many I/O-bound jobs at once.

`hint()` says that there may be work; the committer claims as many jobs as there are free places and hands them to the
loop; each job runs its kind under its time limit, and its end goes back to the committer. Retry, timeout and
cancellation are applied here, once, from the kind's data.
"""

import asyncio
import os
import random
import socket
import threading
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import structlog

from infra import db, json, storage
from infra.clock import now
from infra.errors import ProviderBusy, SwitchyardError, TimedOut, Unavailable
from infra.settings import settings
from models import JobStatus, Store
from workers import kinds
from workers.jobs import privacy, usage
from workers.jobs.committer import Committer
from workers.jobs.context import RunningJob, Stop, Stopped
from workers.jobs.lifecycle import Claimed, Move
from workers.kinds import BY_NAME
from workers.kinds.base import Kind, Retry
from workers.traces import own_jobs

Json = dict[str, Any]

UNKNOWN_KIND_SECONDS = 5.0

log = structlog.get_logger(__name__)


class Runner:
    """The jobs of one worker process; `in_child` where that process is a child of Celery's."""

    def __init__(self, queues: Sequence[str], capacity: int, *, in_child: bool = False) -> None:
        self.in_child = in_child
        self.worker = f"{socket.gethostname()}-{os.getpid()}-{random.randbytes(3).hex()}"
        self._running: dict[UUID, RunningJob] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="jobs", daemon=True)
        self._committer = Committer(
            worker=self.worker, queues=queues, capacity=capacity, on_claimed=self._claimed, on_stop=self._stop_jobs
        )

    def start(self) -> None:
        """Begins to claim and run jobs."""
        threading.Thread(target=kinds.preload, name="preload", daemon=True).start()
        self._thread.start()
        self._committer.start()
        log.info("runner.started", worker=self.worker, queues=self._committer.queues)

    def hint(self) -> None:
        """There may be work in the queues; returns at once."""
        self._committer.hint()

    def stop_claiming(self) -> None:
        """Takes no new jobs from now on."""
        self._committer.claiming = False

    def stop(self, grace_seconds: float) -> None:
        """Lets running jobs finish within the grace time, hands the rest back to the queue, and ends."""
        self.stop_claiming()
        asyncio.run_coroutine_threadsafe(self._drain(grace_seconds), self._loop).result()
        self._committer.close(timeout=10.0)
        own_jobs.flush(5.0)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5.0)

    async def _drain(self, grace_seconds: float) -> None:
        tasks = [job.task for job in self._running.values() if job.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=grace_seconds)
        for job in list(self._running.values()):
            job.interrupt(Stop.SHUTDOWN)
        left = [job.task for job in self._running.values() if job.task is not None]
        if left:
            await asyncio.wait(left, timeout=5.0)
        await kinds.close()

    def _claimed(self, claimed: list[Claimed]) -> None:
        self._loop.call_soon_threadsafe(self._begin, claimed)

    def _begin(self, claimed: list[Claimed]) -> None:
        for one in claimed:
            job = RunningJob.of(one, self._committer)
            before = self._running.get(job.job_id)
            if before is not None:
                before.interrupt(Stop.LOST)
            self._running[job.job_id] = job
            job.task = self._loop.create_task(self._run(job))

    def _stop_jobs(self, job_ids: set[UUID], reason: str) -> None:
        self._loop.call_soon_threadsafe(self._interrupt, job_ids, Stop(reason))

    def _interrupt(self, job_ids: set[UUID], reason: Stop) -> None:
        for job_id in job_ids:
            if job_id in self._running:
                self._running[job_id].interrupt(reason)

    async def _run(self, job: RunningJob) -> None:
        job.begun = True
        structlog.contextvars.bind_contextvars(job_id=f"job_{job.job_id.hex}", request_id=job.request_id)
        kind = BY_NAME.get(job.kind)
        if kind is None:
            move: Move | None = _not_known_here(job)
        else:
            timer = self._loop.call_later(_seconds_left(kind, job), job.interrupt, _time_reason(kind, job))
            move = await self._attempt(kind, job)
            timer.cancel()
        if self._running.get(job.job_id) is job:
            del self._running[job.job_id]
        self._committer.post(move, job.paid_calls(), after=job.flushed())

    async def _attempt(self, kind: Kind, job: RunningJob) -> Move | None:
        try:
            job.checkpoint()
            result = await kind.run(job, job.payload)
            return await _succeeded(job, result)
        except (asyncio.CancelledError, Stopped):
            return _stopped(kind, job)
        except SwitchyardError as error:
            return _failed(kind, job, error)
        except Exception as error:
            if db.is_passing(error):
                log.warning("job.database_unreachable", kind=job.kind, attempt=job.attempt, error=type(error).__name__)
                return _failed(kind, job, Unavailable("The database did not answer."))
            privacy.log_crash(job.store, error, kind=job.kind, attempt=job.attempt)
            return _failed(kind, job, SwitchyardError("The job failed because of an error inside Switchyard."))


def _seconds_left(kind: Kind, job: RunningJob) -> float:
    if job.deadline_at is None:
        return kind.timeout_seconds
    return min(kind.timeout_seconds, max(0.0, (job.deadline_at - now()).total_seconds()))


def _time_reason(kind: Kind, job: RunningJob) -> Stop:
    return Stop.TIMEOUT if _seconds_left(kind, job) == kind.timeout_seconds else Stop.DEADLINE


def _move(job: RunningJob, target: JobStatus, event: str, *, result: Json | None = None, **fields: Any) -> Move:
    return Move(
        job_id=job.job_id,
        source=JobStatus.RUNNING,
        target=target,
        event=event,
        attempt=job.attempt,
        sequence=job.next_sequence(),
        usage=usage.total(job.calls),
        result=None if result is None else job.storable(result),
        **fields,
    )


async def _succeeded(job: RunningJob, result: Json) -> Move:
    """A large result goes to storage, and only its key into the row; with no storage it is kept in the row all the
    same, because it is paid for."""
    data = {"usage": usage.total(job.calls)}
    body = json.dump_bytes(result)
    if len(body) > settings().inline_result_bytes and job.store == Store.FULL:
        key = f"results/{job.project_id.hex}/{job.job_id.hex}-{job.attempt}.json"
        try:
            await asyncio.to_thread(storage.store().put, key, body, "application/json")
            return _move(job, JobStatus.SUCCEEDED, "job.succeeded", result_key=key, data=data)
        except Unavailable as error:
            log.warning("job.storage_unavailable", error=error.detail, size=len(body))
    return _move(job, JobStatus.SUCCEEDED, "job.succeeded", result=result, data=data)


def _stopped(kind: Kind, job: RunningJob) -> Move | None:
    """The end of a job that had to stop; None if it is not ours to end any more."""
    match job.stop:
        case Stop.CANCELLED:
            return _move(job, JobStatus.CANCELLED, "job.cancelled", result=job.kept)
        case Stop.DEADLINE:
            return _move(job, JobStatus.EXPIRED, "job.expired", result=job.kept)
        case Stop.TIMEOUT:
            limit = f"The job ran longer than its limit of {kind.timeout_seconds:g} seconds."
            return _failed(kind, job, TimedOut(limit))
        case Stop.LOST:
            return None
        case _:
            # A shutdown costs no attempt: the next worker gets the job as if this one had never had it.
            return _move(
                job,
                JobStatus.QUEUED,
                "job.retrying",
                data={"reason": "worker_shutdown"},
                extra_attempts=1,
            )


def _failed(kind: Kind, job: RunningJob, error: SwitchyardError) -> Move:
    """Another attempt if the error may pass and one is left, else the end. A job that only found its provider busy goes
    back to the queue as if nobody had claimed it."""
    if isinstance(error, ProviderBusy) and not job.calls:
        return _held_back(job, error)
    shown = privacy.shown_error(job.store, error)
    if not error.retryable or job.attempt >= job.max_attempts:
        return _move(
            job,
            JobStatus.FAILED,
            "job.failed",
            data={"error": shown, "usage": usage.total(job.calls)},
            error=shown,
            result=job.kept,
            dead_letter=error.retryable,
        )
    delay = backoff(kind.retry, job.attempt, error.retry_after)
    return _move(
        job,
        JobStatus.QUEUED,
        "job.retrying",
        data={"error": shown, "delay_seconds": round(delay, 3)},
        error=shown,
        delay_seconds=delay,
    )


def _not_known_here(job: RunningJob) -> Move:
    """During a deploy a newer API may accept what this worker has never heard of; a newer worker gets it."""
    return _move(
        job,
        JobStatus.QUEUED,
        "job.retrying",
        data={"reason": "unknown_kind"},
        extra_attempts=1,
        delay_seconds=UNKNOWN_KIND_SECONDS,
    )


def _held_back(job: RunningJob, error: ProviderBusy) -> Move:
    # A little apart, so that those who wait for the same turn do not all come at once.
    delay = (error.retry_after or 0.0) * random.uniform(1.0, 1.1)
    return _move(
        job,
        JobStatus.QUEUED,
        "job.retrying",
        data={"reason": "provider_rate_limit", "delay_seconds": round(delay, 3)},
        extra_attempts=1,
        delay_seconds=delay,
    )


def backoff(retry: Retry, attempt: int, retry_after: float | None) -> float:
    """Seconds until the next attempt: full jitter, and never sooner than the provider asked for."""
    jitter = random.uniform(0.0, min(retry.cap_seconds, retry.base_seconds * 2 ** (attempt - 1)))
    return max(jitter, retry_after or 0.0)

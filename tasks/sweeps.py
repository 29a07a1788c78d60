"""The sweeps' clockwork."""

from celery import Task
from sqlalchemy.orm import Session

from tasks.app import app
from workers.files import sweep as files
from workers.hooks import retrying
from workers.jobs import retention, sweep
from workers.jobs.batches import ending, reading
from workers.jobs.schedules import due
from workers.knowledge import embedding
from workers.knowledge.building import abandoned
from workers.suites import forgetting
from workers.suites.running import abandoned as abandoned_runs


@app.task(name="sweeps.jobs", base=Task)
def sweep_jobs() -> int:
    """Jobs whose worker died, whose time has come, or whose deadline has passed; in short transactions of its own."""
    return sweep.sweep_jobs()


@app.task(name="batches.read", base=Task)
def read_batches() -> int:
    """Lines of accepted batches become jobs; in many short transactions of its own."""
    return reading.read_batches()


@app.task(name="sweeps.batches", base=Task)
def sweep_batches() -> int:
    """Batches that are to be counted, cancelled or ended; in many short transactions of its own."""
    return ending.sweep_batches()


@app.task(name="sweeps.schedules")
def sweep_schedules(session: Session) -> int:
    """The jobs that schedules are due."""
    return due.submit_due(session)


@app.task(name="sweeps.inbox", base=Task)
def sweep_inbox() -> int:
    """Events from outside whose job had to wait; in many short transactions of its own."""
    return retrying.sweep_inbox()


@app.task(name="sweeps.files", base=Task)
def clear_files() -> int:
    """Files that have expired or were deleted; in many short transactions of its own."""
    return files.sweep()


@app.task(name="sweeps.retention", base=Task)
def delete_what_is_kept_no_longer() -> int:
    """Finished jobs and batches older than their project keeps them; in many short transactions of its own."""
    return retention.sweep()


@app.task(name="sweeps.forget_idempotency_keys")
def forget_idempotency_keys(session: Session) -> int:
    """Idempotency keys older than a day are forgotten."""
    return sweep.forget_idempotency_keys(session)


@app.task(name="sweeps.builds", base=Task)
def end_abandoned_builds() -> int:
    """Builds whose job has ended before them have failed; in short transactions of its own."""
    return abandoned.sweep()


@app.task(name="sweeps.embeddings", base=Task)
def forget_unused_embeddings() -> int:
    """Vectors of texts that nobody asked for in 30 days."""
    return embedding.forget_unused()


@app.task(name="sweeps.test_runs", base=Task)
def delete_old_test_runs() -> int:
    """Test runs that are kept no longer, with their executions; in many short transactions of its own."""
    return forgetting.sweep()


@app.task(name="sweeps.abandoned_test_runs", base=Task)
def end_abandoned_test_runs() -> int:
    """Test runs whose job has ended before them; in a short transaction of its own."""
    return abandoned_runs.sweep()

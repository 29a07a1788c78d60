"""The sweeps' clockwork."""

from sqlalchemy.orm import Session

from tasks.app import app
from workers.jobs import sweep


@app.task(name="sweeps.requeue_lost")
def requeue_lost(session: Session) -> int:
    """Jobs whose worker died go to another."""
    return sweep.requeue_lost(session)


@app.task(name="sweeps.queue_due")
def queue_due(session: Session) -> int:
    """Scheduled jobs whose time has come are queued."""
    return sweep.queue_due(session)


@app.task(name="sweeps.expire_overdue")
def expire_overdue(session: Session) -> int:
    """Waiting jobs past their deadline expire."""
    return sweep.expire_overdue(session)


@app.task(name="sweeps.forget_idempotency_keys")
def forget_idempotency_keys(session: Session) -> int:
    """Idempotency keys older than a day are forgotten."""
    return sweep.forget_idempotency_keys(session)

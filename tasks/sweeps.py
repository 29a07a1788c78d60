"""The sweeps' clockwork."""

from sqlalchemy.orm import Session

from tasks.app import app
from workers.jobs import sweep


@app.task(name="sweeps.jobs")
def sweep_jobs(session: Session) -> int:
    """Jobs whose worker died, whose time has come, or whose deadline has passed."""
    return sweep.sweep_jobs(session)


@app.task(name="sweeps.forget_idempotency_keys")
def forget_idempotency_keys(session: Session) -> int:
    """Idempotency keys older than a day are forgotten."""
    return sweep.forget_idempotency_keys(session)

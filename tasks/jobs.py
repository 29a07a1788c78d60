"""Jobs are ready."""

from celery import Task

from tasks.app import app, hint


@app.task(name="jobs.run", base=Task)
def run_jobs(queue: str, job_ids: list[str]) -> None:
    """A hint: these jobs of this queue were queued. The runner claims what it has room for, best priority first."""
    hint(in_child=True)

"""A run as it is submitted: the job and the run's row, in one transaction. Where a job came another way (POST /v1/jobs,
a schedule, a batch), its kind writes the row when it begins."""

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from models import Job
from schemas.test_run import RunJobIn
from workers.jobs.submit import Wish, submit
from workers.suites.running import planning
from workers.suites.running.rows import row_of

Json = dict[str, Any]

KIND = "test.run"


def start(session: Session, project_id: UUID, body: Json, wish: Wish) -> Job:
    """The job of a run, and its row; `body` is the input as JSON. Raises what submitting any job raises, and NotFound
    or BadInput with pointers into `/input`."""
    job = submit(session, kind=KIND, payload=body, project_id=project_id, wish=wish)
    selected = planning.select(session, project_id, RunJobIn().load(body))
    session.add(row_of(job.id, project_id, job.created_by, job.store, body, selected))
    session.flush()
    return job

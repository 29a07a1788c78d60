"""Writing an event: into the log of what it happened to, with its webhook deliveries, and told after the commit.

Jobs write theirs with each change of status (workers/jobs/lifecycle.py); everything else has them written here.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import db, ids
from infra.clock import now
from models import JobEvent
from schemas.catalogue import BY_NAME
from workers.jobs import live
from workers.jobs.happened import Happened
from workers.webhooks import recording

# Statements of their own: the number is read by a snapshot taken after the lock is held.
LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('events of ' || :subject_id, 0))")
NEXT = text("SELECT coalesce(max(sequence), 0) + 1 FROM job_events WHERE job_id = CAST(:subject_id AS uuid)")


def publish(session: Session, *, project_id: UUID, subject_id: UUID, type: str, data: dict[str, Any]) -> Happened:
    """Writes the next event of something that keeps no count of its own; `type` is one of schemas/catalogue.py, `data`
    of its shape.

    A subject's events are numbered from 1 without gap or repeat, whoever writes them at the same time: until this
    transaction ends, others wait to write one about the same subject. Once all of them are deleted, after the days
    that the project keeps them, they begin at 1 again. Raises KeyError or ValidationError where the catalogue says
    otherwise.
    """
    BY_NAME[type].data().load(data)
    subject = {"subject_id": str(subject_id)}
    session.execute(LOCK, subject)
    sequence = session.execute(NEXT, subject).scalar_one()
    happened = Happened(subject_id, sequence, ids.new_id(), project_id, type, data, now())
    write(session, happened)
    return happened


def write(session: Session, happened: Happened) -> None:
    """Writes an event whose number the caller knows to be the subject's next."""
    session.add(
        JobEvent(
            job_id=happened.job_id,
            sequence=happened.sequence,
            id=happened.id,
            project_id=happened.project_id,
            type=happened.type,
            data=happened.data,
            created_at=happened.created_at,
        )
    )
    session.flush()
    recording.record(session, [happened])
    db.after_commit(session, lambda: live.announce([happened]))

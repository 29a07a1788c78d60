"""Writing an event: into the log of what it happened to, with its webhook deliveries, and told after the commit.

Jobs write theirs with each change of status (workers/jobs/lifecycle.py); everything else has them written here. What
a kind tells of its work as it goes on may stand among the events of its job, too.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import UUID

from marshmallow import Schema
from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import db, ids, json
from infra.clock import now
from infra.errors import Unavailable
from models import JobEvent
from schemas.catalogue import BY_NAME
from workers.jobs import live
from workers.jobs.happened import Happened
from workers.webhooks import recording

# Statements of their own: the number is read by a snapshot taken after the lock is held.
LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('events of ' || :subject_id, 0))")
NEXT = text("SELECT coalesce(max(sequence), 0) + 1 FROM job_events WHERE job_id = CAST(:subject_id AS uuid)")
# A running job counts its own events; whoever adds some takes the next numbers, and must be its newest attempt.
OF_JOB = text("""
UPDATE jobs SET event_sequence = event_sequence + :count
WHERE id = :job_id AND attempt = :attempt AND status = 'running' RETURNING event_sequence
""")
WRITE = text("""
INSERT INTO job_events (job_id, sequence, id, project_id, type, data, created_at)
SELECT :subject_id, sequence, id, :project_id, type, data, created_at FROM jsonb_to_recordset(CAST(:events AS jsonb))
  AS x(sequence int, id uuid, type text, data jsonb, created_at timestamptz)
""")
Told = tuple[str, dict[str, Any]]


def publish(session: Session, *, project_id: UUID, subject_id: UUID, type: str, data: dict[str, Any]) -> Happened:
    """Writes the next event of something that keeps no count of its own; `type` is one of schemas/catalogue.py, `data`
    of its shape.

    A subject's events are numbered from 1 without gap or repeat, whoever writes them at the same time: until this
    transaction ends, others wait to write one about the same subject. Once all of them are deleted, after the days
    that the project keeps them, they begin at 1 again. Raises KeyError or ValidationError where the catalogue says
    otherwise.
    """
    return publish_many(session, project_id=project_id, subject_id=subject_id, told=[(type, data)])[0]


def publish_many(session: Session, *, project_id: UUID, subject_id: UUID, told: Sequence[Told]) -> list[Happened]:
    """The same for several events of one subject, each a type and its data, at the price of one."""
    if not told:
        return []
    subject = {"subject_id": str(subject_id)}
    session.execute(LOCK, subject)
    first = session.execute(NEXT, subject).scalar_one()
    return _write_all(session, project_id, subject_id, first, told)


def publish_of_job(
    session: Session, *, project_id: UUID, job_id: UUID, attempt: int, told: Sequence[Told]
) -> list[Happened]:
    """Writes events into the log of a running job; others wait to write there until this transaction ends.

    Raises Unavailable if that attempt of the job does not run any more.
    """
    if not told:
        return []
    taken = {"job_id": job_id, "attempt": attempt, "count": len(told)}
    last = session.execute(OF_JOB, taken).scalar_one_or_none()
    if last is None:
        raise Unavailable("Another attempt has taken over this job, or it has ended.")
    return _write_all(session, project_id, job_id, last - len(told) + 1, told)


def _write_all(
    session: Session, project_id: UUID, subject_id: UUID, first: int, told: Sequence[Told]
) -> list[Happened]:
    for type, data in told:
        _schema(type).load(data)
    moment = now()
    happened = [
        Happened(subject_id, sequence, ids.new_id(), project_id, type, data, moment)
        for sequence, (type, data) in enumerate(told, start=first)
    ]
    rows = [
        {"sequence": one.sequence, "id": one.id, "type": one.type, "data": one.data, "created_at": moment}
        for one in happened
    ]
    written = {"subject_id": subject_id, "project_id": project_id, "events": json.dump_for_postgres(rows)}
    session.execute(WRITE, written)
    recording.record(session, happened)
    db.after_commit(session, lambda: live.announce(happened))
    return happened


@cache
def _schema(type: str) -> Schema:
    return BY_NAME[type].data()


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

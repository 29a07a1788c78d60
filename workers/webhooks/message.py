"""What a delivery says: the event as everywhere (`thin`), and with it the job or batch as it is now (`full`)."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from infra import json
from models import Batch, Job, Payload, Store
from schemas.batch import BatchOut, batch_view
from schemas.event import envelope
from schemas.job import JobOut, job_view
from workers.jobs import waiting
from workers.jobs.batches import queries as batches
from workers.webhooks.claiming import Claimed

Json = dict[str, Any]

job_out, batch_out = JobOut(), BatchOut()


def is_full(one: Claimed) -> bool:
    """Whether its receiver wants to have the job or batch, and the event is about one."""
    return one.receiver.payload == Payload.FULL and _family(one) in ("job", "batch")


def event_of(one: Claimed) -> Json | None:
    """The event's envelope; None if the event is not kept any more."""
    if one.data is None or one.created_at is None:
        return None
    return envelope(
        id=one.event_id,
        type=one.event_type,
        created_at=one.created_at,
        project_id=one.project_id,
        sequence=one.event_sequence,
        data=one.data,
    )


def thin_bodies(claimed: Iterable[Claimed]) -> dict[UUID, bytes]:
    """Bodies by event id, built once however many receivers an event has; without events that are gone."""
    found: dict[UUID, bytes] = {}
    for one in claimed:
        if one.event_id not in found and (event := event_of(one)) is not None:
            found[one.event_id] = json.dump_bytes(event)
    return found


def full_bodies(session: Session, claimed: Sequence[Claimed]) -> dict[UUID, bytes]:
    """The same with the objects; without events, jobs and batches that are gone."""
    seen = _objects(session, claimed)
    found: dict[UUID, bytes] = {}
    for one in claimed:
        event, about = event_of(one), seen.get(one.subject_id)
        if one.event_id not in found and event is not None and about is not None:
            found[one.event_id] = json.dump_bytes({**event, "object": about})
    return found


def _family(one: Claimed) -> str:
    return one.event_type.partition(".")[0]


def _objects(session: Session, claimed: Sequence[Claimed]) -> dict[UUID, Json]:
    """Jobs and batches by id."""
    found: dict[UUID, Json] = {}
    by_kind = sorted(claimed, key=_kind)
    for (project_id, family), some in groupby(by_kind, key=_kind):
        wanted = {one.subject_id for one in some}
        show = _jobs if family == "job" else _batches
        found |= show(session, project_id, wanted)
    return found


def _kind(one: Claimed) -> tuple[UUID, str]:
    return one.project_id, _family(one)


def _jobs(session: Session, project_id: UUID, wanted: set[UUID]) -> dict[UUID, Json]:
    rows = session.scalars(Job.in_project(project_id).where(Job.id.in_(wanted))).all()
    why = waiting.explain(session, rows)
    return {job.id: job_out.dump(_shown(job_view(job, waiting=why.get(job.id)))) for job in rows}


def _shown(view: Json) -> Json:
    """Not even the hash of a private job's result goes out. One in a file is fetched from the job's own address."""
    return view if view["store"] == Store.FULL else {**view, "result": None}


def _batches(session: Session, project_id: UUID, wanted: set[UUID]) -> dict[UUID, Json]:
    rows = session.scalars(Batch.in_project(project_id).where(Batch.id.in_(wanted))).all()
    return {batch.id: batch_out.dump(batch_view(batch, batches.counts(session, batch))) for batch in rows}

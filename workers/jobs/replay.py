"""Replay: a job of any status run again as a new job, which links back by `replay_of`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from infra.errors import BadInput, SwitchyardError
from models import Job, JobStatus
from workers.jobs import bounds, fair, outbox, privacy
from workers.jobs.control import require_input
from workers.jobs.entering import enter_many
from workers.jobs.queries import Filter, get_job, matching
from workers.jobs.submit import Wish, prepare, wish_of

Json = dict[str, Any]

# Inputs may be megabytes, so only so many are held at a time.
HELD_AT_MOST = 50
# An attempt that was given back raised the number; nobody may wish for more.
MOST_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be different: a merge patch of the input, and wishes by name (None takes one away)."""

    patch: Json = field(default_factory=dict)
    wishes: Json = field(default_factory=dict)
    request_id: str | None = None
    created_by: UUID | None = None


@dataclass(frozen=True, slots=True)
class Replayed:
    """What ReplayOut reads."""

    job_ids: list[UUID]
    skipped: list[Json]
    last_id: UUID | None
    has_more: bool

    @property
    def count(self) -> int:
        """How many jobs run again."""
        return len(self.job_ids)


def replay(session: Session, project_id: UUID, job_id: UUID, changes: Changes) -> Job:
    """The new job; raises NotStored if the old one's input is gone, and what a submission would."""
    old = get_job(session, project_id, job_id)
    bounds.require_room(session, project_id)
    job = _prepared(session, old, changes)
    _enter(session, [job])
    return job


def replay_many(session: Session, project_id: UUID, wanted: Filter, limit: int, changes: Changes) -> Replayed:
    """New jobs for the oldest `limit` that are wanted; one that cannot run again is skipped with the reason.

    Raises QueueFull, with nothing written, where they would pass a bound.
    """
    found = matching(project_id, wanted).with_only_columns(Job.id).order_by(Job.id).limit(limit + 1)
    job_ids: list[UUID] = list(session.execute(found).scalars())
    chosen, made, skipped = job_ids[:limit], [], []
    if chosen:
        bounds.require_room(session, project_id, len(chosen))
    for start in range(0, len(chosen), HELD_AT_MOST):
        held = Job.in_project(project_id).where(Job.id.in_(chosen[start : start + HELD_AT_MOST])).order_by(Job.id)
        new: list[Job] = []
        for old in session.scalars(held):
            try:
                new.append(_prepared(session, old, changes))
            except SwitchyardError as error:
                skipped.append(skip(old.id, error))
        _enter(session, new)
        made += [job.id for job in new]
    return Replayed(made, skipped, last_id=chosen[-1] if chosen else None, has_more=len(job_ids) > limit)


def skip(job_id: UUID, error: SwitchyardError) -> Json:
    """What SkippedOut reads."""
    where = "; ".join(f"{one['pointer']}: {one['detail']}" for one in error.errors)
    return {"job_id": job_id, "code": error.code, "detail": f"{error.detail} ({where})" if where else error.detail}


def _prepared(session: Session, old: Job, changes: Changes) -> Job:
    require_input(old)
    payload = merged(old.payload, changes.patch)
    return prepare(session, kind=old.kind, payload=payload, project_id=old.project_id, wish=_wish(old, changes))


def _enter(session: Session, jobs: Sequence[Job]) -> None:
    enter_many(session, jobs)
    fair.admit_later(session, [(job.project_id, job.concurrency_key) for job in jobs if job.concurrency_key])
    for job in jobs:
        if job.status == JobStatus.QUEUED:
            outbox.announce_after_commit(session, queue=job.queue, job_id=job.id)


def _wish(old: Job, changes: Changes) -> Wish:
    """The old job's wishes, changed. Its run_at has passed; its deadline counts anew."""
    kept: Json = {
        "priority": old.priority,
        "deadline_s": _seconds_allowed(old),
        "max_attempts": min(old.max_attempts, MOST_ATTEMPTS),
        "metadata": old.labels,
        "concurrency_key": old.concurrency_key,
        "concurrency_limit": old.concurrency_limit,
        "max_cost": old.max_cost,
        "callback_url": old.callback_url,
    }
    wishes = kept | changes.wishes
    if wishes["concurrency_key"] is None and changes.wishes.get("concurrency_limit") is not None:
        detail = "Needs a concurrency_key."
        raise BadInput(detail, errors=[{"pointer": "/concurrency_limit", "detail": detail}])
    # What was private stays private.
    wishes["store"] = privacy.stricter(wishes.get("store"), old.store)
    return wish_of(wishes, request_id=changes.request_id, created_by=changes.created_by, replay_of=old.id)


def _seconds_allowed(old: Job) -> int | None:
    if old.deadline_at is None:
        return None
    return max(1, round((old.deadline_at - max(old.created_at, old.run_at or old.created_at)).total_seconds()))


def merged(target: Json, patch: Json) -> Json:
    """The target under a JSON merge patch (RFC 7396), as a new value; without recursion, since clients nest deeply."""
    result = dict(target)
    open_ends = [(result, patch)]
    while open_ends:
        into, changes = open_ends.pop()
        for name, value in changes.items():
            if value is None:
                into.pop(name, None)
            elif isinstance(value, dict):
                before = into.get(name)
                into[name] = dict(before) if isinstance(before, dict) else {}
                open_ends.append((into[name], value))
            else:
                into[name] = value
    return result

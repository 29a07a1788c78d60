"""Accepting a job: checked, written with its first event and its outbox row, hinted at after the commit."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

from marshmallow import Schema, ValidationError
from sqlalchemy.orm import Session

from infra import db, ids
from infra.clock import now
from infra.errors import BadInput, Forbidden, UnknownKind
from models import ApiKey, Job, JobStatus, Store
from schemas.base import pointers
from workers import projects
from workers.jobs import bounds, lifecycle, live, outbox, privacy
from workers.kinds import BY_NAME
from workers.kinds.base import Kind
from workers.traces import own_jobs
from workers.webhooks import callbacks

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wish:
    """How a job is to be treated; everything but its input."""

    priority: int = 5
    run_at: datetime | None = None
    deadline_s: int | None = None
    max_attempts: int | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    request_id: str | None = None
    created_by: UUID | None = None
    concurrency_key: str | None = None
    concurrency_limit: int | None = None
    max_cost: Decimal | None = None
    store: str | None = None
    replay_of: UUID | None = None
    schedule_id: UUID | None = None
    batch_id: UUID | None = None
    batch_line: int | None = None
    callback_url: str | None = None


WISHES = (
    "priority",
    "run_at",
    "deadline_s",
    "max_attempts",
    "metadata",
    "concurrency_key",
    "concurrency_limit",
    "max_cost",
    "store",
    "callback_url",
)


def wish_of(body: Json, **more: Any) -> Wish:
    """The wishes in a loaded JobIn, and those that the caller adds."""
    return Wish(**{name: body[name] for name in WISHES if body.get(name) is not None}, **more)


@cache
def _schema(kind: Kind) -> Schema:
    return kind.payload()


def find_kind(name: str) -> Kind:
    """The kind of that name; raises UnknownKind naming those that exist."""
    kind = BY_NAME.get(name)
    if kind is None:
        raise UnknownKind(
            f"There is no job kind {name!r}; the kinds are {', '.join(sorted(BY_NAME))}.",
            errors=[{"pointer": "/kind", "detail": "Unknown kind."}],
        )
    return kind


def check_payload(kind: Kind, payload: Json) -> None:
    """Raises BadInput with a pointer into `/input` for every value the kind cannot use."""
    try:
        _schema(kind).load(payload)
    except ValidationError as error:
        raise BadInput(
            f"The input is not valid for a job of kind {kind.name!r}.", errors=pointers(error.messages, "/input")
        ) from None
    if kind.check is not None:
        kind.check(payload)


def submit(session: Session, *, kind: str, payload: Json, project_id: UUID, wish: Wish) -> Job:
    """Writes the job durably once the caller's transaction commits; workers hear of it right after.

    Raises QueueFull where the project, or everybody, has too much waiting.
    """
    bounds.require_room(session, project_id)
    job = prepare(session, kind=kind, payload=payload, project_id=project_id, wish=wish)
    if job.callback_url is not None:
        callbacks.expect(session, project_id)
    lifecycle.enter(session, job)
    db.after_commit(session, lambda: live.notice(project_id))
    if job.status == JobStatus.QUEUED:
        outbox.announce_after_commit(session, queue=job.queue, job_id=job.id)
    return job


def prepare(session: Session, *, kind: str, payload: Json, project_id: UUID, wish: Wish) -> Job:
    """The job as it would be written, checked and not written."""
    found = find_kind(kind)
    check_payload(found, payload)
    _admit(session, found, payload, project_id, wish.created_by)
    serial = found.serial(payload) if found.serial else None
    if wish.max_cost is not None:
        _require_priced(found, payload)
    moment = now()
    later = wish.run_at is not None and wish.run_at > moment
    if wish.callback_url is not None:
        callbacks.check(wish.callback_url)
    store = privacy.stricter(wish.store, projects.policy(session, project_id).store)
    return Job(
        id=ids.new_id(),
        created_at=moment,
        project_id=project_id,
        created_by=wish.created_by,
        kind=found.name,
        queue=found.queue,
        status=JobStatus.SCHEDULED if later else JobStatus.QUEUED,
        priority=wish.priority,
        payload=payload,
        payload_digest=privacy.digest(payload) if store == Store.HASHES else None,
        labels=wish.metadata,
        attempt=0,
        max_attempts=wish.max_attempts or found.retry.attempts,
        run_at=wish.run_at,
        deadline_at=_deadline(wish, moment),
        request_id=wish.request_id,
        traceparent=own_jobs.traceparent() if own_jobs.on() else None,
        lane=found.lane(payload) if found.lane else None,
        concurrency_key=serial or wish.concurrency_key,
        concurrency_limit=_limit(wish, serial),
        max_cost=wish.max_cost,
        store=store,
        replay_of=wish.replay_of,
        schedule_id=wish.schedule_id,
        batch_id=wish.batch_id,
        batch_line=wish.batch_line,
        callback_url=wish.callback_url,
    )


def _admit(session: Session, kind: Kind, payload: Json, project_id: UUID, key_id: UUID | None) -> None:
    """What a key may not do at its own address it may not do by a job, a batch, a schedule or a replay either."""
    scopes = ((kind.scope(payload) if kind.scope else None) or "").split()
    key = ApiKey.in_project(project_id).where(ApiKey.id == key_id)
    for one in session.scalars(key) if scopes and key_id else ():
        for scope in scopes:
            if scope not in one.scopes:
                raise Forbidden(f"This key lacks the scope {scope}, which a job of kind {kind.name!r} needs.")
    if kind.admit is not None:
        kind.admit(session, project_id, payload)


def _require_priced(kind: Kind, payload: Json) -> None:
    if kind.priced is not None and not kind.priced(payload):
        detail = "The price of a model it may call is not known, so its cost cannot be limited."
        raise BadInput(detail, errors=[{"pointer": "/max_cost", "detail": detail}])


def _limit(wish: Wish, serial: str | None) -> int | None:
    """How many jobs may run under the key; a kind's own key lets in one."""
    if serial is not None:
        return 1
    return None if wish.concurrency_key is None else wish.concurrency_limit or 1


def _deadline(wish: Wish, moment: datetime) -> datetime | None:
    if wish.deadline_s is None:
        return None
    return max(moment, wish.run_at or moment) + timedelta(seconds=wish.deadline_s)

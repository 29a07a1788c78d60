"""The naive backend with our durability: what `naive.py` becomes when its author may lose no job and run none twice.

The same Flask, gunicorn, SQLAlchemy and Celery. A submit writes job, event and outbox row in one commit, then sends the
message; a task claims its job by compare-and-set (one commit with the event), works, and finishes it under its attempt
(one commit with the event). Messages are acknowledged late. Its relay, which sends the outbox again, and its sweep for
lost leases run every few seconds and cost nothing here, so they are left out: that is in its favour.

    gunicorn tests.bench.baselines.naive_durable:app -k gthread -w 2 --threads 8
    celery -A tests.bench.baselines.naive_durable:celery worker -P prefork -c 2
"""

import os
import sys
import uuid
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, ClassVar

from celery import Celery
from flask import Flask, abort, request
from flask.typing import ResponseReturnValue
from sqlalchemy import JSON, DateTime, create_engine, delete, update
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

LEASE = timedelta(seconds=30)

celery = Celery("naive", broker=os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0"))
celery.conf.update(
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    broker_pool_limit=16,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=4,
    broker_connection_retry_on_startup=True,
)

app = Flask(__name__)


def now() -> datetime:
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """The tables."""

    type_annotation_map: ClassVar = {dict[str, Any]: JSON, datetime: DateTime(timezone=True)}


class Job(Base):
    """One job and who holds it."""

    __tablename__ = "jobs"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    status: Mapped[str] = mapped_column(default="queued", index=True)
    input: Mapped[dict[str, Any]]
    result: Mapped[dict[str, Any] | None]
    error: Mapped[str | None]
    attempt: Mapped[int] = mapped_column(default=0)
    lease_expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    finished_at: Mapped[datetime | None]


class Event(Base):
    """What happened to a job."""

    __tablename__ = "events"

    job_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True)
    type: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Outbox(Base):
    """A job whose message may not have been sent."""

    __tablename__ = "outbox"

    job_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)


@cache
def sessions() -> sessionmaker[Session]:
    """One engine a process, made after the fork."""
    url = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg2://")
    return sessionmaker(create_engine(url, pool_size=16, max_overflow=4), expire_on_commit=False)


def enqueue(body: dict[str, Any]) -> Job:
    """A job that will not be lost, and its message."""
    job = Job(id=uuid.uuid4(), input=body)
    with sessions().begin() as session:
        session.add_all([job, Event(job_id=job.id, sequence=1, type="queued"), Outbox(job_id=job.id)])
    run.delay(str(job.id))
    return job


@app.post("/jobs")
def submit() -> ResponseReturnValue:
    body = request.get_json()
    if not isinstance(body, dict) or "model" not in body or "messages" not in body:
        abort(422)
    job = enqueue(body)
    return {"id": str(job.id), "status": job.status}, 202


@celery.task(name="run")  # type: ignore[untyped-decorator]
def run(job_id: str) -> None:
    found = uuid.UUID(job_id)
    with sessions().begin() as session:
        job = session.scalars(
            update(Job)
            .where(Job.id == found, Job.status == "queued")
            .values(status="running", attempt=Job.attempt + 1, lease_expires_at=now() + LEASE)
            .returning(Job)
        ).one_or_none()
        if job is None:
            return
        session.execute(delete(Outbox).where(Outbox.job_id == found))
        session.add(Event(job_id=found, sequence=2 * job.attempt, type="started"))
    with sessions().begin() as session:
        ended = session.execute(
            update(Job)
            .where(Job.id == found, Job.status == "running", Job.attempt == job.attempt)
            .values(status="succeeded", result={}, finished_at=now())
        )
        if ended.rowcount:
            session.add(Event(job_id=found, sequence=2 * job.attempt + 1, type="succeeded"))


if __name__ == "__main__":
    if sys.argv[1:]:
        from tests.bench.submitter import at_the_signal

        hello = {"model": "noop", "messages": [{"role": "user", "content": "hi"}]}
        at_the_signal(int(sys.argv[1]), lambda: enqueue(hello))
    else:
        Base.metadata.create_all(sessions().kw["bind"])

"""The backend people write today in a day: Flask + gunicorn + SQLAlchemy + Celery + the official `openai` SDK.

Written as well as a competent engineer would: one pooled engine and one SDK client a process, no transaction open while
the provider answers, no result backend, JSON messages. What it does not have is what takes weeks: outbox, leases,
events, streams. A submit and a finish are one commit each ("durable"); if Redis is down between commit and
`delay`, the job is lost.

    gunicorn tests.bench.baselines.naive:app -k gthread -w 2 --threads 8
    celery -A tests.bench.baselines.naive:celery worker -P prefork -c 2

Reads DATABASE_URL, REDIS_URL, OPENAI_API_KEY, OPENAI_BASE_URL. POST /jobs {"model", "messages"} → 202 {"id", "status"};
GET /jobs/<id>. The model `noop` calls no provider, to measure the queue alone.
"""

import os
import uuid
from datetime import UTC, datetime
from functools import cache
from typing import Any, ClassVar

from celery import Celery
from flask import Flask, abort, request
from flask.typing import ResponseReturnValue
from openai import OpenAI
from sqlalchemy import JSON, DateTime, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")

if os.environ.get("NAIVE_GEVENT"):
    from psycogreen.gevent import patch_psycopg  # type: ignore[import-not-found]

    patch_psycopg()

celery = Celery("naive", broker=REDIS_URL)
celery.conf.update(
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    broker_pool_limit=16,
    worker_prefetch_multiplier=int(os.environ.get("NAIVE_PREFETCH", "4")),
    broker_connection_retry_on_startup=True,
)

app = Flask(__name__)


class Base(DeclarativeBase):
    """The tables."""

    type_annotation_map: ClassVar = {dict[str, Any]: JSON, datetime: DateTime(timezone=True)}


class Job(Base):
    """One completion: queued, running, succeeded or failed."""

    __tablename__ = "jobs"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    status: Mapped[str] = mapped_column(default="queued", index=True)
    input: Mapped[dict[str, Any]]
    result: Mapped[dict[str, Any] | None]
    error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC))
    finished_at: Mapped[datetime | None]

    def as_json(self) -> dict[str, Any]:
        return {
            "id": str(self.id),
            "status": self.status,
            "input": self.input,
            "result": self.result,
            "error": self.error,
            "created_at": self.created_at.isoformat(),
            "finished_at": self.finished_at.isoformat() if self.finished_at else None,
        }


@cache
def sessions() -> sessionmaker[Session]:
    """One engine a process, made after the fork."""
    url = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg2://")
    return sessionmaker(create_engine(url, pool_size=16, max_overflow=4), expire_on_commit=False)


@cache
def openai() -> OpenAI:
    """One client a process: building one is expensive."""
    return OpenAI()


@app.post("/jobs")
def submit() -> ResponseReturnValue:
    body = request.get_json()
    if not isinstance(body, dict) or "model" not in body or "messages" not in body:
        abort(422)
    job = Job(input=body)
    with sessions().begin() as session:
        session.add(job)
    run.delay(str(job.id))
    return {"id": str(job.id), "status": job.status}, 202


@app.get("/jobs/<uuid:job_id>")
def get(job_id: uuid.UUID) -> ResponseReturnValue:
    with sessions()() as session:
        job = session.get(Job, job_id) or abort(404)
        return job.as_json()


def complete(body: dict[str, Any]) -> dict[str, Any]:
    if body["model"] == "noop":
        return {}
    answer = openai().chat.completions.create(model=body["model"], messages=body["messages"])
    return {
        "message": answer.choices[0].message.model_dump(exclude_none=True),
        "finish_reason": answer.choices[0].finish_reason,
        "usage": answer.usage.model_dump(exclude_none=True) if answer.usage else None,
    }


@celery.task(name="run")  # type: ignore[untyped-decorator]
def run(job_id: str) -> None:
    with sessions()() as session:
        job = session.get_one(Job, uuid.UUID(job_id))
    result, error = None, None
    try:
        result = complete(job.input)
    except Exception as failure:
        error = str(failure)
    with sessions().begin() as session:
        session.add(job)
        job.result, job.error = result, error
        job.status = "failed" if error else "succeeded"
        job.finished_at = datetime.now(UTC)


def create_tables() -> None:
    Base.metadata.create_all(sessions().kw["bind"])


if __name__ == "__main__":
    create_tables()

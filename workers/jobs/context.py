"""What a running job has in its hands: its numbers, its stream, and how it learns that it must stop."""

import asyncio
import threading
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from infra.clock import now
from infra.errors import SwitchyardError
from models import JobStatus, Store
from workers.jobs import live, privacy
from workers.jobs.committer import Committer
from workers.jobs.lifecycle import Claimed, Move
from workers.jobs.usage import Call
from workers.providers.base import ProviderUsage

Json = dict[str, Any]


class Stop(StrEnum):
    """Why a running job must end now."""

    CANCELLED = "cancelled"
    LOST = "lost"
    DEADLINE = "deadline"
    TIMEOUT = "timeout"
    SHUTDOWN = "shutdown"


class Stopped(SwitchyardError):
    """The job must stop."""

    code = "stopped"


@dataclass(slots=True)
class RunningJob:
    """A claimed job in this process. Implements workers.kinds.base.Context."""

    job_id: UUID
    project_id: UUID
    kind: str
    attempt: int
    max_attempts: int
    sequence: int
    payload: Json
    deadline_at: datetime | None
    request_id: str | None
    store: str
    max_cost: Decimal | None
    spent: Decimal
    committer: Committer
    task: asyncio.Task[None] | None = None
    begun: bool = False
    stop: Stop | None = None
    kept: Json | None = None
    streamed: bool = False
    calls: list[ProviderUsage] = field(default_factory=list)

    @classmethod
    def of(cls, claimed: Claimed, committer: Committer) -> Self:
        """The job, about to run."""
        return cls(
            job_id=claimed.job_id,
            project_id=claimed.project_id,
            kind=claimed.kind,
            attempt=claimed.attempt,
            max_attempts=claimed.max_attempts,
            sequence=claimed.sequence,
            payload=claimed.payload,
            deadline_at=claimed.deadline_at,
            request_id=claimed.request_id,
            store=claimed.store,
            max_cost=claimed.max_cost,
            spent=claimed.spent,
            committer=committer,
        )

    def next_sequence(self) -> int:
        """The number of the job's next event; only the holder of the lease counts."""
        self.sequence += 1
        return self.sequence

    def delta(self, data: Json) -> None:
        """Streams a piece of the answer."""
        self.streamed = True
        live.delta(
            job_id=self.job_id,
            project_id=self.project_id,
            sequence=self.next_sequence(),
            created_at=now(),
            data=data,
        )

    async def progress(self, current: int, total: int | None = None, message: str | None = None) -> None:
        """Writes a durable progress event with the next group commit; a private job's without its message."""
        state = {"current": current, "total": total, "message": message if self.store == Store.FULL else None}
        self.committer.post(
            Move(
                job_id=self.job_id,
                source=JobStatus.RUNNING,
                target=JobStatus.RUNNING,
                event="job.progress",
                data={"progress": state},
                attempt=self.attempt,
                sequence=self.next_sequence(),
                progress=state,
            )
        )

    def checkpoint(self) -> None:
        """Raises Stopped if the job was cancelled, is out of time, or belongs to somebody else by now."""
        if self.stop is not None:
            raise Stopped(f"The job must stop: {self.stop}.", reason=self.stop)

    def used(self, usage: ProviderUsage) -> None:
        """Counts a provider call of this attempt."""
        self.calls.append(usage)

    def partial(self, result: Json) -> None:
        """Keeps this as the result if the job is cancelled from here on."""
        self.kept = result

    def storable(self, result: Json) -> Json | None:
        """What the row may keep of the result; the whole of a private job's goes to its owner through Redis."""
        if self.store != Store.FULL:
            privacy.hand_over(self.job_id, self.attempt, result)
            self.streamed = True
        return privacy.kept(self.store, result)

    def interrupt(self, reason: Stop) -> None:
        """Stops the job at its next await; the first reason stands. Call it on the event loop."""
        if self.stop is None and self.task is not None:
            self.stop = reason
            # A task that is cancelled before its first step never runs; that one looks at `stop` first of all.
            if self.begun:
                self.task.cancel()

    def flushed(self) -> threading.Event | None:
        """Set when all that goes through Redis is there, so that no reader sees the end before it; None if nothing
        does."""
        if not self.streamed:
            return None
        event = threading.Event()
        live.broadcaster().flushed(event.set)
        return event

    def paid_calls(self) -> list[Call]:
        """The provider calls of this attempt, numbered."""
        return [
            Call(self.job_id, self.project_id, self.attempt, number, usage)
            for number, usage in enumerate(self.calls, start=1)
        ]

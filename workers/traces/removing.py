"""Deleting traces with their observations, and what they had added to the metrics and to their sessions.

A step deletes some in a transaction of its own, while no roll-up is under way: it would add what is going. Spans that
come afterwards make the trace anew.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.orm import Session

from infra import db
from infra.errors import NotFound
from workers.traces import forgetting, queries
from workers.traces.store import store

Json = dict[str, Any]

AT_ONCE = 200
SECONDS = 8.0

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Removed:
    """How many went, with how many observations; `more` is whether there was no time for all."""

    traces: int = 0
    observations: int = 0
    more: bool = False

    def add(self, other: "Removed") -> None:
        """Adds what another step did."""
        self.traces += other.traces
        self.observations += other.observations


def remove_trace(session: Session, project_id: UUID, trace_id: UUID, *, by: UUID | None) -> None:
    """Deletes one; raises NotFound."""
    if not remove_some(session, project_id, [trace_id]).traces:
        raise NotFound("There is no such trace.")
    log.info("traces.removed", project_id=str(project_id), by=str(by), trace_id=trace_id.hex, count=1)


def remove_many(
    project_id: UUID, *, trace_ids: Sequence[UUID] | None = None, wanted: Json | None = None, by: UUID | None
) -> Removed:
    """Deletes those that are named, or that a filter finds (oldest first), for about SECONDS; not to be called in a
    transaction. What was deleted is gone, also where the time was not enough for all."""
    give_up_at, done = time.monotonic() + SECONDS, Removed()
    waiting = sorted({*trace_ids}) if trace_ids is not None else None
    while True:
        with db.transaction() as session:
            some = waiting[:AT_ONCE] if waiting is not None else _found(session, project_id, wanted or {})
            done.add(remove_some(session, project_id, some))
        if waiting is not None:
            waiting = waiting[AT_ONCE:]
        if not waiting if waiting is not None else len(some) < AT_ONCE:
            break
        if time.monotonic() > give_up_at:
            done.more = True
            break
    log.info("traces.removed", project_id=str(project_id), by=str(by), count=done.traces, more=done.more,
             filter=sorted(wanted) if wanted else None)  # fmt: skip
    return done


def remove_some(session: Session, project_id: UUID, trace_ids: Sequence[UUID]) -> Removed:
    """Deletes these, as far as they are there."""
    if not trace_ids:
        return Removed()
    there = forgetting.forget(session, project_id, trace_ids)
    return Removed(len(there), store().delete(session, project_id, there) if there else 0)


def _found(session: Session, project_id: UUID, wanted: Json) -> list[UUID]:
    places = queries.places(session, project_id, wanted, limit=AT_ONCE, newest_first=False)
    return [one.id for one in places]

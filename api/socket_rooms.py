"""What a client can follow: a job, a batch, its project, or the jobs that its own key made.

A room is a view of the event log, read as the streams over HTTP read it: after a number, each event once and in order.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from api import streams
from api.hub import hub
from infra import db, ids
from infra.errors import BadInput, InvalidParameter, NotFound
from models import Batch, Job
from workers.identity.keys import Principal
from workers.jobs import feed, queries
from workers.jobs.batches.queries import get_batch

Json = dict[str, Any]
MAKERS_AT_MOST = 20_000
_makers: dict[UUID, UUID | None] = {}

Events = AsyncIterator[Json | None]


@dataclass(slots=True)
class Room:
    """A room: its `name`, where the client stands in it, how to go on from there, and of which kind its job is."""

    name: str
    after: Any
    begin: Callable[[Any], Events]
    kind: str | None = None

    async def events(self) -> AsyncIterator[Json]:
        """What follows after `after`, which moves along."""
        async with aclosing(self.begin(self.after)) as found:  # type: ignore[type-var]
            async for event in found:
                if event is not None:
                    yield event
                    self.after = event.get("cursor", event["sequence"])


def name_of(principal: Principal, wish: Json) -> str:
    """The name of the room that is wished for, whether or not there is one."""
    if "room" in wish:
        return str(wish["room"])
    if "job" in wish:
        return f"job:{ids.show('job', wish['job'])}"
    if "batch" in wish:
        return f"batch:{ids.show('batch', wish['batch'])}"
    if "project" in wish:
        project = principal.project_id if wish["project"] is True else wish["project"]
        return f"project:{ids.show('proj', project)}"
    return f"user:{ids.show('key', principal.id)}"


def find(session: Session, principal: Principal, wish: Json) -> Room:
    """The room that is wished for; raises NotFound where it is nothing of this project."""
    name, project = name_of(principal, wish), principal.project_id
    if "job" in wish:
        job = queries.get_job(session, project, wish["job"])
        return Room(name, wish.get("after") or 0, partial(_one, project, job.id, Job), job.kind)
    if "batch" in wish:
        batch = get_batch(session, project, wish["batch"])
        return Room(name, wish.get("after") or 0, partial(_one, project, batch.id, Batch))
    if wish.get("project", True) not in (True, project):
        raise NotFound("There is no such project.")
    try:
        feed.types_of(wish.get("types", ()))
        after = feed.place_at(wish["after"]) if wish.get("after") else feed.newest(session, project)
        feed.check(session, after)
    except InvalidParameter as error:
        raise BadInput(errors=error.errors) from None
    begin = partial(_project, project, name, wish.get("types"), principal.id if "user" in wish else None)
    return Room(name, str(after), begin)


def _one(project_id: UUID, subject: UUID, of: type[Job | Batch], after: int) -> Events:
    return streams.follow(project_id, subject, after, of)


async def _project(project_id: UUID, name: str, types: list[str] | None, maker: UUID | None, after: str) -> Events:
    """The project's events with the cursor to go on from, and the room's name; of one maker's jobs only, if named."""
    async with aclosing(streams.follow_project(project_id, after, types)) as events:  # type: ignore[type-var]
        async for found in events:
            if found is None:
                yield None
            elif maker is None or await _maker(project_id, found.event["data"]) == maker:
                yield {**found.event, "room": name, "cursor": found.cursor}


async def _maker(project_id: UUID, data: Json) -> UUID | None:
    """The key that made the job or batch that an event is about."""
    name, of = ("job_id", Job) if "job_id" in data else ("batch_id", Batch)
    subject = ids.parse(of.prefix, data.get(name, ""))
    if subject is None:
        return None
    if subject not in _makers:
        found = await hub().read(partial(_read_maker, project_id, subject, of))
        if len(_makers) >= MAKERS_AT_MOST:
            _makers.clear()
        _makers[subject] = found
    return _makers[subject]


def _read_maker(project_id: UUID, subject: UUID, of: type[Job | Batch]) -> UUID | None:
    with db.transaction() as session:
        return queries.maker_of(session, project_id, subject, of)

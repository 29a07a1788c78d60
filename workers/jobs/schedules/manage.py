"""Schedules as their project sees them: made, changed, paused, resumed, run now, removed."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from infra.clock import now
from infra.errors import BadInput, Conflict, NotFound
from models import Job, Schedule
from workers import projects
from workers.jobs.schedules.times import NEVER, Times, upcoming
from workers.jobs.submit import WISHES, Wish, prepare, submit, wish_of
from workers.paging import PageOf, Window, page

Json = dict[str, Any]

AT_MOST = 1000
TIMES_SHOWN = 5
COLUMNS = {"name": "name", "cron": "cron", "timezone": "timezone", "catch_up": "catch_up", "kind": "kind"} | {
    "input": "payload"
}
OPTIONS = tuple(name for name in WISHES if name != "run_at")


def create_schedule(session: Session, *, project_id: UUID, created_by: UUID, body: Json) -> Schedule:
    """A schedule whose jobs would be accepted, with a time to come; raises BadInput with pointers."""
    schedule = Schedule(project_id=project_id, created_by=created_by, options={})
    _apply(session, schedule, body)
    # One after the other, so that two requests cannot both be the last.
    projects.lock(session, project_id)
    if _count(session, project_id) >= AT_MOST:
        raise Conflict(f"This project has {AT_MOST} schedules, which is the most; delete one that is not needed.")
    schedule.next_run_at = _first(schedule)
    session.add(schedule)
    session.flush()
    return schedule


def _count(session: Session, project_id: UUID) -> int:
    return session.scalar(select(func.count()).select_from(Schedule.in_project(project_id).subquery())) or 0


def get_schedule(session: Session, project_id: UUID, schedule_id: UUID, *, lock: bool = False) -> Schedule:
    """The project's schedule of that id, locked against the sweep if it is to be changed; raises NotFound."""
    query = Schedule.in_project(project_id).where(Schedule.id == schedule_id)
    schedule = session.scalars(query.with_for_update() if lock else query).first()
    if schedule is None:
        raise NotFound("There is no such schedule.")
    return schedule


def list_schedules(session: Session, project_id: UUID, window: Window) -> PageOf[Schedule]:
    """The project's schedules, by the time they were made."""
    return page(session, Schedule.in_project(project_id), Schedule, window)


def change_schedule(session: Session, project_id: UUID, schedule_id: UUID, changes: Json) -> Schedule:
    """The schedule with these fields changed; other times count from now, and what it missed before is dropped."""
    schedule = get_schedule(session, project_id, schedule_id, lock=True)
    before = (schedule.cron, schedule.timezone)
    _apply(session, schedule, changes)
    schedule.retry_at = None
    if (schedule.cron, schedule.timezone) != before:
        first = _first(schedule)
        schedule.next_run_at = None if schedule.paused_at else first
    session.flush()
    return schedule


def remove_schedule(session: Session, project_id: UUID, schedule_id: UUID) -> Schedule:
    """The schedule, as it was. Its jobs stay, those that wait too."""
    schedule = get_schedule(session, project_id, schedule_id, lock=True)
    session.delete(schedule)
    session.flush()
    return schedule


def pause(session: Session, project_id: UUID, schedule_id: UUID) -> Schedule:
    """Submits nothing until it is resumed."""
    schedule = get_schedule(session, project_id, schedule_id, lock=True)
    schedule.paused_at = schedule.paused_at or now()
    schedule.next_run_at = schedule.retry_at = None
    session.flush()
    return schedule


def resume(session: Session, project_id: UUID, schedule_id: UUID) -> Schedule:
    """Goes on with the next time from now, whatever the catch-up policy: a pause is no outage."""
    schedule = get_schedule(session, project_id, schedule_id, lock=True)
    if schedule.paused_at is not None:
        schedule.paused_at, schedule.next_run_at = None, _first(schedule)
        session.flush()
    return schedule


def run_now(session: Session, project_id: UUID, schedule_id: UUID, *, created_by: UUID, request_id: str) -> Job:
    """A job of the schedule at once, paused or not; its times stay as they are."""
    schedule = get_schedule(session, project_id, schedule_id)
    wish = wish_for(schedule, created_by=created_by, request_id=request_id)
    return submit(session, kind=schedule.kind, payload=schedule.payload, project_id=project_id, wish=wish)


def wish_for(schedule: Schedule, **more: Any) -> Wish:
    """How the schedule's jobs are to be treated."""
    options = schedule.options
    cost = options.get("max_cost")
    return wish_of({**options, "max_cost": None if cost is None else Decimal(cost)}, schedule_id=schedule.id, **more)


def next_runs(schedule: Schedule) -> tuple[datetime, ...]:
    """The next times that a job will be submitted for, with a time that is due already in front."""
    first = schedule.next_run_at
    if first is None:
        return ()
    return (first, *upcoming(schedule.cron, schedule.timezone, max(first, now()), TIMES_SHOWN - 1))


def _apply(session: Session, schedule: Schedule, body: Json) -> None:
    """Writes the given fields, and checks the whole as a job would be checked."""
    for name, column in COLUMNS.items():
        if name in body:
            setattr(schedule, column, body[name])
    options = {**schedule.options, **{name: body[name] for name in OPTIONS if name in body}}
    if options.get("max_cost") is not None:
        options["max_cost"] = str(options["max_cost"])
    schedule.options = {name: value for name, value in options.items() if value is not None}
    if "concurrency_limit" in schedule.options and "concurrency_key" not in schedule.options:
        detail = "Needs a concurrency_key."
        raise BadInput(detail, errors=[{"pointer": "/concurrency_limit", "detail": detail}])
    Times(schedule.cron, schedule.timezone)
    prepare(
        session,
        kind=schedule.kind,
        payload=schedule.payload,
        project_id=schedule.project_id,
        wish=wish_for(schedule, created_by=schedule.created_by),
    )


def _first(schedule: Schedule) -> datetime | None:
    """The next time from now. A clock that runs behind must not name one again that has run."""
    moment = max(now(), schedule.last_run_at or now())
    first = Times(schedule.cron, schedule.timezone).first_after(moment)
    if first is None:
        raise BadInput(NEVER, errors=[{"pointer": "/cron", "detail": NEVER}])
    return first

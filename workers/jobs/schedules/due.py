"""Submits what schedules are due, each of their times once, however many sweeps run at a time.

A sweep locks the schedules whose time has come, submits their jobs and moves them on to their next time, in one
transaction; other sweeps leave out what is locked. After an outage the schedule's policy decides: `none` skips the
times that are more than GRACE old, `last` runs the newest that was missed, `all` runs each, oldest first and a portion
a turn.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain, islice, takewhile

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from infra.clock import now, rfc3339
from infra.errors import SwitchyardError
from models import CatchUp, Schedule
from workers.jobs.schedules.manage import wish_for
from workers.jobs.schedules.times import Times
from workers.jobs.submit import submit

GRACE = timedelta(seconds=60)
PORTION = 10
LOOKS_A_SWEEP = 500
# Their inputs are read with them and may be large.
READ_AT_ONCE = 20
RETRY_SECONDS = 5.0
BROKEN_SECONDS = 60.0

TAKEN = text("SELECT run_at FROM jobs WHERE schedule_id = :schedule_id AND run_at = ANY(:times)")

log = structlog.get_logger(__name__)


def submit_due(session: Session) -> int:
    """Submits the jobs that are due now; returns how many."""
    moment, looks, submitted = now(), 0, 0
    while looks < LOOKS_A_SWEEP and (due := session.scalars(Schedule.due(moment, READ_AT_ONCE)).all()):
        for schedule in due:
            jobs = _take_turn(session, schedule, moment)
            submitted += jobs
            looks += max(1, jobs)
        session.flush()
        session.expunge_all()
    return submitted


def _take_turn(session: Session, schedule: Schedule, moment: datetime) -> int:
    """Submits the schedule's due jobs, a portion at most; what is wrong with one schedule stops no other."""
    try:
        return _submit_times(session, schedule, moment)
    except SQLAlchemyError:
        raise
    except Exception as error:
        log.exception("schedules.broken", schedule_id=schedule.public_id)
        known = error if isinstance(error, SwitchyardError) else SwitchyardError()
        schedule.last_error = known.as_json()
        schedule.retry_at = moment + timedelta(seconds=BROKEN_SECONDS)
        return 0


def _submit_times(session: Session, schedule: Schedule, moment: datetime) -> int:
    first = schedule.next_run_at or moment
    times = Times(schedule.cron, schedule.timezone)
    due = list(islice(_due(times, schedule.catch_up, first, moment), PORTION + 1))
    taken = set(session.scalars(TAKEN, {"schedule_id": schedule.id, "times": due}))
    submitted = 0
    for time in due[:PORTION]:
        if time in taken:
            continue
        refusal = _submit(session, schedule, time)
        if refusal is not None and refusal.retryable:
            schedule.next_run_at = time
            schedule.retry_at = moment + timedelta(seconds=refusal.retry_after or RETRY_SECONDS)
            return submitted
        submitted += refusal is None
    more = len(due) > PORTION
    schedule.next_run_at = due[PORTION] if more else times.first_after(max(first, moment))
    schedule.retry_at = moment if more else None
    return submitted


def _due(times: Times, catch_up: str, first: datetime, moment: datetime) -> Iterator[datetime]:
    """Those of the times from `first` to `moment` that are to run."""
    if catch_up == CatchUp.LAST:
        return iter([times.newest(first, moment)])
    if catch_up == CatchUp.NONE and first < moment - GRACE:
        candidates = times.after(moment - GRACE)
    else:
        candidates = chain([first], times.after(first))
    return takewhile(lambda time: time <= moment, candidates)


def _submit(session: Session, schedule: Schedule, time: datetime) -> SwitchyardError | None:
    """The job of that time, or why it was refused, which the schedule then shows."""
    wish = wish_for(schedule, created_by=schedule.created_by, run_at=time)
    try:
        job = submit(session, kind=schedule.kind, payload=schedule.payload, project_id=schedule.project_id, wish=wish)
    except SwitchyardError as error:
        schedule.last_error = {**error.as_json(), "run_at": rfc3339(time)}
        return error
    schedule.last_run_at, schedule.last_job_id, schedule.last_error = time, job.id, None
    return None

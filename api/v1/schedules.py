"""Schedules: jobs again and again, at the times a cron expression names."""

from typing import Any

from flask import Blueprint

from api.endpoint import Call, endpoint
from models import Schedule
from schemas.job import JobOut, job_view
from schemas.schedule import ScheduleIn, ScheduleOut, SchedulePatch, SchedulesQuery, schedule_view
from workers.jobs.schedules import manage
from workers.paging import PageOf

bp = Blueprint("schedules", __name__, url_prefix="/v1/schedules")


@bp.post("")
@endpoint(scope="jobs:write", body=ScheduleIn, returns=ScheduleOut, status=201, errors=(404,))
def create_schedule(call: Call) -> dict[str, Any]:
    """Makes a schedule; its jobs carry its id as `schedule_id`."""
    project = call.own_project(call.body.get("project_id"))
    return _shown(
        manage.create_schedule(call.session, project_id=project, created_by=call.principal.id, body=call.body)
    )


@bp.get("")
@endpoint(scope="jobs:read", query=SchedulesQuery, returns=ScheduleOut, page=True, errors=(404,))
def list_schedules(call: Call) -> PageOf[Schedule]:
    """Lists the project's schedules."""
    return manage.list_schedules(call.session, call.own_project(call.query.get("project_id")), call.window).map(_shown)


@bp.get("/<schedule_id>")
@endpoint(scope="jobs:read", returns=ScheduleOut, errors=(404,))
def get_schedule(call: Call, schedule_id: str) -> dict[str, Any]:
    """One schedule, with its next times and what came of the last."""
    return _shown(manage.get_schedule(call.session, call.principal.project_id, call.id("sched", schedule_id)))


@bp.patch("/<schedule_id>")
@endpoint(scope="jobs:write", body=SchedulePatch, returns=ScheduleOut, errors=(404,))
def change_schedule(call: Call, schedule_id: str) -> dict[str, Any]:
    """Changes the fields that are sent; with another cron or timezone, the next time counts from now."""
    project, found = call.principal.project_id, call.id("sched", schedule_id)
    return _shown(manage.change_schedule(call.session, project, found, call.body))


@bp.delete("/<schedule_id>")
@endpoint(scope="jobs:write", returns=ScheduleOut, errors=(404,))
def remove_schedule(call: Call, schedule_id: str) -> dict[str, Any]:
    """Deletes a schedule and answers with it as it was; its jobs stay."""
    return _shown(manage.remove_schedule(call.session, call.principal.project_id, call.id("sched", schedule_id)))


@bp.post("/<schedule_id>/pause")
@endpoint(scope="jobs:write", returns=ScheduleOut, errors=(404,))
def pause_schedule(call: Call, schedule_id: str) -> dict[str, Any]:
    """Submits nothing until the schedule is resumed."""
    return _shown(manage.pause(call.session, call.principal.project_id, call.id("sched", schedule_id)))


@bp.post("/<schedule_id>/resume")
@endpoint(scope="jobs:write", returns=ScheduleOut, errors=(404,))
def resume_schedule(call: Call, schedule_id: str) -> dict[str, Any]:
    """Goes on with the next time from now; what lay in the pause does not run."""
    return _shown(manage.resume(call.session, call.principal.project_id, call.id("sched", schedule_id)))


@bp.post("/<schedule_id>/run")
@endpoint(scope="jobs:write", returns=JobOut, status=202, place="/v1/jobs", errors=(404,))
def run_schedule(call: Call, schedule_id: str) -> dict[str, Any]:
    """Submits a job of the schedule at once, also while it is paused; its times stay as they are."""
    project, found, caller = call.principal.project_id, call.id("sched", schedule_id), call.principal.id
    return job_view(manage.run_now(call.session, project, found, created_by=caller, request_id=call.request_id))


def _shown(schedule: Schedule) -> dict[str, Any]:
    return schedule_view(schedule, manage.next_runs(schedule))

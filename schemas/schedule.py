"""Schedules as clients send and see them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from marshmallow import Schema, fields, validate

from models import CatchUp, Schedule, Store
from schemas.base import AsIs, PublicId, Text, Time, page_query
from schemas.job import ErrorOut, WishesIn

CATCH_UPS = [policy.value for policy in CatchUp]
CRON = (
    "Five fields (minute, hour, day of month, month, day of week), six with seconds in front, or `@hourly` and alike."
)
CATCH_UP = "What runs of the times that passed while nobody could run them: `none`, the `last`, or `all`."


class ScheduleFields(WishesIn):
    """When to submit a job, and which."""

    name = Text(at_least=1, at_most=200, required=True, metadata={"example": "Morning report"})
    cron = Text(at_least=1, at_most=200, required=True, metadata={"description": CRON, "example": "0 9 * * MON-FRI"})
    timezone = Text(
        at_least=1,
        at_most=64,
        load_default="UTC",
        metadata={"description": "An IANA time zone.", "example": "Europe/Berlin"},
    )
    catch_up = fields.String(
        validate=validate.OneOf(CATCH_UPS, error="Must be one of {choices}."),
        load_default=CatchUp.LAST,
        metadata={"description": CATCH_UP},
    )
    kind = Text(at_least=1, at_most=64, required=True, metadata={"example": "completion"})
    input = fields.Dict(keys=fields.String(), required=True, metadata={"description": "What the kind asks for."})


class ScheduleIn(ScheduleFields):
    """A new schedule."""

    project_id = PublicId("proj")


class SchedulePatch(ScheduleFields):
    """What is to change; everything else stays. Null takes an option back."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "partial": True})

    def _limit_has_a_key(self, data: dict[str, Any], **_: Any) -> None:
        """The key may be there already, so the whole is checked when it is changed."""


class ScheduleOut(Schema):
    """A schedule."""

    id = PublicId("sched", required=True)
    object = fields.Constant("schedule", required=True)
    project_id = PublicId("proj", required=True)
    name = fields.String(required=True)
    cron = fields.String(required=True)
    timezone = fields.String(required=True)
    catch_up = fields.String(required=True, validate=validate.OneOf(CATCH_UPS))
    paused = fields.Boolean(required=True)
    next_run_at = Time(required=True, allow_none=True)
    next_runs = fields.List(Time(), required=True, metadata={"description": "The next five; none while it is paused."})
    last_run_at = Time(
        required=True, allow_none=True, metadata={"description": "The time the last submitted job stands for."}
    )
    last_job_id = PublicId("job", required=True, allow_none=True)
    last_error = AsIs(
        ErrorOut,
        required=True,
        allow_none=True,
        metadata={"description": "Why no job was submitted at the time `run_at`; null since one was."},
    )
    kind = fields.String(required=True)
    input = fields.Dict(required=True)
    priority = fields.Integer(required=True)
    deadline_s = fields.Integer(required=True, allow_none=True)
    max_attempts = fields.Integer(required=True, allow_none=True)
    metadata = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    concurrency_key = fields.String(required=True, allow_none=True)
    concurrency_limit = fields.Integer(required=True, allow_none=True)
    max_cost = fields.String(required=True, allow_none=True)
    store = fields.String(required=True, allow_none=True, validate=validate.OneOf(list(Store)))
    callback_url = fields.String(required=True, allow_none=True)
    created_at = Time(required=True)


OPTIONS = ("deadline_s", "max_attempts", "concurrency_key", "concurrency_limit", "max_cost", "store", "callback_url")


def schedule_view(schedule: Schedule, next_runs: Sequence[datetime]) -> dict[str, Any]:
    """What ScheduleOut reads."""
    options = schedule.options
    return {
        "id": schedule.id,
        "project_id": schedule.project_id,
        "name": schedule.name,
        "cron": schedule.cron,
        "timezone": schedule.timezone,
        "catch_up": schedule.catch_up,
        "paused": schedule.paused_at is not None,
        "next_run_at": schedule.next_run_at,
        "next_runs": list(next_runs),
        "last_run_at": schedule.last_run_at,
        "last_job_id": schedule.last_job_id,
        "last_error": schedule.last_error,
        "kind": schedule.kind,
        "input": schedule.payload,
        "priority": options.get("priority", 5),
        "metadata": options.get("metadata", {}),
        **{name: options.get(name) for name in OPTIONS},
        "created_at": schedule.created_at,
    }


class SchedulesQuery(page_query("sched")):  # type: ignore[misc]
    """Whose schedules are listed; a key sees its own project's."""

    project_id = PublicId("proj")

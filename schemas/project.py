"""Projects as clients send and see them."""

from marshmallow import Schema, fields, validate

from models import Store
from schemas.base import Number, PublicId, Text, Time


class ProjectPatch(Schema):
    """What a project's own keys may change; what is left out stays. Limits that protect others are the operator's."""

    name = Text(at_least=1, at_most=100)
    retention_days = Number(
        at_least=1,
        at_most=3650,
        allow_none=True,
        metadata={"description": "Days after which a finished job is deleted; null: the installation's default."},
    )
    store = fields.String(
        validate=validate.OneOf(list(Store)),
        metadata={"description": "What is kept of the input and result of jobs submitted from now on, at most."},
    )


class ProjectOut(Schema):
    """A tenant, with the policy that applies to it: its own, or the installation's default."""

    id = PublicId("proj", required=True)
    object = fields.Constant("project", required=True)
    name = fields.String(required=True)
    weight = fields.Integer(
        required=True, metadata={"description": "Its share of scarce workers, beside the weights of other projects."}
    )
    max_running = fields.Integer(
        required=True, allow_none=True, metadata={"description": "Jobs that may run at once; null: no limit."}
    )
    max_queued = fields.Integer(
        required=True, metadata={"description": "Jobs that may wait; a submit beyond is answered 429 `queue_full`."}
    )
    retention_days = fields.Integer(
        required=True, metadata={"description": "Days after which a finished job is deleted."}
    )
    store = fields.String(required=True, validate=validate.OneOf(list(Store)))
    created_at = Time(required=True)

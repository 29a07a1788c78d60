"""Projects as clients see them."""

from marshmallow import Schema, fields

from schemas.base import PublicId, Time


class ProjectOut(Schema):
    """A tenant."""

    id = PublicId("proj", required=True)
    object = fields.Constant("project", required=True)
    name = fields.String(required=True)
    created_at = Time(required=True)

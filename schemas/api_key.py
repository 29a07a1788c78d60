"""API keys as clients send and see them."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates

from infra.clock import now
from models import ApiKey
from schemas.base import PublicId, Secret, Text, Time

SCOPES = (
    "jobs:read",
    "jobs:write",
    "webhooks:read",
    "webhooks:write",
    "hooks:read",
    "hooks:write",
    "api_keys:read",
    "api_keys:write",
    "projects:read",
    "projects:write",
    "files:read",
    "files:write",
    "kb:read",
    "kb:write",
    "kb:review",
    "kb:query_database",
    "tests:read",
    "tests:write",
    "tests:review",
    "tests:run",
    "traces:read",
    "traces:write",
    "features:read",
    "features:write",
)


class ApiKeyIn(Schema):
    """A new key; without `scopes` it may do all that its maker may."""

    name = Text(at_least=1, at_most=100, required=True)
    scopes = fields.List(fields.String(validate=validate.OneOf(SCOPES)), validate=validate.Length(min=1, max=50))
    expires_at = Time(allow_none=True)
    project_id = PublicId("proj")

    @validates("expires_at")
    def _later(self, value: object, data_key: str) -> None:
        if value is not None and value <= now():  # type: ignore[operator]
            raise ValidationError("Lies in the past.")


class ApiKeyOut(Schema):
    """A key, without its secret."""

    id = PublicId("key", required=True)
    object = fields.Constant("api_key", required=True)
    project_id = PublicId("proj", required=True)
    name = fields.String(required=True)
    hint = fields.String(required=True, metadata={"description": "How the key begins."})
    scopes = fields.List(fields.String(), required=True)
    created_at = Time(required=True)
    expires_at = Time(required=True, allow_none=True)
    last_used_at = Time(required=True, allow_none=True)
    revoked_at = Time(required=True, allow_none=True)


class NewApiKeyOut(ApiKeyOut):
    """A key just made; its secret is shown this once."""

    key = Secret(required=True)


def new_key_view(key: ApiKey, secret: str) -> dict[str, Any]:
    """What NewApiKeyOut reads."""
    return {name: getattr(key, name) for name in ApiKeyOut._declared_fields if name != "object"} | {"key": secret}

"""Environments of test runs as clients send and see them, and their secrets, which nobody sees."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from models import Environment, EnvironmentSecret
from schemas.base import Pairs, PublicId, Text, Time, page_query
from schemas.case import title
from schemas.step_auth import Auth
from schemas.templated import (
    LONGEST_NAME,
    LONGEST_VALUE,
    SEALED,
    a_url,
    checked,
    has_place,
    header_pairs,
    named,
    variable_pairs,
)

Json = dict[str, Any]

SHORTEST_SECRET = 4
# Headers that are nothing but credentials.
CREDENTIALS = ("authorization", "cookie", "x-api-key", "api-key", "x-auth-token")


def _open_credentials(value: dict[str, str]) -> None:
    wrong = {
        name: [SEALED] for name, text in value.items() if name.lower() in CREDENTIALS and text and not has_place(text)
    }
    if wrong:
        raise ValidationError(wrong)


def _headers() -> Pairs:
    field = header_pairs(load_default=dict, metadata={"description": "Sent with each request that sets none of it."})
    field.validators.extend([validate.Length(max=100), _open_credentials])
    return field


class EnvironmentFields(Schema):
    """Where tests go, and what they need there."""

    name = title(required=True, metadata={"example": "staging"})
    description = Text(at_most=10_000, load_default=None, allow_none=True)
    base_url = checked(
        a_url, at_most=2048, load_default=None, allow_none=True, metadata={"example": "https://staging.example.com/v1"}
    )
    variables = variable_pairs(load_default=dict)
    headers = _headers()
    auth = Pairs(
        keys=named(),
        values=Auth(),
        load_default=dict,
        validate=validate.Length(max=100),
        metadata={
            "description": "Ways to authenticate, by name.",
            "example": {"user": {"type": "bearer", "token": "{{secret.token}}"}},
        },
    )
    default_auth = Text(
        at_least=1,
        at_most=LONGEST_NAME,
        load_default=None,
        allow_none=True,
        metadata={"description": "Of `auth`, the one of steps that name none."},
    )
    knowledge_base_id = PublicId("kb", load_default=None, allow_none=True)


class EnvironmentIn(EnvironmentFields):
    """A new environment."""


class EnvironmentPatch(EnvironmentFields):
    """What is to change; everything else stays."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "partial": True})


class EnvironmentOut(Schema):
    """An environment; its secrets are not in it."""

    id = PublicId("env", required=True)
    object = fields.Constant("environment", required=True)
    project_id = PublicId("proj", required=True)
    name = fields.String(required=True)
    description = fields.String(required=True, allow_none=True)
    base_url = fields.String(required=True, allow_none=True)
    variables = fields.Dict(required=True)
    headers = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    auth = fields.Dict(keys=fields.String(), values=fields.Dict(), required=True)
    default_auth = fields.String(required=True, allow_none=True)
    knowledge_base_id = PublicId("kb", required=True, allow_none=True)
    created_at = Time(required=True)
    updated_at = Time(required=True)


class SecretIn(Schema):
    """The value of a secret."""

    value = Text(
        at_least=SHORTEST_SECRET,
        at_most=LONGEST_VALUE,
        required=True,
        metadata={"description": "Kept encrypted and shown to nobody. A shorter one could not be told from chance."},
    )


class SecretOut(Schema):
    """A secret of an environment, without its value."""

    object = fields.Constant("environment_secret", required=True)
    name = fields.String(required=True)
    updated_at = Time(required=True)


class SecretsOut(Schema):
    """All secrets of an environment, by name."""

    object = fields.Constant("list", required=True)
    data = fields.List(fields.Nested(SecretOut), required=True)


class EnvironmentsQuery(page_query("env")):  # type: ignore[misc]
    """Which environments are listed."""


def environment_view(environment: Environment) -> Json:
    """What EnvironmentOut reads."""
    names = ("id", "project_id", "name", "description", "base_url", "variables", "headers", "auth", "default_auth",
             "knowledge_base_id", "created_at", "updated_at")  # fmt: skip
    return {name: getattr(environment, name) for name in names}


def secret_view(secret: EnvironmentSecret) -> Json:
    """What SecretOut reads."""
    return {"name": secret.name, "updated_at": secret.updated_at}

"""Ways to authenticate, in environments and in steps; what is secret in them comes from a place, never written out."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from schemas.base import Text
from schemas.choice import Choice
from schemas.templated import LONGEST_VALUE, a_header_name, a_name, a_url, checked, sealed

AT_MOST = 2000


def _secret() -> Text:
    return checked(sealed, at_most=LONGEST_VALUE, required=True, metadata={"example": "{{secret.token}}"})


def _type(name: str) -> fields.String:
    return fields.String(required=True, validate=validate.OneOf([name]), metadata={"example": name})


class BearerAuth(Schema):
    """`Authorization: Bearer …`."""

    type = _type("bearer")
    token = _secret()


class BasicAuth(Schema):
    """`Authorization: Basic …`."""

    type = _type("basic")
    username = Text(at_most=AT_MOST, required=True)
    password = _secret()


class ApiKeyAuth(Schema):
    """A key in a header, a query parameter or a cookie."""

    type = _type("api_key")
    name = checked(a_header_name, at_most=200, required=True, metadata={"example": "X-Api-Key"})
    value = _secret()
    place = fields.String(
        data_key="in",
        attribute="in",
        validate=validate.OneOf(["header", "query", "cookie"], error="Must be one of: {choices}."),
        metadata={"default": "header"},
    )


class OAuth2Auth(Schema):
    """A token of OAuth 2 client credentials, asked for once and kept until it ends."""

    type = _type("oauth2")
    token_url = checked(a_url, at_most=2048, required=True)
    client_id = Text(at_least=1, at_most=AT_MOST, required=True)
    client_secret = _secret()
    scopes = fields.List(Text(at_least=1, at_most=200), validate=validate.Length(max=100))
    audience = Text(at_least=1, at_most=AT_MOST)
    client_auth = fields.String(
        validate=validate.OneOf(["basic", "body"], error="Must be one of: {choices}."), metadata={"default": "basic"}
    )


AUTHS: dict[str, type[Schema]] = {
    "bearer": BearerAuth,
    "basic": BasicAuth,
    "api_key": ApiKeyAuth,
    "oauth2": OAuth2Auth,
}


class Auth(Choice):
    """One way to authenticate."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("type", AUTHS, what="an auth", **kwargs)


class StepAuth(Auth):
    """How a step authenticates: by a name in its environment, by a way of its own, or (false) not at all."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if isinstance(value, dict):
            return super()._deserialize(value, attr, data, **kwargs)
        if isinstance(value, str):
            a_name(value)
        elif value is not False:
            raise ValidationError("Must be the name of an auth in the environment, an object, or false for none.")
        return value

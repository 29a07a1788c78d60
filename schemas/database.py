"""Live databases of a knowledge base, and queries to them, as clients send and see them."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from models import DatabaseConnection
from schemas.base import Number, PublicId, Text, Time, page_query

PREFIX = DatabaseConnection.prefix
LONGEST_DSN = 2048
LONGEST_QUERY = 100_000
MOST_ROWS = 1000
MOST_ITEMS = 1000
DSN = """`postgresql://user:password@host:5432/database?sslmode=require`. Kept sealed and never shown again. Use a role
that may only read."""


class DatabaseIn(Schema):
    """A database to read tables from."""

    name = Text(at_least=1, at_most=100, required=True, metadata={"example": "shop"})
    dsn = Text(at_least=1, at_most=LONGEST_DSN, required=True, metadata={"description": DSN})
    schemas = fields.List(
        Text(at_least=1, at_most=63),
        validate=validate.Length(min=1, max=100),
        allow_none=True,
        load_default=None,
        metadata={"description": "Only these; null: all but the system's.", "example": ["public"]},
    )


class DatabaseAddress(Schema):
    """Where it is; without the password."""

    host = fields.String(required=True)
    port = fields.Integer(required=True)
    database = fields.String(required=True)
    user = fields.String(required=True)
    sslmode = fields.String(required=True)


class DatabaseFailure(Schema):
    """Why a database could not be reached."""

    code = fields.String(required=True)
    message = fields.String(required=True)


class DatabaseTestOut(Schema):
    """What came of an attempt to connect."""

    ok = fields.Boolean(required=True)
    server_version = fields.String(required=True, allow_none=True)
    user = fields.String(required=True, allow_none=True)
    notes = fields.List(
        fields.String(), required=True, metadata={"description": "What could be safer, such as a role that may write."}
    )
    error = fields.Nested(DatabaseFailure, required=True, allow_none=True)
    took_ms = fields.Float(required=True)
    checked_at = Time(required=True)


class DatabaseOut(Schema):
    """A database, without its DSN."""

    id = PublicId(PREFIX, required=True)
    object = fields.Constant("database", required=True)
    knowledge_base_id = PublicId("kb", required=True)
    name = fields.String(required=True)
    address = fields.Nested(DatabaseAddress, required=True)
    schemas = fields.List(fields.String(), required=True, allow_none=True)
    last_test = fields.Nested(DatabaseTestOut, required=True, allow_none=True)
    created_at = Time(required=True)


def database_view(connection: DatabaseConnection) -> dict[str, Any]:
    """What DatabaseOut reads."""
    checked = connection.checked
    return {
        "id": connection.id,
        "knowledge_base_id": connection.knowledge_base_id,
        "name": connection.name,
        "address": connection.address,
        "schemas": connection.schemas,
        "last_test": {**checked, "checked_at": connection.checked_at} if checked else None,
        "created_at": connection.created_at,
    }


def _plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


class Parameter(fields.Field[Any]):
    """Null, text, a number, true or false, or a list of those."""

    def __init__(self, **kwargs: Any) -> None:
        plain = ["string", "number", "boolean"]
        shape = {"type": [*plain, "array"], "items": {"type": [*plain, "null"]}, "maxItems": MOST_ITEMS}
        super().__init__(allow_none=True, metadata=shape, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not (
            _plain(value)
            or (isinstance(value, list) and len(value) <= MOST_ITEMS and all(_plain(one) for one in value))
        ):
            raise ValidationError("Must be null, text, a number, true, false, or a list of at most 1,000 of them.")
        return value


class DatabaseQueryIn(Schema):
    """One query that only reads."""

    sql = Text(
        at_least=1,
        at_most=LONGEST_QUERY,
        required=True,
        metadata={
            "description": "One SELECT, VALUES or WITH … SELECT; `$1`, `$2`, … are the parameters.",
            "example": "SELECT id, placed FROM orders WHERE customer_id = $1 ORDER BY placed DESC",
        },
    )
    parameters = fields.List(Parameter(), validate=validate.Length(max=100), load_default=list)
    limit = Number(at_least=1, at_most=MOST_ROWS, load_default=100, metadata={"description": "Rows at most."})
    timeout_s = Number(at_least=1, at_most=30, load_default=10)


class QueryColumn(Schema):
    """A column of the answer."""

    name = fields.String(required=True)
    type = fields.String(required=True, metadata={"description": "As PostgreSQL calls it."})


class DatabaseQueryOut(Schema):
    """The answer. Decimals, dates, times and bytes are texts as PostgreSQL writes them; so are NaN and whole numbers
    beyond 64 bits."""

    columns = fields.List(fields.Nested(QueryColumn), required=True)
    rows = fields.List(fields.List(fields.Raw(allow_none=True)), required=True)
    truncated = fields.Boolean(required=True, metadata={"description": "There are more rows, or they are over 4 MiB."})
    took_ms = fields.Float(required=True)


DatabasesQuery = page_query(PREFIX)

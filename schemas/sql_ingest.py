"""Input and result of a job that reads SQL: a script of DDL, or a live database."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from models import DatabaseConnection
from schemas.base import PublicId, Text

SOURCES = ("file_id", "ddl", "database_id")
LONGEST_DDL = 4 * 1024 * 1024
MODES = ("replace", "merge")
DIALECTS = (
    "athena", "bigquery", "clickhouse", "databricks", "doris", "dremio", "drill", "druid", "duckdb", "dune", "exasol",
    "fabric", "hive", "materialize", "mysql", "oracle", "postgres", "presto", "redshift", "risingwave", "snowflake",
    "spark", "spark2", "sqlite", "starrocks", "teradata", "trino", "tsql",
    "mariadb", "mssql", "plsql", "postgresql", "sqlite3", "sqlserver",
)  # fmt: skip


class HowToIngestSql(Schema):
    """What is done with the tables, wherever they come from."""

    source = Text(
        at_least=1,
        at_most=100,
        metadata={
            "default": "default",
            "description": "Names the database within the knowledge base; tables are compared within it.",
        },
    )
    mode = fields.String(
        validate=validate.OneOf(MODES),
        metadata={
            "default": "replace",
            "description": "`replace`: tables that are not in it leave the draft; `merge`: they stay.",
        },
    )
    dialect = fields.String(
        validate=validate.OneOf(DIALECTS),
        allow_none=True,
        metadata={"description": "Of the DDL; without it the dialect is guessed."},
    )
    describe_with = Text(
        at_least=1,
        at_most=300,
        allow_none=True,
        metadata={"description": "`provider/model` that adds a summary and questions to each new description."},
    )


class SqlUploadQuery(HowToIngestSql):
    """The same as text, in the query or in the form."""


class SqlUploadIn(HowToIngestSql):
    """Tables that are not uploaded with the request: exactly one of file_id, ddl and database_id."""

    file_id = PublicId("file", allow_none=True)
    ddl = Text(
        at_least=1,
        at_most=LONGEST_DDL,
        allow_none=True,
        metadata={"example": "CREATE TABLE orders (id int PRIMARY KEY, placed date NOT NULL);"},
    )
    database_id = PublicId(DatabaseConnection.prefix, allow_none=True)

    @validates_schema
    def _exactly_one(self, data: dict[str, Any], **_: Any) -> None:
        given = [name for name in SOURCES if data.get(name) is not None]
        if len(given) != 1:
            raise ValidationError("Give exactly one of file_id, ddl and database_id.", given[1] if given else "ddl")
        if given == ["database_id"] and data.get("dialect") is not None:
            raise ValidationError("Belongs to DDL; a live database says itself what it is.", "dialect")


class SqlIngestIn(SqlUploadIn):
    """A script of SQL DDL in nearly any dialect, such as a dump, or a database to look into."""

    knowledge_base_id = PublicId("kb", allow_none=True, metadata={"description": "Left out: the project's own."})


class TableCounts(Schema):
    """How many tables the draft has that it had not, and so on."""

    added = fields.Integer(required=True)
    changed = fields.Integer(required=True)
    removed = fields.Integer(required=True)
    unchanged = fields.Integer(required=True)


class TableKeys(Schema):
    """Which they are, the first 1,000 of each."""

    added = fields.List(fields.String(), required=True)
    changed = fields.List(fields.String(), required=True)
    removed = fields.List(fields.String(), required=True)


class FieldChange(Schema):
    """One thing that a table says otherwise than before."""

    change = fields.String(required=True, validate=validate.OneOf(["added", "removed", "changed"]))
    field = fields.String(required=True, metadata={"example": "columns/email/type"})
    before = fields.Raw(required=True, allow_none=True)
    after = fields.Raw(required=True, allow_none=True)


class TableChange(Schema):
    """What changed in one table, 50 things at most."""

    key = fields.String(required=True, metadata={"example": "public.customers"})
    changes = fields.List(fields.Nested(FieldChange), required=True)


class SqlWarning(Schema):
    """Something that could not be read, and was left out."""

    line = fields.Integer(required=True, allow_none=True)
    detail = fields.String(required=True)


class WrittenCounts(Schema):
    """What a model wrote."""

    written = fields.Integer(required=True)
    failed = fields.Integer(required=True)


class SqlIngestOut(Schema):
    """What was read, and what of the draft it changed."""

    knowledge_base_id = PublicId("kb", required=True)
    source = fields.String(required=True)
    dialect = fields.String(required=True)
    found = fields.Integer(required=True, metadata={"description": "Tables and views that were read."})
    tables = fields.Nested(TableCounts, required=True)
    keys = fields.Nested(TableKeys, required=True)
    changes = fields.List(
        fields.Nested(TableChange), required=True, metadata={"description": "Of changed tables, 200 at most."}
    )
    warnings = fields.List(fields.Nested(SqlWarning), required=True)
    descriptions = fields.Nested(WrittenCounts, required=True)

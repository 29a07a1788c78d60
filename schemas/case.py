"""Test cases as clients send and see them."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from infra import ids
from models import Case, CaseOrigin, CaseState, CaseVersion
from schemas.assertion import operation
from schemas.base import Flag, PublicId, QueryNumber, Text, Time, not_blank, page_query
from schemas.chat import Checked
from schemas.step import MOST_STEPS, steps
from schemas.templated import variables

Json = dict[str, Any]

STATES = [state.value for state in CaseState]
ORIGINS = [origin.value for origin in CaseOrigin]
CONTENT = ("variables", "data", "data_file_id", "setup", "steps", "teardown")
MOST_TAGS = 50
MOST_ROWS = 10_000
MOST_AT_ONCE = 1000
LONGEST_COLUMN = 200
BIGGEST_NUMBER = 2_147_483_647


def _rows(value: Any) -> Any:
    """What is wrong with data rows, whose number is looked at elsewhere."""
    if not isinstance(value, list):
        return ["Must be a list of objects."]
    for index, row in enumerate(value):
        if not isinstance(row, dict):
            return {index: ["Must be an object: the values of one row by their names."]}
        for column in row:
            if not 1 <= len(column) <= LONGEST_COLUMN:
                return {index: [f"A name in a row has 1 to {LONGEST_COLUMN} characters."]}
    return []


def _distinct(value: list[Any]) -> None:
    if len(set(value)) < len(value):
        raise ValidationError("Names something twice.")


def tags(**kwargs: Any) -> fields.List:
    """A field for tags."""
    one = Text(at_least=1, at_most=100)
    one.validators.append(not_blank)
    return fields.List(one, validate=[validate.Length(max=MOST_TAGS), _distinct], **kwargs)


class FeatureId(PublicId):
    """A feature of the product."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("feat", **kwargs)


class CaseFields(Schema):
    """What a case is called, what it tests, and what it does."""

    name = Text(at_least=1, at_most=200, required=True, validate_also=None, metadata={"example": "A user can be read"})
    description = Text(at_most=10_000, load_default=None, allow_none=True)
    tags = tags(load_default=list)
    operation = operation(load_default=None, allow_none=True)
    knowledge_base_id = PublicId("kb", load_default=None, allow_none=True)
    feature_id = FeatureId(load_default=None, allow_none=True)
    variables = variables(load_default=dict)
    data = Checked(
        _rows,
        load_default=list,
        schema={
            "type": "array",
            "items": {"type": "object"},
            "description": f"Rows: the case is executed once for each, at most {MOST_ROWS}; `{{{{row.name}}}}`.",
            "example": [{"id": 7, "status": 200}, {"id": 0, "status": 404}],
        },
    )

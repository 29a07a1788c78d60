"""What a step's answer must be: assertions, one shape for each type, each with the fields that it knows."""

import re
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from schemas.base import Flag, Number, PublicId, Text
from schemas.chat import Checked
from schemas.completion import Real
from schemas.templated import LONGEST_VALUE, a_header_name, checked, has_place

Json = dict[str, Any]

SEVERITIES = ("fail", "warn")
ALONE = ("exists", "not_exists", "empty", "not_empty")
NUMERIC = ("less", "less_or_equal", "greater", "greater_or_equal")
OPS = ("equals", "not_equals", "contains", "not_contains", "matches", "type", "length", "one_of", "starts_with",
       "ends_with", *NUMERIC, *ALONE)  # fmt: skip
STATUS_OPS = ("equals", "not_equals", "one_of", *NUMERIC)
JSON_TYPES = ("string", "number", "integer", "boolean", "object", "array", "null")
LONGEST_PATTERN = 2000
LONGEST_PATH = 1000
MOST_JUDGES = 5
OPERATION = re.compile(r"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|TRACE) /\S*")

_STATUS = re.compile(r"[1-5]([0-9]{2}|[xX]{2})")
_STATUS_SHAPE: Json = {
    "anyOf": [{"type": "integer", "minimum": 100, "maximum": 599}, {"type": "string", "pattern": "^[1-5]xx$"}]
}
_PATH = "`$…` is JSONPath (RFC 9535), anything else JMESPath; left out: the whole."


def an_operation(value: str) -> None:
    """Refuses what does not name an operation."""
    if not OPERATION.fullmatch(value):
        raise ValidationError("Must be a method and a path, as `GET /users/{id}`.")


def operation_name(**kwargs: Any) -> Text:
    """A field that names an operation of a knowledge base."""
    kwargs.setdefault("metadata", {"pattern": f"^{OPERATION.pattern}$", "example": "GET /users/{id}"})
    return checked(an_operation, at_most=2048, **kwargs)


def _status(value: Any) -> list[str]:
    """What is wrong with the status codes that are expected."""
    wanted = value if isinstance(value, list) else [value]
    if wanted and len(wanted) <= 100 and all(map(_is_status, wanted)):
        return []
    return ["Must be a status from 100 to 599, a class as `2xx`, a text with a place, or a list of at most 100 those."]


def _is_status(one: Any) -> bool:
    if isinstance(one, str):
        return has_place(one) or _STATUS.fullmatch(one) is not None
    return isinstance(one, int) and not isinstance(one, bool) and 100 <= one <= 599


def json_schema_shape(value: Any) -> list[str]:
    """What is wrong with a JSON schema at the first glance."""
    return [] if isinstance(value, dict | bool) else ["Must be a JSON schema: an object, true or false."]


def _type(kind: str) -> fields.String:
    return fields.String(required=True, validate=validate.OneOf([kind]), metadata={"example": kind})


def _op(choices: tuple[str, ...]) -> fields.String:
    wrong = "Must be one of: {choices}."
    return fields.String(validate=validate.OneOf(choices, error=wrong), metadata={"default": "equals"})


class AssertionFields(Schema):
    """What assertions of every type have."""

    severity = fields.String(
        validate=validate.OneOf(SEVERITIES, error="Must be one of: {choices}."),
        metadata={"default": "fail", "description": "What misses a `warn` fails nothing, and is told."},
    )


class Compared(AssertionFields):
    """What compares a value with an expected one."""

    op = _op(OPS)
    expected = fields.Raw(allow_none=True, metadata={"description": "Any JSON; texts may have places."})

    @validates_schema
    def _fits(self, data: Json, **_: Any) -> None:
        op = data.get("op", "equals")
        if op in ALONE and "expected" in data:
            raise ValidationError(f"`{op}` compares with nothing; leave `expected` out.", "expected")
        if op not in ALONE and "expected" not in data:
            raise ValidationError(f"`{op}` needs a value to compare with.", "expected")
        wrong = None if op in ALONE or has_place(data["expected"]) else _misfit(op, data["expected"])
        if wrong:
            raise ValidationError(wrong, "expected")


def _misfit(op: str, expected: Any) -> str | None:
    """Why nothing can be compared with that, or None."""
    is_number = isinstance(expected, int | float) and not isinstance(expected, bool)
    if op in NUMERIC and not (is_number or isinstance(expected, str)):
        return f"`{op}` compares with a number or a text."
    if op == "length" and not (is_number and expected == int(expected) >= 0):
        return "`length` compares with a whole number, 0 or more."
    if op == "one_of" and not (isinstance(expected, list) and expected):
        return "`one_of` compares with a list that is not empty."
    if op == "type" and expected not in JSON_TYPES:
        return f"`type` compares with one of: {', '.join(JSON_TYPES)}."
    if op in ("matches", "starts_with", "ends_with") and not isinstance(expected, str):
        return f"`{op}` compares with a text."
    if op == "matches" and not 1 <= len(expected) <= LONGEST_PATTERN:
        return f"A pattern has 1 to {LONGEST_PATTERN} characters."
    return None


class StatusAssertion(AssertionFields):
    """The status of the answer."""

    type = _type("status")
    op = _op(STATUS_OPS)
    expected = Checked(
        _status,
        required=True,
        schema={
            "anyOf": [*_STATUS_SHAPE["anyOf"], {"type": "array", "minItems": 1, "items": _STATUS_SHAPE}],
            "example": 200,
        },
    )

    @validates_schema
    def _fits(self, data: Json, **_: Any) -> None:
        op, expected = data.get("op"), data["expected"]
        if op in NUMERIC and not isinstance(expected, int) and not has_place(expected):
            raise ValidationError(f"`{op}` compares with one status.", "expected")


class HeaderAssertion(Compared):
    """A header of the answer, by its name in whatever case."""

    type = _type("header")
    name = checked(a_header_name, at_most=200, required=True)


class BodyAssertion(Compared):
    """The body of the answer as JSON, or what is found in it."""

    type = _type("body")
    path = Text(at_least=1, at_most=LONGEST_PATH, metadata={"description": _PATH, "example": "$.items[0].id"})


class JsonSchemaAssertion(AssertionFields):
    """The body, or what is found in it, is valid under a JSON schema."""

    type = _type("json_schema")
    json_schema = Checked(
        json_schema_shape,
        data_key="schema",
        attribute="schema",
        required=True,
        schema={"type": ["object", "boolean"], "description": "JSON Schema; nothing is fetched for a `$ref`."},
    )
    path = Text(at_least=1, at_most=LONGEST_PATH, metadata={"description": _PATH})


class OperationAssertion(AssertionFields):
    """The answer is one that the operation's specification promises: status, content type, headers, body."""

    type = _type("operation")
    operation = operation_name()
    knowledge_base_id = PublicId("kb")
    source = Text(at_least=1, at_most=300, metadata={"description": "Of several specifications, which one."})


class LatencyAssertion(AssertionFields):
    """How long the answer took."""

    type = _type("latency")
    max_ms = Real(at_least=1, at_most=300_000, required=True)


class SizeAssertion(AssertionFields):
    """How long the body is."""

    type = _type("size")
    max_bytes = Number(at_least=0, at_most=2**40)
    min_bytes = Number(at_least=0, at_most=2**40)

    @validates_schema
    def _bounds(self, data: Json, **_: Any) -> None:
        least, most = data.get("min_bytes"), data.get("max_bytes")
        if least is None and most is None:
            raise ValidationError("Needs max_bytes, min_bytes or both.")
        if least is not None and most is not None and least > most:
            raise ValidationError("Is more than max_bytes.", "min_bytes")


class ExactAssertion(AssertionFields):
    """The text of the answer, word for word."""

    type = _type("exact")
    expected = Text(at_most=LONGEST_VALUE, required=True)
    ignore_case = Flag()
    trim = Flag(metadata={"description": "White space around both does not count."})


class ContainsAssertion(AssertionFields):
    """A text in the answer."""

    type = _type("contains")
    expected = Text(at_least=1, at_most=LONGEST_VALUE, required=True)


class RegexAssertion(AssertionFields):
    """A pattern that is found in the text of the answer."""

    type = _type("regex")
    pattern = Text(at_least=1, at_most=LONGEST_PATTERN, required=True)


class JudgedFields(AssertionFields):
    """What a model judges."""

    model = Text(at_least=1, at_most=300)
    judges = Number(at_least=1, at_most=MOST_JUDGES, metadata={"default": 1, "description": "The majority decides."})
    threshold = Real(at_least=0, at_most=1)


class SameMeaningAssertion(JudgedFields):
    """The answer says the same as the expected text, for a judge or by the distance of embeddings."""

    type = _type("same_meaning")
    expected = Text(at_least=1, at_most=LONGEST_VALUE, required=True)
    by = fields.String(
        validate=validate.OneOf(["judge", "embedding"], error="Must be one of: {choices}."),
        metadata={"description": "Left out: `judge` with a `model`, `embedding` without."},
    )
    rubric = Text(at_least=1, at_most=20_000, metadata={"description": "What the judge is to look at."})

    @validates_schema
    def _of_a_judge(self, data: Json, **_: Any) -> None:
        by = data.get("by") or ("judge" if "model" in data else "embedding")
        wrong = {one: ["Is for `by: judge`."] for one in ("judges", "rubric") if by == "embedding" and one in data}
        if wrong:
            raise ValidationError(wrong)


class ValidationPromptAssertion(JudgedFields):
    """A model says whether the answer is right, by your own prompt."""

    type = _type("validation_prompt")
    prompt = Text(at_least=1, at_most=LONGEST_VALUE, required=True)


# What can be said of every answer, and what of one over HTTP.
OF_TEXT: dict[str, type[Schema]] = {
    "body": BodyAssertion,
    "json_schema": JsonSchemaAssertion,
    "latency": LatencyAssertion,
    "size": SizeAssertion,
    "exact": ExactAssertion,
    "contains": ContainsAssertion,
    "regex": RegexAssertion,
    "same_meaning": SameMeaningAssertion,
    "validation_prompt": ValidationPromptAssertion,
}
OF_HTTP: dict[str, type[Schema]] = {
    "status": StatusAssertion,
    "header": HeaderAssertion,
    "operation": OperationAssertion,
    **OF_TEXT,
}

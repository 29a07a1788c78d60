"""Input and result of a job that writes test cases."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from schemas.base import AsIs, Number, PublicId, Text
from schemas.case import distinct
from schemas.chat import Checked
from schemas.completion import Real
from schemas.test_run import MOST_SEED

SOURCES = ("openapi", "trace", "description")
MODES = ("positive", "boundary", "negative", "stateful", "security")
MOST_NAMED = 1000
MOST_A_OPERATION = 1000
MOST_TRACES = 50
LONGEST_TRACE = 4 * 1024 * 1024
# Which fields belong to which source.
BELONG = {
    "openapi": ("operations", "source", "modes", "seed", "max_cases_per_operation", "max_latency_ms"),
    "trace": ("trace", "trace_id", "trace_ids"),
    "description": ("description", "model", "operations"),
}


def _trace(value: Any) -> list[str]:
    return [] if isinstance(value, dict | list) and value else ["Must be a trace: OTLP as JSON, or a list of spans."]


class GenerateWish(Schema):
    """From what cases are written. `openapi`: for the operations of a knowledge base; `trace`: that do again what was
    observed; `description`: that a model writes."""

    origin = fields.String(
        data_key="from",
        attribute="from",
        required=True,
        validate=validate.OneOf(SOURCES, error="Must be one of: {choices}."),
    )
    knowledge_base_id = PublicId(
        "kb", allow_none=True, metadata={"description": "Whose operations. Left out: the project's own."}
    )
    environment = Text(
        at_least=1,
        at_most=200,
        allow_none=True,
        metadata={
            "description": "An environment's id or name: steps authenticate with what it has for a scheme. Left out: "
            "the project's environment, if it has just one; null: none."
        },
    )
    operations = fields.List(
        Text(at_least=1, at_most=2048),
        allow_none=True,
        validate=validate.Length(min=1, max=MOST_NAMED),
        metadata={"description": "`GET /users/{id}`, operationIds or ids of entries. Left out: all."},
    )
    source = Text(at_least=1, at_most=100, allow_none=True, metadata={"description": "Of several APIs, which one."})
    modes = fields.List(
        fields.String(validate=validate.OneOf(MODES, error="Must be one of: {choices}.")),
        validate=validate.Length(min=1, max=len(MODES)),
        metadata={
            "description": "positive: valid requests; boundary: the least and the most; negative: one thing wrong; "
            "stateful: made, read, changed, removed, lists; security: without and with wrong credentials. Left out: "
            "all."
        },
    )
    seed = Number(at_least=0, at_most=MOST_SEED, metadata={"description": "The same writes the same. Left out: 1."})
    max_cases_per_operation = Number(
        at_least=1, at_most=MOST_A_OPERATION, metadata={"description": "The most telling are kept. Left out: 100."}
    )
    max_latency_ms = Real(
        at_least=1, at_most=300_000, metadata={"description": "How long an answer may take. Left out: 2800."}
    )
    trace = Checked(
        _trace,
        schema={"anyOf": [{"type": "object"}, {"type": "array", "minItems": 1, "items": {"type": "object"}}]},
    )
    trace_id = PublicId("trace", metadata={"description": "Of `from: trace`, a trace that is stored here."})
    trace_ids = fields.List(
        PublicId("trace"),
        validate=[validate.Length(min=1, max=MOST_TRACES), distinct],
        metadata={"description": "Several of them; what they have in common is one case."},
    )
    description = Text(
        at_least=1, at_most=20_000, metadata={"description": "What is to be tested, in a few sentences."}
    )
    model = Text(at_least=1, at_most=300, metadata={"description": "`provider/model` that writes the cases."})


class GenerateIn(GenerateWish):
    """From what test cases are written, and which."""

    @validates_schema
    def _what_belongs_together(self, data: dict[str, Any], **_: Any) -> None:
        origin = data["from"]
        wrong: dict[str, list[str]] = {}
        if origin == "description" and data.get("description") is None:
            wrong["description"] = ["Is needed for `from: description`."]
        given = [name for name in BELONG["trace"] if data.get(name) is not None]
        if origin == "trace" and not given:
            wrong["trace"] = ["Is needed for `from: trace`; or `trace_id`, or `trace_ids`, of what is stored."]
        for name in given[1:] if origin == "trace" else ():
            wrong[name] = [f"The traces come from one place, and `{given[0]}` has some already."]
        for other, names in BELONG.items():
            for name in names:
                if data.get(name) is not None and name not in BELONG[origin]:
                    wrong.setdefault(name, [f"Is for `from: {other}`."])
        if wrong:
            raise ValidationError(wrong)


class GenerateWarning(Schema):
    """Something that got no case, and why."""

    operation = fields.String(required=True, allow_none=True)
    code = fields.String(required=True)
    message = fields.String(required=True)


class GenerateOut(Schema):
    """The drafts that were written; they are run when somebody has approved them."""

    drafts = fields.List(fields.String(), required=True, metadata={"description": "Ids of test cases."})
    skipped = fields.Integer(required=True, metadata={"description": "Those that the project has already."})
    operations = fields.Integer(required=True, metadata={"description": "How many operations were looked at."})
    warnings = fields.List(AsIs(GenerateWarning), required=True, metadata={"description": "The first 500."})
    warnings_total = fields.Integer(required=True)

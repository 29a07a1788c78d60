"""The steps of test cases and suites: a request over HTTP, or a question to a model, and what is made of the answer."""

import re
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from infra.http import METHODS
from schemas.assertion import LONGEST_PATH, LONGEST_PATTERN, OF_HTTP, OF_TEXT, operation_name
from schemas.base import Flag, Number, Text
from schemas.choice import Choice
from schemas.completion import CompletionIn, Real
from schemas.step_auth import StepAuth
from schemas.templated import a_header_name, a_url, checked, header_pairs, named, scalar_pairs

Json = dict[str, Any]

MOST_STEPS = 50
MOST_ASSERTIONS = 100
LONGEST_URL = 8192
LONGEST_TEXT = 1024 * 1024
# Where values are taken from; these two need no expression.
WHOLE = ("status", "body")
FROM = ("jsonpath", "jmespath", "header", "cookie", "regex", *WHOLE)

_AGAIN_ON = re.compile(r"connect|timeout|assertion|[1-5]([0-9]{2}|xx)")
_LONGEST = {"regex": LONGEST_PATTERN, "jsonpath": LONGEST_PATH, "jmespath": LONGEST_PATH}


class ExtractIn(Schema):
    """A value of the answer, by the name that later steps have it under."""

    name = named(required=True)
    source = fields.String(
        data_key="from",
        attribute="from",
        required=True,
        validate=validate.OneOf(FROM, error="Must be one of: {choices}."),
    )
    expression = Text(
        at_least=1,
        at_most=LONGEST_PATTERN,
        metadata={"description": "A path, a pattern (its first group, or all of it), or the name of a header."},
    )
    default = fields.Raw(allow_none=True, metadata={"description": "For an answer that has no such value."})
    secret = Flag(metadata={"default": False, "description": "Is used, and shown nowhere."})

    @validates_schema
    def _has_its_expression(self, data: Json, **_: Any) -> None:
        source, expression = data["from"], data.get("expression")
        if source in WHOLE and expression is not None:
            raise ValidationError(f"The {source} is taken as it is; leave `expression` out.", "expression")
        if source not in WHOLE and expression is None:
            raise ValidationError(f"From `{source}`, a value needs an expression.", "expression")
        if source == "header":
            _named(expression)
        if len(expression or "") > _LONGEST.get(source, LONGEST_PATTERN):
            raise ValidationError(f"Is longer than {_LONGEST[source]} characters.", "expression")


def _named(expression: str | None) -> None:
    try:
        a_header_name(expression or "")
    except ValidationError as error:
        raise ValidationError(error.messages, "expression") from None


class RetryIn(Schema):
    """When a step is tried again, and how often; without this it never is."""

    max = Number(at_least=0, at_most=5, required=True)
    on = fields.List(
        fields.String(validate=validate.Regexp(_AGAIN_ON.pattern + r"\Z", error="Must be a cause, as `timeout`.")),
        validate=validate.Length(min=1, max=50),
        metadata={
            "description": "`connect`, `timeout`, `assertion` (one failed), a status, or a class as `5xx`.",
            "default": ["connect", "timeout", "5xx", "429"],
            "example": ["connect", "timeout", "503"],
        },
    )
    delay_s = Real(at_least=0, at_most=60, metadata={"default": 1})


class StepFields(Schema):
    """What steps of every kind have."""

    id = named(metadata={"description": "Unique in the case; left out: step_1, step_2, …"})
    name = Text(at_least=1, at_most=200)
    timeout_s = Real(at_least=0.05, at_most=300, metadata={"default": 30, "description": "For each try."})
    retry = fields.Nested(RetryIn)
    continue_on_failure = Flag(metadata={"default": False, "description": "Go on with the next step all the same."})
    extract = fields.List(fields.Nested(ExtractIn), validate=validate.Length(max=MOST_ASSERTIONS))


class HttpStep(StepFields):
    """A request over HTTP."""

    kind = fields.String(validate=validate.OneOf(["http"]), metadata={"default": "http"})
    method = fields.String(required=True, validate=validate.OneOf(METHODS, error="Must be one of: {choices}."))
    url = checked(
        a_url,
        at_most=LONGEST_URL,
        required=True,
        metadata={"description": "Whole, or a path below the environment's base_url.", "example": "/users/{id}"},
    )
    path_params = scalar_pairs(nulls=False, metadata={"description": "For `{id}` in the url.", "example": {"id": 7}})
    query = scalar_pairs(lists=True, metadata={"description": "A list is sent as several; null is left out."})
    headers = header_pairs()
    body = fields.Raw(allow_none=True, metadata={"description": "Sent as JSON."})
    text = Text(at_most=LONGEST_TEXT, metadata={"description": "Sent as it is; its Content-Type is up to `headers`."})
    form = scalar_pairs(lists=True, metadata={"description": "Sent as application/x-www-form-urlencoded."})
    auth = StepAuth(
        metadata={"description": "A name in the environment, a way of its own, or false; left out: its default_auth."}
    )
    redirects = Number(at_least=0, at_most=10, metadata={"default": 0, "description": "How many are followed."})
    operation = operation_name()
    assertions = fields.List(
        Choice("type", OF_HTTP, what="an assertion"),
        data_key="assert",
        attribute="assert",
        validate=validate.Length(max=MOST_ASSERTIONS),
    )

    @validates_schema
    def _one_body(self, data: Json, **_: Any) -> None:
        given = [one for one in ("body", "text", "form") if one in data]
        for one in given[1:]:
            raise ValidationError(f"A request has one body, and this one has `{given[0]}` already.", one)


class CompletionStep(StepFields, CompletionIn):
    """A question to a model, as the kind `completion` takes it, and all in one piece."""

    kind = fields.String(required=True, validate=validate.OneOf(["completion"]))
    assertions = fields.List(
        Choice("type", OF_TEXT, what="an assertion of a completion step"),
        data_key="assert",
        attribute="assert",
        validate=validate.Length(max=MOST_ASSERTIONS),
    )

    class Meta:
        """A step's answer is judged when it is whole."""

        exclude = ("stream",)


STEPS: dict[str, type[Schema]] = {"http": HttpStep, "completion": CompletionStep}


def step_list(**kwargs: Any) -> fields.List[Any]:
    """A field for the steps of one phase."""
    return fields.List(Choice("kind", STEPS, what="a step", default="http"), **kwargs)

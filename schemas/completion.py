"""Input and result of a completion job."""

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from schemas import chat, chat_shapes
from schemas.base import Flag, Number, Text
from schemas.chat import Checked
from schemas.retrieval import CitationOut, RetrievalIn

Json = dict[str, Any]

MOST_FALLBACKS = 8
LONGEST_CACHE_SECONDS = 30 * 24 * 3600
FALLBACK_CAUSES = ("any", "context_window", "content_filter")
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


class Real(fields.Float):
    """A number in a range; neither "0.5" nor true is one."""

    def __init__(self, *, at_least: float, at_most: float, **kwargs: Any) -> None:
        super().__init__(validate=validate.Range(min=at_least, max=at_most), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


def _stop(value: Any) -> Any:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not 1 <= len(texts) <= 4:
        return ["Must be a string or a list of 1 to 4 strings."]
    return [] if all(isinstance(text, str) and text for text in texts) else ["Must be non-empty strings."]


def _fallbacks(value: Any) -> Any:
    if not isinstance(value, list) or len(value) > MOST_FALLBACKS:
        return [f"Must be a list of at most {MOST_FALLBACKS} models."]
    errors = {}
    for index, each in enumerate(value):
        model = each.get("model") if isinstance(each, dict) else each
        if not isinstance(model, str) or not model:
            errors[index] = ['Must be a model name or {"model": …, "on": …}.']
        elif isinstance(each, dict) and each.get("on", "any") not in FALLBACK_CAUSES:
            errors[index] = {"on": [f"Must be one of: {', '.join(FALLBACK_CAUSES)}."]}  # type: ignore[assignment]
        elif isinstance(each, dict) and not each.keys() <= {"model", "on"}:
            errors[index] = [chat.UNKNOWN]
    return errors


def _cache(value: Any) -> Any:
    if isinstance(value, bool):
        return None
    seconds = value.get("ttl_seconds") if isinstance(value, dict) and value.keys() == {"ttl_seconds"} else None
    if isinstance(seconds, int) and not isinstance(seconds, bool) and 1 <= seconds <= LONGEST_CACHE_SECONDS:
        return None
    return [f'Must be true, false or {{"ttl_seconds": 1 to {LONGEST_CACHE_SECONDS}}}.']


class CompletionIn(Schema):
    """A chat completion, in OpenAI's shapes. Unknown fields are refused."""

    model = Text(
        at_most=300,
        allow_none=True,
        metadata={
            "description": "`provider/model`, or a bare name for AI_PROVIDER; without one AI_MODEL. "
            "`sandbox` answers offline."
        },
    )
    messages = Checked(chat.messages, schema=chat_shapes.MESSAGES, required=True)
    stream = Flag(allow_none=True, metadata={"default": False, "description": "Send `job.delta` events as it is made."})
    temperature = Real(at_least=0, at_most=2, allow_none=True)
    top_p = Real(at_least=0, at_most=1, allow_none=True)
    max_tokens = Number(at_least=1, at_most=10_000_000, allow_none=True)
    stop = Checked(
        _stop,
        allow_none=True,
        schema={"anyOf": [{"type": "string"}, {"type": "array", "maxItems": 4, "items": {"type": "string"}}]},
    )
    seed = Number(at_least=-(2**63), at_most=2**63 - 1, allow_none=True)
    presence_penalty = Real(at_least=-2, at_most=2, allow_none=True)
    frequency_penalty = Real(at_least=-2, at_most=2, allow_none=True)
    tools = Checked(chat.tools, schema=chat_shapes.TOOLS, allow_none=True)
    tool_choice = Checked(chat.tool_choice, schema=chat_shapes.TOOL_CHOICE, allow_none=True)
    parallel_tool_calls = Flag(allow_none=True)
    response_format = Checked(chat.response_format, schema=chat_shapes.RESPONSE_FORMAT, allow_none=True)
    reasoning_effort = fields.String(validate=validate.OneOf(EFFORTS), allow_none=True)
    user = Text(at_most=512, allow_none=True, metadata={"description": "Your user's id, for the provider."})
    fallback_models = Checked(
        _fallbacks,
        allow_none=True,
        schema={
            "description": "Models to try, in order, when one fails; `on` says after which kind of failure.",
            "type": "array",
            "maxItems": MOST_FALLBACKS,
            "items": {
                "anyOf": [
                    {"type": "string"},
                    {
                        "type": "object",
                        "required": ["model"],
                        "additionalProperties": False,
                        "properties": {
                            "model": {"type": "string"},
                            "on": {"type": "string", "enum": list(FALLBACK_CAUSES), "default": "any"},
                        },
                    },
                ]
            },
        },
    )
    cache = Checked(
        _cache,
        allow_none=True,
        schema={
            "description": "Answer the same request of this project from memory; true keeps answers for an hour.",
            "anyOf": [
                {"type": "boolean"},
                {
                    "type": "object",
                    "required": ["ttl_seconds"],
                    "additionalProperties": False,
                    "properties": {"ttl_seconds": {"type": "integer", "minimum": 1, "maximum": LONGEST_CACHE_SECONDS}},
                },
            ],
        },
    )

    retrieval = fields.Nested(
        RetrievalIn,
        allow_none=True,
        metadata={
            "description": "Look this up in a knowledge base first; the answer rests on what is found, and cites it."
        },
    )

    @validates_schema
    def _choice_has_its_tool(self, data: Json, **_: Any) -> None:
        choice = data.get("tool_choice")
        if choice is None or choice in ("auto", "none"):
            return
        names = [tool["function"]["name"] for tool in data.get("tools") or ()]
        if not names:
            raise ValidationError("There are no tools to choose from.", "tool_choice")
        if isinstance(choice, dict) and choice["function"]["name"] not in names:
            raise ValidationError(f"There is no tool named {choice['function']['name']!r}.", "tool_choice")


class TokenUsage(Schema):
    """What the provider calls behind a result cost."""

    input_tokens = fields.Integer(required=True)
    output_tokens = fields.Integer(required=True)
    cached_tokens = fields.Integer(
        required=True, metadata={"description": "Input tokens read from the provider's cache."}
    )
    reasoning_tokens = fields.Integer(required=True, metadata={"description": "Output tokens nobody sees."})
    cost_usd = fields.String(required=True, allow_none=True, metadata={"description": "Decimal; null: unknown price."})
    latency_ms = fields.Integer(required=True)
    first_token_ms = fields.Integer(required=True, allow_none=True)


class CompletionOut(Schema):
    """The answer. A cancelled stream keeps what it had, with `finish_reason` `cancelled`."""

    message = fields.Raw(required=True, metadata=chat_shapes.MESSAGE)
    finish_reason = fields.String(
        required=True, validate=validate.OneOf(["stop", "length", "tool_calls", "content_filter", "cancelled"])
    )
    model = fields.String(required=True)
    provider = fields.String(required=True)
    usage = fields.Nested(TokenUsage, required=True)
    cached = fields.Boolean(required=True, metadata={"description": "From this project's response cache."})
    citations = fields.List(
        fields.Nested(CitationOut), metadata={"description": "With `retrieval`: what the model was given."}
    )
    attempts = fields.List(
        fields.Dict(), metadata={"description": "The models that failed before this one: provider, model, error."}
    )

"""A call of a model that a trace tells of, as a case that asks the same again; the answer must mean the same."""

import re
from collections.abc import Iterable
from typing import Any

from marshmallow import ValidationError

from infra import json
from models import ObservationKind
from schemas.chat import MOST_TOOLS
from schemas.step import CompletionStep
from schemas.templated import LONGEST_VALUE
from workers.suites.generating.otlp import number
from workers.suites.steps.templates import escaped
from workers.traces.base import Message, Stored, Texts
from workers.traces.mapping.reading import texts_of
from workers.traces.showing import shown_id

Json = dict[str, Any]

# Theirs by OpenTelemetry's name: what they are called here.
PROVIDERS = {"openai": "openai", "anthropic": "anthropic", "openrouter": "openrouter", "x_ai": "xai",
             "gcp.gemini": "gemini", "sandbox": "sandbox"}  # fmt: skip
# By our name the range that we take.
OPTIONS = {
    "temperature": (0.0, 2.0), "top_p": (0.0, 1.0), "max_tokens": (1, 10_000_000), "seed": (-(2**63), 2**63 - 1),
    "presence_penalty": (-2.0, 2.0), "frequency_penalty": (-2.0, 2.0),
}  # fmt: skip
WHOLE = ("max_tokens", "seed")
TOOL_SAID = "Result of a tool: "
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_COMPLETION = CompletionStep()


def is_call(one: Stored) -> bool:
    """Whether a model was asked for text in it."""
    return one.kind == ObservationKind.GENERATION and one.model is not None


def asked(one: Stored) -> Json | str:
    """The step's case without its description: `{"name", "steps"}`; or why there is none."""
    texts = texts_of(one)
    messages, said = _messages(texts), texts.answer.text if texts.answer else ""
    if not any(message["role"] in ("user", "system") for message in messages) or not said.strip():
        lacks = "a text that the model said" if messages else "what it was asked"
        return f"Span {shown_id(one.span_id)} is left out: the trace does not have {lacks}."
    step = {
        "kind": "completion",
        "model": _model(one)[:300],
        "messages": [{**message, "content": escaped(message["content"])} for message in messages],
        **_options(texts.parameters),
        **_tools(texts),
        **_format(texts),
        "assert": _same(said, texts.schema),
    }
    wrong = _wrong(step)
    if wrong:
        return f"Span {shown_id(one.span_id)} is left out: {wrong}"
    questions = [message["content"] for message in messages if message["role"] == "user"]
    question = next((text for text in questions[::-1] if not text.startswith(TOOL_SAID)), one.name)
    return {"name": f"{step['model']}: {' '.join(question.split())}"[:120], "steps": [step]}


def _wrong(step: Json) -> str:
    try:
        _COMPLETION.load(step)
    except ValidationError as error:
        return str(error.messages)
    return ""


def _model(one: Stored) -> str:
    """The model as we name it: with its provider where we know that one."""
    model = str(one.model).rpartition("models/")[2]
    provider = PROVIDERS.get(one.provider or "")
    return f"{provider}/{model}" if provider and "/" not in model else model


def _messages(texts: Texts) -> list[Json]:
    """The conversation in texts; calls of tools are left out, and what tools said is told in words."""
    found = [{"role": "system", "content": texts.system}] if (texts.system or "").strip() else []
    return [*found, *(shown for one in texts.messages if (shown := _message(one)))]


def _message(one: Message) -> Json | None:
    if not one.text.strip() or one.role not in ("system", "user", "assistant", "tool"):
        return None
    if one.role == "tool":
        return {"role": "user", "content": f"{TOOL_SAID}{one.text}"}
    return {"role": one.role, "content": one.text}


def _options(given: Json) -> Json:
    """Temperature and its like, as far as they are in the range that we take."""
    found: Json = {}
    for name, (least, most) in OPTIONS.items():
        value = number(given.get(name)) if name in WHOLE else _real(given.get(name))
        if value is not None and least <= value <= most:
            found[name] = value
    return found


def _real(value: Any) -> float | None:
    try:
        return None if isinstance(value, bool) or value is None else float(value)
    except (TypeError, ValueError):
        return None


def _tools(texts: Texts) -> Json:
    """The tools it might have called, as far as they can be told."""
    named = {str(one.get("name")): one for one in texts.tools if _NAME.fullmatch(str(one.get("name") or ""))}
    functions = [
        {
            "name": name,
            **({"description": one["description"]} if isinstance(one.get("description"), str) else {}),
            **({"parameters": one["parameters"]} if isinstance(one.get("parameters"), dict) else {}),
        }
        for name, one in [*named.items()][:MOST_TOOLS]
    ]
    return {"tools": [{"type": "function", "function": one} for one in functions]} if functions else {}


def _format(texts: Texts) -> Json:
    if texts.schema is None:
        return {}
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": texts.schema}}}


def _same(said: str, schema: Json | None) -> list[Json]:
    found: list[Json] = [{"type": "same_meaning", "expected": escaped(said)[:LONGEST_VALUE], "by": "embedding"}]
    try:
        value = json.read(said)
    except ValueError:
        return found
    if not isinstance(value, dict | list):
        return found
    return [{"type": "json_schema", "schema": schema or shape_of([value])}, *found]


def shape_of(values: Iterable[Any], depth: int = 0) -> Json:
    """A JSON schema that all of these values satisfy: types, and the fields that all of them have."""
    known = list(values)
    types = sorted({_type(one) for one in known})
    types = [one for one in types if not (one == "integer" and "number" in types)]
    shape: Json = {"type": types[0] if len(types) == 1 else types} if types else {}
    if types == ["object"] and depth < 4:
        names = [name for name in known[0] if all(name in one for one in known)]
        shape |= {"required": names, "properties": {
            name: shape_of([one[name] for one in known], depth + 1) for name in names}}  # fmt: skip
    items = [one for value in known if isinstance(value, list) for one in value]
    if types == ["array"] and items and depth < 4:
        shape["items"] = shape_of(items, depth + 1)
    return shape


def _type(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    names = {int: "integer", float: "number", str: "string", dict: "object", list: "array"}
    return names.get(type(value), "null")

"""What a model was asked and what it said, under each of the names that instrumentations give it.

GenAI semantic conventions (attributes, and the events they had before), OpenLLMetry (`gen_ai.prompt.0.content`),
OpenInference (`llm.input_messages.0.message.content`), the AI SDK (`ai.prompt.messages`) and Langfuse.
"""

import re
from collections.abc import Iterator
from typing import Any

from infra import json
from workers.suites.generating.otlp import Span, number

Json = dict[str, Any]

MODELS = ("gen_ai.request.model", "llm.model_name", "ai.model.id", "langfuse.observation.model.name",
          "gen_ai.response.model", "llm.request.model", "model_name")  # fmt: skip
ASKED = ("gen_ai.input.messages", "ai.prompt.messages", "langfuse.observation.input", "input.value", "gen_ai.prompt",
         "ai.prompt", "traceloop.entity.input")  # fmt: skip
SAID = ("gen_ai.output.messages", "ai.response.text", "langfuse.observation.output", "output.value",
        "gen_ai.completion", "gen_ai.output", "traceloop.entity.output")  # fmt: skip
ROLES = {"human": "user", "ai": "assistant", "model": "assistant", "chatbot": "assistant", "developer": "system"}
KNOWN_ROLES = ("system", "user", "assistant", "tool")
PROVIDERS = {"openai": "openai", "anthropic": "anthropic", "openrouter": "openrouter", "xai": "xai", "x_ai": "xai",
             "gcp.gemini": "gemini", "gemini": "gemini", "google_genai": "gemini"}  # fmt: skip
# By our name: those of conventions, and the range that we take.
OPTIONS = {
    "temperature": (0.0, 2.0), "top_p": (0.0, 1.0), "max_tokens": (1, 10_000_000), "seed": (-(2**63), 2**63 - 1),
    "presence_penalty": (-2.0, 2.0), "frequency_penalty": (-2.0, 2.0),
}  # fmt: skip
WHOLE = ("max_tokens", "seed")
NOT_ASKED = (
    "embeddings",
    "execute_tool",
    "invoke_agent",
    "create_agent",
    "tool",
    "agent",
    "chain",
    "retriever",
    "span",
)
TOOL_SAID = "Result of a tool: "
TEXTS = ("content", "parts", "candidates", "text", "message", "choices", "output_text", "output", "outputs", "value",
         "messages")  # fmt: skip
_EVENT = re.compile(r"gen_ai\.(system|user|assistant|tool)\.message")


def is_completion(span: Span) -> bool:
    """Whether a model was asked for text in this span."""
    operation = str(span.first("gen_ai.operation.name", "openinference.span.kind") or "").lower()
    return operation not in NOT_ASKED and isinstance(span.first(*MODELS), str)


def model_of(span: Span) -> str:
    """The model as we name it: with its provider where we know that one."""
    model = str(span.first(*MODELS)).rpartition("models/")[2]
    provider = PROVIDERS.get(str(span.first("gen_ai.provider.name", "gen_ai.system", "llm.provider") or "").lower())
    return f"{provider}/{model}" if provider and "/" not in model else model


def options_of(span: Span) -> Json:
    """Temperature and its like, as far as they are in the range that we take."""
    given = _parsed(span.first("llm.invocation_parameters", "langfuse.observation.model.parameters"))
    given = given if isinstance(given, dict) else {}
    found: Json = {}
    for name, (least, most) in OPTIONS.items():
        value = span.first(f"gen_ai.request.{name}", f"llm.request.{name}")
        value = given.get(name) if value is None else value
        value = number(value) if name in WHOLE else _real(value)
        if value is not None and least <= value <= most:
            found[name] = value
    return found


def _real(value: Any) -> float | None:
    try:
        return None if isinstance(value, bool) or value is None else float(value)
    except (TypeError, ValueError):
        return None


def asked(span: Span) -> list[Json]:
    """The messages that it was given, oldest first; none where the trace does not have them."""
    for messages in _asked(span):
        plain = [one for one in map(_message, messages) if one is not None]
        if any(one["role"] in ("user", "system") for one in plain):
            before = _text(_parsed(span.first("gen_ai.system_instructions")))
            has_system = any(one["role"] == "system" for one in plain)
            return [{"role": "system", "content": before}, *plain] if before and not has_system else plain
    return []


def _asked(span: Span) -> Iterator[list[Any]]:
    yield _numbered(span, "gen_ai.prompt")
    yield _numbered(span, "llm.input_messages", "message")
    yield [{"role": found[1], **said} for name, said in span.events if (found := _EVENT.fullmatch(name))]
    for name in ASKED:
        value = _parsed(span.first(name))
        if isinstance(value, dict):
            alone = [value] if "role" in value else None
            value = next((value[one] for one in ("messages", "contents", "input", "prompt") if value.get(one)), alone)
        if isinstance(value, str) and value.strip():
            value = [{"role": "user", "content": value}]
        if isinstance(value, list):
            yield value


def said(span: Span) -> str:
    """What the model answered, as text; empty where the trace does not have it, or it called tools."""
    for messages in (_numbered(span, "gen_ai.completion"), _numbered(span, "llm.output_messages", "message"),
                     [said for name, said in span.events if name == "gen_ai.choice"]):  # fmt: skip
        text = "\n".join(filter(None, map(_text, messages)))
        if text.strip():
            return "" if _is_call(text) else text
    for name in SAID:
        text = _text(_parsed(span.first(name)))
        if text.strip():
            return "" if _is_call(text) else text
    return ""


def _is_call(text: str) -> bool:
    """Whether the text is a list of calls of tools, which some write in the place of an answer."""
    calls = _parsed(text.splitlines()[0])
    first = calls[0] if isinstance(calls, list) and calls else None
    return isinstance(first, dict) and bool({"function", "toolCallId", "tool_calls", "tool.name"} & first.keys())


def _numbered(span: Span, prefix: str, inner: str = "") -> list[Json]:
    """`<prefix>.0.role` and its like as a list of objects."""
    found: dict[int, Json] = {}
    start = f"{prefix}."
    for name, value in span.attributes.items():
        place, _, rest = name.removeprefix(start).partition(".") if name.startswith(start) else ("", "", "")
        if place.isdecimal() and rest and len(place) < 6:
            found.setdefault(int(place), {})[rest.removeprefix(f"{inner}.") if inner else rest] = value
    return [found[place] for place in sorted(found)]


def _message(one: Any) -> Json | None:
    """A message of text, or None; calls of tools and their results are told in words that a model can follow."""
    if not isinstance(one, dict):
        return None
    role = str(one.get("role") or one.get("type") or "user").lower()
    role = ROLES.get(role, role)
    text = _text(one)
    if role not in KNOWN_ROLES or not text.strip():
        return None
    return {
        "role": "user" if role == "tool" else role,
        "content": f"{TOOL_SAID}{text}" if role == "tool" else text,
    }


def _text(value: Any, depth: int = 0) -> str:
    """The text of a message, of its parts, or of an answer around it."""
    if isinstance(value, str):
        return value
    if depth > 6 or not isinstance(value, dict | list):
        return ""
    if isinstance(value, list):
        return "\n".join(filter(None, (_text(one, depth + 1) for one in value)))
    for name in TEXTS:
        if value.get(name):
            return _text(_parsed(value[name]) if name != "content" else value[name], depth + 1)
    parts = [
        one for name, one in sorted(value.items()) if re.fullmatch(r"(contents?\.\d+\..*text|content\.\d+\.text)", name)
    ]
    return "\n".join(one for one in parts if isinstance(one, str))


def _parsed(value: Any) -> Any:
    """JSON in a text as its value; other text as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "[", '"'):
        try:
            return json.read(value)
        except ValueError:
            return value
    return value

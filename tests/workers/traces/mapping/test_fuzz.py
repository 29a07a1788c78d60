"""Whatever the attributes hold, nothing is raised and every column gets what fits it."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra import json
from models import ObservationKind
from tests.workers.traces.mapping.making import kept, span
from workers.traces.mapping import aliases
from workers.traces.mapping.deriving import derive
from workers.traces.mapping.reading import texts_of

_TABLES = (aliases.ORIGIN, aliases.MODEL, aliases.USAGE, aliases.MARKS, aliases.PLAIN, aliases.TEXTS)
_LISTS = ("gen_ai.prompt", "gen_ai.completion", "llm.input_messages", "llm.tools", "retrieval.documents")
_ENDS = ("role", "content", "message.role", "message.content", "tool_calls.0.name", "message.tool_calls.0.tool_call")
NAMES = sorted(
    {name for table in _TABLES for names in table.values() for name in names}
    | set(aliases.KIND_NAMES)
    | {f"{start}.{at}.{end}" for start in _LISTS for at in ("0", "1", "00", "x", "99999999") for end in _ENDS}
)
WORDS = [
    "role", "content", "parts", "type", "text", "tool_calls", "messages", "contents", "input", "output",
    "choices", "message", "kwargs", "id", "lc", "config", "tools", "function", "name", "arguments", "args",
    "data", "usage", "event.name", "gen_ai.choice", "system", "user", "assistant", "tool", "tool_call",
    "tool_result", "schema", "functionCall", "response_format", "parameters", "json_schema", "total", "prompt",
    "instructions", "finish_reason", "refusal", "null", "{}", "llm", "agent", "function_declarations",
    "anthropic", "cached_tokens", "input_tokens", "generation", "span",
]  # fmt: skip

words = st.one_of(st.sampled_from(WORDS), st.text(max_size=8))
plain = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), words)
nested = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4), max_leaves=12
)


def _as_text(value: Any) -> Any:
    try:
        return json.dumps(value)
    except TypeError:
        return "[1, {"


values = nested | nested.map(_as_text)
attributes = st.dictionaries(st.sampled_from(NAMES), values, max_size=8)
events = st.fixed_dictionaries(
    {
        "name": st.sampled_from(
            [
                "gen_ai.choice",
                "gen_ai.tool.message",
                "gen_ai.client.inference.operation.details",
                "gen_ai.content.prompt",
            ]
        ),
        "time": st.integers(),
        "attributes": attributes | st.dictionaries(words, values, max_size=4),
    }
)


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(attributes, st.lists(events, max_size=3), attributes, st.sampled_from(list(ObservationKind)))
def test_nothing_is_raised_whatever_is_said(said: Any, told: Any, resource: Any, kind: ObservationKind) -> None:
    one = span(said, name="invoke_agent x", events=told, resource=resource)
    derived = derive(one)
    for field in ("input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens"):
        number = getattr(derived, field)
        assert number is None or (type(number) is int and 0 <= number < 2**31)
    for field in ("operation", "provider", "model", "session_id", "user_id", "release", "environment", "service"):
        text = getattr(derived, field)
        assert text is None or (type(text) is str and 0 < len(text) <= 500 and "\0" not in text)
    for observation in (kept(one), kept(one, kind=kind)):
        found = texts_of(observation)
        assert all(type(message.text) is str for message in found.messages)
        assert found.system is None or type(found.system) is str

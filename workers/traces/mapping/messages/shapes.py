"""Values into messages: whatever a program wrote down as its conversation."""

from dataclasses import dataclass
from typing import Any

from workers.traces.base import Message
from workers.traces.mapping.messages.parts import content_of, parts_of, tool_calls
from workers.traces.mapping.messages.plain import MOST_ITEMS, Json, get, shown, unpacked

_DEEPEST = 8

_ROLES = {
    "system": "system",
    "developer": "system",
    "systemmessage": "system",
    "user": "user",
    "human": "user",
    "humanmessage": "user",
    "userpromptnode": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "agent": "assistant",
    "chatbot": "assistant",
    "aimessage": "assistant",
    "aimessagechunk": "assistant",
    "tool": "tool",
    "function": "tool",
    "toolmessage": "tool",
    "functionmessage": "tool",
}
_EVENTS = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
    "gen_ai.choice": "assistant",
}
# Where a request has its conversation, an answer what was said.
_WITHIN = ("messages", "contents", "choices", "candidates", "generations", "output", "outputs", "message", "input",
           "inputs", "prompt", "prompts", "request", "kwargs", "response", "update", "data", "value",
           "new_message", "content")  # fmt: skip
_INSTRUCTIONS = ("system", "instructions", "system_instruction", "systemInstruction", "system_prompt", "systemPrompt")
_WORDS = ("content", "text", "question", "query", "topic", "answer", "result", "task", "goal", "chat_input")


@dataclass(slots=True)
class Said:
    """A message, and what the program said of it beside."""

    message: Message
    finish_reason: str | None = None
    refused: bool = False


def conversation(value: Any, *, role: str, loose: bool) -> list[Said]:
    """The messages of a value; `role` is that of words that say no role. Where `loose`, any value is said to be words
    of that role; else what is no messages gives none."""
    found = _said(unpacked(value), role, 0)
    if found or not loose:
        return found
    words = _words(unpacked(value))
    return [Said(Message(role, words))] if words else []


def instructions(value: Any) -> str | None:
    """The instructions of a request that has them beside its messages."""
    value = unpacked(value)
    found = get(value, *_INSTRUCTIONS) or get(get(value, "config", "request"), *_INSTRUCTIONS)
    return system_text(found) if found is not None else None


def system_text(value: Any) -> str | None:
    """Instructions as text: text, parts, or a message of parts."""
    value = unpacked(value)
    inner = get(value, "parts", "content")
    return content_of(value if inner is None else inner).all_text() or None


def _words(value: Any) -> str:
    if isinstance(value, dict):
        members = {name: one for name, one in value.items() if one is not None and one != ""}
        named = get(members, *_WORDS)
        if isinstance(named, str) and len(members) <= 2:
            return named
        if len(members) == 1:
            (only,) = members.values()
            only = only[0] if isinstance(only, list) and len(only) == 1 else only
            if isinstance(only, str):
                return only
    return shown(value)


def _said(value: Any, role: str, depth: int) -> list[Said]:
    if depth > _DEEPEST:
        return []
    if isinstance(value, list):
        return _of_list(value, role, depth)
    if not isinstance(value, dict):
        return []
    found = _message(value)
    if found:
        return found
    for name in _WITHIN:
        inner = value.get(name)
        if inner is not None and inner != "":
            found = _said(unpacked(inner), _role_within(name, role), depth + 1)
            if found:
                return _with_finish(found, value)
            if name in ("prompt", "input", "contents") and isinstance(inner, str) and _instructed(value):
                return [Said(Message("user", inner))]
    return []


def _instructed(value: Json) -> bool:
    """Whether an object is a request by its other members, so that its prompt is what a user said."""
    return any(name in value for name in ("system", "instructions", "model", "messages")) or len(value) == 1


def _role_within(name: str, role: str) -> str:
    return "assistant" if name in ("choices", "candidates", "generations", "output", "outputs", "response") else role


def _with_finish(found: list[Said], outer: Json) -> list[Said]:
    reason = get(outer, "finish_reason", "finishReason", "stop_reason", "stopReason")
    if isinstance(reason, str) and found[-1].finish_reason is None:
        found[-1].finish_reason = reason
    return found


def _of_list(values: list[Any], role: str, depth: int) -> list[Said]:
    found: list[Said] = []
    parts: list[Any] = []
    for value in map(unpacked, values[:MOST_ITEMS]):
        inner = _message(value) if isinstance(value, dict) else []
        if inner:
            found += inner
        elif isinstance(value, dict) and _is_part(value):
            parts.append(value)
        elif isinstance(value, (dict, list)):
            found += _said(value, role, depth + 1)
    if parts and not found:
        return _of_parts(parts, role)
    return found


def _is_part(value: Json) -> bool:
    named = value.get("type")
    return (isinstance(named, str) and ("text" in value or "content" in value or "call" in named)) or _is_call(value)


def _is_call(value: Json) -> bool:
    """A call of a tool with no type: the Vercel SDK's, any-agent's."""
    return "toolCallId" in value or "tool.args" in value


def _of_parts(parts: list[Any], role: str) -> list[Said]:
    content = content_of([part for part in parts if not _is_call(part)])
    calls = content.calls + tool_calls([part for part in parts if _is_call(part)])
    if calls:
        role = "assistant"
    text = content.text()
    return [Said(Message(role, text, calls), refused=content.refused)] if text or calls else []


def _message(value: Json) -> list[Said]:
    """The message that an object is, and the results of tools in it as messages of their own; none if it is none."""
    event = value.get("event.name")
    if isinstance(event, str) and event in _EVENTS:
        inner = unpacked(value.get("message"))
        return _built(inner if isinstance(inner, dict) else value, _EVENTS[event], value)
    inner = value.get("message")
    if isinstance(inner, dict) and not _has_role(value):
        found = _message({"role": "assistant", **inner} if _answer(value) else inner)
        return _with_finish(found, value) if found else []
    if isinstance(value.get("kwargs"), dict) and isinstance(value.get("id"), list):
        # LangChain's own serialisation: the class at the end of `id`, its fields in `kwargs`.
        role = _ROLES.get(str(value["id"][-1] if value["id"] else "").lower())
        return _built(value["kwargs"], role, value) if role else []
    return _built(value, _role(value), value) if _has_role(value) else _item(value)


def _answer(value: Json) -> bool:
    return any(name in value for name in ("finish_reason", "finishReason", "index", "stop_reason"))


def _has_role(value: Json) -> bool:
    if isinstance(value.get("role"), str):
        return any(name in value for name in _CONTENT)
    for name in ("type", "source", "author", "sender"):
        if isinstance(value.get(name), str) and value[name].lower() in _ROLES:
            return "content" in value or "data" in value
    return False


_CONTENT = ("content", "parts", "contents", "tool_calls", "text", "message", "function_call", "refusal", "toolCalls",
            "body", "tool_call_id")  # fmt: skip


def _role(value: Json) -> str:
    for name in ("role", "type", "source", "author", "sender"):
        said = value.get(name)
        if isinstance(said, str) and said.lower() in _ROLES:
            return _ROLES[said.lower()]
    # One framework puts the tool's name there.
    return "tool" if value.get("tool_call_id") or value.get("name") or "_" in str(value.get("role")) else "user"


def _item(value: Json) -> list[Said]:
    """The Responses API's items, which have no role."""
    named = value.get("type")
    if named in ("function_call", "custom_tool_call"):
        return [Said(Message("assistant", "", tool_calls([value])))]
    if named in ("function_call_output", "custom_tool_call_output"):
        return [Said(Message("tool", shown(value.get("output"))))]
    return []


def _built(value: Json, role: str, outer: Json) -> list[Said]:
    data = value.get("data")
    said = data if isinstance(data, dict) and "content" not in value else value
    content = content_of(parts_of(get(said, "content", "parts", "contents", "text", "body")))
    calls = content.calls or _calls_beside(said)
    refusal = get(said, "refusal")
    text = content.text() or (shown(refusal) if refusal is not None else "")
    results = [Said(Message("tool", result)) for result in content.results]
    if results and not text and not calls:
        return results
    if calls and role == "tool":
        # One framework says of a call that it is the tool's.
        role = "assistant"
    if role == "tool" and not text and isinstance(get(said, "content"), dict):
        # A tool's definition.
        return []
    message = Message(role, text, calls if role == "assistant" else [])
    reason = _finish_reason(said) or _finish_reason(outer)
    return [*results, Said(message, finish_reason=reason, refused=content.refused or isinstance(refusal, str))]


def _calls_beside(said: Json) -> list[Json]:
    single = said.get("function_call")
    return (
        tool_calls(get(said, "tool_calls", "toolCalls"))
        or tool_calls(get(get(said, "additional_kwargs"), "tool_calls"))
        or tool_calls(single if isinstance(single, dict) else None)
    )


def _finish_reason(said: Json) -> str | None:
    found = get(said, "finish_reason", "finishReason", "stop_reason")
    if found is None:
        found = get(get(said, "response_metadata"), "finish_reason", "stop_reason")
    return found if isinstance(found, str) else None

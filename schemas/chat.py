"""Chat messages, tools and answer formats as OpenAI's clients write them.

These lists are long and on the hot path of every submit: they are checked by hand (2 µs for a plain message, 60 as
nested schemas) and described to OpenAPI by the JSON schemas in chat_shapes.py.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from marshmallow import ValidationError, fields

Json = dict[str, Any]
Errors = dict[Any, Any]

UNKNOWN = "Unknown field."
ROLES = ("system", "developer", "user", "assistant", "tool")
MOST_MESSAGES = 2048
MOST_TOOLS = 128
_PLAIN = ("system", "developer", "user", "assistant")
_KNOWN = frozenset(("role", "content", "name"))
# What an assistant's message may carry besides, as answers come back to us from the clients that got them.
_ASSISTANT = _KNOWN | {"tool_calls", "reasoning", "thinking_blocks", "refusal", "annotations", "audio"}
_TOOL = _KNOWN | {"tool_call_id"}
_FUNCTION_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
# Part → the field that holds it, and the fields of that.
PARTS: dict[str, tuple[str, frozenset[str]]] = {
    "image_url": ("image_url", frozenset(("url", "detail"))),
    "input_audio": ("input_audio", frozenset(("data", "format"))),
    "file": ("file", frozenset(("file_data", "file_id", "filename"))),
}


class Checked(fields.Field[Any]):
    """A JSON value that a plain function checks: it returns the errors, empty if there are none."""

    def __init__(self, check: Callable[[Any], Any], *, schema: Json, **kwargs: Any) -> None:
        super().__init__(metadata=schema, **kwargs)
        self._check = check

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        errors = self._check(value)
        if errors:
            raise ValidationError(errors)
        return value


def messages(value: Any) -> Any:
    """Errors by index and field."""
    if not isinstance(value, list):
        return ["Must be a list of messages."]
    if not 1 <= len(value) <= MOST_MESSAGES:
        return [f"Must have 1 to {MOST_MESSAGES} messages."]
    errors: Errors = {}
    for index, message in enumerate(value):
        if (
            type(message) is dict
            and len(message) == 2
            and message.get("role") in _PLAIN
            and type(message.get("content")) is str
        ):
            continue
        wrong = _message(message)
        if wrong:
            errors[index] = wrong
    return errors


def _message(message: Any) -> Any:
    if not isinstance(message, dict):
        return ["Must be an object."]
    role = message.get("role")
    if role not in ROLES:
        return {"role": [f"Must be one of: {', '.join(ROLES)}."]}
    known = _ASSISTANT if role == "assistant" else _TOOL if role == "tool" else _KNOWN
    errors = _unknown(message, known)
    if role == "tool" and not isinstance(message.get("tool_call_id"), str):
        errors["tool_call_id"] = ["A tool message needs the id of the tool call it answers."]
    if "name" in message and not isinstance(message["name"], str):
        errors["name"] = ["Must be a string."]
    if message.get("tool_calls") is not None:
        wrong = _tool_calls(message["tool_calls"])
        if wrong:
            errors["tool_calls"] = wrong
    content = message.get("content")
    if content is None:
        if not (message.get("tool_calls") or message.get("refusal")):
            errors["content"] = ["Missing: a string or a list of parts."]
    elif not isinstance(content, str):
        wrong = _parts(content, role)
        if wrong:
            errors["content"] = wrong
    return errors


def _parts(content: Any, role: str) -> Any:
    if not isinstance(content, list):
        return ["Must be a string or a list of parts."]
    if not content:
        return ["Must have at least one part."]
    return {index: wrong for index, part in enumerate(content) if (wrong := _part(part, role))}


def _part(part: Any, role: str) -> Any:
    if not isinstance(part, dict):
        return ["Must be an object with a type."]
    kind = part.get("type")
    if kind == "text" or (kind == "refusal" and role == "assistant"):
        errors = _unknown(part, ("type", kind))
        if not isinstance(part.get(kind), str):
            errors[kind] = ["Must be a string."]
        return errors
    if not isinstance(kind, str) or kind not in PARTS or role != "user":
        kinds = "text, image_url, input_audio, file" if role == "user" else "text"
        return {"type": [f"Must be one of: {kinds}."]}
    name, known = PARTS[kind]
    inner = part.get(name)
    if not isinstance(inner, dict):
        return {name: ["Must be an object."]}
    errors = _unknown(part, ("type", name))
    wrong = _unknown(inner, known)
    if kind == "image_url":
        wrong.update(_image(inner.get("url")))
    if wrong:
        errors[name] = wrong
    return errors


def _image(url: Any) -> Errors:
    if not isinstance(url, str) or not url.startswith(("https://", "http://", "data:image/")):
        return {"url": ["Must be an http(s) address or a data:image/… URL."]}
    if url.startswith("data:") and ";base64," not in url[:64]:
        return {"url": ["A data URL must be base64: data:image/png;base64,…"]}
    return {}


def _tool_calls(calls: Any) -> Any:
    if not isinstance(calls, list):
        return ["Must be a list."]
    errors: Errors = {}
    for index, call in enumerate(calls):
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or not isinstance(call.get("id"), str):
            errors[index] = ["Must be an object with id, type and function."]
        elif not isinstance(function.get("name"), str) or not isinstance(function.get("arguments"), str):
            errors[index] = {"function": ["Must have a name and arguments, both strings."]}
        elif unknown := _unknown(call, ("id", "type", "function", "index")):
            errors[index] = unknown
    return errors


def tools(value: Any) -> Any:
    """Errors by index and field."""
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_TOOLS:
        return [f"Must be a list of 1 to {MOST_TOOLS} tools."]
    errors: Errors = {}
    for index, tool in enumerate(value):
        function = tool.get("function") if isinstance(tool, dict) else None
        if not isinstance(function, dict) or tool.get("type") != "function":
            errors[index] = ['Must be {"type": "function", "function": {…}}.']
        elif wrong := _function(function):
            errors[index] = {"function": wrong}
        elif unknown := _unknown(tool, ("type", "function")):
            errors[index] = unknown
    return errors


def _function(function: Json) -> Errors:
    errors = _unknown(function, ("name", "description", "parameters", "strict"))
    name = function.get("name")
    if not isinstance(name, str) or not _FUNCTION_NAME.fullmatch(name):
        errors["name"] = ["Must be 1 to 64 letters, digits, _ or -."]
    if not isinstance(function.get("description", ""), str):
        errors["description"] = ["Must be a string."]
    if not isinstance(function.get("parameters", {}), dict):
        errors["parameters"] = ["Must be a JSON schema."]
    return errors


def tool_choice(value: Any) -> Any:
    """Errors of `auto`, `none`, `required`, or one function by its name."""
    if isinstance(value, str) and value in ("auto", "none", "required"):
        return None
    function = value.get("function") if isinstance(value, dict) else None
    if isinstance(function, dict) and value.get("type") == "function" and isinstance(function.get("name"), str):
        return None
    return ['Must be "auto", "none", "required" or {"type": "function", "function": {"name": …}}.']


def response_format(value: Any) -> Any:
    """Errors by field; whether the schema is a JSON schema is checked by the worker."""
    kind = value.get("type") if isinstance(value, dict) else None
    if kind in ("text", "json_object"):
        return _unknown(value, ("type",))
    if kind != "json_schema":
        return {"type": ["Must be text, json_object or json_schema."]}
    inner = value.get("json_schema")
    if not isinstance(inner, dict) or not isinstance(inner.get("schema"), dict):
        return {"json_schema": ["Must be an object with a schema."]}
    errors = _unknown(value, ("type", "json_schema"))
    wrong = _unknown(inner, ("name", "description", "schema", "strict"))
    name = inner.get("name", "answer")
    if not isinstance(name, str) or not _FUNCTION_NAME.fullmatch(name):
        wrong["name"] = ["Must be 1 to 64 letters, digits, _ or -."]
    if wrong:
        errors["json_schema"] = wrong
    return errors


def _unknown(value: Mapping[str, Any], known: Iterable[str]) -> Errors:
    return {name: [UNKNOWN] for name in value if name not in known}

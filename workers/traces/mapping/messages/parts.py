"""What a message is made of: text, calls of tools and their results, refusals, and things that are no text."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from workers.traces.mapping.messages.plain import MOST_ITEMS, Json, get, shown, unpacked

_DEEPEST = 8
_MOST_TEXT = 1_000_000


@dataclass(slots=True)
class Content:
    """The content of one message, taken apart."""

    texts: list[str] = field(default_factory=list)
    calls: list[Json] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    refused: bool = False

    def text(self) -> str:
        """What it says."""
        return "\n".join(one for one in self.texts if one)[:_MOST_TEXT]

    def all_text(self) -> str:
        """What it says, also what tools have said."""
        return "\n".join(one for one in (*self.texts, *self.results) if one)[:_MOST_TEXT]


def content_of(value: Any) -> Content:
    """The content out of text, a part, or a list of parts, in any vendor's form."""
    found = Content()
    _add(found, value, 0)
    return found


def _add(found: Content, value: Any, depth: int) -> None:
    if value is None or depth > _DEEPEST:
        return
    if isinstance(value, str):
        found.texts.append(value)
    elif isinstance(value, list):
        for one in value[:MOST_ITEMS]:
            _add(found, one, depth + 1)
    elif isinstance(value, dict):
        _add_part(found, value, depth)
    else:
        found.texts.append(shown(value))


def _add_part(found: Content, part: Json, depth: int) -> None:
    named = part.get("type")
    add = _BY_TYPE.get(named.lower().replace("-", "_")) if isinstance(named, str) else None
    if add is not None:
        add(found, part, depth)
        return
    for name, add in _BY_MEMBER:
        if part.get(name) is not None:
            add(found, part, depth)
            return
    if part:
        found.texts.append(f"[{named}]" if isinstance(named, str) else shown(part))


def _text(found: Content, part: Json, depth: int) -> None:
    inner = get(part, "text", "content", "value")
    if isinstance(inner, list) or (isinstance(inner, dict) and "text" in inner):
        _add(found, inner, depth + 1)
    else:
        found.texts.append(shown(inner))


def _nothing(found: Content, part: Json, depth: int) -> None:
    """Reasoning is no part of what is said."""


def _call(found: Content, part: Json, depth: int) -> None:
    call = tool_call(part)
    if call is not None:
        found.calls.append(call)


def _result(found: Content, part: Json, depth: int) -> None:
    inner = get(part, "functionResponse", "function_response", "toolResult", "toolResponse")
    result = get(inner or part, "response", "result", "content", "output", "text", "value")
    if isinstance(result, dict) and result.keys() == {"type", "value"}:
        result = result["value"]
    if isinstance(result, list):
        found.results.append(content_of(result).all_text())
    else:
        found.results.append(shown(result))


def _refusal(found: Content, part: Json, depth: int) -> None:
    found.refused = True
    found.texts.append(shown(get(part, "refusal", "text", "content")))


def _thing(found: Content, part: Json, depth: int) -> None:
    kind = str(part.get("type") or part.get("modality") or "file").removeprefix("input_").removesuffix("_url")
    name = get(part, "filename", "file_name", "name", "mime_type", "mimeType", "mediaType", "media_type")
    found.texts.append(f"[{kind} {name}]" if isinstance(name, str) else f"[{kind}]")


def _media(found: Content, part: Json, depth: int) -> None:
    inner = get(part, "inline_data", "inlineData", "file_data", "fileData", "media", "image_url")
    found.texts.append(f"[{get(inner, 'mime_type', 'mimeType', 'contentType') or 'file'}]")


def _wrapped(found: Content, part: Json, depth: int) -> None:
    """OpenInference's `{"message_content": {…}}`."""
    _add(found, part["message_content"], depth + 1)


Add = Callable[[Content, Json, int], None]
_TYPES: tuple[tuple[str, Add], ...] = (
    ("text input_text output_text summary_text", _text),
    ("thinking redacted_thinking reasoning reasoning_content thought", _nothing),
    ("tool_call tool_use function_call function server_tool_use server_tool_call", _call),
    ("tool_result tool_call_response function_call_output function_result function_response tool_response", _result),
    ("server_tool_call_response web_search_tool_result", _result),
    ("refusal", _refusal),
    ("image image_url input_image file input_file document audio input_audio video blob uri file_data", _thing),
)
_BY_TYPE = {name: add for names, add in _TYPES for name in names.split()}
_BY_MEMBER: tuple[tuple[str, Add], ...] = (
    ("message_content", _wrapped),
    ("functionCall", _call),
    ("function_call", _call),
    ("toolUse", _call),
    ("toolRequest", _call),
    ("functionResponse", _result),
    ("function_response", _result),
    ("toolResult", _result),
    ("toolResponse", _result),
    ("inline_data", _media),
    ("inlineData", _media),
    ("file_data", _media),
    ("fileData", _media),
    ("media", _media),
    ("text", _text),
    ("content", _text),
)


def tool_call(value: Any) -> Json | None:
    """A call of a tool as `{"name", "arguments", "id"}`, its arguments taken out of their JSON text; None if that is
    none."""
    inner = get(value, "tool_call", "functionCall", "function_call", "toolUse", "toolRequest")
    outer = inner if isinstance(inner, dict) else value
    function = get(outer, "function")
    said = function if isinstance(function, dict) else outer
    name = get(said, "name", "toolName", "tool_name", "tool.name", "ref")
    arguments = get(said, "arguments", "args", "input", "tool.args", "tool_arguments")
    if arguments is None and get(get(said, "parameters"), "properties", "type") is not None:
        # A tool's definition: one framework puts those among the messages.
        return None
    if not isinstance(name, str):
        return None
    arguments = get(said, "parameters") if arguments is None else arguments
    identity = get(outer, "id", "toolCallId", "tool_call_id", "call_id", "toolUseId") or get(value, "id")
    given = {} if arguments is None else unpacked(arguments)
    return {"name": name, "arguments": given, "id": identity if isinstance(identity, str) else None}


_PARTS = frozenset(("text", "toolUse", "toolResult", "functionCall", "functionResponse", "function_call"))


def parts_of(content: Any) -> Any:
    """Content out of its JSON text if that is parts; text that is other JSON is what was said."""
    found = unpacked(content)
    if not isinstance(content, str) or found is content:
        return found
    parts = found if isinstance(found, list) else []
    told = all(isinstance(one, dict) and ("type" in one or one.keys() <= _PARTS) for one in parts)
    return parts if parts and told else content


def tool_calls(value: Any) -> list[Json]:
    """The calls of a list of them, or of one; also as JSON text."""
    value = unpacked(value)
    many = value if isinstance(value, list) else [value] if value else []
    return [call for call in map(tool_call, map(unpacked, many[:MOST_ITEMS])) if call is not None]

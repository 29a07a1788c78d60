"""OpenAI's chat shapes to Anthropic's Messages and back: pure functions, no network.

Written against anthropic-version 2026-10-21. Since that version `temperature`, `top_p` and `top_k` are refused with a
400 even at their defaults, so they are left out here, like `seed`, the penalties and whatever else Anthropic has not:
a request that falls back from another vendor must not fail for it.
"""

from typing import Any

import anthropic
import orjson

from infra.errors import ProviderBadRequest
from workers.providers.base import ANTHROPIC_MAX_TOKENS, CompletionRequest

Json = dict[str, Any]

_EFFORTS = {"minimal": "low"}
_CHOICES = {"auto": "auto", "none": "none", "required": "any"}
_STOPS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def body(request: CompletionRequest) -> Json:
    """The request as Anthropic's POST /v1/messages takes it."""
    options = request.options
    system, messages = _conversation(request.messages)
    made: Json = {
        "model": request.model,
        "max_tokens": options.get("max_tokens") or ANTHROPIC_MAX_TOKENS,
        "messages": messages,
    }
    if request.response_format and request.response_format.get("type") == "json_object":
        system.append("Answer with one JSON object and nothing else.")
    if system:
        made["system"] = "\n\n".join(system)
    stop = options.get("stop")
    if stop:
        made["stop_sequences"] = [stop] if isinstance(stop, str) else stop
    if options.get("user"):
        made["metadata"] = {"user_id": options["user"]}
    if request.tools:
        made["tools"] = [_tool(tool) for tool in request.tools]
        made["tool_choice"] = _choice(request.tool_choice, options.get("parallel_tool_calls"))
    made.update(_output(request.response_format, options.get("reasoning_effort")))
    return made


def _output(response_format: Json | None, effort: str | None) -> Json:
    """Structured output and thinking."""
    made: Json = {}
    config: Json = {}
    if response_format and response_format.get("type") == "json_schema":
        # Keywords Anthropic cannot enforce become descriptions; the kind validates against the schema itself.
        schema = anthropic.transform_schema(response_format["json_schema"].get("schema") or {"type": "object"})
        config["format"] = {"type": "json_schema", "schema": schema}
    if effort == "none":
        made["thinking"] = {"type": "disabled"}
    elif effort:
        made["thinking"] = {"type": "adaptive", "display": "summarized"}
        config["effort"] = _EFFORTS.get(effort, effort)
    if config:
        made["output_config"] = config
    return made


def _conversation(messages: list[Json]) -> tuple[list[str], list[Json]]:
    """System texts, and turns; neighbours of one role become one turn, as tool results and the next question must."""
    system: list[str] = []
    turns: list[Json] = []
    for message in messages:
        role = message["role"]
        if role in ("system", "developer"):
            system.append(_text(message.get("content")))
            continue
        blocks = _blocks(message)
        role = "assistant" if role == "assistant" else "user"
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": role, "content": blocks})
    return system, turns


def _blocks(message: Json) -> list[Json]:
    content = message.get("content")
    if message["role"] == "tool":
        inner = content if isinstance(content, str) else [_part(part) for part in content or ()]
        return [{"type": "tool_result", "tool_use_id": message.get("tool_call_id"), "content": inner}]
    blocks: list[Json] = list(message.get("thinking_blocks") or ())
    if isinstance(content, str):
        if content:
            blocks.append({"type": "text", "text": content})
    else:
        blocks += [_part(part) for part in content or ()]
    for call in message.get("tool_calls") or ():
        function = call["function"]
        blocks.append(
            {"type": "tool_use", "id": call["id"], "name": function["name"], "input": _arguments(function["arguments"])}
        )
    return blocks


def _part(part: Json) -> Json:
    if part["type"] in ("text", "refusal"):
        return {"type": "text", "text": part.get("text") or part.get("refusal") or ""}
    if part["type"] == "image_url":
        url: str = part["image_url"]["url"]
        if not url.startswith("data:"):
            return {"type": "image", "source": {"type": "url", "url": url}}
        kind, _, data = url.removeprefix("data:").partition(";base64,")
        return {"type": "image", "source": {"type": "base64", "media_type": kind, "data": data}}
    raise ProviderBadRequest(f"anthropic takes no {part['type']} parts", provider="anthropic")


def _arguments(text: str) -> Json:
    """A tool call's arguments; a model's broken JSON goes back to it as it was, in an object."""
    try:
        value = orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        return {"arguments": text}
    return value if isinstance(value, dict) else {"arguments": value}


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text", "") for part in content or () if part["type"] == "text")


def _tool(tool: Json) -> Json:
    function = tool["function"]
    made: Json = {"name": function["name"], "input_schema": function.get("parameters") or {"type": "object"}}
    for name in ("description", "strict"):
        if function.get(name) is not None:
            made[name] = function[name]
    return made


def _choice(choice: Any, parallel: bool | None) -> Json:
    made: Json = (
        {"type": "tool", "name": choice["function"]["name"]}
        if isinstance(choice, dict)
        else {"type": _CHOICES[choice or "auto"]}
    )
    if parallel is False and made["type"] != "none":
        made["disable_parallel_tool_use"] = True
    return made


def message(content: list[Json]) -> Json:
    """Anthropic's content blocks as OpenAI's assistant message; signed thinking is kept to be sent back."""
    texts = [block["text"] for block in content if block["type"] == "text"]
    thinking = [block for block in content if block["type"] in ("thinking", "redacted_thinking")]
    calls = [
        {
            "id": block["id"],
            "type": "function",
            "function": {"name": block["name"], "arguments": _json(block["input"])},
        }
        for block in content
        if block["type"] == "tool_use"
    ]
    made: Json = {"role": "assistant", "content": "".join(texts) or None}
    reasoning = "".join(block.get("thinking") or "" for block in thinking)
    if reasoning:
        made["reasoning"] = reasoning
    if thinking:
        made["thinking_blocks"] = thinking
    if calls:
        made["tool_calls"] = calls
    return made


def _json(value: Any) -> str:
    """A tool call's arguments as text; text is JSON that was cut off, and stays what it is."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def finish(stop_reason: str | None) -> str:
    """OpenAI's word for why the answer ended."""
    return _STOPS.get(stop_reason or "end_turn", "stop")

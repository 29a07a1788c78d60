"""The JSON schemas, for OpenAPI, of what schemas/chat.py checks by hand."""

from typing import Any

from schemas.chat import MOST_MESSAGES, MOST_TOOLS, PARTS

Json = dict[str, Any]

_STRING: Json = {"type": "string"}
_CALL: Json = {
    "type": "object",
    "required": ["id", "type", "function"],
    "properties": {
        "id": _STRING,
        "type": {"type": "string", "enum": ["function"]},
        "function": {
            "type": "object",
            "required": ["name", "arguments"],
            "properties": {"name": _STRING, "arguments": {"type": "string", "description": "JSON, as text."}},
        },
    },
}


def _part_schema(name: str, inner: Json) -> Json:
    return {
        "type": "object",
        "required": ["type", name],
        "additionalProperties": False,
        "properties": {"type": {"type": "string", "enum": [name]}, name: inner},
    }


_CONTENT_PARTS: Json = {
    "oneOf": [
        _part_schema("text", _STRING),
        _part_schema(
            "image_url",
            {
                "type": "object",
                "required": ["url"],
                "additionalProperties": False,
                "properties": {
                    "url": {**_STRING, "description": "http(s) or data:image/…;base64,…"},
                    "detail": _STRING,
                },
            },
        ),
        *(
            _part_schema(
                name,
                {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": dict.fromkeys(sorted(PARTS[name][1]), _STRING),
                },
            )
            for name in ("input_audio", "file")
        ),
    ]
}
_CALLS: Json = {"type": "array", "minItems": 1, "items": _CALL}
_TEXT_PARTS: Json = {"type": "array", "minItems": 1, "items": _part_schema("text", _STRING)}


def _message_schema(roles: list[str], title: str, required: list[str], properties: Json) -> Json:
    return {
        "title": title,
        "type": "object",
        "required": ["role", *required],
        "additionalProperties": False,
        "properties": {"role": {"type": "string", "enum": roles}, "name": _STRING, **properties},
    }


_ASSISTANT_EXTRAS: Json = {
    "tool_calls": {"anyOf": [_CALLS, {"type": "null"}]},
    "reasoning": {"type": ["string", "null"]},
    "thinking_blocks": {"type": "array", "items": {"type": "object"}},
    "refusal": {"type": ["string", "null"]},
    "annotations": {"type": "array", "items": {"type": "object"}},
    "audio": {"type": ["object", "null"]},
}
MESSAGE: Json = {
    "oneOf": [
        _message_schema(
            ["user"],
            "User message",
            ["content"],
            {"content": {"anyOf": [_STRING, {"type": "array", "minItems": 1, "items": _CONTENT_PARTS}]}},
        ),
        _message_schema(
            ["system", "developer"],
            "Instruction",
            ["content"],
            {"content": {"anyOf": [_STRING, _TEXT_PARTS]}},
        ),
        _message_schema(
            ["tool"],
            "Tool message",
            ["content", "tool_call_id"],
            {
                "content": {"anyOf": [_STRING, _TEXT_PARTS]},
                "tool_call_id": {**_STRING, "description": "The call that this answers."},
            },
        ),
        _message_schema(
            ["assistant"],
            "Assistant message",
            ["content"],
            {"content": {"anyOf": [_STRING, _TEXT_PARTS]}, **_ASSISTANT_EXTRAS},
        ),
        _message_schema(
            ["assistant"],
            "Assistant message that calls tools",
            ["tool_calls"],
            {"content": {"type": "null"}, **_ASSISTANT_EXTRAS, "tool_calls": _CALLS},
        ),
    ]
}
MESSAGES: Json = {"type": "array", "minItems": 1, "maxItems": MOST_MESSAGES, "items": MESSAGE}
TOOLS: Json = {
    "type": "array",
    "minItems": 1,
    "maxItems": MOST_TOOLS,
    "items": {
        "type": "object",
        "required": ["type", "function"],
        "additionalProperties": False,
        "properties": {
            "type": {"type": "string", "enum": ["function"]},
            "function": {
                "type": "object",
                "required": ["name"],
                "additionalProperties": False,
                "properties": {
                    "name": {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,64}$"},
                    "description": _STRING,
                    "parameters": {"type": "object", "description": "JSON schema of the arguments."},
                    "strict": {"type": ["boolean", "null"]},
                },
            },
        },
    },
}
TOOL_CHOICE: Json = {
    "description": "Whether a tool is called, or which.",
    "anyOf": [
        {"type": "string", "enum": ["auto", "none", "required"]},
        {
            "type": "object",
            "required": ["type", "function"],
            "properties": {
                "type": {"type": "string", "enum": ["function"]},
                "function": {"type": "object", "required": ["name"], "properties": {"name": _STRING}},
            },
        },
    ],
}
RESPONSE_FORMAT: Json = {
    "description": "The form of the answer. A JSON schema is enforced: one repair round, then invalid_model_output.",
    "type": "object",
    "required": ["type"],
    "additionalProperties": False,
    "properties": {
        "type": {"type": "string", "enum": ["text", "json_object", "json_schema"]},
        "json_schema": {
            "type": "object",
            "required": ["schema"],
            "additionalProperties": False,
            "properties": {
                "name": {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,64}$"},
                "description": _STRING,
                "schema": {"type": "object", "description": "A JSON schema; references outside it are refused."},
                "strict": {"type": ["boolean", "null"]},
            },
        },
    },
}

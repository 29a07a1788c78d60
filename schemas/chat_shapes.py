"""The JSON schemas, for OpenAPI, of what schemas/chat.py checks by hand."""

from typing import Any

from schemas.chat import MOST_MESSAGES, MOST_TOOLS, PARTS, ROLES

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
MESSAGE: Json = {
    "type": "object",
    "required": ["role"],
    "additionalProperties": False,
    "properties": {
        "role": {"type": "string", "enum": list(ROLES)},
        "content": {
            "description": "Text, or parts. Only a user's message may have other parts than text.",
            "anyOf": [_STRING, {"type": "array", "minItems": 1, "items": _CONTENT_PARTS}, {"type": "null"}],
        },
        "name": _STRING,
        "tool_calls": {"type": "array", "items": _CALL},
        "tool_call_id": {**_STRING, "description": "The call that a tool message answers."},
        "reasoning": {"type": ["string", "null"]},
        "thinking_blocks": {"type": "array", "items": {"type": "object"}},
        "refusal": {"type": ["string", "null"]},
        "annotations": {"type": "array", "items": {"type": "object"}},
        "audio": {"type": ["object", "null"]},
    },
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

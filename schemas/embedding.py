"""Input and result of an embedding job."""

from typing import Any

from marshmallow import Schema, fields

from schemas.base import Number, Text
from schemas.chat import Checked
from schemas.completion import TokenUsage

MOST_TEXTS = 2048
LONGEST_TEXT = 1_000_000


def _texts(value: Any) -> Any:
    if isinstance(value, str):
        return _wrong(value)
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_TEXTS:
        return [f"Must be a string or a list of 1 to {MOST_TEXTS} strings."]
    return {index: wrong for index, text in enumerate(value) if (wrong := _wrong(text))}


def _wrong(text: Any) -> list[str]:
    if not isinstance(text, str) or not text:
        return ["Must be a non-empty string."]
    return [f"Must have at most {LONGEST_TEXT} characters."] if len(text) > LONGEST_TEXT else []


_TEXT = {"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT}


class EmbeddingIn(Schema):
    """Texts to turn into vectors. Unknown fields are refused."""

    model = Text(
        at_most=300,
        allow_none=True,
        metadata={"description": "`provider/model`, or a bare name for AI_PROVIDER. `sandbox` works offline."},
    )
    input = Checked(
        _texts,
        required=True,
        schema={"anyOf": [_TEXT, {"type": "array", "minItems": 1, "maxItems": MOST_TEXTS, "items": _TEXT}]},
    )
    dimensions = Number(at_least=1, at_most=65_536, allow_none=True)
    user = Text(at_most=512, allow_none=True)


class EmbeddingOut(Schema):
    """One vector a text, in order."""

    embeddings = fields.List(fields.List(fields.Float()), required=True)
    model = fields.String(required=True)
    provider = fields.String(required=True)
    usage = fields.Nested(TokenUsage, required=True)

"""The settings of a knowledge base, with their defaults."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validates_schema

from schemas.base import Flag, Number, Text
from schemas.completion import Real

MOST_CHUNK_TOKENS = 8192
MODEL = (
    "`provider/model` of an embedding model; `sandbox` is all-MiniLM-L6-v2, which runs offline; null: full text only."
)


class Chunking(Schema):
    """How texts are cut. Sizes in tokens (o200k)."""

    max_tokens = Number(at_least=32, at_most=MOST_CHUNK_TOKENS, load_default=512)
    overlap_tokens = Number(at_least=0, at_most=1024, load_default=64)
    parent_tokens = Number(
        at_least=64,
        at_most=4 * MOST_CHUNK_TOKENS,
        allow_none=True,
        load_default=None,
        metadata={"description": "Search small chunks, and answer with the larger ones around them, of this size."},
    )

    @validates_schema
    def _fit(self, data: dict[str, Any], *, partial: Any = None, **_: Any) -> None:
        if partial:
            return
        if data["overlap_tokens"] * 2 > data["max_tokens"]:
            raise ValidationError("Must be at most half of max_tokens.", "overlap_tokens")
        if data["parent_tokens"] is not None and data["parent_tokens"] <= data["max_tokens"]:
            raise ValidationError("Must be more than max_tokens.", "parent_tokens")


class Gate(Schema):
    """What a version must reach before it may be activated without force."""

    max_drop = Real(
        at_least=0,
        at_most=1,
        load_default=0.02,
        metadata={"description": "By how much recall@k or nDCG@10 of the saved queries may fall below the active one."},
    )
    k = Number(at_least=1, at_most=100, load_default=10, metadata={"description": "The k of recall@k."})
    allow_failed_entries = Flag(load_default=False)


class KnowledgeSettings(Schema):
    """All settings of a knowledge base."""

    chunking = fields.Nested(Chunking, load_default=lambda: Chunking().load({}))
    embedding_model = Text(
        at_least=1, at_most=300, allow_none=True, load_default="sandbox", metadata={"description": MODEL}
    )
    keep_versions = Number(at_least=1, at_most=50, load_default=5)
    review_required = Flag(load_default=False)
    gate = fields.Nested(Gate, load_default=lambda: Gate().load({}))


class KnowledgeSettingsPatch(KnowledgeSettings):
    """Settings that are to change; the others stay as they are."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "partial": True})

"""A search of a knowledge base, and what it finds."""

from typing import Any

from marshmallow import Schema, fields, validate

from models import Chunk, EntryType, KnowledgeBase
from schemas.base import AsIs, Number, PublicId, Text, not_blank
from schemas.kb_entry import EntryId
from schemas.kb_query import MOST_NAMES, QueryFilters
from schemas.kb_version import HIGHEST

Json = dict[str, Any]

LONGEST_QUERY = 10_000
MOST_HITS = 100
MOST_ENTRIES = 1000
MODES = ("hybrid", "vector", "text")
MODE = "`hybrid` fuses both legs; `vector` and `text` are one alone."


class SearchFilters(QueryFilters):
    """Only among the entries for which all of this is true; `tags`: they have each of them."""

    any_tags = fields.List(
        Text(at_least=1, at_most=100),
        validate=validate.Length(max=MOST_NAMES),
        metadata={"description": "They have one of these tags at least."},
    )
    entry_ids = fields.List(EntryId(), validate=validate.Length(max=MOST_ENTRIES))


class Rerank(Schema):
    """Who puts the best 30 hits in order."""

    model = Text(at_least=1, at_most=300, required=True, metadata={"description": "`provider/model` of a chat model."})


class SearchIn(Schema):
    """A search. Unknown fields are refused."""

    query = fields.String(
        required=True,
        validate=[validate.Length(min=1, max=LONGEST_QUERY), not_blank],
        metadata={"minLength": 1, "example": "How do I cancel an order?"},
    )
    top_k = Number(at_least=1, at_most=MOST_HITS, load_default=10)
    mode = fields.String(validate=validate.OneOf(MODES), load_default="hybrid", metadata={"description": MODE})
    filters = fields.Nested(SearchFilters, load_default=dict)
    version = Number(
        at_least=1,
        at_most=HIGHEST,
        allow_none=True,
        load_default=None,
        metadata={"description": "A version that is ready; null: the active one."},
    )
    rerank = fields.Nested(Rerank, allow_none=True, load_default=None)


class HitCitationOut(Schema):
    """Where a passage stands. `start` and `end` count characters of the entry's text as this version has it."""

    entry_id = EntryId(required=True)
    version = fields.Integer(required=True)
    chunk_id = PublicId(Chunk.prefix, required=True)
    start = fields.Integer(required=True)
    end = fields.Integer(required=True)
    page = fields.Integer(required=True, allow_none=True)
    heading = fields.List(fields.String(), required=True, metadata={"description": "Headings above it, from the top."})
    title = fields.String(required=True)
    key = fields.String(required=True)
    url = fields.String(required=True, allow_none=True, metadata={"description": "Where the entry was fetched."})


class LegScores(Schema):
    """What each leg said: BM25, and cosine similarity; null: the leg did not find it, or was not asked."""

    text = fields.Float(required=True, allow_none=True)
    vector = fields.Float(required=True, allow_none=True)


class HitOut(Schema):
    """A passage that was found: a chunk, the larger one around it, or neighbours in one piece."""

    object = fields.Constant("kb_hit", required=True)
    chunk_id = PublicId(Chunk.prefix, required=True)
    entry_id = EntryId(required=True)
    entry_type = fields.String(required=True, validate=validate.OneOf([one.value for one in EntryType]))
    source = fields.String(required=True)
    key = fields.String(required=True)
    title = fields.String(required=True)
    text = fields.String(required=True)
    tags = fields.List(fields.String(), required=True)
    metadata = fields.Dict(keys=fields.String(), required=True)
    score = fields.Float(required=True, metadata={"description": "The ranking's own; comparable within one answer."})
    scores = AsIs(LegScores, required=True)
    citation = AsIs(HitCitationOut, required=True)


class RerankOut(Schema):
    """What reranking cost."""

    model = fields.String(required=True)
    input_tokens = fields.Integer(required=True)
    output_tokens = fields.Integer(required=True)
    cost_usd = fields.String(required=True, allow_none=True, metadata={"description": "Decimal; null: unknown price."})


class FoundOut(Schema):
    """What a search found, all of it in one version."""

    object = fields.Constant("kb_search", required=True)
    knowledge_base_id = PublicId(KnowledgeBase.prefix, required=True)
    version = fields.Integer(required=True)
    mode = fields.String(required=True, validate=validate.OneOf(MODES), metadata={"description": "As it was searched."})
    data = fields.List(AsIs(HitOut), required=True)
    took_ms = fields.Dict(
        keys=fields.String(),
        values=fields.Float(),
        required=True,
        metadata={"description": "Milliseconds for each part: embedding, filters, text, vector, hits, rerank; total."},
    )
    notes = fields.List(fields.String(), required=True, metadata={"description": "What was not as wished, and why."})
    rerank = AsIs(RerankOut, required=True, allow_none=True)

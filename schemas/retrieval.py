"""What a completion is told of a knowledge base, and what its answer cites."""

from marshmallow import Schema, fields, validate

from schemas.base import Number, PublicId, Text
from schemas.kb_query import QueryFilters

MODES = ("hybrid", "vector", "text")


class RetrievalIn(Schema):
    """Which knowledge an answer is to rest on."""

    knowledge_base_id = PublicId("kb", required=True)
    query = Text(
        at_least=1,
        at_most=10_000,
        allow_none=True,
        metadata={"description": "What to look for; without it the last thing that the user says."},
    )
    top_k = Number(at_least=1, at_most=50, load_default=5, metadata={"description": "How many pieces at most."})
    mode = fields.String(validate=validate.OneOf(MODES), load_default="hybrid")
    filters = fields.Nested(QueryFilters, load_default=dict)
    max_tokens = Number(
        at_least=100,
        at_most=200_000,
        load_default=4000,
        metadata={"description": "How much of what is found the model is given, in tokens."},
    )


class CitationOut(Schema):
    """A piece of the knowledge base that the model was given; `cited`: its answer refers to it as `[index]`."""

    index = fields.Integer(required=True)
    cited = fields.Boolean(required=True)
    entry_id = fields.String(required=True)
    version = fields.Integer(required=True)
    chunk_id = fields.String(required=True)
    start = fields.Integer(required=True, metadata={"description": "Where it begins in the entry's text."})
    end = fields.Integer(required=True)
    title = fields.String(required=True)
    score = fields.Float(required=True)
    quote = fields.String(required=True)

"""Saved queries as clients send and see them, and how versions answered them."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from models import EntryType, KbEvaluation, KbQuery
from schemas.base import AsIs, Number, PageQuery, Pairs, PublicId, QueryNumber, Text, Time, not_blank, page_query
from schemas.kb_entry import EntryId, Label
from schemas.kb_version import HIGHEST

Json = dict[str, Any]

MOST_EXPECTED = 100
LONGEST_QUERY = 2000
MOST_NAMES = 100
RELEVANCE = "1 to 3; 3: it answers the question."


class ExpectedIn(Schema):
    """An entry that must be found."""

    entry_id = EntryId(required=True)
    relevance = Number(at_least=1, at_most=3, load_default=1, metadata={"description": RELEVANCE})


class ExpectedOut(Schema):
    """An entry that must be found."""

    entry_id = fields.String(required=True)
    relevance = fields.Integer(required=True, metadata={"description": RELEVANCE})


class QueryFilters(Schema):
    """Only among these entries, as a search filters."""

    types = fields.List(fields.String(validate=validate.OneOf([one.value for one in EntryType])))
    sources = fields.List(Text(at_least=1, at_most=100), validate=validate.Length(max=MOST_NAMES))
    tags = fields.List(Text(at_least=1, at_most=100), validate=validate.Length(max=MOST_NAMES))
    metadata = Pairs(keys=Text(at_least=1, at_most=64), values=Label(), validate=validate.Length(max=MOST_NAMES))


def _no_entry_twice(expected: list[Json]) -> None:
    if len({one["entry_id"] for one in expected}) < len(expected):
        raise ValidationError("Names an entry twice.")


class SavedQueryIn(Schema):
    """A question, and what it must find."""

    query = fields.String(
        required=True,
        validate=[validate.Length(min=1, max=LONGEST_QUERY), not_blank],
        metadata={"example": "How do I cancel an order?"},
    )
    expected = fields.List(
        fields.Nested(ExpectedIn),
        required=True,
        validate=[validate.Length(min=1, max=MOST_EXPECTED), _no_entry_twice],
    )
    filters = fields.Nested(QueryFilters, load_default=dict)
    tags = fields.List(Text(at_least=1, at_most=100), validate=validate.Length(max=50), load_default=list)


class SavedQueryPatch(SavedQueryIn):
    """What is to change; everything else stays."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "partial": ("query", "expected", "filters", "tags")})


class SavedQueryOut(Schema):
    """A saved query."""

    id = PublicId(KbQuery.prefix, required=True)
    object = fields.Constant("kb_query", required=True)
    query = fields.String(required=True)
    expected = fields.List(AsIs(ExpectedOut), required=True)
    filters = AsIs(QueryFilters, required=True)
    tags = fields.List(fields.String(), required=True)
    created_by = PublicId("key", required=True, allow_none=True)
    created_at = Time(required=True)


class MetricsOut(Schema):
    """Means over the saved queries."""

    recall_at_k = fields.Float(required=True)
    ndcg_at_10 = fields.Float(required=True)
    k = fields.Integer(required=True)
    queries = fields.Integer(required=True)


class QueryFiguresOut(Schema):
    """How one saved query was answered."""

    query_id = fields.String(required=True)
    query = fields.String(required=True)
    recall_at_k = fields.Float(required=True)
    ndcg_at_10 = fields.Float(required=True)
    found = fields.List(
        fields.String(), required=True, metadata={"description": "Entries in the order in which they were found."}
    )
    missing = fields.List(
        fields.String(), required=True, metadata={"description": "Expected entries that the version does not have."}
    )


class EvaluationOut(Schema):
    """How a version answered the saved queries."""

    id = PublicId(KbEvaluation.prefix, required=True)
    object = fields.Constant("kb_evaluation", required=True)
    version = fields.Integer(required=True)
    job_id = PublicId("job", required=True, allow_none=True)
    query_set = fields.String(
        required=True, metadata={"description": "Hash of the questions as they were; only equal ones are compared."}
    )
    metrics = AsIs(MetricsOut, required=True)
    created_at = Time(required=True)


class WholeEvaluationOut(EvaluationOut):
    """An evaluation with the figures of each query."""

    queries = fields.List(AsIs(QueryFiguresOut), required=True)


class ComparedOut(Schema):
    """The figures of a version, beside those of the active one."""

    object = fields.Constant("kb_comparison", required=True)
    version = fields.Nested(WholeEvaluationOut, required=True)
    active = fields.Nested(WholeEvaluationOut, required=True, allow_none=True)


class EvaluateIn(Schema):
    """Which version is to be asked."""

    version = Number(
        at_least=1,
        at_most=HIGHEST,
        allow_none=True,
        load_default=None,
        metadata={"description": "Null: the newest that is ready."},
    )


class SavedQueriesQuery(page_query(KbQuery.prefix)):  # type: ignore[misc]
    """Filters of the list of saved queries."""

    tag = Text(at_least=1, at_most=100)


class EvaluationsQuery(PageQuery):
    """Filters of the history."""

    after = PublicId(KbEvaluation.prefix)
    version = QueryNumber(validate=validate.Range(min=1, max=HIGHEST))


def query_view(query: KbQuery) -> Json:
    """What SavedQueryOut reads."""
    return {
        "id": query.id,
        "query": query.query,
        "expected": query.expected,
        "filters": query.filters,
        "tags": query.tags,
        "created_by": query.created_by,
        "created_at": query.created_at,
    }


def evaluation_view(evaluation: KbEvaluation, *, whole: bool = False) -> Json:
    """What EvaluationOut reads, or WholeEvaluationOut."""
    return {
        "id": evaluation.id,
        "version": evaluation.version,
        "job_id": evaluation.job_id,
        "query_set": evaluation.query_set,
        "metrics": evaluation.metrics,
        "created_at": evaluation.created_at,
        **({"queries": evaluation.queries} if whole else {}),
    }

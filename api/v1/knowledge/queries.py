"""Saved queries of a knowledge base, and how versions answered them."""

from typing import Any

from api.endpoint import Call, Later, endpoint
from api.hub import hub
from api.v1.knowledge.place import Place, at, placed
from models import KbEvaluation, KbQuery
from schemas.kb_query import (
    ComparedOut,
    EvaluateIn,
    EvaluationOut,
    EvaluationsQuery,
    SavedQueriesQuery,
    SavedQueryIn,
    SavedQueryOut,
    SavedQueryPatch,
    WholeEvaluationOut,
    evaluation_view,
    query_view,
)
from workers.knowledge import evaluation, queries
from workers.paging import PageOf

Json = dict[str, Any]


@at("POST", "/queries")
@endpoint(scope="kb:write", body=SavedQueryIn, returns=SavedQueryOut, status=201, errors=(404, 409))
@placed
def create_query(call: Call, place: Place) -> Json:
    """Saves a question with the entries that must be found; every build is measured by it."""
    return query_view(queries.create_query(call.session, place.base(lock=True), by=call.principal.id, body=call.body))


@at("GET", "/queries")
@endpoint(scope="kb:read", query=SavedQueriesQuery, returns=SavedQueryOut, page=True, errors=(404,))
@placed
def list_queries(call: Call, place: Place) -> PageOf[KbQuery]:
    """Lists the saved queries."""
    return queries.list_queries(call.session, place.base(), call.window, call.query.get("tag")).map(query_view)


@at("GET", "/queries/<query_id>")
@endpoint(scope="kb:read", returns=SavedQueryOut, errors=(404,))
@placed
def get_query(call: Call, place: Place, query_id: str) -> Json:
    """One saved query."""
    return query_view(queries.get_query(call.session, place.base(), call.id(KbQuery.prefix, query_id)))


@at("PATCH", "/queries/<query_id>")
@endpoint(scope="kb:write", body=SavedQueryPatch, returns=SavedQueryOut, errors=(404,))
@placed
def change_query(call: Call, place: Place, query_id: str) -> Json:
    """Changes the fields that are sent; earlier figures are not compared with those that come after."""
    found = call.id(KbQuery.prefix, query_id)
    return query_view(queries.change_query(call.session, place.base(lock=True), found, call.body))


@at("DELETE", "/queries/<query_id>")
@endpoint(scope="kb:write", returns=SavedQueryOut, errors=(404,))
@placed
def remove_query(call: Call, place: Place, query_id: str) -> Json:
    """Deletes a saved query and answers with it as it was."""
    found = call.id(KbQuery.prefix, query_id)
    return query_view(queries.remove_query(call.session, place.base(lock=True), found))


@at("POST", "/evaluate")
@endpoint(scope="kb:write", body=EvaluateIn, returns=ComparedOut, errors=(404, 409))
@placed
def evaluate_version(call: Call, place: Place) -> Later:
    """Asks a version the saved queries now, and the active one where it was not asked the same; builds do it, too."""
    base = place.base()
    version = evaluation.require_askable(call.session, base, call.body["version"])
    return Later(lambda: hub().result(evaluation.compared(base.project_id, base.id, version)))


@at("GET", "/evaluations")
@endpoint(scope="kb:read", query=EvaluationsQuery, returns=EvaluationOut, page=True, errors=(404,))
@placed
def list_evaluations(call: Call, place: Place) -> PageOf[KbEvaluation]:
    """Lists how versions answered the saved queries, by the time they were asked."""
    found = queries.list_evaluations(call.session, place.base(), call.window, call.query.get("version"))
    return found.map(evaluation_view)


@at("GET", "/evaluations/<evaluation_id>")
@endpoint(scope="kb:read", returns=WholeEvaluationOut, errors=(404,))
@placed
def get_evaluation(call: Call, place: Place, evaluation_id: str) -> Json:
    """One evaluation, with what came of each query."""
    found = call.id(KbEvaluation.prefix, evaluation_id)
    return evaluation_view(queries.get_evaluation(call.session, place.base(), found), whole=True)

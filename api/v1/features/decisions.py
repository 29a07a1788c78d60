"""What people decide about features: which are the same, which are several, which are none, and whose a trace is."""

from typing import Any
from uuid import UUID

from api.endpoint import Call, endpoint
from api.v1.features.features import ONE, own_feature
from api.v1.features.place import at, placed
from models import Feature
from schemas.feature import FeatureOut
from schemas.feature_request import FeatureTracesIn, MergeIn, SplitIn
from schemas.trace import FeatureTracesQuery, TraceOut, trace_view
from workers.features import manage, merging, queries, splitting
from workers.paging import PageOf
from workers.traces import queries as traces

Json = dict[str, Any]


@at("POST", f"{ONE}/merge")
@endpoint(scope="features:write", body=MergeIn, returns=FeatureOut, errors=(404, 409))
@placed
def merge_feature(call: Call, project_id: UUID, feature_id: str) -> Json:
    """Makes this feature a part of another, and answers with that one. The id stays, and leads on; traces, tests,
    prompts and drifts go over, and so does what looks like them from then on. Many traces go over by and by."""
    merged, into = call.id(Feature.prefix, feature_id), call.body["into"]
    return queries.show(call.session, merging.merge(call.session, project_id, merged, into, by=call.principal.id))


@at("POST", f"{ONE}/split")
@endpoint(scope="features:write", body=SplitIn, returns=FeatureOut, status=201, place="/v1/features", errors=(404, 409))
@placed
def split_feature(call: Call, project_id: UUID, feature_id: str) -> Json:
    """Makes some of the feature's traces a feature of their own, and answers with that one. Traces that look like them
    are assigned to it from then on."""
    feature = own_feature(call, project_id, feature_id)
    return queries.show(call.session, splitting.split(call.session, feature, call.body, by=call.principal.id))


@at("POST", f"{ONE}/confirm")
@endpoint(scope="features:write", returns=FeatureOut, errors=(404, 409))
@placed
def confirm_feature(call: Call, project_id: UUID, feature_id: str) -> Json:
    """Accepts what the analysis found; a feature that was dismissed is there again."""
    feature = own_feature(call, project_id, feature_id)
    return queries.show(call.session, manage.confirm(call.session, feature, by=call.principal.id))


@at("POST", f"{ONE}/dismiss")
@endpoint(scope="features:write", returns=FeatureOut, errors=(404, 409))
@placed
def dismiss_feature(call: Call, project_id: UUID, feature_id: str) -> Json:
    """Says that this is no feature. It is in no list any more, and what looks like it is not proposed again."""
    feature = own_feature(call, project_id, feature_id)
    return queries.show(call.session, manage.dismiss(call.session, feature, by=call.principal.id))


@at("GET", f"{ONE}/traces")
@endpoint(scope="traces:read", query=FeatureTracesQuery, returns=TraceOut, page=True, errors=(404,))
@placed
def list_feature_traces(call: Call, project_id: UUID, feature_id: str) -> PageOf[Any]:
    """Lists the feature's traces, newest first."""
    feature = queries.get_feature(call.session, project_id, call.id(Feature.prefix, feature_id))
    found = traces.list_traces(call.session, project_id, {**call.query, "feature_id": feature.id}, call.window)
    features = traces.features_of(call.session, project_id, found.rows)
    return found.map(lambda one: trace_view(one, features))


@at("PUT", f"{ONE}/traces")
@endpoint(scope="features:write", body=FeatureTracesIn, returns=FeatureOut, errors=(404, 409))
@placed
def assign_traces(call: Call, project_id: UUID, feature_id: str) -> Json:
    """Gives traces to the feature, whosever they were. They stay there, and traces that look like them follow."""
    wanted, given = call.id(Feature.prefix, feature_id), call.body["trace_ids"]
    found = splitting.assign(call.session, project_id, wanted, given, by=call.principal.id)
    return queries.show(call.session, found)


@at("DELETE", f"{ONE}/traces")
@endpoint(scope="features:write", body=FeatureTracesIn, returns=FeatureOut, errors=(404, 409))
@placed
def take_traces_away(call: Call, project_id: UUID, feature_id: str) -> Json:
    """Says that traces are not of the feature. They belong to none, and no analysis assigns them again."""
    feature, by = own_feature(call, project_id, feature_id), call.principal.id
    return queries.show(call.session, splitting.take_away(call.session, feature, call.body["trace_ids"], by=by))

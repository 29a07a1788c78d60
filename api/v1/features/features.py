"""Features: made, listed, shown, changed, switched, removed."""

from typing import Any
from uuid import UUID

from api.endpoint import Call, endpoint
from api.v1.features.place import at, placed
from models import Feature
from schemas.feature import FeatureOut, FeatureQuery, FeaturesQuery
from schemas.feature_request import FeatureIn, FeaturePatch
from workers.features import manage, queries, splitting
from workers.paging import PageOf

Json = dict[str, Any]

ONE = "/features/<feature_id>"


@at("POST", "/features")
@endpoint(scope="features:write", body=FeatureIn, returns=FeatureOut, status=201, errors=(404, 409))
@placed
def create_feature(call: Call, project_id: UUID) -> Json:
    """Makes a feature by hand. Traces that look like its examples are assigned to it from then on."""
    made = manage.create(call.session, project_id, call.body, by=call.principal.id)
    return queries.show(call.session, splitting.start_with(call.session, made, call.body))


@at("GET", "/features")
@endpoint(scope="features:read", query=FeaturesQuery, returns=FeatureOut, page=True, errors=(404,))
@placed
def list_features(call: Call, project_id: UUID) -> PageOf[Feature]:
    """Lists the project's features, newest first; merged and dismissed ones only if they are asked for."""
    return queries.list_features(call.session, project_id, call.query, call.window)


@at("GET", ONE)
@endpoint(scope="features:read", query=FeatureQuery, returns=FeatureOut, errors=(404,))
@placed
def get_feature(call: Call, project_id: UUID, feature_id: str) -> Json:
    """One feature. One that was merged says into which; with `?follow=true` the answer is that one."""
    wanted = call.id(Feature.prefix, feature_id)
    found = queries.get_feature(call.session, project_id, wanted, follow=call.query["follow"])
    return queries.show(call.session, found)


@at("PATCH", ONE)
@endpoint(scope="features:write", body=FeaturePatch, returns=FeatureOut, errors=(404, 409))
@placed
def change_feature(call: Call, project_id: UUID, feature_id: str) -> Json:
    """Changes the fields that are sent. What a person named, nothing renames; id and key stay."""
    feature = own_feature(call, project_id, feature_id)
    return queries.show(call.session, manage.change(call.session, feature, call.body, by=call.principal.id))


@at("DELETE", ONE)
@endpoint(scope="features:write", returns=FeatureOut, errors=(404,))
@placed
def remove_feature(call: Call, project_id: UUID, feature_id: str) -> Json:
    """Deletes a feature with all that was learnt of it, and answers with it as it was. Its traces belong to none, and
    may be found again; its test cases stay. Dismiss it to have it not proposed again."""
    wanted = call.id(Feature.prefix, feature_id)
    shown = queries.show(call.session, queries.get_feature(call.session, project_id, wanted))
    manage.remove(call.session, project_id, wanted, by=call.principal.id)
    return shown


@at("POST", f"{ONE}/enable")
@endpoint(scope="features:write", returns=FeatureOut, errors=(404, 409))
@placed
def enable_feature(call: Call, project_id: UUID, feature_id: str) -> Json:
    """Sets the feature's flag, which clients read."""
    feature = own_feature(call, project_id, feature_id)
    return queries.show(call.session, manage.switch(call.session, feature, enabled=True, by=call.principal.id))


@at("POST", f"{ONE}/disable")
@endpoint(scope="features:write", returns=FeatureOut, errors=(404, 409))
@placed
def disable_feature(call: Call, project_id: UUID, feature_id: str) -> Json:
    """Clears the feature's flag. Its traces are analysed all the same."""
    feature = own_feature(call, project_id, feature_id)
    return queries.show(call.session, manage.switch(call.session, feature, enabled=False, by=call.principal.id))


def own_feature(call: Call, project_id: UUID, feature_id: str) -> Feature:
    """The feature that a path names, locked to be changed."""
    return manage.lock_own(call.session, project_id, call.id(Feature.prefix, feature_id))

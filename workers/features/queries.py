"""Features, and what hangs on them, as they are listed."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, or_
from sqlalchemy.orm import Session

from infra.errors import NotFound
from models import Case, CaseState, Feature, FeatureDrift, FeaturePrompt
from schemas.feature import feature_view
from workers.features import manage
from workers.features.following import followed
from workers.paging import PageOf, Window, page
from workers.suites.cases import present

Json = dict[str, Any]

EQUAL = {"signal", "root_cause", "state", "classification", "model", "call_site"}


def get_feature(session: Session, project_id: UUID, feature_id: UUID, *, follow: bool = False) -> Feature:
    """The project's feature of that id, or what it leads to if that is wanted; raises NotFound."""
    if follow:
        return followed(session, project_id, feature_id)
    found = session.scalars(Feature.in_project(project_id).where(Feature.id == feature_id)).first()
    if found is None:
        raise NotFound("There is no such feature.")
    return found


def list_features(session: Session, project_id: UUID, wanted: Json, window: Window) -> PageOf[Feature]:
    """The project's features; `wanted` is what FeaturesQuery loads."""
    found = page(session, _filtered(project_id, wanted), Feature, window)
    tests = tests_of(session, project_id, [one.id for one in found.rows])
    return found.map(lambda one: feature_view(one, tests.get(one.id)))


def show(session: Session, feature: Feature) -> Json:
    """What FeatureOut reads."""
    return feature_view(feature, tests_of(session, feature.project_id, [feature.id]).get(feature.id))


def tests_of(session: Session, project_id: UUID, feature_ids: Collection[UUID]) -> dict[UUID, dict[str, int]]:
    """How many test cases features have, by `approved` and `drafts`."""
    drafts = func.count().filter(Case.state == CaseState.DRAFT.value)
    approved = func.count().filter(Case.state == CaseState.APPROVED.value)
    query = present(project_id).where(Case.feature_id.in_(feature_ids)).group_by(Case.feature_id)
    rows = session.execute(query.with_only_columns(Case.feature_id, approved, drafts)).all() if feature_ids else []
    return {feature_id: {"approved": good, "drafts": new} for feature_id, good, new in rows if feature_id}


def list_drifts(session: Session, feature: Feature, wanted: Json, window: Window) -> PageOf[FeatureDrift]:
    """What has changed about a feature; `wanted` is what DriftsQuery loads."""
    query = FeatureDrift.in_project(feature.project_id).where(FeatureDrift.feature_id == feature.id)
    return page(session, _equal(query, FeatureDrift, wanted), FeatureDrift, window)


def list_prompts(session: Session, feature: Feature, wanted: Json, window: Window) -> PageOf[FeaturePrompt]:
    """The prompts that a feature uses; `wanted` is what PromptsQuery loads."""
    query = FeaturePrompt.in_project(feature.project_id).where(FeaturePrompt.feature_id == feature.id)
    return page(session, _equal(query, FeaturePrompt, wanted), FeaturePrompt, window)


def _equal(query: Select[Any], model: Any, wanted: Json) -> Select[Any]:
    for name in EQUAL & wanted.keys():
        query = query.where(getattr(model, name) == wanted[name])
    return query


def _filtered(project_id: UUID, wanted: Json) -> Select[Feature]:
    state = wanted.get("state")
    query = manage.lasting(project_id) if state is None else Feature.in_project(project_id)
    if state not in (None, "all"):
        query = query.where(Feature.state == state)
    for name in ("at_risk", "enabled", "key"):
        if wanted.get(name) is not None:
            query = query.where(getattr(Feature, name) == wanted[name])
    if wanted.get("tag"):
        query = query.where(Feature.tags.contains([wanted["tag"]]))
    if wanted.get("q"):
        part = wanted["q"]
        named = Feature.name.icontains(part, autoescape=True)
        query = query.where(or_(named, Feature.description.icontains(part, autoescape=True)))
    return query

"""Which feature an id stands for: its own, or the one that it was merged into (redirects are never longer)."""

from collections.abc import Collection, Mapping
from uuid import UUID

from sqlalchemy.orm import Session

from infra.errors import NotFound
from models import Feature


def followed(session: Session, project_id: UUID, feature_id: UUID) -> Feature:
    """The feature that the id stands for; raises NotFound."""
    found = by_id(session, project_id, [feature_id]).get(feature_id)
    if found is None:
        raise NotFound("There is no such feature.")
    return found


def by_id(session: Session, project_id: UUID, feature_ids: Collection[UUID]) -> dict[UUID, Feature]:
    """The features that these ids stand for; ids of none are left out."""
    features = Feature.in_project(project_id)
    named = {one.id: one for one in session.scalars(features.where(Feature.id.in_(feature_ids)))} if feature_ids else {}
    missing = {one.merged_into for one in named.values() if one.merged_into} - named.keys()
    others = {one.id: one for one in session.scalars(features.where(Feature.id.in_(missing)))} if missing else {}
    known = named | others
    return {one: stands_for(known, one) or feature for one, feature in named.items()}


def stands_for(features: Mapping[UUID, Feature], feature_id: UUID) -> Feature | None:
    """The same among features that were read already; None where it is not among them."""
    found = features.get(feature_id)
    return features.get(found.merged_into) if found is not None and found.merged_into else found


def ids_of(session: Session, project_id: UUID, feature_id: UUID) -> list[UUID]:
    """The ids that a feature's traces may have: after a merge they go over by and by."""
    feature = by_id(session, project_id, [feature_id]).get(feature_id)
    if feature is None:
        return [feature_id]
    merged = Feature.in_project(project_id).where(Feature.merged_into == feature.id).with_only_columns(Feature.id)
    return [feature.id, *session.scalars(merged)]

"""Features at risk: what changed about them, and how that is settled."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from infra import ids
from infra.errors import DriftResolved, NotFound
from models import Case, DriftState, Feature, FeatureDrift
from schemas.feature import feature_view
from schemas.feature_risk import drift_view, feature_case_view
from workers.features import manage
from workers.features.drift import resolving
from workers.features.queries import tests_of
from workers.paging import PageOf, Window, page
from workers.suites import case_lists

Json = dict[str, Any]

MOST_CASES = 100
MOST_DRIFTS = 100


def list_at_risk(session: Session, project_id: UUID, window: Window) -> PageOf[Feature]:
    """The features at risk, each with its open drifts and its test cases."""
    found = page(session, manage.lasting(project_id).where(Feature.at_risk.is_(True)), Feature, window)
    feature_ids = [one.id for one in found.rows]
    tests = tests_of(session, project_id, feature_ids)
    drifts, cases = _drifts(session, project_id, feature_ids), _cases(session, project_id, feature_ids)

    def shown(feature: Feature) -> Json:
        seen = feature_view(feature, tests.get(feature.id))
        return {**seen, "drifts": drifts[feature.id][:MOST_DRIFTS], "test_cases": cases[feature.id][:MOST_CASES]}

    return found.map(shown)


def get_drift(
    session: Session, project_id: UUID, feature_id: UUID, drift_id: UUID, *, lock: bool = False
) -> FeatureDrift:
    """The feature's drift of that id, locked if it is to be changed; raises NotFound."""
    query = FeatureDrift.in_project(project_id).where(FeatureDrift.id == drift_id)
    query = query.where(FeatureDrift.feature_id == feature_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = session.scalars(query).first()
    if found is None:
        raise NotFound("There is no such drift of this feature.")
    return found


def resolve(session: Session, feature: Feature, drift_id: UUID, *, note: str | None, by: UUID | None) -> FeatureDrift:
    """The drift of the locked feature, settled by a person: what there is now is right, or is right again. Raises
    NotFound and DriftResolved."""
    drift = get_drift(session, feature.project_id, feature.id, drift_id, lock=True)
    if drift.state == DriftState.RESOLVED:
        raise DriftResolved
    who = None if by is None else ids.show("key", by)
    resolving.resolve(session, drift, {"by": "person", "key_id": who, "note": note})
    return drift


def _drifts(session: Session, project_id: UUID, feature_ids: Sequence[UUID]) -> defaultdict[UUID, list[Json]]:
    query = FeatureDrift.in_project(project_id).where(FeatureDrift.feature_id.in_(feature_ids))
    found = session.scalars(query.where(FeatureDrift.state == DriftState.OPEN.value).order_by(FeatureDrift.id.desc()))
    return _by_feature((one.feature_id, drift_view(one)) for one in found)


def _cases(session: Session, project_id: UUID, feature_ids: Sequence[UUID]) -> defaultdict[UUID, list[Json]]:
    query = case_lists.runnable(project_id, drafts=True).where(Case.feature_id.in_(feature_ids)).order_by(Case.id)
    return _by_feature((one.feature_id, feature_case_view(one)) for one in session.scalars(query))


def _by_feature(found: Any) -> defaultdict[UUID, list[Json]]:
    grouped: defaultdict[UUID, list[Json]] = defaultdict(list)
    for feature_id, shown in found:
        grouped[feature_id].append(shown)
    return grouped

"""Two features become one. The id of the one that goes stays and leads on, so nobody's link or flag breaks; what was
learnt of it, its tests and its traces go over, and what looks like them belongs to the other from then on."""

from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from infra.clock import now
from infra.errors import FeatureDismissed, MergeRefused, NotFound
from models import Case, Feature, FeaturePrototype, FeatureState
from workers import projects
from workers.features import errands, manage
from workers.features.drift import moving as drift_moving
from workers.features.following import followed

MOST_EVIDENCE = 10


def merge(session: Session, project_id: UUID, from_id: UUID, into_id: UUID, *, by: UUID | None) -> Feature:
    """The feature that is left, when one was merged into another, or into what that leads to; the same again is no
    second merge. Raises NotFound, MergeRefused, FeatureMerged and FeatureDismissed."""
    projects.lock(session, project_id)
    target_id = _target(session, project_id, into_id)
    if target_id == from_id:
        raise MergeRefused(errors=[{"pointer": "/into", "detail": "Is this feature, or leads to it."}])
    feature, target = manage.lock(session, project_id, from_id, target_id)
    if feature.merged_into == target.id:
        return target
    manage.require_own(feature)
    if target.state == FeatureState.DISMISSED:
        raise FeatureDismissed("The feature to merge into was dismissed; confirm it first.")
    _move(session, project_id, feature, target)
    manage.tell(session, feature, "merged", by, into=target)
    return target


def _target(session: Session, project_id: UUID, into_id: UUID) -> UUID:
    try:
        return followed(session, project_id, into_id).id
    except NotFound as error:
        raise NotFound(error.detail, errors=[{"pointer": "/into", "detail": error.detail}]) from None


def _move(session: Session, project_id: UUID, feature: Feature, target: Feature) -> None:
    """All of one feature's goes over to the other; who led to the first leads to the second."""
    for model, column in ((FeaturePrototype, FeaturePrototype.feature_id), (Case, Case.feature_id)):
        own = (model.project_id == project_id, column == feature.id)
        session.execute(update(model).where(*own).values(feature_id=target.id))
    led = (Feature.project_id == project_id, Feature.merged_into == feature.id)
    session.execute(update(Feature).where(*led).values(merged_into=target.id))
    drift_moving.move(session, feature.id, target.id)
    _count(feature, target)
    session.flush()
    errands.redirect(session, project_id, feature.id, target.id)
    errands.leave_move(session, project_id, feature.id, target.id)


def _count(feature: Feature, target: Feature) -> None:
    target.traces += feature.traces
    target.at_risk = target.at_risk or feature.at_risk
    first = [one.first_seen_at for one in (feature, target) if one.first_seen_at]
    last = [one.last_seen_at for one in (feature, target) if one.last_seen_at]
    target.first_seen_at, target.last_seen_at = min(first, default=None), max(last, default=None)
    target.tags = [*dict.fromkeys([*target.tags, *feature.tags])]
    target.evidence = _evidence(feature, target)
    feature.state, feature.merged_into = FeatureState.MERGED.value, target.id
    feature.traces, feature.at_risk = 0, False
    feature.updated_at = target.updated_at = now()


def _evidence(feature: Feature, target: Feature) -> dict[str, list[str]]:
    """Of both, those of the one that stays first."""
    both = (target.evidence or {}, feature.evidence or {})
    names = ("trace_ids", "inputs")
    said = {name: dict.fromkeys(one for each in both for one in each.get(name, ())) for name in names}
    return {**both[0], **{name: [*found][:MOST_EVIDENCE] for name, found in said.items()}}

"""A drift is settled: by a person, by green tests, or because what it saw is as it was.

What there is from its beginning on is the reference from then on, if a person or tests say that it is right; what there
was until it recovered is left out of the reference, if it is as it was.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified

from infra.clock import now, rfc3339
from models import DriftSignal, DriftState, Feature, FeatureDrift, FeatureSite, FeatureWatch
from workers import events
from workers.features.drift.sites import Site

Json = dict[str, Any]

MOST_EXCLUDED = 20
OF_SITES = (DriftSignal.PROMPT, DriftSignal.MODEL)


def resolve(session: Session, drift: FeatureDrift, resolution: Json) -> None:
    """Closes an open drift, which the caller has locked; `resolution` says `by` person, tests or recovered, and more
    (`until`, when it had recovered). Its feature is at risk as long as others are open. Writes `feature.resolved`."""
    drift.state, drift.resolved_at, drift.resolution = DriftState.RESOLVED.value, now(), resolution
    session.flush()
    feature = session.scalars(Feature.in_project(drift.project_id).where(Feature.id == drift.feature_id)).first()
    if feature is None:
        return
    _move_on(session, drift, resolution)
    others = FeatureDrift.in_project(drift.project_id).where(FeatureDrift.feature_id == feature.id)
    still = session.scalar(select(others.where(FeatureDrift.state == DriftState.OPEN.value).exists()))
    feature.at_risk = bool(still)
    session.flush()
    data = {
        "feature_id": feature.public_id,
        "key": feature.key,
        "name": feature.name,
        "drift_id": drift.public_id,
        "at_risk": feature.at_risk,
        "resolution": resolution["by"],
    }
    events.publish(session, project_id=feature.project_id, subject_id=feature.id, type="feature.resolved", data=data)


def _move_on(session: Session, drift: FeatureDrift, resolution: Json) -> None:
    """What the feature is compared with from now on."""
    query = FeatureWatch.in_project(drift.project_id).where(FeatureWatch.feature_id == drift.feature_id)
    watch = session.scalars(query.with_for_update()).first()
    recovered = resolution["by"] == "recovered"
    if watch is not None and recovered:
        until = resolution.get("until") or rfc3339(now())
        if datetime.fromisoformat(until) > drift.since:
            watch.excluded = [*watch.excluded, [rfc3339(drift.since), until]][-MOST_EXCLUDED:]
    elif watch is not None:
        watch.reference_from = max(watch.reference_from or drift.since, drift.since)
        watch.streaks = {}
    if drift.signal in OF_SITES and drift.call_site and not recovered:
        _settle_site(session, drift)
    session.flush()


def _settle_site(session: Session, drift: FeatureDrift) -> None:
    """The call site's new prompt is the one to compare with."""
    query = FeatureSite.in_project(drift.project_id).where(
        FeatureSite.feature_id == drift.feature_id, FeatureSite.call_site == drift.call_site
    )
    kept = session.scalars(query.with_for_update()).first()
    if kept is not None:
        site = Site(kept.state)
        site.settle([*drift.evidence.get("changed", [])])
        kept.state = site.kept()
        # The site has worked on the very lists that it was read from.
        flag_modified(kept, "state")

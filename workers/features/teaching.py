"""A feature learns how the traces look that a person gave it, and what its users say, so that others like them follow.
Texts are embedded here, with no transaction open."""

from sqlalchemy import delete

from infra import db
from infra.errors import NotFound
from models import FeatureErrand
from workers import projects
from workers.features import loading, prototypes
from workers.features.following import followed

MOST_TRACES = 200


def teach(errand: FeatureErrand) -> None:
    """Pins prototypes of the errand's traces (of so many, of all the time that they are from) and of its texts to its
    feature, or to what that leads to; then it is done."""
    few = errand.trace_ids[:: max(1, len(errand.trace_ids) // MOST_TRACES)][:MOST_TRACES]
    summaries = loading.summaries_of(errand.project_id, few)
    summaries += prototypes.of_inputs(errand.project_id, errand.inputs)
    with db.transaction() as session:
        projects.lock(session, errand.project_id)
        kept = FeatureErrand.in_project(errand.project_id).where(FeatureErrand.id == errand.id).with_for_update()
        row = session.scalars(kept).first()
        if row is None:
            return
        session.execute(delete(FeatureErrand).where(FeatureErrand.id == row.id))
        try:
            feature = followed(session, row.project_id, row.feature_id)
        except NotFound:
            return
        prototypes.pin(session, row.project_id, feature.id, summaries)

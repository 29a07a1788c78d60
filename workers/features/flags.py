"""Which features are on: what clients ask for again and again, and get anew when it has changed."""

from uuid import UUID

from sqlalchemy.orm import Session

from models import Feature, FeatureState


def flags(session: Session, project_id: UUID) -> dict[str, bool]:
    """Each feature's flag by its key, in the order of the keys; one query.

    The key of a merged feature has the flag of what it leads to, so a program that knows it goes on. Dismissed ones
    are no features.
    """
    columns = (Feature.id, Feature.key, Feature.enabled, Feature.state, Feature.merged_into)
    rows = session.execute(Feature.in_project(project_id).with_only_columns(*columns).order_by(Feature.key)).all()
    lasting = {row.id: row.enabled for row in rows if row.state not in (FeatureState.MERGED, FeatureState.DISMISSED)}
    found = ((row.key, lasting.get(row.merged_into or row.id)) for row in rows)
    return {key: enabled for key, enabled in found if enabled is not None}

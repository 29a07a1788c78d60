"""Features as people make, change, switch and remove them. Each decision is written, told, and respected from then on.

Whoever decides locks the project's row first (workers/projects.py), so that decisions follow one another, and then the
features that it is about, by id.
"""

import re
import unicodedata
from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.orm import Session

from infra import ids
from infra.clock import now
from infra.errors import Conflict, FeatureKeyTaken, FeatureMerged, NotFound
from models import (
    Case,
    Feature,
    FeatureDrift,
    FeaturePrompt,
    FeaturePrototype,
    FeatureSite,
    FeatureState,
    FeatureWatch,
)
from workers import events, projects
from workers.features import errands

Json = dict[str, Any]

AT_MOST = 5_000
LONGEST_KEY = 100
CHANGEABLE = ("description", "tags", "enabled")
OF_A_FEATURE = (FeaturePrototype, FeaturePrompt, FeatureDrift, FeatureSite, FeatureWatch)


def lock(session: Session, project_id: UUID, *feature_ids: UUID) -> list[Feature]:
    """The project's features of these ids, in that order, locked; raises NotFound."""
    projects.lock(session, project_id)
    query = Feature.in_project(project_id).where(Feature.id.in_(feature_ids)).order_by(Feature.id).with_for_update()
    found = {one.id: one for one in session.scalars(query.execution_options(populate_existing=True))}
    if not found.keys() >= {*feature_ids}:
        raise NotFound("There is no such feature.")
    return [found[one] for one in feature_ids]


def lock_own(session: Session, project_id: UUID, feature_id: UUID) -> Feature:
    """The feature, locked, to be changed; raises NotFound, and FeatureMerged where another one stands for it."""
    (feature,) = lock(session, project_id, feature_id)
    require_own(feature)
    return feature


def require_own(feature: Feature) -> None:
    """Raises FeatureMerged where the feature only leads to another one."""
    if feature.state == FeatureState.MERGED:
        into = ids.show(Feature.prefix, feature.merged_into) if feature.merged_into else "another one"
        raise FeatureMerged(f"This feature was merged into {into}, which is the one to change.")


def create(session: Session, project_id: UUID, body: Json, *, by: UUID | None) -> Feature:
    """A new feature of what FeatureIn loaded, without its examples. Raises Conflict and FeatureKeyTaken."""
    projects.lock(session, project_id)
    feature = new(session, project_id, body, by=by)
    tell(session, feature, "created", by)
    return feature


def new(session: Session, project_id: UUID, body: Json, *, by: UUID | None, named_by: str = "person") -> Feature:
    """The row of a feature that a person made, in the locked project; `body` has a name, and may have more."""
    count = select(func.count()).select_from(Feature.in_project(project_id).subquery())
    if (session.scalar(count) or 0) >= AT_MOST:
        raise Conflict(f"This project has {AT_MOST} features, which is the most; remove some, or merge them.")
    feature = Feature(
        id=ids.new_id(),
        project_id=project_id,
        created_by=by,
        updated_at=now(),
        key=_given_key(session, project_id, body["key"])
        if body.get("key")
        else free_key(session, project_id, body["name"]),
        name=body["name"],
        description=body.get("description"),
        tags=body.get("tags", []),
        named_by=named_by,
        state=FeatureState.CONFIRMED.value,
        enabled=True,
        at_risk=False,
        traces=0,
        evidence={"trace_ids": [], "inputs": [*body.get("inputs", ())][:10]},
    )
    session.add(feature)
    session.flush()
    return feature


def key_of(name: str) -> str:
    """`Track an order!` as `track_an_order`: what a name is for programs."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[: LONGEST_KEY - 10].strip("_")
    return words if words[:1].isalpha() else f"feature_{words}".rstrip("_")


def free_key(session: Session, project_id: UUID, name: str) -> str:
    """The name's key, with a number if another feature has it; the project is locked, so it stays free."""
    base = key_of(name)
    taken = Feature.in_project(project_id).where(Feature.key.startswith(base, autoescape=True))
    known = set(session.scalars(taken.with_only_columns(Feature.key)))
    return next(key for number in range(1, len(known) + 3) if (key := _numbered(base, number)) not in known)


def change(session: Session, feature: Feature, body: Json, *, by: UUID | None) -> Feature:
    """The locked feature with what FeaturePatch loaded; a name that a person gave is not given another by a program."""
    before = (feature.name, feature.named_by, *(getattr(feature, name) for name in CHANGEABLE))
    for name in CHANGEABLE:
        if name in body:
            setattr(feature, name, body[name])
    if "name" in body:
        feature.name, feature.named_by = body["name"], "person"
        _accept(feature)
    after = (feature.name, feature.named_by, *(getattr(feature, name) for name in CHANGEABLE))
    return feature if before == after else _changed(session, feature, _kind_of(body, before[-1], after[-1]), by)


def switch(session: Session, feature: Feature, *, enabled: bool, by: UUID | None) -> Feature:
    """The locked feature, enabled or disabled."""
    if feature.enabled == enabled:
        return feature
    feature.enabled = enabled
    return _changed(session, feature, "enabled" if enabled else "disabled", by)


def confirm(session: Session, feature: Feature, *, by: UUID | None) -> Feature:
    """The locked feature, accepted by a person; one that was dismissed is there again."""
    if feature.state == FeatureState.CONFIRMED:
        return feature
    feature.state = FeatureState.CONFIRMED.value
    return _changed(session, feature, "changed", by)


def dismiss(session: Session, feature: Feature, *, by: UUID | None) -> Feature:
    """The locked feature, which is none. What was learnt of it stays, so that what looks like it is not proposed as a
    feature again; so do its traces, in case it is confirmed after all."""
    if feature.state == FeatureState.DISMISSED:
        return feature
    feature.state = FeatureState.DISMISSED.value
    return _changed(session, feature, "dismissed", by)


def remove(session: Session, project_id: UUID, feature_id: UUID, *, by: UUID | None) -> Feature:
    """Deletes the feature and all that was learnt of it, with those that were merged into it, and returns it as it was.
    Its traces belong to none and may be found again; its test cases stay. Of one that was merged only the way to the
    other is gone. Raises NotFound."""
    (feature,) = lock(session, project_id, feature_id)
    merged = Feature.in_project(project_id).where(Feature.merged_into == feature_id).with_only_columns(Feature.id)
    gone = [feature_id, *session.scalars(merged)]
    tell(session, feature, "removed", by)
    let_go(session, project_id, gone)
    for one in gone:
        errands.leave_move(session, project_id, one, feature.merged_into)
    own = Feature.project_id == project_id
    session.execute(delete(Feature).where(own, Feature.id.in_(gone)))
    session.expunge(feature)
    return feature


def let_go(session: Session, project_id: UUID, feature_ids: Collection[UUID]) -> None:
    """Forgets what was learnt of features, and frees their test cases."""
    for model in OF_A_FEATURE:  # the facts of its traces go with these
        session.execute(delete(model).where(model.project_id == project_id, model.feature_id.in_(feature_ids)))
    session.execute(
        update(Case).where(Case.project_id == project_id, Case.feature_id.in_(feature_ids)).values(feature_id=None)
    )
    errands.forget(session, project_id, feature_ids)


def tell(session: Session, feature: Feature, change: str, by: UUID | None, *, into: Feature | None = None) -> None:
    """Writes the event of a decision; `change` is one of schemas/feature_event_data.py."""
    data = {
        **named(feature),
        "change": change,
        "into": None if into is None else into.public_id,
        "by": None if by is None else ids.show("key", by),
    }
    events.publish(session, project_id=feature.project_id, subject_id=feature.id, type="feature.changed", data=data)


def named(feature: Feature) -> Json:
    """Which feature an event is about."""
    return {"feature_id": feature.public_id, "key": feature.key, "name": feature.name}


def lasting(project_id: UUID) -> Select[Feature]:
    """The project's features that are neither merged nor dismissed."""
    return Feature.in_project(project_id).where(
        Feature.state.in_([FeatureState.DETECTED.value, FeatureState.CONFIRMED.value])
    )


def _accept(feature: Feature) -> None:
    if feature.state == FeatureState.DETECTED:
        feature.state = FeatureState.CONFIRMED.value


def _changed(session: Session, feature: Feature, change: str, by: UUID | None) -> Feature:
    feature.updated_at = now()
    session.flush()
    tell(session, feature, change, by)
    return feature


def _kind_of(body: Json, was: Any, is_now: Any) -> str:
    """What the event says: a switch alone is told as one."""
    if set(body) == {"enabled"} and was != is_now:
        return "enabled" if is_now else "disabled"
    return "changed"


def _given_key(session: Session, project_id: UUID, key: str) -> str:
    if session.scalar(select(Feature.in_project(project_id).where(Feature.key == key).exists())):
        raise FeatureKeyTaken(f"Another feature has the key {key!r}; keys never change, so choose another one.")
    return key


def _numbered(base: str, number: int) -> str:
    return base if number == 1 else f"{base}_{number}"

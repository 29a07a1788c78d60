"""Traces that a person gives to a feature: to a new one, which is cut off, to another, or to none. It is remembered:
the traces stay there, and those that look like them follow."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from infra import ids
from infra.clock import now
from infra.errors import BadInput, NotFound
from models import Feature, FeatureState, Trace
from schemas.feature_request import MOST_FOUND
from workers import projects
from workers.features import counting, errands, following, manage, moving
from workers.traces import queries as traces

Json = dict[str, Any]

MOST_NAMED = 20
MOST_EVIDENCE = 10


def split(session: Session, feature: Feature, body: Json, *, by: UUID | None) -> Feature:
    """A new feature of some traces of a locked one; `body` is what SplitIn loaded. Raises NotFound and BadInput, with
    pointers, for traces that are not there or not of the feature, for none and for too many."""
    trace_ids = _of_filter(session, feature, body["filter"]) if "filter" in body else body["trace_ids"]
    _require_own(session, feature, trace_ids)
    named_by = "person" if "name" in body else "rule"
    wanted = {"description": body["description"], "name": body.get("name") or f"{feature.name[:190]} (part)"}
    made = manage.new(session, feature.project_id, wanted, by=by, named_by=named_by)
    made.enabled = feature.enabled
    _give(session, made, trace_ids)
    manage.tell(session, feature, "split", by, into=made)
    manage.tell(session, made, "created", by)
    return made


def assign(
    session: Session, project_id: UUID, feature_id: UUID, trace_ids: Sequence[UUID], *, by: UUID | None
) -> Feature:
    """The feature with these traces, whosever they were. Raises NotFound, with pointers, and FeatureMerged."""
    projects.lock(session, project_id)
    formers = {one for one in _found(session, project_id, trace_ids).values() if one is not None}
    counting.lock(session, project_id, {feature_id, *formers})
    feature = manage.lock_own(session, project_id, feature_id)
    _give(session, feature, trace_ids)
    manage.tell(session, feature, "changed", by)
    return feature


def take_away(session: Session, feature: Feature, trace_ids: Sequence[UUID], *, by: UUID | None) -> Feature:
    """The locked feature without these traces, which belong to none from then on, as a person's word. Raises NotFound
    and BadInput, with pointers."""
    _require_own(session, feature, trace_ids)
    moving.assign(session, feature.project_id, None, trace_ids)
    session.refresh(feature)
    manage.tell(session, feature, "changed", by)
    return feature


def start_with(session: Session, feature: Feature, body: Json) -> Feature:
    """The new feature with the examples that FeatureIn loaded; raises NotFound, with pointers."""
    _found(session, feature.project_id, body["trace_ids"])
    _give(session, feature, body["trace_ids"])
    errands.leave_lesson(session, feature.project_id, feature.id, inputs=body["inputs"])
    return feature


def _give(session: Session, feature: Feature, trace_ids: Sequence[UUID]) -> None:
    if not trace_ids:
        return
    if feature.state == FeatureState.DETECTED:
        feature.state = FeatureState.CONFIRMED.value
    known = (feature.evidence or {}).get("trace_ids", [])
    shown = [ids.show(Trace.prefix, one) for one in trace_ids]
    feature.evidence = {**feature.evidence, "trace_ids": [*dict.fromkeys([*known, *shown])][:MOST_EVIDENCE]}
    feature.updated_at = now()
    session.flush()
    moving.assign(session, feature.project_id, feature.id, trace_ids)
    session.refresh(feature)
    errands.leave_lesson(session, feature.project_id, feature.id, trace_ids=trace_ids)


def _of_filter(session: Session, feature: Feature, wanted: Json) -> list[UUID]:
    """The feature's traces that a filter finds; raises BadInput for none, and for too many."""
    own = {**wanted, "feature_id": feature.id}
    found = [one.id for one in traces.places(session, feature.project_id, own, limit=MOST_FOUND + 1)]
    if found and len(found) <= MOST_FOUND:
        return found
    detail = f"Finds more than {MOST_FOUND:,} traces." if found else "Finds no trace of this feature."
    raise BadInput(detail, errors=[{"pointer": "/filter", "detail": detail}])


def _require_own(session: Session, feature: Feature, trace_ids: Sequence[UUID]) -> None:
    """Raises NotFound and BadInput, with pointers, for traces that are not there, or not of the feature."""
    found = _found(session, feature.project_id, trace_ids)
    own = following.ids_of(session, feature.project_id, feature.id)
    others = [at for at, one in enumerate(trace_ids) if found[one] not in own]
    if others:
        errors = _at(others, "Is not a trace of this feature.")
        raise BadInput("Some are no traces of the feature; `errors` says which.", errors=errors)


def _found(session: Session, project_id: UUID, trace_ids: Sequence[UUID]) -> dict[UUID, UUID | None]:
    """The traces' features; raises NotFound for those that the project does not have."""
    if not trace_ids:
        return {}
    query = Trace.in_project(project_id).where(Trace.id.in_(trace_ids)).with_only_columns(Trace.id, Trace.feature_id)
    found: dict[UUID, UUID | None] = {row.id: row.feature_id for row in session.execute(query)}
    missing = [at for at, one in enumerate(trace_ids) if one not in found]
    if missing:
        detail = "There is no such trace."
        raise NotFound(detail, errors=_at(missing, detail))
    return found


def _at(places: Sequence[int], detail: str) -> list[Json]:
    return [{"pointer": f"/trace_ids/{at}", "detail": detail} for at in places[:MOST_NAMED]]

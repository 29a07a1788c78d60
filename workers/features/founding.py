"""New features are written: with their prototypes, the traces that made them known, and the event that says so."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from infra import db, ids
from infra.clock import now
from models import Assigned, Feature, FeatureState
from workers import events, projects
from workers.features import keeping, manage, prototypes
from workers.features.base import Assignment
from workers.features.discovering import Candidate
from workers.features.loading import Learnt
from workers.features.naming import Named

CONFIDENCE = 0.85
SHOWN = 10

FORGET = text("""
UPDATE traces SET unassigned = NULL WHERE project_id = :project_id AND id = ANY(ARRAY(
  SELECT id FROM traces WHERE project_id = :project_id AND unassigned IS NOT NULL
  ORDER BY received_at DESC OFFSET :newest))
""")


@dataclass(slots=True)
class Founded:
    """The ids of new features, and the assignments of their traces, without calls."""

    new: list[UUID] = field(default_factory=list)
    assignments: list[Assignment] = field(default_factory=list)


def write(job_id: UUID, project_id: UUID, found: Sequence[Candidate], names: Sequence[Named], known: Learnt) -> Founded:
    """Writes those candidates whose traces are still without a feature, and that there is room for, with their events.
    What waits after that was looked at, and the oldest of it is let go."""
    done = Founded()
    with db.transaction() as session:
        projects.lock(session, project_id)
        count = select(func.count()).select_from(Feature.in_project(project_id).subquery())
        room = manage.AT_MOST - (session.scalar(count) or 0)
        rows = keeping.Written(session, project_id)
        for candidate, named in list(zip(found, names, strict=True))[: max(0, room)]:
            _found(session, job_id, project_id, candidate, named, rows, done)
        rows.write()
        known.waiting = 0
        keeping.save_learnt(session, project_id, known)
        session.execute(FORGET, {"project_id": project_id, "newest": keeping.BUFFER})
    done.assignments = rows.standing
    return done


def _found(
    session: Session,
    job_id: UUID,
    project_id: UUID,
    candidate: Candidate,
    named: Named,
    rows: keeping.Written,
    done: Founded,
) -> None:
    asked = {"project_id": project_id, "ids": [one.trace_id for one in candidate.members]}
    free = {row.id for row in session.execute(keeping.NOW_ARE, asked) if not (row.feature_id or row.assigned_by)}
    members = [one for one in candidate.members if one.trace_id in free]
    if len(members) * 2 < len(candidate.members):
        return
    feature = _feature(session, project_id, named)
    session.add(feature)
    session.flush()
    prototypes.save(session, project_id, prototypes.condense(feature.id, members, wide=candidate.wide).prototypes)
    for one in members:
        how = Assigned.STRUCTURE if candidate.wide else Assigned.CLUSTER
        rows.add(Assignment(one, feature.id, how, CONFIDENCE), None, keeping.digest_of(one))
    done.new.append(feature.id)
    _tell(session, job_id, feature, [one.trace_id for one in members])


def _feature(session: Session, project_id: UUID, named: Named) -> Feature:
    return Feature(
        id=ids.new_id(),
        project_id=project_id,
        created_by=None,
        updated_at=now(),
        key=manage.free_key(session, project_id, named.name),
        name=named.name,
        description=named.description,
        tags=[],
        named_by=named.named_by,
        state=FeatureState.DETECTED.value,
        enabled=True,
        at_risk=False,
        traces=0,
        evidence=named.evidence,
    )


def _tell(session: Session, job_id: UUID, feature: Feature, trace_ids: Sequence[UUID]) -> None:
    data = {
        **manage.named(feature),
        "description": feature.description,
        "named_by": feature.named_by,
        "traces": len(trace_ids),
        "trace_ids": [ids.show("trace", one) for one in trace_ids[:SHOWN]],
        "job_id": ids.show("job", job_id),
    }
    events.publish(session, project_id=feature.project_id, subject_id=feature.id, type="feature.detected", data=data)

"""Traces as the analysis wants them: their observations read in portions, and summed up."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from infra import db
from models import FeatureLearnt
from workers.features import vectors
from workers.features.base import Summary
from workers.features.structure.prompts import Families
from workers.features.structure.routes import Routes
from workers.features.structure.summaries import summarise
from workers.traces.store import store

PORTION = 200

REVISIONS = text("SELECT id, revision FROM traces WHERE project_id = :project_id AND id = ANY(:ids)")
OPERATIONS = text("""
SELECT DISTINCT r.content ->> 'method' AS method, r.content ->> 'path' AS path
FROM kb_entries e JOIN kb_revisions r ON r.id = e.draft_revision_id
WHERE e.project_id = :project_id AND e.type = 'api' AND r.content ->> 'kind' = 'operation'
  AND r.content ->> 'path' IS NOT NULL LIMIT 5000
""")

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Learnt:
    """What is known of a project beside its features: routes, and families of prompts; `waiting` as in the model."""

    routes: Routes = field(default_factory=Routes)
    families: Families = field(default_factory=Families)
    waiting: int = 0


@dataclass(slots=True)
class Loaded:
    """Traces that were read: their summaries without vectors, those that are not there (any more), and those that
    could not be understood."""

    summaries: list[Summary] = field(default_factory=list)
    missing: list[UUID] = field(default_factory=list)
    broken: list[UUID] = field(default_factory=list)


def learnt(session: Session, project_id: UUID) -> Learnt:
    """What was kept of a project, and the operations of its knowledge bases."""
    operations = [(row.method, row.path) for row in session.execute(OPERATIONS, {"project_id": project_id})]
    row = session.scalars(FeatureLearnt.in_project(project_id)).one_or_none()
    if row is None:
        return Learnt(Routes(operations=operations))
    return Learnt(Routes(row.routes, operations), Families(row.prompts), row.waiting)


def load(project_id: UUID, trace_ids: Sequence[UUID], known: Learnt) -> Loaded:
    """Reads and sums up these traces, some at a time, each in a short transaction of its own."""
    done = Loaded()
    for at in range(0, len(trace_ids), PORTION):
        _load(project_id, trace_ids[at : at + PORTION], known, done)
    return done


def summaries_of(project_id: UUID, trace_ids: Sequence[UUID]) -> list[Summary]:
    """The traces' summaries with their vectors; those that are not there, or say nothing, are left out. Opens short
    transactions of its own, and computes for some 10 ms a trace."""
    with db.transaction() as session:
        known = learnt(session, project_id)
    found = load(project_id, trace_ids, known).summaries
    vectors.give(found, vectors.embed_now([vectors.what(one) for one in found]))
    return found


def _load(project_id: UUID, trace_ids: Sequence[UUID], known: Learnt, done: Loaded) -> None:
    with db.transaction() as session:
        asked = {"project_id": project_id, "ids": list(trace_ids)}
        revisions = {row.id: row.revision for row in session.execute(REVISIONS, asked)}
        found = store().of_traces(session, project_id, [*revisions])
    for one in trace_ids:
        if one not in revisions or not found.get(one):
            done.missing.append(one)
            continue
        try:
            summary = summarise(found[one], known.routes, revisions[one])
        except Exception:
            # What somebody sent must not stop the others.
            log.exception("features.trace_broken", trace_id=str(one))
            done.broken.append(one)
            continue
        if summary.prompt is not None:
            summary.details["family"] = known.families.of(summary.prompt, summary.details["template"])
        done.summaries.append(summary)
